"""Find demands of checks that no answer can meet together: "use three emojis and no emojis"."""

from __future__ import annotations

import re
from itertools import product

import regex

from selfteach.materials.check_text import LIST_ITEM, CheckDemand, list_conditions
from selfteach.materials.inflection import list_plurals
from selfteach.materials.pictures import begins_with_emoji

_ONE_VALUE = ("starts", "ends", "language", "spelling")
"""An answer meets these for one value only."""
_LETTERS = {r"\p{Lu}", r"\p{Ll}"}
"""A text without both has no letters."""
_UNITS = ("characters", "words", "sentences", "paragraphs")


def find_clash(first: str, second: str) -> tuple[CheckDemand, CheckDemand] | None:
    """Return a demand of each check that no answer can meet together, or None."""
    for one in list_conditions(first):
        for other in list_conditions(second):
            if clash(one, other):
                return one, other
    return None


def clash(one: CheckDemand, other: CheckDemand) -> bool:
    """Return whether no answer can meet both demands."""
    if one.name == other.name and _fold(one) == _fold(other):
        return one.negated != other.negated
    if one.negated != other.negated:
        forbidden, wanted = (one, other) if one.negated else (other, one)
        return _holds(wanted, forbidden)
    if one.negated:
        return {one.value, other.value} == _LETTERS and one.name == other.name == "regex"
    if one.name == other.name == "format":
        return True
    if one.name == other.name and one.name in _ONE_VALUE:
        return not _agree(one, other)
    return _leave_no_room(one, other) or _leave_no_room(other, one)


_TEXTS = ("starts", "ends", "contains")
"""Conditions that an answer meets by holding a text."""
_ITEM = LIST_ITEM.replace("\\\\", "\\")
_BULLETS = ("- ", "1. ")
"""What a list item can begin with."""
_EMOJI = ("\u2764", "\U0001f600", "\U0001f1e9")
"""Emoji of several blocks: what finds all of them finds any."""
SEARCH_TIMEOUT_S = 0.5


def _holds(wanted: CheckDemand, forbidden: CheckDemand) -> bool:
    """Return whether every answer that meets a demand holds what the other one forbids."""
    if wanted.name in _TEXTS:
        return _finds(forbidden, wanted.value)
    is_list = wanted.name == "format" and wanted.value in ("list", "numbered")
    if is_list or (wanted.name == "regex" and wanted.value.startswith(_ITEM)):
        finds_any = forbidden.name == "regex" and all(_finds(forbidden, one) for one in _BULLETS)
        return (
            finds_any
            or (forbidden.name, forbidden.value) == ("format", "list")
            or (forbidden.name == "regex" and _goes_on(wanted.value, forbidden.value))
        )
    if wanted.name != "regex":
        return False
    if forbidden.name == "regex" and _goes_on(wanted.value, forbidden.value):
        return True
    signs = _list_first_signs(wanted.value)
    return bool(signs) and all(_finds(forbidden, sign) for sign in signs)


def _finds(forbidden: CheckDemand, text: str) -> bool:
    """Return whether a forbidden text or pattern is found wherever a text stands.

    Upper and lower case of a text are the same in an answer that holds it.
    """
    if forbidden.name == "contains":
        return _make_phrase(forbidden.value).search(text.casefold()) is not None
    if forbidden.name != "regex":
        return False
    try:
        pattern = regex.compile(forbidden.value, regex.V0)
        cases = {text, text.lower(), text.upper(), text.capitalize()}
        places = ("{}", "so {} so", "so\n{}\nso")
        return all(
            pattern.search(place.replace("{}", case), timeout=SEARCH_TIMEOUT_S)
            for place, case in product(places, cases)
        )
    except (regex.error, TimeoutError):
        return False  # `parse_check` tells of the fault


def _make_phrase(value: str) -> re.Pattern[str]:
    """Return what finds a phrase of a condition `contains`: a word stands apart, a mark need not.

    A star stands for any beginning or ending; the last word may be a plural.
    """
    bare = value.strip("*").casefold()
    body = re.escape(bare)
    noun = re.search("[a-z]{3,}$", bare)
    if noun and not value.endswith("*"):
        forms = "|".join((noun[0], *list_plurals(noun[0])))
        body = f"{re.escape(bare[: noun.start()])}(?:{forms})"
    before = r"(?<!\w)" if bare[:1].isalnum() and not value.startswith("*") else ""
    after = r"(?!\w)" if bare[-1:].isalnum() and not value.endswith("*") else ""
    return re.compile(before + body + after)


def _goes_on(wanted: str, forbidden: str) -> bool:
    """Return whether a pattern is another one that goes on, or repeats it more often.

    "(?:x){5}" holds "(?:x){4}".
    """
    many, few = (_REPEATED.fullmatch(pattern) for pattern in (wanted, forbidden))
    if many and few and many["one"] == few["one"]:
        return int(many["count"]) >= int(few["count"])
    rest = wanted.removeprefix(forbidden)
    return wanted != rest and rest[:1] not in ("*", "?", "{", "|") and not _has_choice(forbidden)


_REPEATED = re.compile(r"(?P<one>\(.+\))\{(?P<count>\d+)\}", re.S)


def _has_choice(pattern: str) -> bool:
    """Return whether a pattern has alternatives outside of parentheses."""
    bare = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "", pattern)
    depth = 0
    for char in bare:
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            return True
    return False


_FIRST_SIGN = re.compile(
    r"(?:\((?:\?:)?)*(?:\\(?P<escaped>[^\w\s])|\[(?P<any>[^\^\]\\\-][^\]\\\-]*)\]|"
    r"(?P<plain>[^\w\s\\()\[\]{}.^$|?*+]))(?![*?{])[^|]*",
    re.S,
)
"""A pattern without alternatives whose matches begin with one of some signs."""


def _list_first_signs(pattern: str) -> tuple[str, ...]:
    """Return the signs with which the matches of a pattern begin; () where they are not known."""
    if begins_with_emoji(pattern):
        return _EMOJI
    match = _FIRST_SIGN.fullmatch(pattern)
    return tuple(match["escaped"] or match["any"] or match["plain"]) if match else ()


def _fold(demand: CheckDemand) -> str:
    return demand.value if demand.name == "regex" else demand.value.casefold()


def _agree(one: CheckDemand, other: CheckDemand) -> bool:
    """Return whether two beginnings, or two endings, fit into one answer."""
    first, second = _fold(one), _fold(other)
    if one.name == "starts":
        return first.startswith(second) or second.startswith(first)
    return one.name == "ends" and (first.endswith(second) or second.endswith(first))


def _leave_no_room(least: CheckDemand, most: CheckDemand) -> bool:
    """Return whether a lower bound is above an upper bound of the same unit."""
    unit = least.name.removeprefix("min_")
    if least.name == unit or not most.name.startswith("max_"):
        return False
    other = most.name.removeprefix("max_")
    # a paragraph has a sentence or more, a sentence a word, and a word a character
    is_comparable = _UNITS.index(unit) >= _UNITS.index(other)
    return is_comparable and int(least.value) > int(most.value)
