"""What the arms of the exam answer, and whether their answers keep the rule where it holds and stay
unharmed where it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfteach.models import Drawer
from selfteach.records import Draw, Prompt, Request, Sampling

Ask = Callable[[str], Prompt]
"""From the words of a question to the prompt that an arm sees."""


@dataclass(frozen=True)
class Arm:
    """One way of answering: a model, and how it is asked."""

    name: str
    drawer: Drawer
    ask: Ask
    system: str = ""
    """The rule, for the arm that has it in the prompt."""


def answers(
    arm: Arm,
    stage: str,
    questions: Sequence[str],
    sampling: Sampling,
    draws: int,
    seed: int,
    tick: Callable[[int], None],
) -> list[list[Draw]]:
    """`draws` answers to each question, in the order of the questions."""
    requests = [
        [Request(stage, arm.ask(q), sampling, k, seed) for k in range(draws)] for q in questions
    ]
    found: dict[str, Draw] = {}
    for draw in arm.drawer.draw([r for row in requests for r in row]):
        found[draw.id] = draw
        tick(1)
    return [[found[r.id(arm.drawer.fingerprint)] for r in row] for row in requests]
