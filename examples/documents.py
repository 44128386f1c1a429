"""From Python: teach documents, and print what was known before and after.

    python examples/documents.py notes/ runs/notes
    python examples/documents.py passages.jsonl runs/passages

Rows of a .jsonl may bring people's questions (`questions`), which are kept for the exam. The same
call on the same folder goes on where it stopped; a finished run shows its result again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfteach.config import Documents as Settings
from selfteach.config import resolve
from selfteach.materials.documents.material import Documents
from selfteach.materials.documents.questions import own_questions
from selfteach.materials.documents.read import read_documents
from selfteach.methods.documents.method import METHOD
from selfteach.methods.runner import teach
from selfteach.run.display import open_display
from selfteach.run.folder import open_run


def learn(paths: Sequence[Path], folder: Path, sets: Sequence[str] = ()) -> dict[str, Any]:
    """Teach files or folders.

    Args:
        sets: settings as after `--set`.
    """
    reading = read_documents(paths)
    resolved = resolve(Settings, sets=sets)
    material = Documents(reading, own_questions(reading))
    texts = {"documents": sorted(d.id for d in reading.documents)}
    with open_run(folder, "documents", "documents", resolved, texts) as run:
        return teach(run, METHOD, material, resolved.config, open_display())


def main(paths: Sequence[Path], folder: Path, sets: Sequence[str] = ()) -> None:
    """Teach, then print the verdict and each question of the exam that the taught model answers
    and the base did not.
    """
    print(learn(paths, folder, sets)["verdict"])
    for row in json.loads((folder / "exam.json").read_text("utf-8"))["answers"]:
        arms = row["arms"]
        if row["scope"] == "target" and arms["base"]["broken"] and not arms["taught"]["broken"]:
            print(f"  {row['prompt']}\n    {arms['taught']['greedy']}")


if __name__ == "__main__":
    main([Path(text) for text in sys.argv[1:-1]], Path(sys.argv[-1]))
