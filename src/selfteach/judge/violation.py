"""The places in an answer that break a rule: the first word that must change, and every forbidden
word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selfteach.judge.check import Check, Condition, JoinedChecks, NegatedCheck, WholeCheck

_WORD = re.compile(r"\S+\s*")


@dataclass(frozen=True, order=True, slots=True)
class ViolationSpan:
    """Hold the place of the word that breaks the rule, in characters of the answer."""

    start: int
    end: int


def find_violation(check: Check, answer: str) -> ViolationSpan | None:
    """Return the word with which an answer first breaks a rule; None if the answer keeps it.

    If the first word alone does not meet the rule yet, the place is 0.
    """
    if check.keeps(answer):
        return None
    for word in _WORD.finditer(answer):
        if not check.keeps(answer[: word.end()].rstrip()):
            return ViolationSpan(word.start(), word.start() + len(word[0].rstrip()))
    return None


def list_forbidden_texts(check: Check) -> list[Check]:
    """Return the parts of a check that forbid a text wherever it stands: `not contains "!"`.

    Empty where no such text alone breaks the rule.
    """
    match check:
        case WholeCheck(part):
            return list_forbidden_texts(part)
        case JoinedChecks("and", parts):
            return [found for part in parts for found in list_forbidden_texts(part)]
        case NegatedCheck(Condition("contains")):
            return [check]
    return []


def find_forbidden_words(check: Check, answer: str) -> list[ViolationSpan]:
    """Return every word of an answer that belongs to a text which a check forbids, in order."""
    spans = {span for part in list_forbidden_texts(check) for span in _find_each(part, answer)}
    words = {
        ViolationSpan(span.start + word.start(), span.start + word.end())
        for span in spans
        for word in re.finditer(r"\S+", answer[span.start : span.end])
    }
    return sorted(words)


def _find_each(forbidden: Check, answer: str) -> Iterator[ViolationSpan]:
    """Yield the places of one forbidden text."""
    start = 0
    while found := find_violation(forbidden, answer[start:]):
        end = start + found.end
        yield ViolationSpan(_find_start(forbidden, answer, start, end), end)
        start = end


def _find_start(forbidden: Check, answer: str, start: int, end: int) -> int:
    """Return where the forbidden text begins that ends here: in "(coffee" after the parenthesis."""
    return next(at for at in range(end - 1, start - 1, -1) if not forbidden.keeps(answer[at:end]))
