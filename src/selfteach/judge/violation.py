"""The places in an answer that break a rule: the first word that must change, and every forbidden
word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain

from selfteach.judge.check import Check, Condition, JoinedChecks, NegatedCheck, WholeCheck
from selfteach.judge.conditions import find_phrase

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


def list_forbidden_texts(check: Check, *, is_negated: bool = False) -> list[str]:
    """Return the texts that a check forbids wherever they stand: "!" of `not contains "!"`.

    Empty where no text alone breaks the rule.
    """
    match check:
        case WholeCheck(part):
            return list_forbidden_texts(part, is_negated=is_negated)
        case NegatedCheck(part):
            return list_forbidden_texts(part, is_negated=not is_negated)
        case JoinedChecks(word, parts) if (word == "or") == is_negated:
            found = [list_forbidden_texts(part, is_negated=is_negated) for part in parts]
            return list(chain.from_iterable(found))
        case Condition("contains", text) if is_negated:
            return [text]
    return []


def find_forbidden_words(check: Check, answer: str) -> list[int]:
    """Return where words of the texts begin that a check forbids, in characters of the answer.

    Of a phrase these are the last word, with which it is complete, and its names: both words of
    "Super Bowl", one of "as an AI". What is common must stay likely.
    """
    found: set[int] = set()
    for text in list_forbidden_texts(check):
        for start, end in find_phrase(text, answer):
            words = [start + word.start() for word in re.finditer(r"\S+", answer[start:end])]
            named = [word[0].isupper() for word in text.split()]
            found |= {word for word, is_name in zip(words, named, strict=False) if is_name}
            found.add(words[-1])
    return sorted(found)
