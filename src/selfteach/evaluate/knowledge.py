"""Metrics of answers to questions whose right answers are known.

contains                the answer holds one of the right answers, as whole words
f1                      SQuAD's token-F1 against the best of them
wrong_when_attempted    of the answers that do not decline, the share without a right answer
length_tokens           mean length; `contains` is kind to long answers
recovery                (tuned - base) / (open book - base)
gain                    tuned - base, paired by question
damage                  of the questions that the base answers rightly, the share that the tuned
                        model does not

Source: SQuAD (Rajpurkar et al. 2016) for f1; Self-Learning-llm (arXiv 2406.11275) for the arms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfteach import statistics
from selfteach.evaluate.metrics import best_over
from selfteach.evaluate.sanity import is_empty
from selfteach.records import Completion, Measure

_DECLINES = re.compile(
    r"\b(?:I (?:do not|don['’]t|cannot|can['’]t) "
    r"(?:know|say|answer|find|recall|provide)|I['’]?m (?:not sure|sorry|unable)|"
    r"I am (?:not sure|sorry|unable)|(?:is|are) not (?:known|mentioned|given|stated)|no "
    r"information)\b",
    re.I,
)


@dataclass(frozen=True)
class GradedAnswers:
    """One arm's answers to questions with known answers, graded, in the order of the questions.

    Attributes:
        right: whether an answer contains a right one.
        f1: token-F1 against the best right answer, in [0, 1].
        attempted: whether an answer tries at all.
    """

    draws: Sequence[Completion]
    right: list[bool]
    f1: list[float]
    attempted: list[bool]


def grade_answers(draws: Sequence[Completion], golds: Sequence[Sequence[str]]) -> GradedAnswers:
    """Grade each answer against the right answers to its question.

    Raises:
        ValueError: the lengths differ.
    """
    rows = list(zip(draws, golds, strict=True))
    return GradedAnswers(
        draws,
        [bool(best_over(gold, draw.text, "contains")) for draw, gold in rows],
        [best_over(gold, draw.text) for draw, gold in rows],
        [is_attempt(draw.text) for draw in draws],
    )


def is_attempt(answer: str) -> bool:
    """Return whether an answer tries: it is not empty and does not decline."""
    return not is_empty(answer) and not _DECLINES.search(answer)


def measure_arms(marked: Mapping[str, GradedAnswers], seed: int) -> dict[str, Any]:
    """Measure each arm, with 95 % intervals by question.

    `recovery` and `gain` are there once there is a tuned model; `recovery` is None where the open
    book does not help.
    """
    found: dict[str, Any] = {"contains": {}, "f1": {}, "wrong_when_attempted": {}}
    found["length_tokens"] = {}
    for arm, own in marked.items():
        pairs = zip(own.right, own.attempted, strict=True)
        wrong = [not right for right, attempted in pairs if attempted]
        lengths = [draw.tokens for draw in own.draws]
        found["contains"][arm] = statistics.share(own.right)
        found["f1"][arm] = statistics.mean(own.f1, seed=seed, limits=(0.0, 1.0))
        found["wrong_when_attempted"][arm] = statistics.share(wrong)
        found["length_tokens"][arm] = statistics.mean(lengths, seed=seed)
    if "taught" in marked:
        taught, prompted, base = (marked[arm].right for arm in ("taught", "prompted", "base"))
        found["recovery"] = statistics.recovery(taught, prompted, base, seed=seed)
        found["gain"] = statistics.paired_bootstrap(taught, base, seed=seed)
    return found


def measure_damage(before: Sequence[bool], after: Sequence[bool]) -> Measure:
    """Measure which share of the right answers before is not right any more.

    Args:
        before, after: whether each question was answered rightly, in one order.
    """
    return statistics.share([not now for was, now in zip(before, after, strict=True) if was])
