"""Say a demand about quoted words in its plainest words, whatever its sentence is.

"Every reply opens with "TL;DR:", that's how I like it" -> 'start with "TL;DR:"'. What matters are
the quotations, where they stand, and whether they are wanted; a sentence that asks for another form
as well, or that narrows the demand, is not read.
"""

from __future__ import annotations

import itertools
import re

from selfteach.materials.rules.effects.keyword_demand import asks_for_form
from selfteach.materials.rules.effects.usual_words import QUOTED, is_remark
from selfteach.materials.rules.phrases import REPLIES, hide_quotes, show_quotes

_MARK = re.compile('"[\ue000-\uf8ff]"')
"""A quotation that is hidden."""
_NARROWS = re.compile(
    r"\b(?:unless|except|if|when|whenever|while|until|sometimes|either|optional|may|allowed|fine|"
    r"okay|apart|besides|capital\w*|(?:mis)?spell\w*|spelt|abbreviat\w*|brackets|bold|"
    r"itali(?:cs|ci[sz]\w*)|underlin\w*|hyphen\w*|split\w*|shorten\w*|explain\w*|confus\w*|mix|"
    r"titles?|translat\w*|mean\w*|alone|by itself|on its own|at least|twice|then|followed|for|"
    r"together|(?:not|don't|never)(?: \w+)? both)\b",
    re.I,
)
_SUBJECT = (
    rf"(?:(?:(?:every|each|all|any|your|my|the) )*(?:of your )?(?:{REPLIES}|texts?|everything you "
    rf"write)|"
    r"(?:the|your) (?:very )?(?:first|last|opening|closing|final) (?:words?|lines?|sentences?|"
    r"thing))"
)
_DEMANDS = re.compile(
    r"(?:(?:please|always|kindly|just|also|only|i(?: would|'d)? (?:want|like|need) you to) "
    r")*(?:(?:never|not|do not|don't|avoid|no|stop|drop)\b|(?:say|write|use|include|add|mention|"
    r"put|contain|give|state|start|begin|open|end|finish|close|sign)\b(?!.*\b(?:without|skip|"
    r"refus\w*|leave)\b)|"
    rf"(?:i(?: would|'d)? (?:want|like|need|expect) )?{_SUBJECT} |we (?:call|say|write|use) )"
    r"[^,;:.!?]*[,:]? ?$",
    re.I,
)
"""How a demand about quoted words begins, up to the first of them."""
_NAMES = re.compile(
    r"(?:(?:so|and) )?(?:it(?:'s| is)|(?:they|these)(?:'re| are)|we (?:do not|don't|never|always "
    r")?(?:say|write|use|call (?:it|them))|the [a-z]+ (?:is|are)|spell it) $",
    re.I,
)
"""How two words begin of which one is right: 'it's "honey bee", not "honeybee"'."""
_NOT_ALLOWED = (
    r"(?:(?:is|are|must|should|may)(?: strictly)? (?:not|never|banned|forbidden|prohibited|taboo|"
    r"off)|(?:cannot|can't) (?:appear|occur|be (?:used|said|written|mentioned)))\b"
)
_IS_BANNED = re.compile(rf" {_NOT_ALLOWED}", re.I)
_FILLERS = re.compile(
    r"\b(?:the |these |those |a |any )?(?:words?|phrases?|terms?|expressions?)(?: like| such "
    r"as)?(?= \")|(?<=\") (?:as|like) (?:one|they|people|we|you|I|my|our)\b[^\",;.]*|,? \(?(?:and "
    r")?in (?:(?:all|any|every|each) )?(?:of )?(?:your|my|our|this|these|those|the) [a-z]+(?: "
    r"[a-z]+)?\)?(?=[,;.!]|$)|,? for (?:me|us|my|our|[a-z]+s)\b[^\",;.]*|\bin words(?=:? \")",
    re.I,
)
"""What is named, and where, in words that say nothing of the demand."""
_BANS = re.compile(
    r"\b(?:never|not|no|nor|don't|do not|without|avoid\w*|ban(?:ned|s)?|forbidden|prohibited|"
    r"taboo|off[- ]limits|off the table|hates?|can't stand|cannot stand|can't bear|drop|stop|skip|"
    rf"leave out|unwelcome|isn't|aren't|mustn't|shouldn't|{_NOT_ALLOWED})\b",
    re.I,
)
_CONTRASTS = re.compile(
    r"\b(?:not|never|instead of|rather than|over|in place of|don't|do not|no)\b", re.I
)
_TURNS = re.compile(r"\b(?:but|use|say|write|always|instead|rather|it's)\b", re.I)
"""What comes between the wrong words and the right ones: "never X, say Y"."""
_LISTS = re.compile(r"[ ,/]*(?:(?:or|and|nor)(?: the words?)? )?", re.I)
_WANTS = re.compile(
    r"\b(?:say|says|write|writes|use|uses|include|includes|add|mention|put|have|has|contain|"
    r"contains|needs?|answer|reply|give|state|read|reads)\b",
    re.I,
)
_EDGE = re.compile(
    r"\b(?:(?:the |your |its |a )?(?:very )?(?P<place>first|last|opening|closing|final) (?:words?|"
    r"lines?|sentences?|thing)|(?P<start>starts?|begins?|opens?|starting|beginning|top)|"
    r"(?P<end>ends?|finish(?:es)?|closes?|ending|bottom|signed?(?: off)?|signs(?: off)?))\b",
    re.I,
)
_LAST_LINE_BEGINS = re.compile(
    r"\b(?:last|final|closing) (?:line|sentence)\b.*\b(?:begins?|starts?|opens?|beginning|"
    r"starting) with\b",
    re.I,
)
_CONTAINS = re.compile(
    r"\b(?:sentences?|lines?)\b.*\b(?:contains?|includes?|mentions?|ha(?:ve|s) (?!to\b))", re.I
)
"""What says that words stand somewhere in a sentence, not at its beginning or end."""
_GOES_ON = re.compile(
    r"\b(?:and|or|plus|also)\b(?! (?:that's|nothing|(?:not|never|no)(?=\W*$))\b)", re.I
)
_MORE = re.compile(
    r"[,;.]? (?:and |but |also |plus )+(?:no|not|never|do not|don't|keep|avoid|use|be|add|start|"
    r"end|answer|write|make|always|without|stay|skip|leave)\b",
    re.I,
)
"""Another demand behind the quotations."""
_IN_PART = re.compile(
    r"\b(?:in|into|within) (?:the|your|its|each|every) (?:first|last|second|opening|closing|final|"
    r"title|subject|heading|paragraph|sentence|line)",
    re.I,
)
"""A part of the answer in which the words stand."""
_TURNED = re.compile(
    r"\b(?:never|not|no|don't|do not|without)\b[^,;.]*\b(?:without|omit\w*|leave out|leaving out|"
    r"skip\w*|forget\w*|fail\w*|stop\w*|drop\w*|but)\b",
    re.I,
)
"""What turns a ban round: "never leave out", "never answer without"."""
_TO_SOMEBODY = re.compile(
    r"(?:\btowards?\b|(?<=\" )to (?!(?:it|them|be|begin|start|end|open|close|have|contain|include|"
    r"say|use|read|every|each|all|any|your|this|that)\b)|\b(?:e-?mails?|letters|texts) to\b)",
    re.I,
)
"""Whom something is written to, which is a condition."""
_ENDS = re.compile(
    r"(?:,? ?(?:please|always|first|there|somewhere|anywhere|at all|ever|thanks|instead|"
    rf"to (?:it|them)(?: all)?|{_NOT_ALLOWED}[^,;]*))*[ .!)]*",
    re.I,
)
"""What may stand behind the quotation, before a remark."""


def say_quoted_demand(text: str) -> str:
    """Return the plain demand about the quotations of a text; "" where it says more, or another
    thing.
    """
    hidden, quotes = hide_quotes(" ".join(text.split()), QUOTED)
    hidden = _FILLERS.sub("", hidden)
    marks = list(_MARK.finditer(hidden))
    bare = _EDGE.sub(" ", _MARK.sub(" ", hidden))
    if _IN_PART.search(text) or _TURNED.search(bare) or _TO_SOMEBODY.search(hidden):
        return ""
    if not marks or len(marks) != len(quotes) or _NARROWS.search(bare) or asks_for_form(bare):
        return ""
    lead, tail = hidden[: marks[0].start()], hidden[marks[-1].end() :]
    *before, asked = re.split(r"[,;:] |(?<=[.!?]) ", lead)
    demands_before = any(_WANTS.search(part) or _BANS.search(part) for part in before)
    is_named = len(marks) > 1 and _NAMES.match(lead)
    if not (_DEMANDS.match(lead) or _IS_BANNED.match(tail) or is_named):
        if not before or demands_before or not _DEMANDS.match(asked):
            return ""
        lead = asked
    gaps = [hidden[a.end() : b.start()] for a, b in itertools.pairwise(marks)]
    demand = _say_one(lead, tail) if not gaps else _say_several(lead, gaps, tail)
    named = [mark[0] for mark in marks]
    return show_quotes(demand.format(*named, all=" and ".join(named)), quotes) if demand else ""


_SAYS_HOW = re.compile(
    r"\b(?:write|put|state|give|spell) (?:(?:all|any|every|each|your|the) )*(?:dates?|times|hours|"
    r"prices?|amounts|numbers|names|units|currenc(?:y|ies)|(?-i:[A-Z])\w+)\b.* as:? ?$",
    re.I,
)
"""How something is written where it comes up: 'write dates as "5 May"'."""


def _say_one(lead: str, tail: str) -> str:
    """Return the plain demand about one quotation, as "{0}"."""
    if _GOES_ON.search(tail) or not _asks_nothing(tail):
        return ""
    said = f"{lead} {tail}"
    ban = "do not " if _BANS.search(said) else ""
    edges = list(_EDGE.finditer(said))
    if _LAST_LINE_BEGINS.search(lead) and not ban:
        return "end with a line that starts with {0}"
    if _CONTAINS.search(lead) and any(edge["place"] for edge in edges):
        return ""
    kinds = {_name_edge(edge) for edge in edges}
    if len(kinds) == 1:
        return f"{ban}{kinds.pop()} with {{0}}"
    if kinds:
        return ""
    if ban:
        return "never use the word {0}"
    if _SAYS_HOW.search(lead):
        return ""
    return "use the phrase {0}" if _WANTS.search(lead) else ""


def _asks_nothing(tail: str) -> bool:
    """Return whether what follows the quotation is no other demand."""
    end = _ENDS.match(tail)
    remark = tail[end.end() if end else 0 :].lstrip(" ,;:(–—-").rstrip(" .!)")
    return not remark or is_remark(remark)


def _name_edge(edge: re.Match[str]) -> str:
    place = (edge["place"] or "").lower()
    return "start" if edge["start"] or place in ("first", "opening") else "end"


def _say_several(lead: str, gaps: list[str], tail: str) -> str:
    """Return the plain demand about several quotations: all are banned, or one is said instead."""
    if _EDGE.search(f"{lead} {tail} {' '.join(gaps)}") or _MORE.match(tail):
        return ""
    parting = [place for place, gap in enumerate(gaps) if not _LISTS.fullmatch(gap)]
    if not parting:
        is_banned = _BANS.search(lead) or _BANS.search(tail)
        return "never use the words {all}" if is_banned else ""
    if len(parting) > 1:
        return ""
    place = parting[0] + 1
    first, second = list(range(place)), list(range(place, len(gaps) + 1))
    if _BANS.search(lead):
        wrong, right = (first, second) if _TURNS.search(gaps[place - 1]) else ([], [])
    else:
        wrong, right = (second, first) if _CONTRASTS.search(gaps[place - 1]) else ([], [])
    if not wrong or len(right) != 1:
        return ""
    return f"say {{{right[0]}}} instead of {' or '.join(f'{{{one}}}' for one in wrong)}"
