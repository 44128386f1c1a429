"""Whether an answer says something of what a message is about."""

from __future__ import annotations

import re

MIN_LETTERS = 3
STEM_LETTERS = 4
"""Words with these letters in common at the beginning count as one: "travel", "travelling"."""
_SMALL_WORDS = """
    the and for are was were will have has had that this these those with without you your our his
    her its they them their there here about what when where who why how want need can could would
    should may might not but all any some been being from into than then very just also too let get
    got say tell ask send make give take put know think next last one two
"""
_SMALL = frozenset(_SMALL_WORDS.split())


def names_occasion(text: str, occasion: str) -> bool:
    """Return whether a text has a content word of the occasion; true if the occasion has none.

    An email that only greets keeps every bound on its length, but it tells nothing.
    """
    wanted = _list_stems(occasion)
    return not wanted or not wanted.isdisjoint(_list_stems(text))


def has_content_word(text: str) -> bool:
    """Return whether a text has a word that tells something: "customers", and not "and"."""
    return bool(_list_stems(text))


def list_content_words(text: str) -> list[str]:
    """Return the words of a text that tell something, in small letters."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return [word for word in words if len(word) >= MIN_LETTERS and word not in _SMALL]


def _list_stems(text: str) -> set[str]:
    return {word[:STEM_LETTERS] for word in list_content_words(text)}
