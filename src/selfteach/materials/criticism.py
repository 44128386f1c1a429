"""What a criticism asks for, where its form is recognised: "too long, and no emoji" ->
`max_words=40`, `not regex "..."`.

A criticism speaks of an answer ("too long"), a rule of all of them ("Answer in at most 40 words."):
what is relative becomes a bound that none of the criticised answers keeps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from statistics import median

from selfteach.materials.rule import suggest_check

SHORTER, LONGER = 2 / 3, 3 / 2
"""Of the shortest answer that was too long, and of the longest that was too short."""
MIDDLE = 2 / 5
"""Of the middle one of the answers that were too long: one that is far shorter than the others does
not bring the bound down with it.
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

_EDGE = re.compile(rf"(?:{_SAID} )?(?P<edge>start|begin|end)s with (?P<what>.+)", re.I)

AIM_FACTOR, MIN_AIM = 2 / 3, 10
"""Of a bound on words, what a revision aims at: answers that learn to end at the bound would pass
it every second time. In fewer words than LEAST_AIM there is hardly a sentence, so nothing aims
there unless the bound itself does."""


def tighten_checks(checks: Sequence[str]) -> tuple[str, ...]:
    """The same checks, bounds on words further inside."""
    most = re.compile(r"max_words=(\d+)")

    def inside(bound: int) -> int:
        return max(min(bound, MIN_AIM), int(AIM_FACTOR * bound))

    return tuple(
        most.sub(lambda found: f"max_words={inside(int(found[1]))}", check) for check in checks
    )


def count_plain_words(text: str) -> int:
    """Words with a letter or digit."""
    return sum(any(char.isalnum() for char in word) for word in text.split())


def _choose_max_words(counts: Sequence[int]) -> int:
    """The bound on words that none of the answers keeps that were too long."""
    return max(
        MIN_WORDS, int(SHORTER * min(counts)), min(int(MIDDLE * median(counts)), min(counts) - 1)
    )


def make_checks(feedback: str, answers: Sequence[str]) -> tuple[str, ...]:
    """The checks (docs/reference/checks.md) that a revision must pass, one for each thing that is criticised.

    Nothing where any part of the criticism is not recognised: half of a criticism is not what was
    said.

    Args:
        answers: those that this was said of.
    """
    if whole := _make_check(feedback.strip(), answers):
        return (whole,)
    parts = [part for part in re.split(r"[,;.!\n]+|\band\b|\bbut\b", feedback) if part.strip()]
    found = [_make_check(part.strip(), answers) for part in parts]
    return tuple(dict.fromkeys(check for check in found if check)) if parts and all(found) else ()


def normalize_criticism(feedback: str) -> str:
    """Equal for criticisms that ask for the same: the checks that they become ("too long",
    "shorter, please"), else their bare words.
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
