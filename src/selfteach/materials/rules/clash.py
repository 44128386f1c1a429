"""Find demands of checks that no answer can meet together: "use three emojis and no emojis"."""

from __future__ import annotations

import re
from itertools import product

import regex

from selfteach.materials.rules.check_text import LIST_ITEM, CheckDemand, list_conditions
from selfteach.materials.rules.inflection import list_plurals
from selfteach.materials.rules.pictures import begins_with_emoji

_ONE_VALUE = ("starts", "ends", "language", "spelling")
"""An answer meets these for one value only."""
_LETTERS = {r"\p{Lu}", r"\p{Ll}"}
"""A text without both has no letters."""
_UNITS = ("characters", "words", "sentences", "paragraphs")


def find_clash(first: str, second: str) -> tuple[CheckDemand, CheckDemand] | None:
    """Return a demand of each check that no answer can meet together, or None."""
    ours, theirs = list_conditions(first), list_conditions(second)
    in_words = not any(map(_wants_signs, (*ours, *theirs)))
    for one in ours:
        for other in theirs:
            if clash(one, other) or (in_words and _leave_no_words(one, other)):
                return one, other
    return None


def find_empty_bound(check: str) -> CheckDemand | None:
    """Return a bound of a check that leaves nothing but signs to be said (`max_words=0`), or None.

    Where the check wants a sign, an answer of emojis may meet it.
    """
    found = list_conditions(check)
    if any(map(_wants_signs, found)):
        return None
    return next((one for one in found if _leaves_nothing(*_state_bound(one))), None)


def _leaves_nothing(bound: str, number: int) -> bool:
    return bound.startswith("max_") and number <= 0


def _wants_signs(demand: CheckDemand) -> bool:
    """Return whether a demand asks for what need not be words: an emoji, or a pattern."""
    is_text = demand.name in _TEXTS and not any(map(str.isalnum, demand.value))
    return not demand.negated and (is_text or demand.name == "regex")


def _state_bound(demand: CheckDemand) -> tuple[str, int]:
    """Return the name and the number of a bound, as one that is not negated; ("", 0) for another
    demand.

    `not max_words=10` is `min_words=11`.
    """
    side, _, unit = demand.name.partition("_")
    if unit not in _UNITS or not re.fullmatch("[0-9]{1,6}", demand.value):
        return "", 0
    number = int(demand.value)
    if not demand.negated:
        return demand.name, number
    return (f"min_{unit}", number + 1) if side == "max" else (f"max_{unit}", number - 1)


MAX_CHARACTERS_OF_WORD = 120
"""No word of an answer is longer; most links are shorter, too."""


def _leave_no_words(one: CheckDemand, other: CheckDemand) -> bool:
    """Return whether an answer of so few words has fewer characters than are asked for."""
    bounds = dict(map(_state_bound, (one, other)))
    if set(bounds) != {"max_words", "min_characters"}:
        return False
    return bounds["min_characters"] > MAX_CHARACTERS_OF_WORD * bounds["max_words"]


def clash(one: CheckDemand, other: CheckDemand) -> bool:
    """Return whether no answer can meet both demands."""
    if _leave_no_room(one, other) or _leave_no_room(other, one):
        return True
    if _are_contrary_formats(one, other):
        return True
    if one.name == other.name and _fold(one) == _fold(other):
        return one.negated != other.negated
    if one.negated != other.negated:
        forbidden, wanted = (one, other) if one.negated else (other, one)
        return _holds(wanted, forbidden)
    if one.negated:
        return {one.value, other.value} == _LETTERS and one.name == other.name == "regex"
    if one.name == other.name and one.name in _ONE_VALUE:
        return not _agree(one, other)
    return _is_too_long(one, other) or _is_too_long(other, one)


_LISTS = ("list", "numbered")


def _are_contrary_formats(one: CheckDemand, other: CheckDemand) -> bool:
    """Return whether one demand wants a list, and the other one something that has none.

    A numbered list is a list, and JSON has no list items.
    """
    if not one.name == other.name == "format":
        return False
    values = set()
    for demand in (one, other):
        value = _fold(demand).replace("_", " ")
        if demand.negated and value not in ("list", "no list"):
            return False
        opposite = "no list" if value == "list" else "list"
        values.add(opposite if demand.negated else value)
    return bool(values & set(_LISTS)) and bool(values & {"json", "no list"})


def _is_too_long(wanted: CheckDemand, most: CheckDemand) -> bool:
    """Return whether the text that an answer must have is longer than it may be.

    The words of a beginning or an ending stand apart; those of `contains` may be joined by hyphens.
    """
    name, number = _state_bound(most)
    if wanted.name not in _TEXTS or wanted.negated:
        return False
    letters = [char for char in wanted.value if char.isalnum()]
    if name == "max_characters":
        return len(letters) - MAX_LIGATURES > number
    words = [word for word in wanted.value.split() if any(map(str.isalnum, word))]
    least = bool(words) if wanted.name == "contains" else len(words)
    return name == "max_words" and least > number


MAX_LIGATURES = 2
"""So many letters an answer may have fewer than the text: a ligature is one character."""


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
        return _finds(forbidden, wanted.value) or _is_edge_of(forbidden, wanted)
    is_list = wanted.name == "format" and wanted.value in ("list", "numbered")
    if is_list or (wanted.name == "regex" and _ITEM in wanted.value):
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


def _is_edge_of(forbidden: CheckDemand, wanted: CheckDemand) -> bool:
    """Return whether what is wanted at an end of the answer begins, or ends, with what is forbidden
    there, in whole words.
    """
    if forbidden.name != wanted.name or wanted.name not in ("starts", "ends"):
        return False
    part, whole = _fold(forbidden), _fold(wanted)
    if wanted.name == "ends":
        part, whole = part[::-1], whole[::-1]
    rest = whole.removeprefix(part)
    is_inside = rest != whole and part[:1].isalnum() and part[-1:].isalnum()
    return is_inside and not rest[:1].isalnum()


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
    (low, number), (high, limit) = map(_state_bound, (least, most))
    if not (low.startswith("min_") and high.startswith("max_")):
        return False
    unit, other = low.removeprefix("min_"), high.removeprefix("max_")
    # a paragraph has a sentence or more, a sentence a word, and a word a character
    is_comparable = _UNITS.index(unit) >= _UNITS.index(other)
    return is_comparable and number > limit
