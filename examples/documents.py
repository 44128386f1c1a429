"""From Python: teach documents, and print what was known before and after.

    python examples/documents.py notes/ runs/notes
    python examples/documents.py passages.jsonl runs/passages

Rows of a .jsonl may bring people's questions (`questions`), which are kept for the exam. The same
call goes on where it stopped; a finished run shows its result again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import selfteach


def main(paths: Sequence[Path], folder: Path, **settings: Any) -> None:
    """Teach; then print the verdict and each question of the exam that the tuned model answers and
    the base did not.
    """
    run = selfteach.documents(paths, out=folder, **settings)
    print(run.sentence)
    for row in run.exam.raw["answers"]:
        arms = row["arms"]
        if row["scope"] == "target" and not arms["base"]["ok"] and arms["tuned"]["ok"]:
            print(f"  {row['prompt']}\n    {arms['tuned']['greedy']}")


if __name__ == "__main__":
    main([Path(text) for text in sys.argv[1:-1]], Path(sys.argv[-1]))
