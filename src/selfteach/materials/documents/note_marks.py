"""Leave out the marks of footnotes: "1874.[1] It" says nothing that a model should learn, and a
sentence ends before the mark.
"""

from __future__ import annotations

import re

from selfteach.text import format_count

_MARK = (
    r"(?:\[(?:\d{1,3}(?:[,–-] ?\d{1,3})*|[a-z]|(?:[Nn]ote|nb|fn|n) ?\d{1,3}|\^[^\]\s]{1,40}|"
    r"citation needed)\]|[¹²³⁰⁴-⁹]{1,3})"
)
"""The mark of a note: `[1]`, `[2, 3]`, `[a]`, `[note 1]`, `[^name]`, or a raised number."""
_BRACKETED = r"\[(?:\d{1,3}(?:[,–-] ?\d{1,3})*|\^[^\]\s]{1,40})\]"
_BEHIND_STOP = re.compile(
    rf"(?<=\w)([.!?…,;:]?[\"'”’)»*_]*[.!?…,;:][\"'”’)»*_]*){_MARK}+"
    r"(?=\s+[\w\"'“‘„«(¿¡]|\s*(?:\n|$))"
)
"""Marks behind a stop or a comma, with words behind them: a program's `a.[0] = 1` has none."""
_BEHIND_WORD = re.compile(rf"(?<=[\w)\"'”’])(?:{_BRACKETED})+(?![\w(\[])")
"""Marks behind a word. In a text about programs they are places in a list."""
_BEGINS_NOTE = re.compile(r"^\[\^[^\]\s]{1,40}\]:[ \t]*", re.M)
"""The mark before the text of a note in Markdown."""


def remove_note_marks(text: str) -> tuple[str, int]:
    """Return a text without the marks of its notes, and how many places had them.

    A mark behind a word is one only in a text that has marks behind stops, too.
    """
    text, starts = _BEGINS_NOTE.subn("", text)
    text, stops = _BEHIND_STOP.subn(r"\1", text)
    words = 0
    if stops:
        text, words = _BEHIND_WORD.subn("", text)
    return text, starts + stops + words


def describe_note_marks(count: int) -> str:
    """Return what a reader says about the marks that it left out; "" for none."""
    return f"{format_count(count, 'marks')} of notes, like [1], left out" if count else ""
