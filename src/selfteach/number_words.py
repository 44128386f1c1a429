"""English numbers in words, and words as numbers."""

from __future__ import annotations

import re

_SMALL_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen
"""
_SMALL = _SMALL_WORDS.split()
_TENS_WORDS = """
    zero ten twenty thirty forty fifty sixty seventy eighty ninety
"""
_TENS = _TENS_WORDS.split()
_SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_NUMBER = re.compile(
    r"(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<part>\d+))?(?P<th>(?:st|nd|rd|th)\b)?"
)
MAX_NUMBER = 10**12
_VALUES = {word: number for number, word in enumerate(_SMALL)} | {
    word: 10 * number for number, word in enumerate(_TENS) if number > 1
}
_ONE_TO_NINE = "|".join(_SMALL[1:10])
_BELOW_100 = rf"(?:(?:{'|'.join(_TENS[2:])})(?:[- ](?:{_ONE_TO_NINE}))?|{'|'.join(_SMALL[::-1])})"
NUMBER = (
    rf"(?:\d{{1,4}}|(?:(?:an?|{_ONE_TO_NINE}) )?hundred(?: (?:and )?{_BELOW_100})?|{_BELOW_100})"
)
"""A pattern of numbers that `parse_number` reads: in digits, or in words below a thousand."""


_LIKE_ASCII = str.maketrans({"ſ": "s", "ı": "i", "İ": "i"})
"""Letters that a pattern without regard to case takes for those of English."""


def parse_number(text: str) -> int:
    """Return a number that NUMBER matches: "40", "twenty-five", "a hundred and ten"."""
    if text.isdecimal():
        return int(text)
    number = 0
    for word in re.split("[- ]", text.translate(_LIKE_ASCII).lower()):
        if word == "hundred":
            number = 100 * max(number, 1)
        elif word not in ("a", "an", "and"):
            number += _VALUES[word]
    return number


def spell_number(number: int) -> str:
    """Return a whole number from 0 below MAX_NUMBER in words: 42 -> "forty-two"."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_SMALL[ones]}" if ones else "")
    size, name = next(scale for scale in _SCALES if number >= scale[0])
    count, rest = divmod(number, size)
    words = f"{spell_number(count)} {name}"
    return f"{words} {spell_number(rest)}" if rest else words


def spell_year(year: int) -> str:
    """Return a year as it is read: 1990 -> "nineteen ninety", 1905 -> "nineteen oh five"."""
    century, rest = divmod(year, 100)
    if century % 10 == 0 and rest < 10:
        return spell_number(year)
    if rest == 0:
        return f"{spell_number(century)} hundred"
    return f"{spell_number(century)} {'oh ' if rest < 10 else ''}{spell_number(rest)}"


def spell_ordinal(number: int) -> str:
    """Return an ordinal number in words: 21 -> "twenty-first"."""
    words = spell_number(number)
    last = re.split("[ -]", words)[-1]
    ending = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return words.removesuffix(last) + _ORDINALS.get(last, ending)


_PHONE = re.compile(r"(?<![\d-])(?:\d{1,4}-)*\d{3}-\d{4}(?![\d-])")
"""Digits that are read one by one: "555-1234"; not the years "1995-1998", nor a date."""
_HALF = r"[AaPp]\.?[Mm]\b\.?"
_TIME = re.compile(rf"(?<![\w:.,/-])(\d{{1,2}}):(\d\d)(?!\d|[:.,/-]\d)(?:\s?({_HALF}))?")
_TIME_SPAN = re.compile(
    rf"(?<![\w:.,/-])(\d{{1,2}}:\d\d(?:\s?{_HALF})?)\s?[-–—]\s?(?=\d{{1,2}}:\d\d)"
)
"""Two times with a dash between them."""
_DECADE = re.compile(r"(?<![\d.,])(\d{1,3}0)s\b")
_SIGN = r"(?:\bUS|(?<![A-Za-z]))[$]"
_SCALE = r" (?:thousand|million|billion|trillion)\b"
DOLLARS = rf"{_SIGN}(\d[\d,.]*\d|\d)(?!\w)({_SCALE})?"
"""A sum of money, and its scale: "$5 million", "US$5"; not "$5m"."""
_OTHER_MONEY = re.compile(r"[$£€¥₹]\s?\d|\d\s?[£€¥₹]")
_SUM = r"\d+(?:,\d{3})*(?:\.\d+)?"
_MONEY_SPAN = re.compile(
    rf"{_SIGN}({_SUM})(?:[-–—][$]|[-–])({_SUM})(?![\w/:+×*^=%-]|[.,]\d)({_SCALE})?"
)
_PERCENT_SPAN = re.compile(rf"(?<![\d-])({_SUM})%[-–—]({_SUM}%)")
"""Two sums of money, or two percentages, with a dash between them."""
_SPAN = re.compile(r"(?<![\d-])(\d[\d,.]*)\s?[-–—]\s?(?=\d[\d,.]*(?![\d-]))")


_JOINED = re.compile(r"\d(?:[\d.,:/=+×*^–—-]*\d)?")
_ONE_KNOWN = r"(?!0\d)(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_KNOWN = re.compile(rf"{_ONE_KNOWN}(?:[-–—]{_ONE_KNOWN})?")
"""A number, or two with a dash between them; not "10-4=6", "1/2", "192.168.0.1" and "007"."""
_POINT_FIRST = re.compile(r"(?<![\w.!?)\]”’])\.\d")
"""A decimal that begins with its point: ".5 cups", "$.99"; not the end of a sentence."""


def spell_numbers(text: str) -> str:
    """Return a text with its numbers in words; numbers of more than twelve digits stay.

    A text with numbers in a form that is not known stays as it is.
    """
    written = text
    text = re.sub(r"(?<![\w)%-])[-−](?=[$]?\d)", "minus ", text)
    text = _PERCENT_SPAN.sub(_write_percent_span, text)
    text = re.sub(DOLLARS, write_dollars, _MONEY_SPAN.sub(_write_money_span, text))
    text = _PHONE.sub(_spell_digits, text)
    text = _TIME.sub(_spell_time, _TIME_SPAN.sub(r"\1 to ", text))
    are_known = all(map(_KNOWN.fullmatch, _JOINED.findall(text)))
    if not are_known or _OTHER_MONEY.search(text) or _POINT_FIRST.search(written):
        return written
    text = _DECADE.sub(_spell_decade, text)
    text = re.sub(r"(?<=\d)\s?%", " percent", text)
    text = re.sub(r"(?<=\d)(?=(?!st\b|nd\b|rd\b|th\b)[A-Za-z])|(?<=[A-Za-z])(?=\d)", " ", text)
    text = _SPAN.sub(r"\1 to ", text)
    return _NUMBER.sub(_spell_match, text)


def write_dollars(found: re.Match[str]) -> str:
    """Return a sum of money that DOLLARS finds with the word: "5 million dollars", "1 dollar"."""
    amount, scale = found[1], found[2] or ""
    return f"{amount}{scale} dollar{'' if amount == '1' and not scale else 's'}"


def _write_money_span(found: re.Match[str]) -> str:
    """Return two sums with "to" between them, if the second one is larger; the scale is of both."""
    scale = found[3] or ""
    if not _rises(found[1], found[2]):
        return found[0]
    return f"{'' if scale else '$'}{found[1]} to ${found[2]}{scale}"


def _write_percent_span(found: re.Match[str]) -> str:
    return f"{found[1]} to {found[2]}" if _rises(found[1], found[2][:-1]) else found[0]


def _rises(first: str, second: str) -> bool:
    """Return whether a number is smaller than the next one, as in a span and not in a sum."""
    return float(first.replace(",", "")) < float(second.replace(",", ""))


def _spell_time(found: re.Match[str]) -> str:
    """Return a time in words: "nine AM", "twelve o'clock", "ten oh five"; one that is none as it
    is.
    """
    hour, minute, half = int(found[1]), int(found[2]), found[3]
    if not 1 <= hour <= 23 or minute > 59 or (hour > 12 and half):
        return found[0]
    if hour > 12:
        hour, half = hour - 12, "PM"
    words = spell_number(hour)
    if minute:
        words += f" {'oh ' if minute < 10 else ''}{spell_number(minute)}"
    elif not half:
        words += " o'clock"
    return f"{words} {half}" if half else words


def _spell_digits(found: re.Match[str]) -> str:
    return " ".join(_SMALL[int(digit)] for digit in found[0] if digit != "-")


def _spell_decade(found: re.Match[str]) -> str:
    """Return a decade in words: "1990s" -> "nineteen nineties"."""
    number = int(found[1])
    words = spell_year(number) if 1100 <= number < 2100 else spell_number(number)
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _spell_match(found: re.Match[str]) -> str:
    number = int(found["whole"].replace(",", ""))
    if number >= MAX_NUMBER or not found[0].isascii():
        return found[0]
    if found["part"]:
        digits = " ".join(_SMALL[int(digit)] for digit in found["part"])
        return f"{spell_number(number)} point {digits}"
    if found["th"]:
        return spell_ordinal(number)
    is_year = len(found["whole"]) == 4 and 1100 <= number < 2100
    return spell_year(number) if is_year else spell_number(number)


def write_digits(text: str) -> str:
    """Return a text with the number words from "two" to "twelve" as digits.

    Parts of longer numbers stay: "twenty-five", "one hundred and two".
    """
    words = "|".join(_SMALL[2:13])
    larger = "|".join([*_TENS[2:], *(name for _, name in _SCALES)])
    pattern = rf"(?:\b(?:{larger})(?:[- ]| and ))?\b(?:{words})\b(?!-)"
    return re.sub(pattern, _write_digit, text, flags=re.I)


def _write_digit(found: re.Match[str]) -> str:
    word = found[0].lower()
    return str(_SMALL.index(word)) if word in _SMALL else found[0]
