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
from selfteach.number_words import NUMBER

SHORTER = 1 / 2
LONGER = 3 / 2
"""Shares of the shortest answer that was too long, and of the longest that was too short."""
MIDDLE = 2 / 5
"""Share of the median of the answers that were too long. So one short answer does not lower the
bound.
"""
MIN_WORDS = 5
"""The least bound on words, where the criticized answers have more."""
SAMPLE_ANSWER = "word " * 30
_DEGREE = r"(?:much |far |way |a (?:bit|little) |rather |still |just )*"
_SAID = r"(?:it|this|that|you|the answer|the reply|the response|your answers?)"
_LEAD = re.compile(
    rf"^(?:{_SAID}(?:'s| is| was| are| has| have| uses?| contains?)? |please |but |also |and |"
    r"ok(?:ay)? |well |(?:nice|good|fine|great) (?=but )|thanks |sorry )+",
    re.I,
)
_SHORTER = [
    (
        rf"{_DEGREE}(?:too (?:long|wordy|verbose|lengthy|long-winded|many words|much "
        r"(?:text|to read|detail|information))|less text|fewer words|shorter|briefer|a wall of "
        r"text)"
    ),
    (
        r"(?:not so|not that|less) (?:long|wordy|verbose|lengthy)|be "
        r"(?:brief|briefer|(?:more |much more )?(?:brief|concise)|short|shorter|to the point)|"
        r"use fewer words|write less|(?:come|get) to the point|half (?:as long|the length)"
    ),
    (
        r"(?:(?:can|could|would) you )?(?:shorten|trim|condense|(?:cut|trim|boil) (?=it down))"
        r"(?: (?:it|this|that)(?: down)?(?: a (?:bit|lot|little))?)?"
    ),
    (
        r"(?:(?:can|could|would) you )?(?:make|keep|cut|say) (?:it|this|that|your answers?) "
        r"(?:shorter|short|brief|briefer|more concise|in fewer words|half as long)"
    ),
    (r"(?:should|could|must|can) be (?:much |a lot |far )?(?:shorter|briefer|more concise)"),
    r"I want(?:ed)? (?:a )?short(?:er)? answers?",
    r"(?:very |quite |so )?(?:wordy|verbose|lengthy|long-winded|chatty|rambling)|(?:you )?rambles?",
]
_LONGER = [
    (
        rf"{_DEGREE}(?:too (?:short|brief|terse)|longer)|(?:I )?(?:(?:need|want|would like|miss) )?"
        r"more details?|tell me more|say more|(?:make|keep) it longer"
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
        rf"(?:with )?{_DEGREE}(?:too many|so many|full of|stop (?:using|with)|fewer|less|uses?|has)"
        r" (?:(?:all|the|those|these) )*(?P<what>.+)"
    ),
    re.I,
)

_ENOUGH = re.compile(
    (
        rf"(?:I (?:only |just )?(?:need|want|wanted|asked for) |just |keep it to |"
        rf"limit it to )?(?:only |just )?(?P<what>(?:a single|an?|{NUMBER}) (?:short )?"
        r"(?:sentences?|words?|lines?|paragraphs?))"
        r"(?: (?:(?:is|are|was|were|would be|would have been|will be|should be) )?(?:enough|plenty|"
        r"sufficient|fine|the limit|the maximum|max|maximum|at most|tops|all I (?:need|want)|"
        r"would do|will do))?"
    ),
    re.I,
)
"""A number of sentences that is enough."""
_REMOVE = re.compile(
    r"(?:(?:can|could|would) you )?(?:drop|cut|lose|remove|skip|ditch|omit|delete|leave out|take "
    r"out|get rid of|enough(?: with| of)?|I (?:hate|dislike|can't stand|cannot stand|don't "
    r"(?:like|need|want)|do not (?:like|need|want)|didn't (?:want|ask for|need))|why(?: are "
    r"there)?(?: all| so many)?|what's with|there are too many|there is too much)"
    r"(?: (?:all|the|those|these|your|any|so many|of))* (?P<what>[^,;]+)",
    re.I,
)
"""What is not wanted."""
_WANTED = re.compile(
    r"(?:more|add(?: some| more)?|where (?:is|are)(?: the)?|I miss(?: the)?|missing) "
    r"(?P<what>[^,;]+)",
    re.I,
)
"""What is missing."""
_SILLY = re.compile(
    r"(?:the|those|these|all the) (?P<what>.+?) (?:is|are|was|were|feels?|looks?|seems?) (?:so |"
    r"very |really |a bit |rather |quite )?(?:silly|childish|annoying|unnecessary|needless|useless|"
    r"pointless|superfluous|distracting|ugly|unprofessional|over the top|not needed|not necessary)",
    re.I,
)
"""What is not wanted, in other words."""
_LANGUAGE = re.compile(
    r"(?:(?:I(?:'d| would) (?:like|want|prefer)|I want(?:ed)?|write|say|answer) (?:it|this|that|"
    r"answers?|you) )?in (?P<language>\w+)(?: instead)?",
    re.I,
)
_SAYS = re.compile(
    r"(?:stop|quit|no more) (?:saying|writing|using) (.+)|"
    r"(?:never|do not|don't) (?:say|write) (.+)|"
    r"no need (?:for|to say|to write) (?:the )?(.+?)(?: (?:part|bit|line|phrase))?|"
    r"(?:never|do not|don't|stop) call(?:ing)? me (.+)",
    re.I,
)
"""Words that an answer says, and should not."""
_WORD = r"[\"“'‘].+?[\"”'’]|[\w'-]+"
_THE_WORD = r"(?:the (?:word|phrase) )?"
_TOO_MUCH = r"(?:far |way |much )?too (?:much|often|many times)"
_OVERUSED = re.compile(
    (
        rf"(?:you )?(?:keep|kept) (?:on )?(?:using|saying|writing) {_THE_WORD}(?P<kept>{_WORD})"
        rf"|(?:say |write )?{_THE_WORD}(?P<used>{_WORD})(?: is| comes up| appears)?(?: used)? "
        rf"{_TOO_MUCH}"
    ),
    re.I,
)
"""A word that comes up too often."""
_SAYS_NOTHING = re.compile(
    r"(?:please|kindly|thanks|thank you|sorry|ok(?:ay)?|well|nice|good|fine|great)?", re.I
)
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
    below_all = min(counts) - 1
    floor = max(1, min(MIN_WORDS, below_all))
    return max(floor, int(SHORTER * min(counts)), min(int(MIDDLE * median(counts)), below_all))


def make_checks(feedback: str, answers: Sequence[str]) -> tuple[str, ...]:
    """Return the checks (docs/reference/checks.md) that a revision must pass.

    Each criticized point has one check. The result is empty if any part of the criticism is not
    recognized, because half of a criticism is another criticism.

    Args:
        feedback: the criticism.
        answers: the criticized answers.
    """
    feedback = re.sub(r"\btl;? ?dr\b", "too long", feedback, flags=re.I)
    split = re.split(r"[,;.!?\n]+|\band\b|\bbut\b", feedback)
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
    text = re.sub(r",? please$", "", _LEAD.sub("", part).strip(" .!?"), flags=re.I)
    for pattern, build in _RELATIVE:
        if pattern.fullmatch(text):
            return build(answers)
    if enough := _ENOUGH.fullmatch(text):
        return suggest_check(f"at most {re.sub('(a single|an?) ', 'one ', enough['what'])}")
    if unwanted := _REMOVE.fullmatch(text):
        return suggest_check(f"no {unwanted['what']}")
    if overused := _OVERUSED.fullmatch(text):
        word = (overused["kept"] or overused["used"]).strip("\"“”'‘’")
        return suggest_check(f'never say "{word}"')
    said = _SAYS.fullmatch(text)
    if said and (words := _find_said(next(filter(None, said.groups())), answers)):
        return suggest_check(f'never say "{words}"')
    if check := suggest_check(text):
        return check
    if silly := _SILLY.fullmatch(text):
        return suggest_check(f"no {silly['what']}")
    if missing := _WANTED.fullmatch(text):
        return suggest_check(f"use {missing['what']}")
    if language := _LANGUAGE.fullmatch(text):
        return suggest_check(f"answer in {language['language']}")
    if many := _TOO_MANY.fullmatch(text):
        return suggest_check(f"no {many['what']}")
    if wanted := re.fullmatch(r"with (?P<what>.+)", text, re.I):
        return suggest_check(f"use {wanted['what']}")
    edge = _EDGE.fullmatch(text)
    return suggest_check(f"do not {edge['edge']} with {edge['what']}") if edge else None


def _find_said(words: str, answers: Sequence[str]) -> str:
    """Return words without their quotation marks, if a criticized answer says them; or ""."""
    bare = words.strip(" \"“”'‘’")
    return bare if any(bare.lower() in answer.lower() for answer in answers) else ""
