"""Metrics of answers to questions whose right answers are known.

contains                the answer holds one of the right answers, as whole words
f1                      SQuAD's token-F1 against the best of them
wrong_when_attempted    the share of wrong answers, of those that do not decline
length_tokens           mean length; long answers score higher in `contains`
recovery                (tuned - base) / (open book - base)
gain                    tuned - base, paired by question
damage                  the share of questions that the tuned model answers wrongly, of those that
                        the base answers correctly

Source: SQuAD (Rajpurkar et al. 2016) for f1; Self-Learning-llm (arXiv 2406.11275) for the arms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfteach import statistics
from selfteach.evaluate.metrics import best_over
from selfteach.evaluate.sanity import is_empty
from selfteach.records import Completion, JsonObject, Measure

_DECLINES = re.compile(
    r"\b(?:I (?:do not|don['’]t|cannot|can['’]t) "
    r"(?:know|say|answer|find|recall|provide)|I['’]?m (?:not sure|sorry|unable)|"
    r"I am (?:not sure|sorry|unable)|(?:is|are) not (?:known|mentioned|given|stated)|no "
    r"information)\b",
    re.I,
)


@dataclass(frozen=True)
class GradedAnswers:
    """Hold one arm's graded answers to questions with known answers, in the order of the questions.

    Attributes:
        right: whether an answer contains a right one.
        f1: token-F1 against the best right answer, in [0, 1].
        attempted: whether an answer is not empty and does not decline.
    """

    answers: Sequence[Completion]
    right: list[bool]
    f1: list[float]
    attempted: list[bool]


def grade_answers(answers: Sequence[Completion], golds: Sequence[Sequence[str]]) -> GradedAnswers:
    """Grade each answer against the right answers to its question.

    Raises:
        ValueError: the lengths differ.
    """
    rows = list(zip(answers, golds, strict=True))
    return GradedAnswers(
        answers,
        [bool(best_over(gold, answer.text, "contains")) for answer, gold in rows],
        [best_over(gold, answer.text) for answer, gold in rows],
        [is_attempt(answer.text) for answer in answers],
    )


def is_attempt(answer: str) -> bool:
    """Return whether an answer is not empty and does not decline."""
    return not is_empty(answer) and not _DECLINES.search(answer)


def measure_arms(graded: Mapping[str, GradedAnswers], seed: int) -> JsonObject:
    """Measure each arm, with 95 % intervals by question.

    `recovery` and `gain` need a tuned model; `recovery` is None if the open book does not help.
    """
    found: JsonObject = {"contains": {}, "f1": {}, "wrong_when_attempted": {}}
    found["length_tokens"] = {}
    for arm, own in graded.items():
        pairs = zip(own.right, own.attempted, strict=True)
        wrong = [not right for right, attempted in pairs if attempted]
        lengths = [answer.tokens for answer in own.answers]
        found["contains"][arm] = statistics.share(own.right)
        found["f1"][arm] = statistics.mean(own.f1, seed=seed, limits=(0.0, 1.0))
        found["wrong_when_attempted"][arm] = statistics.share(wrong)
        found["length_tokens"][arm] = statistics.mean(lengths, seed=seed)
    if "tuned" in graded:
        taught, prompted, base = (graded[arm].right for arm in ("tuned", "prompted", "base"))
        found["recovery"] = statistics.recovery(taught, prompted, base, seed=seed)
        found["gain"] = statistics.paired_bootstrap(taught, base, seed=seed)
    return found


def measure_damage(before: Sequence[bool], after: Sequence[bool]) -> Measure:
    """Measure the share of questions with a wrong answer now, of those with a right one before.

    Args:
        before, after: whether the answer to each question is right, in the same order.
    """
    return statistics.share([not now for was, now in zip(before, after, strict=True) if was])
