"""The words that British and American English spell in two ways, of `spellings.txt`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from selfteach.exact_texts import find_exact_spans, touches

SPELLINGS = Path(__file__).with_name("spellings.txt")
VARIETIES = ("american", "british")
_ONLY_RIGHT, _ONLY_LEFT = "<", ">"
"""Signs of a row whose other word is good in both varieties."""
_WORD = re.compile(r"[a-z]+", re.I)


class _Row(NamedTuple):
    american: str
    british: str
    tells_american: bool
    """Whether the American word is wrong in British English."""
    tells_british: bool


def _read_rows(text: str) -> Iterator[_Row]:
    """Yield the words of a table with each of their endings."""
    endings: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("endings:"):
            endings = [_split_ending(ending) for ending in line.split()[1:]]
        elif line and not line.startswith("#"):
            american, *sign, british = line.split()
            for end, other_end in endings:
                yield _Row(
                    american + end,
                    british + other_end,
                    _ONLY_RIGHT not in sign,
                    _ONLY_LEFT not in sign,
                )


def _split_ending(ending: str) -> tuple[str, str]:
    """Return an ending in American and in British English: "s/es" -> "s", "es"."""
    first, _, second = ending.replace("-", "").partition("/")
    return first, second if "/" in ending else first


@cache
def load_respellings(variety: str) -> Mapping[str, str]:
    """Return the lower-case words that are wrong in a variety, each with its spelling there."""
    rows = list(_read_rows(SPELLINGS.read_text("utf-8")))
    if variety == "british":
        return {row.american: row.british for row in rows if row.tells_american}
    return {row.british: row.american for row in rows if row.tells_british}


def is_spelled(variety: str, text: str) -> bool:
    """Return whether a text has no word in the spelling of the other variety. Code and addresses
    have their own.
    """
    return respell(variety, text) == text


def respell(variety: str, text: str) -> str:
    """Return a text in the spelling of a variety; capital letters, code and addresses stay."""
    other = load_respellings(variety)
    exact = find_exact_spans(text)

    def write(match: re.Match[str]) -> str:
        return match[0] if touches(match, exact) else _respell_word(match[0], other)

    return _WORD.sub(write, text)


def _respell_word(word: str, other: Mapping[str, str]) -> str:
    spelled = other.get(word.lower(), "")
    if not spelled:
        return word
    if word.isupper():
        return spelled.upper()
    return spelled.capitalize() if word[0].isupper() else spelled
