"""From Python: invent tasks from seeds, look at them, and teach them.

    python examples/tasks.py seed_tasks.jsonl runs/tasks

The same call goes on where it stopped; a finished run shows its result again. The run is known by
the content of the seeds: an edited file needs another folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import selfteach


def learn(seeds: Path | None, folder: Path, **settings: Any) -> selfteach.FinishedRun:
    """Teach from a file of seed tasks; without one from the package's own."""
    return selfteach.tasks(seeds, out=folder, **settings)


def show(folder: Path, count: int = 5) -> None:
    """Print some of the invented tasks."""
    with (folder / "tasks.jsonl").open(encoding="utf-8") as file:
        tasks = [json.loads(line) for line in file]
    for task in tasks[:count]:
        print(f"- {task['instruction']}\n    {task['instances'][0]['output']}")


if __name__ == "__main__":
    source = Path(sys.argv[1]) if len(sys.argv) > 2 else None
    print(learn(source, Path(sys.argv[-1])).sentence)
    show(Path(sys.argv[-1]))
