"""Leave out the marks of footnotes: "1874.[1] It" says nothing that a model should learn, and a
sentence ends before the mark.
"""

from __future__ import annotations

import re

from selfteach.exact_texts import find_exact_spans, touches
from selfteach.text import format_count

_MARK = (
    r"(?:\[(?:\d{1,3}(?:[,–-] ?\d{1,3})*|[a-z]|(?:[Nn]ote|nb|fn|n) ?\d{1,3}|\^[^\]\s]{1,40}|"
    r"citation needed)\]|[¹²³⁰⁴-⁹]{1,3})"
)
"""The mark of a note: `[1]`, `[2, 3]`, `[a]`, `[note 1]`, `[^name]`, or a raised number."""
_BRACKETED = r"\[\d{1,3}(?:[,–-] ?\d{1,3})*\]"
_BEHIND_STOP = re.compile(
    rf"(?<=[\w\])])(?<!_)([.!?…,;:]?[\"'”’)»*_]*[.!?…,;:][\"'”’)»*_]*)({_MARK}+)"
    r"(?=\s+[\w\"'“‘„«(¿¡]|\s*(?:\n|$))"
)
"""Marks behind a stop or a comma, with words behind them: a program's `a.[0] = 1` has none."""
_BEHIND_WORD = re.compile(rf"(?<=[\w)\"'”’])(?:{_BRACKETED})+(?![\w(\[])")
"""Marks behind a word. In a text about programs they are places in a list."""
_BEGINS_NOTE = re.compile(r"^\[\^[^\]\s]{1,40}\]:[ \t]*", re.M)
"""The mark before the text of a note in Markdown."""


MAX_STEP = 3
"""How much higher than the marks behind stops a mark behind a word may be."""


def remove_note_marks(text: str) -> tuple[str, int]:
    """Return a text without the marks of its notes, and how many places had them.

    A mark behind a word is one only in a text that has marks behind stops, about up to its number,
    and no places in lists ("a[0]"). Code stays.
    """
    count = highest = 0

    def cut_behind_stop(found: re.Match[str]) -> str:
        nonlocal count, highest
        if touches(found, code):
            return found[0]
        count += 1
        highest = max([highest, *map(int, re.findall(r"\d+", found[2]))])
        return found[1]

    def cut_behind_word(found: re.Match[str]) -> str:
        nonlocal count
        numbers = list(map(int, re.findall(r"\d+", found[0])))
        if touches(found, code) or not 0 < min(numbers) <= max(numbers) <= highest + MAX_STEP:
            return found[0]
        count += 1
        return ""

    text, count = _BEGINS_NOTE.subn("", text)
    has_places = "[0]" in text
    code = find_exact_spans(text)
    text = _BEHIND_STOP.sub(cut_behind_stop, text)
    if highest and not has_places:
        code = find_exact_spans(text)
        text = _BEHIND_WORD.sub(cut_behind_word, text)
    return text, count


_RAISED = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")
_RAISED_IN_HTML = re.compile(
    r"(?P<code>(?P<fence>`{1,3}).*?(?P=fence))|<sup(?:\s[^<>]*)?>(?P<words>[^<>]*)</sup\s*>"
    r"(?!\s*[/⁄])",
    re.I | re.S,
)
"""Raised words in Markdown, or code before them, which stays."""


def raise_number(text: str) -> str:
    """Return a number that stands above the line in raised digits, so that 10⁶ is not 106 and a
    note's mark is one; other raised words as they are.
    """
    return text.translate(_RAISED) if re.fullmatch(r"\s*[-−]?\d{1,3}\s*", text) else text


def raise_numbers(markdown: str) -> str:
    """Return Markdown with the numbers that HTML raises in raised digits. Code stays."""
    return _RAISED_IN_HTML.sub(
        lambda found: found[0] if found["code"] else raise_number(found["words"]), markdown
    )


def cut_last_marks(heading: str) -> str:
    """Return a heading without the marks of notes at its end: "History[1]"."""
    return re.sub(rf"(?<=[\w)\"'”’])(?:{_BRACKETED})+\s*$", "", heading)


def describe_note_marks(count: int) -> str:
    """Return what a reader says about the marks that it left out; "" for none."""
    return f"{format_count(count, 'marks')} of notes, like [1], left out" if count else ""
