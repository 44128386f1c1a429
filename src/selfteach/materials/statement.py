"""Make a sentence of what must be said, and the check that finds it in other words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from selfteach.materials.inflection import IRREGULAR_PLURALS, to_singular
from selfteach.number_words import NUMBER, parse_number, spell_number

MAX_WORDS = 3
"""So many words, beside numbers and names, must be found."""
_NUMBER = re.compile(NUMBER, re.I)
MAX_SPELLED = 100
"""Numbers up to it are found in words as well as in digits."""
_LIGHT = frozenset(
    re.findall(
        r"\S+",
        "a an the this that these those we our us you your they their them he she it its his "
        "her i my me who which what when where why how if because is are was were be been being "
        "am has have had do does did can could will would shall should may might must not no "
        "nor and or but so than then at in on of for to from by with without within until till "
        "about into over under after before during between up down out off only also always "
        "never very too more most less least all any each every some other such just still "
        "again there here now today one's give gives given make makes made take takes taken get "
        "gets got offer offers go goes went possible available please people someone anyone "
        "everyone thing things something anything way kind pm am o'clock clock as well both "
        "called named created built developed designed trained answer number code line phone "
        "contain contains include includes cost costs none nothing "
        "nobody either neither much many few like need needs want wants use uses used come comes "
        "right ask asks asking see sees talk talks consult contact contacts seeing going using "
        "trying doing getting having let lets put know says said tell name",
    )
)


_CONTRACTED = re.compile(r"(?:n't|'(?:re|ve|ll|d|m|s))$")
_CUT_VERBS = frozenset({"ca", "wo", "sha", "ai"})
"""What contractions leave of "can", "will", "shall" and "am"."""
_NOTHING = frozenset({"none", "nothing", "nobody"})
_NEGATED = re.compile(
    r"\b(?:not(?! only\b)|cannot|never|none|nobody|nothing|no(?! (?:later|longer than|more than|"
    r"fewer|less|sooner|matter|problem|doubt|extra)\b))\b|n't\b",
    re.I,
)
NEGATION = (
    r'regex "(?i)\\b(?:no|nor|not|never|cannot|none|nothing|nobody|without|unable)\\b|n[\'’]t\\b"'
)
"""The condition that finds a word that says no."""


def make_sentence(text: str) -> str:
    """Return a clause as a whole sentence: "we close at six" -> "We close at six."."""
    text = text.strip(" ,;:")
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def check_statement(text: str) -> str | None:
    """Return the check that finds what a clause says: its numbers, its names, its rarest words.

    "we close at six" -> "close", "closed" or "closing", and "six", "6" or "6pm". The longest words
    count as the rarest. "We do not deliver" also needs a word that says no. The result is None if
    all words are common ones.
    """
    text = text.replace("’", "'")
    if answer := re.fullmatch(r"(?:that )?the answer is (yes|no)", text.strip(" ."), re.I):
        said = answer[1].lower()
        return f'(starts "{said.capitalize()}" or contains "is {said}")'
    found = _check_codes(text) or _check_words(text)
    return " and ".join(dict.fromkeys(found)) or None


def _check_codes(text: str) -> list[str]:
    """Return the conditions of a clause that gives a number to call, a code or an address: these,
    and the names beside them.
    """
    codes = find_codes(text)
    if not codes:
        return []
    for code in codes:
        text = text.replace(code, " ")
    words = [word for word in _find_words(text) if not re.fullmatch(_LABEL, word, re.I)]
    known = _find_known(words)
    return [f'contains "{code}"' for code in codes] + [_find_word(w) for w in words if w in known]


def _check_words(text: str) -> list[str]:
    """Return the conditions of any other clause."""
    words = _find_words(text)
    known = _find_known(words)
    others = [word for word in words if word not in known and not _is_light(word) and len(word) > 2]
    longest = sorted(others, key=_weigh, reverse=True)[:MAX_WORDS]
    hours = {match[1].lower() for match in _HOUR.finditer(text)}
    verbs = {match[1].lower() for match in _VERB.finditer(text)}
    found = [
        _find_hour(word)
        if word.lower() in hours
        else _find_word(word, is_verb=word.lower() in verbs)
        for word in words
        if word in known or word in longest
    ]
    if not found:
        found = [f'contains "{word.lower()}"' for word in words if word.lower() in _NOTHING]
    if found and _NEGATED.search(text):
        found.append(NEGATION)
    return found


def _find_words(text: str) -> list[str]:
    """Return the different words of a text."""
    return list(dict.fromkeys(re.findall(r"[^\W_](?:[\w'&:.,-]*[^\W_])?", text)))


def _find_known(words: Iterable[str]) -> set[str]:
    """Return the names and the numbers among words."""
    return {
        word
        for word in words
        if word[0].isdigit()
        or _NUMBER.fullmatch(word)
        or (word[0].isupper() and not _is_light(word))
    }


def find_codes(text: str) -> list[str]:
    """Return the addresses, the numbers that are called and the codes in a text."""
    named = [match["code"] for match in _CODE.finditer(text)]
    return list(dict.fromkeys([*_ADDRESS.findall(text), *named]))


_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?://|www\.)[^\s\"',;]*[\w/]")
_LABEL = (
    r"(?:numbers?|codes?|hotline|phone|call|dial|ring|voucher|coupon|password|PIN|extension|line)"
)
_CODE = re.compile(
    rf"\b(?i:{_LABEL})(?:,|:| is|:? is:)? \"?(?P<code>(?!(?:19|20)\d\d\b)\+?\d[\d ()/-]*\d{{2,}}|"
    r"[A-Za-z]+\d+\w*)"
)
_TELLING = frozenset({"free", "closed", "open", "sold", "full", "busy", "late", "gone", "ready"})
"""Short words that say what is the case."""


def _weigh(word: str) -> int:
    """Return how rare a word is taken to be."""
    return len(word) + (10 if word.lower() in _TELLING else 0)


def _is_light(word: str) -> bool:
    """Return whether a word is a common one, or a contraction of one: "we're", "don't"."""
    low = word.lower()
    bare = _CONTRACTED.sub("", low)
    return low in _LIGHT or (bare != low and (bare in _LIGHT or bare in _CUT_VERBS))


_HOUR = re.compile(
    rf"\b(?:at|from|to|until|till|by|before|after|and|between) ({NUMBER})\b"
    r"(?= ?(?:[.,;!?-]|$|o'clock|[ap]\.?m|to\b|and\b|until\b|till\b|on\b|every\b|in the\b))",
    re.I,
)
"""A time of the day: "at six", "from 9 to 6"."""
_HALF_DAY = 12
MIN_TWO_DIGITS = 10


def _find_hour(word: str) -> str:
    """Return the condition that finds an hour: "six", "6", "6pm", "18:00"."""
    found = _find_word(word)
    number = parse_number(word)
    if not 0 < number <= _HALF_DAY:
        return found
    late = rf"|\\b0{number}[:.]00\\b" if number < MIN_TWO_DIGITS else ""
    late += rf"|\\b{number + _HALF_DAY}[:.]00\\b" if number < _HALF_DAY else ""
    return rf'{found.removesuffix(")")} or regex "(?i)\\b{number}[ap]\\.?m\\b{late}")'


def _find_word(word: str, *, is_verb: bool = False) -> str:
    """Return the condition that finds a word, a name or a number."""
    low = word.lower()
    if _NUMBER.fullmatch(word) and (number := parse_number(word)) <= MAX_SPELLED:
        in_words = "hundred" if number == MAX_SPELLED else spell_number(number)
        other = in_words if word.isdecimal() else str(number)
        return f'(contains "{low}" or contains "{other}")'
    word, low = word.removesuffix("'s"), low.removesuffix("'s")
    if low.endswith("days"):
        word = word[:-1]
    if low in _MONEY:
        return f'(contains "{low.rstrip("s")}*" or contains "{_MONEY[low]}")'
    if word[0].isupper() or not word.isalpha():
        word = word.replace("-", " ")  # which finds both spellings
        return f'contains "{word}"'
    return _find_forms(make_wildcard(low), is_verb=is_verb)


_MONEY = {
    "euro": "€",
    "euros": "€",
    "dollar": "$",
    "dollars": "$",
    "pounds": "£",
    "percent": "%",
}


_VERB = re.compile(r"\b(?:we|they|you|it|I|to|can't|cannot|don't|not) ([a-z]+)\b", re.I)
"""A verb after its subject: "we close"."""


def _find_forms(word: str, *, is_verb: bool) -> str:
    """Return the condition that finds a word with its endings: closes, closed, closing; puppies."""
    stem = word.removesuffix("*")
    if is_verb and re.search(r"[^e]e\*$", word):
        return f'(contains "{word}" or contains "{stem[:-1]}ing")'
    if re.search(r"[^aeiou]y\*$", word):
        return f'(contains "{word}" or contains "{stem[:-1]}ie*")'
    return f'contains "{word}"'


def make_wildcard(word: str) -> str:
    """Return what a lower-case word and its other forms begin with: "closes" -> "close*"."""
    stem = to_singular(word)
    if stem in IRREGULAR_PLURALS:
        return stem  # whose plural is found too
    cut = re.sub(r"(?:ing|ed)$", "", stem)
    if cut != stem and re.search(r"([bdgmnprt])\1$", cut):
        cut = cut[:-1]  # shipping, ships
    stem = cut if len(cut) >= 4 else stem
    return f"{stem}*" if len(stem) >= 4 else stem
