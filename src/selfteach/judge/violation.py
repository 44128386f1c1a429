"""The place in an answer that breaks a rule: the first word that must change."""

from __future__ import annotations

import re
from dataclasses import dataclass

from selfteach.judge.check import Check

_WORD = re.compile(r"\S+\s*")


@dataclass(frozen=True, slots=True)
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
