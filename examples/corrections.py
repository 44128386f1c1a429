"""From Python: teach a house style. The teacher is a program (house_style.py); a person or a
stronger model works the same way.

    python examples/corrections.py prompts.jsonl runs/style

The same call goes on where it stopped; a finished run shows its result again. The run is known by
the content of the prompts: an edited file needs another folder.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import selfteach

TEACHER = Path(__file__).resolve().with_name("house_style.py")


def learn(prompts: Path, folder: Path, **settings: Any) -> selfteach.FinishedRun:
    """Teach the style on the answers to a file of prompts."""
    return selfteach.corrections(
        prompts=prompts, out=folder, teacher=f"cmd:{sys.executable} {TEACHER}", **settings
    )


if __name__ == "__main__":
    print(learn(Path(sys.argv[1]), Path(sys.argv[2])).sentence)
