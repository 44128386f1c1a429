"""From Python: teach a house style. The teacher is a program (house_style.py); a person or a
stronger model works the same way.

    python examples/corrections.py prompts.jsonl runs/style

The same call on the same folder goes on where it stopped; a finished run shows its result again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfteach.config import Corrections, resolve
from selfteach.materials.corrections import read_prompts
from selfteach.methods.corrections.method import METHOD
from selfteach.methods.runner import teach
from selfteach.run.display import open_display
from selfteach.run.folder import open_run

TEACHER = Path(__file__).resolve().with_name("house_style.py")


def learn(prompts: Path, folder: Path, sets: Sequence[str] = ()) -> dict[str, Any]:
    """Teaches the style on the answers to a file of prompts. `sets` are settings as after `--set`."""
    resolved = resolve(Corrections, sets=[f"teacher=cmd:{sys.executable} {TEACHER}", *sets])
    with open_run(folder, "style", "corrections", resolved, {"prompts": prompts.name}) as run:
        return teach(run, METHOD, read_prompts(prompts), resolved.config, open_display())


if __name__ == "__main__":
    print(learn(Path(sys.argv[1]), Path(sys.argv[2]))["verdict"])
