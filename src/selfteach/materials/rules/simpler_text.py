"""Say a rule with less around it: without what is only told before and after the demand.

"My toddler has no telly, so television must not be mentioned, omg" -> "television must not be
mentioned". A reader of rules tries the simpler texts in their order where it cannot read the whole
one. A clause that narrows the demand ("unless", "except", "if") is never left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from selfteach.materials.rules.effects.usual_words import (
    QUOTED,
    cut_remark,
    tells_of_people,
    tells_only,
)
from selfteach.materials.rules.phrases import hide_quotes, show_quotes
from selfteach.materials.rules.scopes.scope import split_rule_sentences, starts_effect

_CRIES = re.compile(
    r"(?<! is)(?<! are)(?<! be)(?:,? (?:omg|lol|haha+|thx|ta|cheers|thanks|thank you|pls|plz|"
    r"please|ok|okay|mate|guys|folks|tho|ugh|argh|dude|innit|always|at all times|full stop|period|"
    r"for me|for us|anyway|obviously))+$",
    re.I,
)
_CALLS = re.compile(
    r"(?:(?:ugh|omg|hey|hi|hello|basically|ok|okay|right|so|look|listen|honestly|oh|btw|"
    r"by the way|and|also|pls|please|just|remember|note|kindly|sir|ma'am|madam|sir/ma'am|dear|"
    r"friend|buddy|"
    r"abeg)[,!:]? )+",
    re.I,
)
"""Words before and after a demand that say nothing."""
_REASON = re.compile(r",? (?:cos|coz|cuz|'cause|because|even (?:though|when|if)) .+$", re.I)
"""A reason without a comma: "be brief cos I read it aloud"."""
_SO = re.compile(
    r"(?P<lead>(?P<who>(?:i|we)(?:(?:'m|'re| am| are) an?| lost) )?[^.;:!?]+?)(?:(?:,? so|"
    r",? and so|,? therefore|[.;:]| [-–—]),? |(?(who), (?=(?:please )?(?:do not|don't|never) "
    r"(?:mention|bring|talk|speak|discuss|suggest|recommend) )|(?!)))(?P<rest>.+)",
    re.I,
)
"""What is told, and the demand that follows from it."""
_NARROWS = re.compile(
    r"\b(?:unless|except|only|whenever|when|if|until|instead|rather|but|please|must|should|shall|"
    r"always|use|write|say|answer|reply)\b",
    re.I,
)
_PRONOUN = re.compile(r"\b(?:it|them|that|those|this|him|her)\b", re.I)
MAX_CHARS = 400
"""No longer text is tried with less around it."""


def list_simpler(text: str) -> Iterator[str]:
    """Yield a rule with less around its demand, the nearest to the whole text first."""
    if len(text) > MAX_CHARS:
        return
    seen = {text}
    for simpler in (
        _trim(text),
        _drop_lead(text),
        _trim(_drop_lead(text)),
        _drop_lead(_trim(text)),
    ):
        if simpler and simpler not in seen:
            seen.add(simpler)
            yield simpler


def _trim(text: str) -> str:
    """Return a text whose sentences have no cries, reasons and remarks around them."""
    return ". ".join(filter(None, map(_trim_sentence, split_rule_sentences(text))))


_SO_LEAD = re.compile(r"^(?:so|and|but|also),? ", re.I)


def _trim_sentence(sentence: str) -> str:
    hidden, quotes = hide_quotes(sentence.rstrip(" .!"), QUOTED)
    bare = _CALLS.sub("", _CRIES.sub("", hidden), count=1) if _CALLS.match(hidden) else hidden
    bare = _CRIES.sub("", _REASON.sub("", _CRIES.sub("", bare)))
    return cut_remark(show_quotes(bare, quotes))


def _drop_lead(text: str) -> str:
    """Return "no lists" of "I read on a phone, so no lists"; another text as it is."""
    hidden, quotes = hide_quotes(text, QUOTED)
    match = _SO.fullmatch(hidden)
    if match is None:
        return text
    lead, rest = match["lead"], _SO_LEAD.sub("", match["rest"])
    follows = " so" in hidden[len(lead) : match.start("rest")]
    tells = tells_of_people(lead) or tells_only(lead) or (follows and not _NARROWS.search(lead))
    hides_noun = _PRONOUN.search(rest.rstrip(" .!")) is not None
    if not tells or starts_effect(lead) or hides_noun or '"' in lead:
        return text
    return show_quotes(rest, quotes)
