"""Numbers and answers as text: percentages, intervals, durations, and word-level differences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from selfteach.records import Measure
from selfteach.report.read_run import read_number

MISSING = "–"
NO_INTERVAL = "no interval"
"""In place of the interval of a number of which every resample is equal."""
NARROW_SPACE = "\u202f"
MINUS = "\u2212"
MAX_WORDS = 800
MAX_EQUAL_PAIRS = 250_000
"""A token of one text and an equal one of the other: loops of signs have so many that a comparison
takes seconds.
"""
MAX_TEXT_CHARS = 4000
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


def format_percent(share: Any) -> str:
    """Format 0.953 as "95 %"; keep one decimal if rounding would give 0 or 100."""
    value = read_number(share)
    if value is None:
        return MISSING
    percent = 100 * value
    seems_exact = round(percent) in (-100, 0, 100) and percent != round(percent)
    return f"{percent:.{1 if seems_exact else 0}f}{NARROW_SPACE}%"


def format_interval(measure: Measure | None, decimals: int | None = None) -> str:
    """Format the 95 % interval alone: "81–98" in percent, or plain numbers with `decimals`.

    A measure without an interval says so, in place of an interval without a width.
    """
    if measure is None:
        return MISSING
    if not measure.has_interval:
        return NO_INTERVAL
    if decimals is None:
        return f"{measure.low * 100:.0f}–{measure.high * 100:.0f}"
    return f"{format_decimal(measure.low, decimals)}–{format_decimal(measure.high, decimals)}"


def format_measure(found: Measure | None) -> str:
    """Return a share with its interval."""
    return f"{format_percent(found.value)} ({format_interval(found)})" if found else MISSING


def format_decimal(value: Any, decimals: int = 3) -> str:
    """Format a number with a fixed count of decimals; use scientific form for tiny numbers."""
    found = read_number(value)
    if found is None:
        return MISSING
    if found and abs(found) < 10**-decimals:
        return f"{found:.1e}".replace("-", MINUS)
    return f"{found:.{decimals}f}".replace("-", MINUS)


def format_change(value: Any, decimals: int | None = None, unit: str = " points") -> str:
    """Format a difference with its sign: 0.53 of shares as "+53 points"; other numbers with their
    decimals and without the unit.
    """
    found = read_number(value)
    if found is None:
        return MISSING
    return f"{100 * found:+z.0f}{unit}" if decimals is None else f"{found:+z.{decimals}f}"


def format_count(value: Any) -> str:
    """Format 12345 as "12 345"."""
    found = read_number(value)
    return MISSING if found is None else f"{found:,.0f}".replace(",", NARROW_SPACE)


def format_duration(seconds: Any) -> str:
    """Format seconds as "0.4 s", "48 s", "3 min 12 s" or "2 h 5 min"."""
    value = read_number(seconds)
    if value is None:
        return MISSING
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def format_megabytes(value: Any) -> str:
    """Format megabytes; use gigabytes from 1000 MB on."""
    found = read_number(value)
    if found is None:
        return MISSING
    if found >= 1000:
        return f"{found / 1000:.1f} GB"
    return f"{found:.{1 if found < 100 else 0}f} MB"


def format_bytes(value: Any) -> str:
    """Format bytes as megabytes or gigabytes."""
    found = read_number(value)
    return format_megabytes(None if found is None else found / 1e6)


def shorten(text: Any, length: int = MAX_TEXT_CHARS) -> str:
    """Cut a text after `length` characters, and note how many characters are left out."""
    whole = MISSING if text is None else str(text)
    if len(whole) <= length:
        return whole
    return f"{whole[:length]} … ({len(whole) - length} more characters)"


def format_sentence(sentence: Any, word: Any = "") -> str:
    """Return a verdict's sentence without the verdict's word, with narrow spaces before "%"."""
    text = re.sub(r"(?<=\d) %", f"{NARROW_SPACE}%", shorten(sentence, 1000))
    head, colon, rest = text.partition(": ")
    return rest[:1].upper() + rest[1:] if colon and head.lower() == str(word).lower() else text


DiffPieces = list[tuple[bool, str]]
"""A text in pieces; True marks a piece that the other text does not have."""


def diff_words(before: str, after: str) -> tuple[DiffPieces, DiffPieces]:
    """Cut two texts into pieces, and mark the pieces that only one of them has.

    One shared word between two changes counts as changed, because single words such as "the" make a
    comparison unreadable.

    Returns:
        pieces of `before`, pieces of `after`; each joins to its text again.
    """
    old = _WORD.findall(before)
    new = _WORD.findall(after)
    if max(len(old), len(new)) > MAX_WORDS or _count_equal_pairs(old, new) > MAX_EQUAL_PAIRS:
        return [(False, before)], [(False, after)]
    left: DiffPieces = []
    right: DiffPieces = []
    for tag, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        island = tag == "equal" and _count_words(old[i:i_end]) < 2 and i > 0 and i_end < len(old)
        changed = tag != "equal" or island
        _append_piece(left, changed, "".join(old[i:i_end]))
        _append_piece(right, changed, "".join(new[j:j_end]))
    return _trim_pieces(left), _trim_pieces(right)


def _count_equal_pairs(old: Sequence[str], new: Sequence[str]) -> int:
    counts = Counter(new)
    return sum(count * counts[token] for token, count in Counter(old).items())


def _count_words(tokens: Sequence[str]) -> int:
    return sum(token[0].isalnum() for token in tokens)


def _append_piece(pieces: DiffPieces, changed: bool, text: str) -> None:
    if not text:
        return
    if pieces and pieces[-1][0] == changed:
        pieces[-1] = (changed, pieces[-1][1] + text)
    else:
        pieces.append((changed, text))


def _trim_pieces(pieces: DiffPieces) -> DiffPieces:
    """Return the same pieces with unmarked spaces at the edges of changes."""
    trimmed: DiffPieces = []
    for changed, text in pieces:
        core = text.strip() if changed else ""
        before = text.index(core) if core else len(text)
        _append_piece(trimmed, False, text[:before])
        _append_piece(trimmed, True, core)
        _append_piece(trimmed, False, text[before + len(core) :])
    return trimmed
