"""Beside the lessons: what every arm answers to general prompts that no lesson was about, so that
damage there is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from selfteach.evaluate.corrections import Arm, answer
from selfteach.evaluate.exam import Sheet
from selfteach.generate.correct import Turns
from selfteach.methods.session import Session
from selfteach.records import GREEDY, question


def general_sheets(
    session: Session, arms: Mapping[str, Arm], prompts: Sequence[Turns]
) -> dict[str, Sheet]:
    """The greedy answers of each arm."""
    session.display.stage("exam general", len(prompts) * len(arms))
    greedy, texts = (
        replace(GREEDY, max_tokens=session.config.exam.max_tokens),
        [question(p) for p in prompts],
    )

    def sheet(arm: Arm) -> Sheet:
        asked = [arm.prompt(p) for p in prompts]
        return Sheet(
            texts,
            answer(
                arm.model,
                "exam general",
                asked,
                greedy,
                session.config.seed,
                session.display.advance,
            ),
            [],
        )

    return {name: sheet(arm) for name, arm in arms.items()}


def general_rows(
    sheets: Mapping[str, Sheet], unharmed: Mapping[str, Sequence[bool]]
) -> list[dict[str, Any]]:
    """Each prompt with every arm's answer, for the report; `broken` says that the answer is harmed."""
    return [
        {
            "scope": "general",
            "prompt": text,
            "arms": {
                arm: {"greedy": s.greedy[i].text, "broken": not unharmed[arm][i]}
                for arm, s in sheets.items()
            },
        }
        for i, text in enumerate(sheets["base"].questions)
    ]
