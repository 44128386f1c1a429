"""Where the sentences of a text end.

Counting, splitting and cutting all go by `split_pieces`, so they agree.
"""

from __future__ import annotations

from collections.abc import Sequence

import regex

from selfteach.text import BULLETS

PICTURE = (
    r"(?:(?:\p{Extended_Pictographic}|\p{Emoji_Presentation})"
    r"(?:[\uFE0F\u200D\p{Emoji_Modifier}]|(?<=\u200D)\p{Extended_Pictographic})*)"
)
"""A pattern of the package `regex`: one emoji, with what is joined to it."""
SPACED_MARKS = ".!?…؟۔።"
UNSPACED_MARKS = "。！？।॥။។"
"""Marks that need no space behind them."""
SENTENCE_MARKS = SPACED_MARKS + UNSPACED_MARKS
_NOTE_MARK = r"\[\d{1,3}\]|[¹²³⁰-⁹]"
"""The number of a footnote: "[1]", "¹"."""
_UNSEEN = "\u200b\u2060\ufeff"
_NO_CLOSER = regex.compile(rf"{_NOTE_MARK}|[{_UNSEEN}]")
"""What may also stand behind the stop of an abbreviation: "Dr.[2] Smith"."""
CLOSERS = (
    rf"(?:[\"'”’“»›)\]」』）*_{_UNSEEN}]|[ \u00a0\u202f]»(?=\s|$)|"
    rf"{_NOTE_MARK})*"
)
"""What may stand between the mark and the space: quotation marks, brackets, markup, the numbers of
footnotes and signs that nobody sees.
"""
_BREAK = regex.compile(
    rf"(?<![{SPACED_MARKS}])(?P<marks>[{SPACED_MARKS}]++)(?P<closers>{CLOSERS})(?:[ "
    rf"\t]*{PICTURE})*\s+|(?P<marks>[{UNSPACED_MARKS}]+)(?P<closers>{CLOSERS})(?:[ "
    rf"\t]*{PICTURE})*\s*|"
    r"(?<!\s)\s*\n\s*"
)
"""A break, tried once for each run of marks and of spaces."""
_ENDS = regex.compile(rf"(?:[{SENTENCE_MARKS}]{CLOSERS}|{PICTURE})\s*$")
END_CHARS = 60
"""The end of a text is looked for in so many characters."""

_ALWAYS = (
    r"Mrs?|Ms|Sra|Srta|Mme|Mlle|Dr|Prof|Mt|Gen|Gov|Sen|Rep|Rev|Hon|Capt|Cpt|Col|Lt|Sgt|vs|"
    r"cf|approx|vgl|evtl|ggf|geb|bzw|ca|e\.g|i\.e|z\. ?B|"
    r"d\. ?h|[uv]\. ?a|u\. ?U|o\. ?[Ää]|d\. ?R|s\. ?[ou]|p\.ej"
)
"""Abbreviations that end no sentence."""
_SPACED = regex.compile(
    r"(?<![\w.])(?:z\. B|d\. h|[uv]\. a|u\. U|o\. [Ää]|i\. d\. R|d\. R|s\. [ou])\."
)
"""German abbreviations of several letters with spaces between them."""
_BEFORE_NUMBERS = (
    r"[Nn]os?|Nr|[Ff]igs?|Eq|[Vv]ol|pp?|Secs?|Art|Abs|Abb|Kap|Bd|[Cc]hs?|[Tt]el|[Ee]xt|"
    r"[Pp]aras?|[Ss]ched|[Rr]eg|Ziff|Anm|env|\w*[Ss]tr|"
    r"Mo|Di|Mi|Do|Fr|Sa|So"
)
"""Abbreviations, some of them words, that end no sentence where a number follows."""
_BEFORE_SMALL = (
    r"[aApP]\.[mM]|etc|usw|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tues?|Wed|Thurs?|Fri|"
    r"Sat|(?<![Tt]he )Sun|"
    r"min|max|hrs?|mins?|secs?|ft|lbs?|oz|tbsp|tsp"
)
"""Abbreviations that end a sentence where a capital letter follows, unless it names a time."""
_BEFORE_NOUNS = r"Mio|Mrd|Tsd"
"""German abbreviations that end a sentence where a word follows that begins many German ones."""
_BEFORE_NAMES = (
    r"St|al|[Dd]ept|[Aa]v|incl|excl|inkl|exkl|zzgl|abzgl|Inc|Ltd|Corp|Co|Bros|"
    r"Jr|Sr|Ph\.D|M\.Sc|B\.Sc|Ave|Blvd|Rd|(?:[A-Z]\.)+[A-Z]"
)
"""Abbreviations that end a sentence where a word follows that begins many."""
_BEFORE = r"(?<![\w.])"
_ALWAYS_OPEN = regex.compile(rf"{_BEFORE}(?:{_ALWAYS})$")
_OPEN_BEFORE_NUMBERS = regex.compile(rf"{_BEFORE}(?:{_BEFORE_NUMBERS}|{_BEFORE_SMALL})$")
_OPEN_BEFORE_SMALL = regex.compile(rf"{_BEFORE}(?:{_BEFORE_SMALL})$")
_OPEN_BEFORE_NOUNS = regex.compile(rf"{_BEFORE}(?:{_BEFORE_NOUNS})$")
_OPEN_BEFORE_NAMES = regex.compile(rf"{_BEFORE}(?:{_BEFORE_NAMES})$|(?:^|\b[A-Z]\S*\s|\.\s)[A-Z]$")
_SAINT = regex.compile(rf"{_BEFORE}St$")
_INITIAL = regex.compile(r"(?<![\w.'’-])\p{Lu}$")
_NEXT_INITIAL = regex.compile(r"\p{Lu}\.[\s-]")
_DAY = regex.compile(r"(?<![\w.,:$€£-])\d{1,2}$")
GERMAN_MONTHS = (
    "Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"
)
_MONTH = regex.compile(rf"(?:{GERMAN_MONTHS})\b")
_GERMAN_ORDINAL = regex.compile(
    r"\b(?:[Dd](?:er|ie|as|em|en)|(?<!\bI )[Aa]m|[Vv]om|[Ii]m|[Ii]ns|[Zz]u[mr]|[Bb]eim|[Uu]nd|"
    r"[Oo]der|[Bb]is|[Ss]eine?[mnrs]?|[Ii]hre?[mnrs]?|[Uu]nsere?[mnrs]?|[Ee]ine?[mnrs]?) "
    r"\d{1,2}$"
)
"""A number behind a German small word: "der 2. Weltkrieg"; not "I am 3. Tom is 4."."""
_GERMAN_STARTER = regex.compile(
    r"(?:D(?:er|ie|as|ann|och|enn|ort)|E[rs]|Sie|Ich|Wir|Ihr|Du|Eine?|I[mn]|A[mn]|Und|Aber|Oder|"
    r"Wenn|Weil|Wer|Wie|Was|Wo|Auf|Mit|Nach|Vor|Für|So|Ja|Nein|Nun|Hier|Jetzt|Danach)\b"
)
"""A word that begins many German sentences."""
_ITEM = regex.compile(
    rf"^\s*(?:(?:#{{1,6}}\s+)?(?:\*\*|__)?\(?\d{{1,3}}[.)](?:\*\*|__)?|[{BULLETS}+])\s*$"
)
"""The number or the bullet of a list item."""
_TIME = regex.compile(
    r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|January|February|March|April|May|June|July|"
    r"August|September|October|November|December|Eastern|Central|Pacific|[A-Z]{2,5})\b"
)
_STARTER = regex.compile(
    r"[\"'“‘(*_]*(?:I|He|She|It|We|You|They|The|This|That|These|Those|There|Here|A|An|My|Our|Your|"
    r"His|Her|Its|Their|In|On|At|For|From|With|By|As|If|When|While|After|Before|But|And|Or|So|Yet|"
    r"Then|What|Who|Where|Why|How|Is|Are|Was|Do|Does|Did|Can|Could|Will|Would|Should|Please|Some|"
    r"Many|Most|All|Each|Every|One|No|Yes|Not|Also|However)\b(?!\.)"
)
"""A word that begins many sentences and stands in few names."""


def ends_with_abbreviation(text: str) -> bool:
    """Return whether a text ends with an abbreviation and its stop ("in the U.S.")."""
    opens = (_ALWAYS_OPEN, _OPEN_BEFORE_SMALL, _OPEN_BEFORE_NAMES)
    return text.endswith(".") and any(each.search(text[-END_CHARS:-1]) for each in opens)


def split_pieces(text: str) -> list[str]:
    """Return the sentences of a text, each with the space after it: joined, they are the text.

    A sentence ends with a mark before white space, with a mark of a script that needs none, or
    with a line break. Abbreviations, initials and the numbers of list items end none, and neither
    does a closing quotation mark or an ellipsis before a small letter.
    """
    pieces = []
    start = 0
    for found in _BREAK.finditer(text):
        if not _goes_on(text, start, found):
            pieces.append(text[start : found.end()])
            start = found.end()
    return [*pieces, text[start:]] if text[start:] else pieces


def _goes_on(text: str, start: int, found: regex.Match[str]) -> bool:
    """Return whether the sentence from `start` on goes on after what looks like its end."""
    after = text[found.end() : found.end() + END_CHARS]
    marks, closers = found["marks"] or "", found["closers"] or ""
    if _ITEM.search(text[max(start, found.start() - END_CHARS) : found.end()]):
        return bool(after)
    is_line_end = "\n" in found[0]
    if (closers or marks.endswith(("..", "…"))) and not is_line_end and after[:1].islower():
        return True
    if marks != "." or _NO_CLOSER.sub("", closers):
        return after.startswith("=")
    return is_open_stop(text, start, found.start(), after, is_line_end=is_line_end)


def is_open_stop(
    text: str, start: int, stop: int, after: str, *, is_line_end: bool = False
) -> bool:
    """Return whether the stop in a text at `stop` ends no sentence: it belongs to an abbreviation,
    an initial or an ordinal.

    Args:
        start: where the sentence begins.
        after: what follows behind the space.
        is_line_end: whether the space is a line break.
    """
    before = text[max(start, stop - END_CHARS) : stop]
    if _ALWAYS_OPEN.search(before):
        return bool(after)
    if is_line_end and _SAINT.search(before):
        return bool(after) and not _STARTER.match(after)
    if is_line_end or not after:
        return False
    if _SPACED.match(text, stop - 1) or is_german_ordinal(before, after):
        return True
    if _INITIAL.search(before) and _NEXT_INITIAL.match(after):
        return True
    if after[0].isdigit() and _OPEN_BEFORE_NUMBERS.search(before):
        return True
    if _OPEN_BEFORE_SMALL.search(before):
        return not after[0].isupper() or _TIME.match(after) is not None
    if _OPEN_BEFORE_NOUNS.search(before):
        return not _GERMAN_STARTER.match(after)
    begins = _STARTER.match(after) or _GERMAN_STARTER.match(after)
    return _OPEN_BEFORE_NAMES.search(before) is not None and not begins


def begins_many_sentences(text: str) -> bool:
    """Return whether a text begins with a word that begins many sentences and few names."""
    return _STARTER.match(text) is not None


def is_german_ordinal(before: str, after: str) -> bool:
    """Return whether a stop makes a number an ordinal: "am 3. Oktober", "der 2. Weltkrieg"."""
    if _DAY.search(before) and _MONTH.match(after):
        return True
    return _GERMAN_ORDINAL.search(before) is not None and not _GERMAN_STARTER.match(after)


def split_sentences(text: str) -> Sequence[str]:
    """Return the sentences of a text, without the space around them."""
    return [piece.strip() for piece in split_pieces(text) if piece.strip()]


def count_sentences(text: str) -> int:
    """Count sentences with a letter or digit; the number of a list item alone is none."""
    return sum(
        any(map(str.isalnum, sentence)) and not _ITEM.match(sentence)
        for sentence in split_sentences(text)
    )


def ends_sentence(text: str) -> bool:
    """Return whether a text ends with the mark of a sentence's end or with an emoji."""
    return _ENDS.search(text.rstrip()[-END_CHARS:]) is not None


def keep_whole_sentences(text: str, *, is_cut: bool) -> str:
    """Return a text as it is written, without its last sentence if it was cut off there; "" if
    that is its only one.
    """
    return "".join(split_pieces(text)[:-1]).rstrip() if is_cut else text
