"""Split a criticism of quoted words: the quote, and what is wrong with it."""

from __future__ import annotations

import re
from typing import NamedTuple

_LABEL = re.compile(r"\s*[\"“„«](?P<quote>[^\"“”„«»]+)[\"”“»]\s*:\s*(?P<words>\S.*)", re.S)
"""A criticism that begins with the words that it is about, and a colon."""
_QUOTE = r"(?:[\"“„«](?P<double>[^\"“”„«»]+)[\"”“»]|(?<!\w)['‘‚](?P<single>[^\"“”„«»]+)['’](?!\w))"
_PART = (
    r"(?:(?:this|that|the|your|my) )?(?:(?:first|second|third|last|opening|closing|whole) )?"
    r"(?:sentence|part|phrase|phrasing|wording|paragraph|line|passage|bit|opening|ending|greeting|"
    r"closing|beginning|words)"
)
_IS = r"(?:is|are|was|were)"
_SEEMS = r"(?:sounds?|seems?|feels?|looks?|reads?|comes? across(?: as)?)"
_MANNER = (
    r"(?:(?:much|far|way|a (?:little )?bit|a little|a tad|rather|quite|very|really|so|just|simply|"
    r"too|not|nearly|more|less|overly|slightly|somewhat|unnecessarily|needlessly) )*[a-z-]+"
    r"(?:(?:,| and| or| but|, and|,? too| for (?:me|us|this|an? [a-z]+|my [a-z]+)) ?[a-z-]+)*"
)
"""What is wrong with words: "too formal", "a bit stiff and cold"."""
_SAID_OF_IT = rf"(?:{_IS} (?P<words>{_MANNER})|(?P<seems>{_SEEMS} {_MANNER}))"
_DEGREE = (
    r"(?:much|far|way|a (?:little )?bit|a little|a tad|rather|quite|very|really|so|too|not|overly|"
    r"slightly|somewhat|unnecessarily|needlessly|sounds|seems|feels|reads)"
)
_FAULT = (
    r"(?:formal|informal|stiff|cold|rude|harsh|unclear|vague|wrong|clumsy|awkward|wordy|confusing|"
    r"unfriendly|impolite|pompous|redundant|unnecessary|pushy|cheesy|old-fashioned|convoluted)"
)
"""What is wrong with words, in one word that is no verb ("keep: ...")."""
_DASH = r"(?:\s*:\s*|\s+[-–—]+\s+|\s*[–—]+\s*|\s*(?:->|=>|→)\s*)"
_FORMS = [
    re.compile(form, re.I | re.S)
    for form in (
        rf"(?:{_PART} )?{_QUOTE}{_DASH}(?P<words>\S.*)",
        rf"(?:{_PART},? )?{_QUOTE},? {_SAID_OF_IT}[.!]*",
        rf"{_PART} {_SAID_OF_IT}{_DASH}{_QUOTE}[.!]*",
        rf"(?:I f(?:i|ou)nd )?{_QUOTE} (?P<words>(?:much |far |way |a bit |rather )*too {_MANNER})"
        r"[.!]*",
        rf"(?:(?:it|this|that)(?:'s| is) )?(?P<words>(?:{_FAULT}|{_DEGREE} {_MANNER}))"
        rf"(?:{_DASH}| in |,? (?=\())\(?{_QUOTE}\)?[.!]*",
    )
]
"""Where the quoted words stand, and those that criticize them."""
_OF_ALL_ANSWERS = re.compile(
    r"\b(?:say(?:s|ing)?|said|sa(?:id|y)|writ(?:e|es|ing|ten)|wrote|us(?:e|es|ed|ing)|"
    r"overus(?:e|ed)|avoid|begin\w*|start\w*|end(?:s|ing|ed)?(?= with)|call\w*|mention\w*|"
    r"repeat\w*|repetit\w+|add(?:ed)?|put|instead|like|forbid\w*|ban(?:ned)?|never|do not|don['’]t|"
    r"stop|without|no|missing|lacking|remove|delete|omit|leave|drop|cut|replace|change|prefer|"
    r"often|frequent\w*|times|twice|everywhere|always|again|many|much of|must|should|needed|"
    r"want\w*|better|good|great|nice|fine|ok(?:ay)?|right|perfect|correct|love\w*|keep|obligatory|"
    r"enough|sufficient|(?<!not )(?<!un)clear|clearer|helpful|polite|friendl(?:y|ier)|short enough|"
    r"mandatory|required|compulsory|expected|preferred|phrase|word|clich[eé]|over and over|"
    r"appears?|occurs?)\b",
    re.I,
)
"""Words that ask for something of every answer, or praise: no part of one answer is criticized."""
_LABEL_OF_ALL_ANSWERS = re.compile(
    r"\b(?:never|stop|avoid|say(?:ing)?|write|writing|use|using|(?:over)?used|repeat\w*|repetitive|"
    r"forbid\w*|banned|often|frequent\w*|everywhere|always|over and over|many times|every)\b",
    re.I,
)
"""The same behind a quote with a colon, where "no" and "better: ..." are about the quote."""
MIN_QUOTED_WORDS = 2
MAX_LENGTH = 2000
"""Characters; a longer text is no criticism of quoted words, and takes seconds to be read."""


class QuotedCriticism(NamedTuple):
    """Hold the words that a criticism quotes and the words that are left.

    Attributes:
        is_label: whether the quote stands first with a colon, so that it needs only one word.
    """

    quote: str
    words: str
    is_label: bool = False


def split_quoted_criticism(feedback: str) -> QuotedCriticism | None:
    """Return the quote and the words of a criticism that is about words of its answer; else None.

    '"I beseech you" is too formal', 'too formal: "I beseech you"' and '"I beseech you" - too
    formal' are split alike. What asks for something of every answer ('Do not say "sorry"', '"of
    course" is used too often') is no criticism of a part.
    """
    label = _LABEL.fullmatch(feedback)
    if label and not _LABEL_OF_ALL_ANSWERS.search(label["words"]):
        return QuotedCriticism(label["quote"], label["words"].strip(), is_label=True)
    text = feedback.strip()
    if len(text) > MAX_LENGTH:
        return None
    for form in _FORMS:
        if not (found := form.fullmatch(text)):
            continue
        parts = found.groupdict()
        quote = (parts["double"] or parts["single"]).strip()
        words = (parts["words"] or parts.get("seems") or "").strip()
        is_of_part = len(quote.split()) >= MIN_QUOTED_WORDS and not _OF_ALL_ANSWERS.search(words)
        if is_of_part and not re.search(r"[\"“”„«»]", words):
            return QuotedCriticism(quote, words)
    return None
