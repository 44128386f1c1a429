"""From Python: invent tasks from seeds, look at them, and teach them.

    python examples/tasks.py seed_tasks.jsonl runs/tasks

The same call on the same folder goes on where it stopped; a finished run shows its result again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfteach.config import Tasks, resolve
from selfteach.materials.tasks import OWN_SEEDS, read_tasks
from selfteach.methods.runner import teach
from selfteach.methods.tasks.method import METHOD
from selfteach.run.display import open_display
from selfteach.run.folder import open_run


def learn(seeds: Path, folder: Path, sets: Sequence[str] = ()) -> dict[str, Any]:
    """Teaches from a file of seed tasks. `sets` are settings as after `--set`."""
    resolved = resolve(Tasks, sets=sets)
    with open_run(folder, "tasks", "tasks", resolved, {"seeds": seeds.name}) as run:
        return teach(run, METHOD, read_tasks(seeds), resolved.config, open_display())


def show(folder: Path, count: int = 5) -> None:
    """Prints some of the invented tasks with what they are most like."""
    for task in read_tasks(folder / "tasks.jsonl").seeds[:count]:
        print(f"- {task.instruction}\n    {task.instances[0].output}")


if __name__ == "__main__":
    source, target = Path(sys.argv[1]) if len(sys.argv) > 2 else OWN_SEEDS, Path(sys.argv[-1])
    print(learn(source, target)["verdict"])
    show(target)
