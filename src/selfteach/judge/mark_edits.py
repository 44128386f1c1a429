"""Changes of marks, markup, numbers and emoji in an answer."""

from __future__ import annotations

import re
from collections.abc import Callable

import regex

from selfteach.exact_texts import ADDRESS, INLINE_CODE, NO_PYTHON_NAME, find_exact_spans, touches
from selfteach.judge.clock_times import write_half_days, write_whole_days
from selfteach.judge.language import detect_languages
from selfteach.judge.sentence_edits import begins_sentence, capitalize
from selfteach.judge.word_edits import Meets
from selfteach.number_words import DOLLARS, spell_numbers, write_dollars
from selfteach.sentences import PICTURE


def _open_sentence(found: re.Match[str]) -> str:
    return f". {found[1].upper()}"


def _write_ellipsis(found: re.Match[str]) -> str:
    """Return a comma before a small letter, else a full stop."""
    return "," if (found[1] or "").islower() else "."


_LIMITS = (
    r"not|never|no|none|nor|without|except\w*|unless|only|if|but|or|about|approx\w*|"
    r"at (?:least|most)"
)
"""Words that make what stands before their brackets true: "open daily (except Sundays)"."""
_MONTHS = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.? "
_UNITS = (
    r"(?:h|hr|hour|day|night|week|month|year|min|minute|sec|second|person|kg|kilo|lit(?:er|re))s?"
)
_EXACT_TEXTS = (
    ADDRESS,
    r"(?<!\w)!(?:[\w\[(/])|:\w+!",  # "!important", "![a picture](", ":q!"
    r"(?<![\w-])(?=\w+-)[\w-]++\.\w+\b|[^\W_]_+[^\W_]|\b\w-\w\b",  # files and other names
    r"&#?\w+;|\b[A-Za-z]#|#\d|&&|--+\w|\w\[[^\[\]]*\]|\]\(|!+ ?=",  # code and markup
    r"\d+(?:[.,:/—-]\d+)+|\d\s+[-–—:]\s+\d",  # numbers, dates, times and ranges
    rf"(?<!\b{_MONTHS})\b\d+,\s+\d|(?<!\w)[-−]\d|~\s?\d|\d\"|\b[A-Za-z\d]-\d",
    r"\b\w [-–] \w\b|[\w)][ ]?[=+^×÷][ ]?[\w(]|[\w)]\*{1,2}[\w(]|[\w)] [*/] [\w(]",  # formulas
    r"\w\([^()]*\)|\)\s*\d|\(\w\)\s*=",  # calls
    rf"\b[^\W\d]/|/[^\W\d]\b|/{_UNITS}\b|\band/or\b|\w/\w+/|\w\.\w+/",  # units and paths
)
"""Texts in which a mark tells something: without it they say something else."""
_EXACT = regex.compile("|".join(_EXACT_TEXTS), regex.I)
_RANGE = re.compile(r"(?<![\w.,/-])(?!\d{1,3}-\d{4}\b)(\d[\d.,]*)\s?[-–]\s?(\d[\d.,]*\b)(?![/-]\w)")
_MINUS = re.compile(r"(?<![\w)-])[-−](?=\d)")
_THOUSANDS = re.compile(r"(?<![\w.,])[1-9]\d{0,2}(?:,\d{3})+(?![\w,])")
_MARK_EDITS: tuple[tuple[str, str, str | Callable[[re.Match[str]], str]], ...] = (
    ("...", r"\.{3,}(?=(\s+\w)?)", _write_ellipsis),
    ("…", r"…+(?=(\s+\w)?)", _write_ellipsis),
    ("!", r"¡", ""),
    ("!", r"!+(?=[?.,;:…])|(?<=\?)!+", ""),
    ("!", r"！+(?=？)|(?<=？)！+", ""),
    ("!", r"！+", "。"),
    ("!", r"!+", "."),
    (";", r";\s+(\w)", _open_sentence),
    (";", r";", "."),
    ("—", r"\s*—\s*", ", "),
    ("–", r"\s+–\s+", ", "),
    ("–", r"–", "-"),
    ("(", rf"\s*\((?![^()]*\b(?:{_LIMITS})\b)[^()]*\)", ""),
    ("[", rf"\s*\[(?![^\[\]]*\b(?:{_LIMITS})\b)[^\[\]]*\]", ""),
    (":", r":(?=\s*(?:\n|$))", "."),
    (":", r":(?=\s)", ","),
    (",", r"[,，]", ""),
    ("*", r"^(\s*)\*(?=\s)", r"\1-"),
    ("*", r"\*+", ""),
    ("-", r"^[ \t]*-[ \t]+", ""),
    ("-", r"(?<=\w)-(?=\w)", " "),
    ("#", r"^#+ |#+", ""),
    ("&", r"(?<=\w)&(?=\w)", " and "),
    ("&", r"&", "and"),
    ("%", r"\s?%", " percent"),
    ("$", DOLLARS, write_dollars),
    ("/", r"(?<=[^\W\d])/(?=[^\W\d])", " or "),
    ("_", r"_+", " "),
    ("`", r"`+", ""),
    ("~", r"~+", ""),
    ('"', r'"', ""),
    ("“", r"[“”„]", ""),
    ("«", r"(?<![^\s(\[’'])«\s?|\s?»(?=[\s.,;:!?…)\]]|$)|[«»]", ""),  # not the space around »…«
    ("‘", r"‘([^‘’\n]*(?:\w’\w[^‘’\n]*)*)’(?!\w)", r"\1"),
    ("‘", r"‘", ""),
    *((sign, rf"^([ \t]*){sign}+[ \t]*", r"\1") for sign in "•●▪◦★☆✓✔→►"),
    *((sign, rf"[ \t]*{sign}+", "") for sign in "•●▪◦★☆✓✔"),
)
"""A mark; what of it to look for; what to write instead."""


def rewrite_marks(text: str, meets: Meets) -> str:
    """Return a text in which every mark, number and emoji that breaks a goal is written otherwise.

    "!" becomes ".", "3" becomes "three" (in English), bold words become plain, what parentheses
    hold and emoji are dropped.
    A mark stays where the text without it says something else: "1,5 kg", "a != b".
    """
    before = text
    text = _strip_markup(text, meets)
    if "en" in detect_languages(text):
        text = _rewrite_number_marks(text, meets)
    for mark, pattern, new in _MARK_EDITS:
        if not meets(mark):
            text = _rewrite_mark(text, pattern, new)
    text = _drop_pictures(text, meets)
    if re.search(r"\d", text) and "en" in detect_languages(text):
        text = _spell_forbidden_numbers(text, meets)
    return _tidy(text, before)


def _rewrite_number_marks(text: str, meets: Meets) -> str:
    """Return an English text with its ranges, minus signs and thousands written without marks, and
    with times of half a day where those of a whole day break a goal, or the reverse.
    """
    if not meets("-"):
        text = _RANGE.sub(_write_range, text)
        text = _MINUS.sub("minus ", text)
    if not meets(","):
        text = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)
    if not meets("17:00") and meets("5:00 PM"):
        text = write_half_days(text)
    if not meets("5:00 PM") and meets("17:00"):
        text = write_whole_days(text)
    return text


def _write_range(found: re.Match[str]) -> str:
    """Return "10 to 20" for "10-20"; scores such as "3-1" stay."""
    try:
        first, last = (float(number.replace(",", "")) for number in found.groups())
    except ValueError:
        return found[0]
    return f"{found[1]} to {found[2]}" if first < last else found[0]


def _rewrite_mark(text: str, pattern: str, new: str | Callable[[re.Match[str]], str]) -> str:
    """Return a text with a mark written otherwise, but for what must stay exact."""
    exact = [found.span() for found in _EXACT.finditer(text)]
    code = [found.span("code") for found in INLINE_CODE.finditer(text)]

    def write(found: re.Match[str]) -> str:
        if touches(found, code):
            return found[0]
        touched = (span for span in exact if span[0] < found.end() and found.start() < span[1])
        if any(start < found.start() or found.end() < end for start, end in touched):
            return found[0]
        return new(found) if callable(new) else found.expand(new)

    return re.sub(pattern, write, text, flags=re.M)


_MARKUP_PAIRS = {"**": ".", "__": ".", "*": "[^*]", "_": "[^_]", "~~": "."}
"""A mark on both sides of words, and a sign of these words."""
_MARKUP_TAGS = ("b", "strong", "i", "em")


def _strip_markup(text: str, meets: Meets) -> str:
    """Return a text whose words lose the bold type and the italics that break a goal."""
    if not meets("x"):
        return text
    for mark, sign in _MARKUP_PAIRS.items():
        if not meets(f"{mark}x{mark}"):
            pair, edge = re.escape(mark), rf"[\w{re.escape(mark[0])}]"
            name = NO_PYTHON_NAME if mark == "__" else ""
            inside = rf"(?=\S)(?P<inside>(?:(?!\n\s*\n){sign})+?)(?<=\S)"
            text = _strip_pairs(text, rf"(?<!{edge}){pair}{name}{inside}{pair}(?!{edge}|\()")
    for tag in _MARKUP_TAGS:
        if not meets(f"<{tag}>"):
            text = _strip_pairs(text, rf"<{tag}>(?P<inside>.+?)</{tag}>")
    return text


def _strip_pairs(text: str, pattern: str) -> str:
    """Return a text with what stands inside of each pair of marks; a pair that begins in code
    stays.
    """
    pair = re.compile(pattern, re.S | re.I)
    exact = find_exact_spans(text)
    kept, place = "", 0
    while found := pair.search(text, place):
        code_ends = (stop for start, stop in exact if start <= found.start() < stop)
        stop = next(code_ends, 0)
        new = text[found.start() : stop] if stop else found["inside"]
        kept += text[place : found.start()] + new
        place = stop or found.end()
    return kept + text[place:]


_PICTURE = regex.compile(
    rf"^(?P<indent>[ \t]*)(?P<picture>{PICTURE})[ \t]*|[ \t]*(?P<picture>{PICTURE})", regex.M
)
_NUMBER = re.compile(
    r"(?<!\S)(?!\S*(?:://|@|www\.))\S*\d\S*(?:\s%)?(?:(?<=\d) (?:(?:thousand|million|billion|"
    r"trillion)\b|[AaPp]\.?[Mm]\b\.?))?"
)
"""A number with what is written next to it: "$5 million", "9:00 AM", "1990s", "(555-1234)."."""


def _drop_pictures(text: str, meets: Meets) -> str:
    def drop(found: regex.Match[str]) -> str:
        return found[0] if meets(found["picture"]) else found["indent"] or ""

    return str(_PICTURE.sub(drop, text))


_ITEM_NUMBER = re.compile(
    r"^(\s*)(?:\d{1,2}[.)]|(\*\*|__)\d{1,2}[.)]\2|\(\d{1,2}\)(?=\s+[*_\"“]*[A-Z]))(?=\s)", re.M
)
"""The number of an item; not that of "(2) persons came"."""
_BOLD_NUMBER = re.compile(r"^(\s*)(\*\*|__)\d{1,2}[.)]\s+", re.M)
"""The number of an item that is bold with the words behind it."""


def _spell_forbidden_numbers(text: str, meets: Meets) -> str:
    """Write out the numbers that break a goal by their digits or a mark within them; the numbers of
    a list become bullets. "9 am" stays where another form of times is wanted: in words it is the
    same.
    """
    if not meets("1") and not meets("2"):
        text = _BOLD_NUMBER.sub(r"\1- \2", text)
        text = _ITEM_NUMBER.sub(r"\1-", text)

    code = [found.span() for found in INLINE_CODE.finditer(text)]

    def spell(found: re.Match[str]) -> str:
        if touches(found, code):
            return found[0]
        words = _spell_forbidden(found[0], meets)
        is_first = words != found[0] and begins_sentence(found.string, found.start())
        return capitalize(words) if is_first else words

    return _NUMBER.sub(spell, text)


_DECIMAL_COMMA = re.compile(r"\d,(?!\d{3}(?:\D|$))\d")


def _spell_forbidden(number: str, meets: Meets) -> str:
    """Return a number in words where a sign of it breaks a goal; "1,5" is left as it is."""
    signs = (sign for sign in set(number) if not sign.isalpha() and not sign.isspace())
    is_kept = meets(number) or all(map(meets, signs)) or _DECIMAL_COMMA.search(number)
    return number if is_kept else spell_numbers(number)


def _tidy(text: str, before: str) -> str:
    """Return a text whose changed lines lack the double spaces and marks that a change can leave.

    Args:
        before: the text without changes: its code, its tables and its ellipses stay.
    """
    kept = set(before.split("\n"))
    lines = [line if line in kept else _tidy_line(line) for line in text.split("\n")]
    return "\n".join(lines).strip()


def _tidy_line(line: str) -> str:
    if not line.lstrip().startswith("|"):  # the cells of a table stay below each other
        line = re.sub(r"(?<=\S)[ \t]{2,}(?=\S)", " ", line)
    line = re.sub(r"[ \t]+(?=[,.](?:\s|$))", "", line)
    line = re.sub(r"\.{4,}(?=\s|$)", "...", line)  # "Well...!" without the "!"
    line = re.sub(r"(?<=[^\s.])\.\s?\.(?=\s|$)(?!\s\.)", ".", line)
    line = re.sub(r"[,:](?=[.!?](?:\s|$))", "", line)
    return line if line.strip() else ""
