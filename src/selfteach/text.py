"""Cleaning of untrusted text, how many words it has, and counts in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import regex

UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
"""A pattern of the package `regex`: a letter of a script that does not space its words."""
BULLETS = "-*•‣◦–●○▪▫■□◆·"
"""Signs that begin an item of a list, as "+" does."""
REPLACEMENT = "\ufffd"
"""The sign in the place of bytes that are no character."""
_CHARACTER_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
"""What counts as a word by itself."""
_UNSAFE = re.compile(
    "[\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def clean_text(text: str) -> str:
    """Return the text without characters that break tokenizers, databases, terminals and pages.

    Lone surrogates and control characters become U+FFFD, line and paragraph separators become
    newlines, byte-order marks and direction overrides vanish. Only readers of files and replies
    call this.
    """
    return _UNSAFE.sub(_replace_unsafe, text)


def unify_line_ends(text: str) -> str:
    """Return the text with a line feed at the end of each line, as on Unix."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _replace_unsafe(match: re.Match[str]) -> str:
    char = match.group()
    if char in "\x85\u2028\u2029":
        return "\n"
    if char == "\ufeff" or "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069":
        return ""
    return REPLACEMENT


def count_words(text: str) -> int:
    """Count words: parts between spaces with a letter or digit.

    In Chinese and Japanese, each character counts. The conditions `max_words` and `min_words` count
    so.
    """
    characters = _CHARACTER_WORD.findall(text)
    rest = _CHARACTER_WORD.sub(" ", text)
    return len(characters) + sum(any(map(str.isalnum, word)) for word in rest.split())


def cut_at_stop(text: str, stops: Sequence[str]) -> str:
    """Return the text before the first stop text in it, or all of it."""
    places = [text.find(stop) for stop in stops if stop]
    return text[: min((place for place in places if place >= 0), default=len(text))]


MAX_QUOTED = 60
"""Characters of a text that a message quotes."""


def shorten_text(text: str, most_chars: int = MAX_QUOTED) -> str:
    """Return a text for a message, cut where it is long."""
    return text if len(text) <= most_chars else f"{text[:most_chars].rstrip()}..."


MAX_LISTED = 3
"""Texts that a message lists."""


def list_texts(texts: Sequence[str], separator: str = "; ", mark: str = "") -> str:
    """Return texts for a message: the first of them, cut where they are long, and how many more.

    Args:
        mark: the quotation mark around each.
    """
    shown = separator.join(f"{mark}{shorten_text(text)}{mark}" for text in texts[:MAX_LISTED])
    more = len(texts) - MAX_LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def format_count(number: int, nouns: str) -> str:
    """Return a count with its noun: "1 document", "1,200 documents".

    Args:
        nouns: the noun in its plural with "s". Other words ("found") stay as they are.
    """
    return f"{number:,} {nouns.removesuffix('s') if number == 1 else nouns}"
