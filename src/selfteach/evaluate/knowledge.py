"""Metrics of answers to questions whose right answers are known.

contains                the answer holds one of the right answers, as whole words
contains_brief          the same, with every arm's answers cut to `brief_words` words
exact                   the answer is one of the right answers and nothing else
f1                      SQuAD's token-F1 against the best of them
wrong_when_attempted    the share of wrong answers, of those that are right or do not decline
length_tokens           mean length; long answers score higher in `contains`
brief_words             the mean number of words of the open book's answers
recovery                (tuned - base) / (open book - base)
recovery_room           its denominator: open book - base, paired by question
gain                    tuned - base, paired by question
over_open_book          tuned - open book, paired by question
damage                  the share of questions that the tuned model answers wrongly, of those that
                        the base answers correctly

All intervals hold where questions of a passage go together. If there is only one passage, they
are by question: nothing tells the spread between passages.

Source: SQuAD (Rajpurkar et al. 2016) for f1; Self-Learning-llm (arXiv 2406.11275) for the arms.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress

from selfteach import statistics
from selfteach.dedup.overlap import split_written_words, take_written_words
from selfteach.evaluate.metrics import best_over
from selfteach.evaluate.sanity import is_empty
from selfteach.judge.decline import is_decline
from selfteach.records import Completion, JsonObject, Measure

ENOUGH_OF_OPEN_BOOK = 0.9
"""The share of the open book's right answers above which a tuned model is worth its weights."""

_NOT = r"(?: not|n['’]t)"
_DECLINES = re.compile(
    rf"\b(?:(?:I|we) (?:do{_NOT}|cannot|can['’]t) (?:know|say|answer|find|recall|provide)|"
    rf"(?:I['’]?m|I am) (?:not (?:sure|certain|aware|familiar)|sorry|unable|unsure)|"
    rf"have no (?:idea|knowledge)|no (?:information|mention)|not enough information|"
    rf"(?:is|are|was|were){_NOT} (?:known|mentioned|given|stated|specified)(?! to\b)|"
    rf"do(?:es)?{_NOT} (?:say|mention|state|specify))\b|"
    r"^\W*(?:it is |it['’]s )?(?:unknown|unclear|n/a|not (?:known|mentioned|given|stated|"
    r"specified))\W*$",
    re.I,
)


@dataclass(frozen=True)
class GradedAnswers:
    """Hold one arm's graded answers to questions with known answers, in the order of the questions.

    Attributes:
        right: whether an answer contains a right one.
        f1: token-F1 against the best right answer, in [0, 1].
        attempted: whether an answer is right, or is not empty and does not decline.
        exact: whether an answer is a right one and nothing else.
        golds: the right answers to each question.
    """

    answers: Sequence[Completion]
    right: list[bool]
    f1: list[float]
    attempted: list[bool]
    exact: list[bool]
    golds: Sequence[Sequence[str]]


def compare_with_enough(
    tuned: Sequence[bool],
    prompted: Sequence[bool],
    clusters: Sequence[Hashable],
    *,
    seed: int = 0,
) -> Measure:
    """Return the tuned model's share of right answers, minus what is enough of the open book's.

    The open book is told which passage holds the answer; the tuned model has to know. So a tuned
    model that answers nearly as many is worth its weights, and only one that answers clearly fewer
    is not.

    Args:
        prompted: whether the base with the passage in its prompt is right, by question.

    Raises:
        ValueError: the lengths differ.
    """
    enough = [ENOUGH_OF_OPEN_BOOK * right for right in prompted]
    return statistics.clustered_bootstrap(tuned, enough, clusters, seed=seed)


def grade_answers(answers: Sequence[Completion], golds: Sequence[Sequence[str]]) -> GradedAnswers:
    """Grade each answer against the right answers to its question.

    Raises:
        ValueError: the lengths differ.
    """
    rows = list(zip(answers, golds, strict=True))
    right = [bool(best_over(gold, answer.text, "contains")) for answer, gold in rows]
    return GradedAnswers(
        answers,
        right,
        [best_over(gold, answer.text) for answer, gold in rows],
        [good or is_attempt(answer.text) for good, answer in zip(right, answers, strict=True)],
        [bool(best_over(gold, answer.text, "exact")) for answer, gold in rows],
        golds,
    )


def is_attempt(answer: str) -> bool:
    """Return whether an answer is not empty and does not decline."""
    return not (is_empty(answer) or _DECLINES.search(answer) or is_decline(answer))


def measure_arms(
    graded: Mapping[str, GradedAnswers], seed: int, clusters: Sequence[Hashable]
) -> JsonObject:
    """Measure each arm, with 95 % intervals that hold where questions of a passage go together.

    The recovery and the differences need a tuned model. `recovery` is None if the open book does
    not help.

    Args:
        clusters: the passage of each question.
    """
    keys = ("contains", "contains_brief", "exact", "f1", "wrong_when_attempted", "length_tokens")
    found: JsonObject = {key: {} for key in keys}
    brief_words = count_mean_words(graded["prompted"].answers)
    found["brief_words"] = brief_words
    share = partial(statistics.share, seed=seed)
    for arm, own in graded.items():
        wrong = [not right for right in compress(own.right, own.attempted)]
        places = list(compress(clusters, own.attempted))
        lengths = [answer.tokens for answer in own.answers]
        at_once = find_right_at_once(own, brief_words)
        found["contains"][arm] = share(own.right, clusters)
        found["contains_brief"][arm] = share(at_once, clusters)
        found["exact"][arm] = share(own.exact, clusters)
        found["f1"][arm] = statistics.mean(own.f1, clusters, seed=seed, limits=(0.0, 1.0))
        found["wrong_when_attempted"][arm] = share(wrong, places)
        found["length_tokens"][arm] = statistics.mean(lengths, clusters, seed=seed)
    if "tuned" in graded:
        taught, prompted, base = (graded[arm].right for arm in ("tuned", "prompted", "base"))
        found["recovery"] = statistics.recovery(taught, prompted, base, clusters, seed=seed)
        compare = partial(statistics.clustered_bootstrap, clusters=clusters, seed=seed)
        found["recovery_room"] = compare(prompted, base)
        found["gain"] = compare(taught, base)
        found["over_open_book"] = compare(taught, prompted)
    return found


def count_mean_words(answers: Sequence[Completion]) -> int:
    """Return the mean number of words of some answers, rounded, at least 1; a letter of a script
    without spaces is a word.
    """
    counts = [len(split_written_words(answer.text)) for answer in answers]
    return max(1, round(sum(counts) / max(len(counts), 1)))


def find_right_at_once(graded: GradedAnswers, words: int) -> list[bool]:
    """Return whether the first words of each answer contain a right one.

    So a model that recites the document until the answer comes by is not right.
    """
    right = []
    for answer, gold in zip(graded.answers, graded.golds, strict=True):
        start = take_written_words(answer.text, words)
        right.append(bool(best_over(gold, start, "contains")))
    return right


def measure_damage(
    before: Sequence[bool], after: Sequence[bool], clusters: Sequence[Hashable], *, seed: int = 0
) -> Measure:
    """Measure the share of questions with a wrong answer now, of those with a right one before.

    Args:
        before, after: whether the answer to each question is right, in the same order.
        clusters: the passage of each question.
    """
    lost = [not now for was, now in zip(before, after, strict=True) if was]
    return statistics.share(lost, list(compress(clusters, before)), seed=seed)
