"""Where in an answer a rule is broken: the word from which another answer has to part."""

from __future__ import annotations

import re
from dataclasses import dataclass

from selfteach.judge.check import Check

_WORD = re.compile(r"\S+\s*")


@dataclass(frozen=True, slots=True)
class ViolationSpan:
    """The word that breaks the rule, as places in the answer's characters."""

    start: int
    end: int


def find_violation(check: Check, answer: str) -> ViolationSpan | None:
    """The word with which an answer first breaks a rule; None where the answer keeps it.

    A rule that the first word breaks already, because something is still missing there, has its
    breach at 0.
    """
    if check.keeps(answer):
        return None
    words = list(_WORD.finditer(answer))
    return next(
        (
            ViolationSpan(w.start(), w.start() + len(w[0].rstrip()))
            for w in words
            if not check.keeps(answer[: w.end()].rstrip())
        ),
        None,
    )
