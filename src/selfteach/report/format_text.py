"""Numbers and answers as words: percentages, intervals, durations, and the word-level differences
of two answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from selfteach.records import Measure
from selfteach.report.read_run import read_number

MISSING = "–"
NARROW_SPACE = "\u202f"
MINUS = "\u2212"
MAX_WORDS = 800
MAX_TEXT_CHARS = 4000
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


def format_percent(share: Any) -> str:
    """0.953 -> "95 %"; one decimal where a whole number would round something away to 0 or 100."""
    value = read_number(share)
    if value is None:
        return MISSING
    near_edge = 0 < abs(value) < 0.005 or 0.995 < value < 1
    return f"{value * 100:.{1 if near_edge else 0}f}{NARROW_SPACE}%"


def format_interval(measure: Measure | None, decimals: int | None = None) -> str:
    """The 95 % interval alone: "81–98" in percent, or plain numbers where `decimals` is given."""
    if measure is None:
        return MISSING
    if decimals is None:
        return f"{measure.low * 100:.0f}–{measure.high * 100:.0f}"
    return f"{format_decimal(measure.low, decimals)}–{format_decimal(measure.high, decimals)}"


def format_decimal(value: Any, decimals: int = 3) -> str:
    """A number with a fixed count of decimals; very small ones in scientific form."""
    found = read_number(value)
    if found is None:
        return MISSING
    if found and abs(found) < 10**-decimals:
        return f"{found:.1e}".replace("-", MINUS)
    return f"{found:.{decimals}f}".replace("-", MINUS)


def format_count(value: Any) -> str:
    """12345 -> "12 345"."""
    found = read_number(value)
    return MISSING if found is None else f"{found:,.0f}".replace(",", NARROW_SPACE)


def format_duration(seconds: Any) -> str:
    """Seconds as people say them: "0.4 s", "48 s", "3 min 12 s", "2 h 5 min"."""
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
    """Megabytes, or gigabytes from a thousand on."""
    found = read_number(value)
    if found is None:
        return MISSING
    return (
        f"{found / 1000:.1f} GB"
        if found >= 1000
        else f"{found:.1f} MB"
        if found < 100
        else f"{found:.0f} MB"
    )


def format_bytes(value: Any) -> str:
    """Bytes as megabytes or gigabytes."""
    found = read_number(value)
    return format_megabytes(None if found is None else found / 1e6)


def shorten(text: Any, length: int = MAX_TEXT_CHARS) -> str:
    """The text, cut after `length` characters with a word on how much is left out."""
    whole = text if isinstance(text, str) else MISSING if text is None else str(text)
    return (
        whole
        if len(whole) <= length
        else f"{whole[:length]} … ({len(whole) - length} more characters)"
    )


def format_sentence(sentence: Any, word: Any = "") -> str:
    """A verdict's sentence without the verdict's word before it, a number and its percent sign on
    one line.
    """
    text = re.sub(r"(?<=\d) %", f"{NARROW_SPACE}%", shorten(sentence, 1000))
    head, colon, rest = text.partition(": ")
    return rest[:1].upper() + rest[1:] if colon and head.lower() == str(word).lower() else text


DiffPieces = list[tuple[bool, str]]
"""A text in pieces; True marks a piece that the other text does not have."""


def diff_words(before: str, after: str) -> tuple[DiffPieces, DiffPieces]:
    """Both texts cut into pieces, those marked that only one of them has. One shared word between
    two changes counts as changed: islands of "the" make a comparison unreadable.

    Returns:
        pieces of `before`, pieces of `after`; each joins to its text again.
    """
    old, new = _WORD.findall(before), _WORD.findall(after)
    if len(old) > MAX_WORDS or len(new) > MAX_WORDS:
        return [(False, before)], [(False, after)]
    left: DiffPieces = []
    right: DiffPieces = []
    for tag, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        island = tag == "equal" and _count_words(old[i:i_end]) < 2 and i > 0 and i_end < len(old)
        changed = tag != "equal" or island
        _append_piece(left, changed, "".join(old[i:i_end]))
        _append_piece(right, changed, "".join(new[j:j_end]))
    return _trim_pieces(left), _trim_pieces(right)


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
    """The same pieces, the spaces at the edges of a change no longer marked."""
    trimmed: DiffPieces = []
    for changed, text in pieces:
        core = text.strip() if changed else ""
        before = text.index(core) if core else len(text)
        _append_piece(trimmed, False, text[:before])
        _append_piece(trimmed, True, core)
        _append_piece(trimmed, False, text[before + len(core) :])
    return trimmed
