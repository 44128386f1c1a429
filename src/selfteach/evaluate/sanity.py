"""Sanity of answers: the shares that loop or are empty, and the mean length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from selfteach.dedup.overlap import split_words
from selfteach.records import Completion, JsonObject
from selfteach.statistics import mean, share

# The limits of `is_looping`, which says what each one means.
MAX_BLOCK_WORDS = 24
MIN_REPEATS = 3
MIN_SPAN_WORDS = 9
MIN_WORDS = 16
MAX_REPEATED_SHARE = 0.5
_REPEATED_SIGNS = re.compile(r"([^\s\d=_*.~#|+\-‐-―−─-╿]{1,4}?)\1{15,}")
"""A sign or syllable; the signs that lines are drawn with are none: dashes and box drawing too."""


def measure_sanity_by_arm(
    answers: Mapping[str, Sequence[Completion]], *, seed: int = 0
) -> dict[str, JsonObject]:
    """Return the shares of looping and of empty answers of each arm, and the mean length."""
    rows = {}
    for arm, own in answers.items():
        rows[arm] = {
            "looping": share([is_looping(answer.text) for answer in own]),
            "empty": share([is_empty(answer.text) for answer in own]),
            "mean_tokens": mean([answer.tokens for answer in own], seed=seed).value,
        }
    return rows


def is_empty(answer: str) -> bool:
    """Return whether an answer has no letter, digit or emoji."""
    return not any(
        char.isalnum() or unicodedata.category(char) == "So"
        for char in answer.replace("\ufffd", "")
    )


def is_looping(answer: str) -> bool:
    """Return whether an answer loops, by one of three conditions.

    1. A block of at most 24 words occurs at least 3 times in a row and has at least 9 words in all.
    2. The answer has at least 16 words, and half of all runs of 4 words repeat an earlier one
       (seq-rep-4, Welleck et al., arXiv 1908.04319, equation 6).
    3. One sign or syllable occurs 16 times in a row.

    All numbers count as the same word, so a numbered list of one repeated item is a loop. Lines of
    signs in tables are no loop.
    """
    words = ["0" if word.isdigit() else word for word in split_words(answer)]
    return (
        _REPEATED_SIGNS.search(answer) is not None
        or _repeated_share(words) >= MAX_REPEATED_SHARE
        or _has_block(words)
    )


def _repeated_share(words: Sequence[str], n: int = 4) -> float:
    """Return seq-rep-n: 1 - different n-grams / n-grams, without n-grams of numbers alone."""
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    counted = [gram for gram in grams if set(gram) != {"0"}]
    if not counted or len(words) < MIN_WORDS:
        return 0.0
    return 1 - len(set(counted)) / len(counted)


def _has_block(words: Sequence[str]) -> bool:
    """Return whether a block repeats in a row; a row of numbers does not count.

    A block repeats if enough words in a row equal the words one period before.
    """
    for period in range(1, min(MAX_BLOCK_WORDS, len(words) // MIN_REPEATS) + 1):
        wanted = max((MIN_REPEATS - 1) * period, MIN_SPAN_WORDS - period)
        run = 0
        for i in range(period, len(words)):
            repeats = words[i] == words[i - period] and words[i - period : i] != ["0"] * period
            run = run + 1 if repeats else 0
            if run >= wanted:
                return True
    return False
