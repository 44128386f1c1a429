"""Times of day in English texts: "5:30 PM" and "17:30"."""

from __future__ import annotations

import re

from selfteach.sentences import END_CHARS, is_open_stop

_AFTERNOON = re.compile(r"(?<![\d.:])(1[3-9]|2[0-3]):([0-5]\d)(?![\d:])")
_HOUR = r"(1[0-2]|0?[1-9])(?:[:.]([0-5]\d))?"
_HALF_DAY = re.compile(
    rf"(?<![\d.,:])(?:{_HOUR}( to | and | or |[-–]))?"
    rf"{_HOUR}\s?([ap])(?:m\b(?! I\b)|\.m\b\.?)",
    re.I,
)
"""A time, or two of which the last one tells the half of the day: "9 to 5 pm"."""
_BEFORE_TIME = ("At ", "By ", "Around ", "After ", "Before ", "Until ")
"""What begins a sentence that goes on after the time: "At 5 p.m. Tom left."."""


def write_half_days(text: str) -> str:
    """Return a text with "5:30 PM" for "17:30"."""
    return _AFTERNOON.sub(lambda found: f"{int(found[1]) - 12}:{found[2]} PM", text)


def write_whole_days(text: str) -> str:
    """Return a text with "17:30" for "5:30 PM", and "9:00-17:00" for "9-5 pm"."""
    return _HALF_DAY.sub(_write_whole_day, text)


def _write_whole_day(found: re.Match[str]) -> str:
    """Return one time, or two, on the clock of 24 hours. The stop of "p.m." stays where it ends a
    sentence.
    """
    first_hour, first_minutes, between, hour, minutes, half = found.groups()
    is_afternoon = half.lower() == "p"
    written = _write_clock(hour, minutes, is_afternoon=is_afternoon)
    if between:
        goes_over_noon = int(first_hour) % 12 > int(hour) % 12
        is_first_later = is_afternoon != goes_over_noon
        first = _write_clock(first_hour, first_minutes, is_afternoon=is_first_later)
        written = f"{first}{between}{written}"
    has_stop = found[0].endswith(".")
    return f"{written}." if has_stop and _ends_sentence(found) else written


def _write_clock(hour: str, minutes: str | None, *, is_afternoon: bool) -> str:
    """Return "17:00" for 5 in the afternoon."""
    return f"{int(hour) % 12 + 12 * is_afternoon}:{minutes or '00'}"


def _ends_sentence(found: re.Match[str]) -> bool:
    """Return whether the stop at the end of a time ends its sentence, too."""
    rest = found.string[found.end() : found.end() + END_CHARS]
    after = rest.lstrip()
    if not after:
        return True
    if not rest[0].isspace():
        return False
    is_line_end = "\n" in rest[: len(rest) - len(after)]
    if found.string.endswith(_BEFORE_TIME, 0, found.start()) and not is_line_end:
        return False
    stop = found.end() - 1
    return not is_open_stop(found.string, 0, stop, after, is_line_end=is_line_end)
