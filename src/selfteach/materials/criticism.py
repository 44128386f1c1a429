"""What a criticism asks for, where its form is recognised: "too long, and no emoji" -> `max_words=40`, `not regex "..."`.

A criticism speaks of an answer ("too long"), a rule of all of them ("Answer in at most 40 words."): what is relative becomes a bound that
none of the criticised answers keeps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from selfteach.materials.rule import suggest_check

SHORTER, LONGER = 2 / 3, 3 / 2
"""Of the shortest answer that was too long, and of the longest that was too short."""
LEAST_WORDS = 5
_DEGREE = r"(?:much |far |way |a (?:bit|little) |rather |still |just )*"
_LEAD = re.compile(
    r"^(?:(?:it|this|that|the answer|the reply|the response|your answer)(?:'s| is| was| has| uses| contains)? |please |but |also |and )+",
    re.I,
)
_RELATIVE: list[tuple[re.Pattern[str], Callable[[Sequence[str]], str]]] = [
    (
        re.compile(rf"{_DEGREE}too (?:long|wordy|verbose|lengthy|many words)|(?:{_DEGREE}shorter|be (?:brief|briefer|concise)|"
                   r"(?:make|keep) it (?:shorter|short|brief)|shorten it)(?: please)?", re.I),
        lambda answers: f"max_words={max(LEAST_WORDS, int(SHORTER * min(map(words, answers))))}",
    ),
    (
        re.compile(rf"{_DEGREE}too (?:short|brief|terse)|(?:{_DEGREE}longer|more details?|(?:make|keep) it longer)(?: please)?", re.I),
        lambda answers: f"min_words={int(LONGER * max(map(words, answers))) + 1}",
    ),
]  # fmt: skip
_TOO_MANY = re.compile(rf"{_DEGREE}(?:too many|so many|full of|stop (?:using|with)|fewer|less|uses?|has|with) (?P<what>.+)", re.I)


def words(text: str) -> int:
    """Words with a letter or digit."""
    return sum(any(char.isalnum() for char in word) for word in text.split())


def conditions(feedback: str, answers: Sequence[str]) -> tuple[str, ...]:
    """The checks (docs/checks.md) that a revision must pass, one for each thing that is criticised.

    Nothing where any part of the criticism is not recognised: half of a criticism is not what was said.

    Args:
        answers: those that this was said of.
    """
    if whole := _condition(feedback.strip(), answers):
        return (whole,)
    parts = [part for part in re.split(r"[,;.!\n]+|\band\b|\bbut\b", feedback) if part.strip()]
    found = [_condition(part.strip(), answers) for part in parts]
    return tuple(check for check in found if check) if parts and all(found) else ()


def _condition(part: str, answers: Sequence[str]) -> str | None:
    text = _LEAD.sub("", part).strip(" .!")
    for pattern, build in _RELATIVE:
        if pattern.fullmatch(text):
            return build(answers)
    if check := suggest_check(text):
        return check
    many = _TOO_MANY.fullmatch(text)
    return suggest_check(f"no {many['what']}") if many else None
