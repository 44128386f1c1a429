"""Turn criticisms of a recognized form into checks.

"too long, and no emoji" -> `max_words=40`, `not regex "..."`. A criticism is about one answer ("too
long"), a rule about all of them ("Answer in at most 40 words."). A relative criticism therefore
becomes a bound that none of the criticized answers meets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from statistics import median

from selfteach.materials.rule import suggest_check

SHORTER = 1 / 2
LONGER = 3 / 2
"""Shares of the shortest answer that was too long, and of the longest that was too short."""
MIDDLE = 2 / 5
"""Share of the median of the answers that were too long. So one short answer does not lower the
bound.
"""
MIN_WORDS = 5
SAMPLE_ANSWER = "word " * 30
_DEGREE = r"(?:much |far |way |a (?:bit|little) |rather |still |just )*"
_SAID = r"(?:it|this|that|you|the answer|the reply|the response|your answers?)"
_LEAD = re.compile(
    rf"^(?:{_SAID}(?:'s| is| was| are| has| have| uses?| contains?)? |please |but |also |and )+",
    re.I,
)
_SHORTER = [
    (
        rf"{_DEGREE}(?:too (?:long|wordy|verbose|lengthy|many words|much text)|less "
        r"text|fewer words|shorter|briefer)"
    ),
    (
        r"(?:not so|not that|less) (?:long|wordy|verbose|lengthy)|be "
        r"(?:brief|briefer|concise)|shorten it|use fewer words|write less"
    ),
    (
        r"(?:make|keep) it (?:shorter|short|brief)|(?:should|could|must) be (?:much |a lot "
        r")?(?:shorter|briefer)"
    ),
    r"I want(?:ed)? (?:a )?short(?:er)? answers?",
]
_LONGER = [
    (
        rf"{_DEGREE}(?:too (?:short|brief|terse)|longer)|more details?|tell me more|say "
        r"more|(?:make|keep) it longer"
    ),
    r"(?:should|could|must) be (?:much |a lot )?longer",
]
_RELATIVE: list[tuple[re.Pattern[str], Callable[[Sequence[str]], str]]] = [
    (
        re.compile("|".join(_SHORTER), re.I),
        lambda answers: f"max_words={_choose_max_words([count_plain_words(a) for a in answers])}",
    ),
    (
        re.compile("|".join(_LONGER), re.I),
        lambda answers: f"min_words={int(LONGER * max(map(count_plain_words, answers))) + 1}",
    ),
]
_TOO_MANY = re.compile(
    (
        rf"{_DEGREE}(?:too many|so many|full of|stop "
        r"(?:using|with)|fewer|less|uses?|has|with) (?P<what>.+)"
    ),
    re.I,
)

_SAYS_NOTHING = re.compile(r"(?:please|kindly|thanks|thank you|sorry)?", re.I)
_EDGE = re.compile(rf"(?:{_SAID} )?(?P<edge>start|begin|end)s with (?P<what>.+)", re.I)

AIM_FACTOR = 2 / 3
MIN_AIM = 10
"""Share of a bound on words that a revision aims at. Answers that learn to end at the bound itself
would exceed it half of the time. The aim is at least MIN_AIM words, unless the bound is lower."""


def tighten_checks(checks: Sequence[str]) -> tuple[str, ...]:
    """Return the same checks with lower bounds on the number of words."""

    def tighten(match: re.Match[str]) -> str:
        bound = int(match[1])
        return f"max_words={max(min(bound, MIN_AIM), int(AIM_FACTOR * bound))}"

    return tuple(re.sub(r"max_words=(\d+)", tighten, check) for check in checks)


def count_plain_words(text: str) -> int:
    """Count the words that have a letter or digit."""
    return sum(re.search(r"[^\W_]", word) is not None for word in text.split())


def _choose_max_words(counts: Sequence[int]) -> int:
    """Return a bound on words that each of these too long answers exceeds."""
    return max(
        MIN_WORDS, int(SHORTER * min(counts)), min(int(MIDDLE * median(counts)), min(counts) - 1)
    )


def make_checks(feedback: str, answers: Sequence[str]) -> tuple[str, ...]:
    """Return the checks (docs/reference/checks.md) that a revision must pass.

    Each criticized point has one check. The result is empty if any part of the criticism is not
    recognized, because half of a criticism is another criticism.

    Args:
        feedback: the criticism.
        answers: the criticized answers.
    """
    split = re.split(r"[,;.!\n]+|\band\b|\bbut\b", feedback)
    parts = [part.strip() for part in split if not _SAYS_NOTHING.fullmatch(part.strip())]
    found = [_make_check(part, answers) for part in parts]
    if not parts or not all(found):
        found = [_make_check(feedback.strip(), answers)]  # "between 10 and 20 words"
    return tuple(dict.fromkeys(check for check in found if check))


def normalize_criticism(feedback: str) -> str:
    """Return the same text for criticisms that demand the same ("too long", "shorter, please").

    It is their checks, or their words if they are not recognized.
    """
    return " and ".join(sorted(make_checks(feedback, [SAMPLE_ANSWER]))) or " ".join(
        re.findall(r"\w+", feedback.casefold())
    )


def _make_check(part: str, answers: Sequence[str]) -> str | None:
    text = re.sub(r",? please$", "", _LEAD.sub("", part).strip(" .!"), flags=re.I)
    for pattern, build in _RELATIVE:
        if pattern.fullmatch(text):
            return build(answers)
    if check := suggest_check(text):
        return check
    if many := _TOO_MANY.fullmatch(text):
        return suggest_check(f"no {many['what']}")
    edge = _EDGE.fullmatch(text)
    return suggest_check(f"do not {edge['edge']} with {edge['what']}") if edge else None
