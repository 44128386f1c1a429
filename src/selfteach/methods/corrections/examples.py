"""What corrections teach: examples, and the pairs (answer, correction) behind them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from selfteach.generate.correct import Revision, Turns, distance
from selfteach.records import Example, Message, digest, prompt_json

FILE = "file"
"""The strategy of a correction that a person wrote."""
SMALL = 0.3
"""Up to this distance what a criticism asked for is an edit like any other; a new end, or another
answer, is learned as a rule's.
"""
BEYOND = 6
"""Words of a criticised answer beyond the length of its revision that the revision is preferred to.
"""


@dataclass
class Lessons:
    """What is learned: examples, and the pairs (answer, correction) behind them."""

    examples: list[Example] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def __iadd__(self, other: Lessons) -> Lessons:
        known = {e.id for e in self.examples}
        self.examples += [e for e in other.examples if e.id not in known]
        self.pairs += other.pairs
        return self


def lesson(revision: Revision, source: str, turn: int) -> Lessons:
    """An example from a revision: the correction against the answer; or the answer itself, where it
    may stay.
    """
    a = revision.asked
    cut = ["chosen"] * revision.cut + ["rejected"] * (a.cut and not revision.unchanged)
    origin: dict[str, Any] = {
        "from": source,
        "strategy": revision.strategy,
        "round": turn,
        "cut": cut,
    }
    if a.feedback:
        origin["teacher_prompt"] = prompt_json(told(a.prompt, a.feedback))
    id = digest([a.id, revision.text])
    if revision.unchanged:
        return Lessons([Example(id, "kept", a.prompt, a.answer, None, {}, origin)])
    scores = {"distance": distance(a.answer, revision.text), "tries": float(revision.tries)}
    pairs = [(a.answer, revision.text)]
    small = revision.distance <= SMALL and not a.answer.startswith(revision.text)
    if not a.feedback or small or revision.strategy == FILE:
        return Lessons(
            [Example(id, "correction", a.prompt, revision.text, a.answer, scores, origin)], pairs
        )
    rejected = beginning(a.answer, len(revision.text.split()) + BEYOND)
    origin["cut"] = ["chosen"] * revision.cut + ["rejected"] * (a.cut or rejected != a.answer)
    return Lessons(
        [Example(id, "criticised", a.prompt, revision.text, rejected, scores, origin)]
    )  # what went is no error by itself


def told(prompt: Turns, feedback: str) -> Turns:
    """The prompt with the criticism among the system's words, which is what a teacher of `distill`
    sees.
    """
    system = [turn.content for turn in prompt if turn.role == "system"]
    return (
        Message("system", "\n".join([*system, feedback])),
        *(turn for turn in prompt if turn.role != "system"),
    )


def beginning(text: str, words: int) -> str:
    """The first words of a text."""
    found = list(re.finditer(r"\S+", text))
    return text if len(found) <= words else text[: found[words - 1].end()]
