"""From Python: teach a rule, and ask the model before and after.

    python examples/feedback.py "Do not talk about elephants." runs/elephants "What is the largest
    land animal?"

The same call goes on where it stopped; a finished run shows its result again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import selfteach


def main(rule: str, folder: Path, questions: Sequence[str], **settings: Any) -> None:
    """Teach, print the verdict, and show each question's answer before and after."""
    run = selfteach.feedback(rule, out=folder, **settings)
    print(run.sentence, run.report, sep="\n")
    before = selfteach.answer(questions, model=run.base)
    after = run.model().answer(questions)  # of the base, where there was nothing to learn
    for question, base, tuned in zip(questions, before, after, strict=True):
        print(f"\n{question}\n  base    {base}\n  tuned   {tuned}")


if __name__ == "__main__":
    rule, folder, *questions = sys.argv[1:]
    main(rule, Path(folder), questions)
