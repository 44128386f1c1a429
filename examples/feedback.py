"""From Python: open a run, teach a rule, ask the taught model.

    python examples/feedback.py "Do not talk about elephants." runs/elephants "What is the largest
    land animal?"

The same call on the same folder goes on where it stopped; a finished run shows its result again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfteach.config import Feedback, resolve
from selfteach.methods.feedback.method import teach
from selfteach.models.hf import Hf
from selfteach.models.opening import open_drawer
from selfteach.records import GREEDY, Request, user
from selfteach.run.display import open_display
from selfteach.run.folder import open_run


def learn(rule: str, folder: Path, sets: Sequence[str] = ()) -> dict[str, Any]:
    """Teaches a rule in a run folder. `sets` are settings as after `--set`: "model=./folder",
    "ask.target=200".
    """
    resolved = resolve(Feedback, sets=sets)
    with open_run(folder, rule, "feedback", resolved, {"rule": rule}) as run:
        return teach(run, rule, resolved.config, open_display())


def ask(model: str, adapter: Path | None, questions: Sequence[str]) -> list[str]:
    """The greedy answers of a model, with or without an adapter, in the order of the questions."""
    drawer = open_drawer(Hf.load(model, adapter=adapter))
    requests = [
        Request("ask", user(question), replace(GREEDY, max_tokens=96)) for question in questions
    ]
    answers = {
        draw.id: draw.text for draw in drawer.draw(requests)
    }  # draws arrive in any order and join by id
    return [answers[request.id(drawer.fingerprint)] for request in requests]


def main(
    rule: str,
    folder: Path,
    questions: Sequence[str],
    model: str = "embedded",
    sets: Sequence[str] = (),
) -> None:
    """Teaches, prints the verdict, and shows each question's answer before and after."""
    result = learn(rule, folder, [f"model={model}", *sets])
    print(result["verdict"], result["report"], sep="\n")
    taught = (
        Path(result["adapter"]) if result["adapter"] else None
    )  # None: there was nothing to learn
    for question, before, after in zip(
        questions, ask(model, None, questions), ask(model, taught, questions), strict=True
    ):
        print(f"\n{question}\n  base    {before}\n  taught  {after}")


if __name__ == "__main__":
    rule, folder, *questions = sys.argv[1:]
    main(rule, Path(folder), questions)
