"""The exam: base, rule in the prompt, and taught, on prompts that nothing was chosen on.

Greedy answers and draws at T=1; every share with its 95 % interval; beside the taught model always the base, the base with the rule in its
prompt, and the base against itself (the noise floor: what two draws of one model differ by).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from selfteach.config import Exam
from selfteach.evaluate import statistics
from selfteach.evaluate.adherence import Arm, answers
from selfteach.evaluate.sanity import empty, loops, sanity
from selfteach.judge import Verdicts
from selfteach.records import GREEDY, Draw, Measure, Message, Sampling, user
from selfteach.run.display import Display
from selfteach.select.overlap import Overlap

ARMS = ("base", "prompted", "taught")
MISAPPLIED = 0.6
"""ROUGE-L from which an answer outside the scope counts as one of the lessons taught inside it."""


@dataclass(frozen=True)
class Sheet:
    """The answers of one arm to the questions of one scope: greedy, and one draw at T=1 where it was asked for."""

    questions: list[str]
    greedy: list[Draw]
    drawn: list[Draw]


def sit(
    arms: Mapping[str, Arm], questions: Mapping[str, Sequence[str]], config: Exam, seed: int, display: Display
) -> dict[str, dict[str, Sheet]]:
    """Every arm answers every scope: sheets[scope][arm]."""
    display.stage("exam", sum(len(q) * (2 if scope == "target" else 1) for scope, q in questions.items()) * len(arms))
    greedy, warm = replace(GREEDY, max_tokens=config.max_tokens), Sampling(1.0, 1.0, config.max_tokens)
    sheets: dict[str, dict[str, Sheet]] = {scope: {} for scope in questions}
    for name, arm in arms.items():
        for scope, asked in questions.items():
            first = answers(arm, f"exam {scope}", asked, greedy, 1, seed, display.advance)
            drawn = answers(arm, f"exam {scope}", asked, warm, 1, seed, display.advance) if scope == "target" else [[] for _ in asked]
            sheets[scope][name] = Sheet(list(asked), [row[0] for row in first], [row[0] for row in drawn if row])
    return sheets


def kept(sheet: Sheet, verdicts: Verdicts) -> tuple[list[bool], list[bool]]:
    """Which greedy answers, and which drawn ones, keep the rule."""
    greedy = verdicts.broken([(user(q), d.text) for q, d in zip(sheet.questions, sheet.greedy, strict=True)])
    drawn = verdicts.broken([(user(q), d.text) for q, d in zip(sheet.questions, sheet.drawn, strict=True)]) if sheet.drawn else []
    return [not b for b in greedy], [not b for b in drawn]


def unharmed(sheet: Sheet, base: Sheet, lessons: Overlap) -> tuple[list[bool], list[bool]]:
    """(unharmed, misapplied) for each greedy answer outside the scope.

    An answer is harmed when it is a lesson from inside the scope, or is empty or loops, where the base's own answer is not so.
    """
    fires = [lessons.nearest(d.text).similarity >= MISAPPLIED for d in sheet.greedy]
    own = [lessons.nearest(d.text).similarity >= MISAPPLIED for d in base.greedy]
    broken = [empty(d.text) or loops(d.text) for d in sheet.greedy]
    was = [empty(d.text) or loops(d.text) for d in base.greedy]
    wrong = [f and not o for f, o in zip(fires, own, strict=True)]
    return [not (w or (b and not was_)) for w, b, was_ in zip(wrong, broken, was, strict=True)], wrong


def second_turn(text: str) -> tuple[Message, ...]:
    """The question as the second one of a conversation that began with something else."""
    return (
        Message("user", "Hello, can you help me?"),
        Message("assistant", "Of course. What would you like to know?"),
        Message("user", text),
    )


def measure(value: Measure | None) -> dict[str, Any] | None:
    """A measure as JSON."""
    return asdict(value) if value else None


def adherence(sheets: Mapping[str, Sheet], verdicts: Verdicts, seed: int) -> dict[str, Any]:
    """Kept shares by arm, and the recovery AR = (taught - base) / (prompted - base)."""
    flags = {arm: kept(sheet, verdicts) for arm, sheet in sheets.items()}
    found: dict[str, Any] = {
        "kept": {arm: {"greedy": measure(statistics.share(g)), "drawn": measure(statistics.share(d))} for arm, (g, d) in flags.items()},
        "flags": flags,
    }
    if set(ARMS) <= flags.keys():
        ar = statistics.recovery(flags["taught"][0], flags["prompted"][0], flags["base"][0], seed=seed)
        found["recovery"] = measure(ar)
    return found


def sanities(sheets: Mapping[str, Mapping[str, Sheet]], seed: int) -> dict[str, Any]:
    """Looping, empty answers and mean length of each arm, over near and general questions (over all, for a rule that holds everywhere)."""
    scopes = [s for s in ("near", "general") if sheets.get(s)] or list(sheets)
    found = {}
    for arm in sheets[scopes[0]]:
        draws = [d for scope in scopes for d in sheets[scope][arm].greedy]
        s = sanity([d.text for d in draws], [d.tokens for d in draws], seed=seed)
        found[arm] = {"looping": measure(s.looping), "empty": measure(s.empty), "mean_tokens": s.length_tokens.value}
    return found
