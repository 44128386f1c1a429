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
GRAM_WORDS = 4
"""Words of the n-grams whose repetition is counted."""
MAX_REPEATED_SHARE = 0.5
MIN_BLOCK_TEXT_WORDS = 3
MIN_EQUAL_AT_END = 100
_COUNTER = re.compile(r"(?:^|(?<=[.!?] )|(?<=[.!?]\n))[ \t]*\d{1,3}[.)](?=[ \t])", re.M)
"""The number of a list item."""
_REPEATED_SIGNS = re.compile(r"(?![/\\%^:;·•…▀-▟]{16})([^\s\d=_*.~#|+\-‐-―−─-╿]{1,4}?)\1{15,}")
"""A sign or syllable; the signs that lines are drawn with are none: dashes, leader dots, lines of
comments, boxes and bars.
"""


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
    """Return whether an answer loops, by one of four conditions.

    1. A block of at most 24 words occurs at least 3 times in a row and has at least 9 words in all.
    2. The answer has at least 16 words, and half of all runs of 4 words repeat an earlier one
       (seq-rep-4, Welleck et al., arXiv 1908.04319, equation 6).
    3. One sign or syllable occurs 16 times in a row.
    4. It ends with 100 equal signs, digits or numbers in a row, whatever they are.

    The numbers of list items do not count, so a numbered list of one repeated item is a loop. A
    block whose numbers differ repeats where only a counter differs and it has at least 3 words of
    two letters: "Step 1: stir the soup." Times, measures and times tables are no loop, and neither
    are lines of signs in tables.
    """
    words = split_words(_COUNTER.sub("", answer))
    return (
        _REPEATED_SIGNS.search(answer) is not None
        or _ends_with_equals(answer)
        or _repeated_share(words) >= MAX_REPEATED_SHARE
        or _has_block(words)
    )


def _ends_with_equals(answer: str) -> bool:
    """Return whether the last signs, or the last words if they are numbers, are all the same."""
    signs = "".join(answer.split())[-MIN_EQUAL_AT_END:]
    if len(signs) == MIN_EQUAL_AT_END and len(set(signs)) == 1:
        return True
    words = re.findall(r"\w+", answer)[-MIN_EQUAL_AT_END:]
    return len(words) == MIN_EQUAL_AT_END and len(set(words)) == 1 and words[0].isdigit()


def _mask_numbers(words: Sequence[str]) -> list[str]:
    """Return the words with "0" for each number."""
    return ["0" if word.isdigit() else word for word in words]


def _repeated_share(words: Sequence[str]) -> float:
    """Return seq-rep-4: 1 - different n-grams / n-grams, without n-grams of numbers alone.

    In an n-gram with one number, that counts as the same as any other.
    """
    grams = []
    for i in range(len(words) - GRAM_WORDS + 1):
        gram = tuple(words[i : i + GRAM_WORDS])
        num_numbers = sum(map(str.isdigit, gram))
        if num_numbers < GRAM_WORDS:
            grams.append(tuple(_mask_numbers(gram)) if num_numbers == 1 else gram)
    if not grams or len(words) < MIN_WORDS:
        return 0.0
    return 1 - len(set(grams)) / len(grams)


def _has_block(words: Sequence[str]) -> bool:
    """Return whether a block repeats in a row; a row of numbers does not count.

    A block repeats if enough words in a row equal the words one period before.
    """
    masked = _mask_numbers(words)
    for period in range(1, min(MAX_BLOCK_WORDS, len(words) // MIN_REPEATS) + 1):
        wanted = max((MIN_REPEATS - 1) * period, MIN_SPAN_WORDS - period)
        run = 0
        for i in range(period, len(words)):
            repeats = masked[i] == masked[i - period] and masked[i - period : i] != ["0"] * period
            run = run + 1 if repeats else 0
            if run >= wanted and _is_loop(words[i + 1 - wanted - period : i + 1], period):
                return True
    return False


def _is_loop(words: Sequence[str], period: int) -> bool:
    """Return whether blocks that are equal but for their numbers differ in a counter at most."""
    num_blocks = len(words) // period
    columns = [tuple(words[k : num_blocks * period : period]) for k in range(period)]
    counters = {column for column in columns if len(set(column)) > 1}
    text_words = [column[0] for column in columns if not column[0].isdigit()]
    num_words = sum(len(word) > 1 or not word.isascii() for word in text_words)
    return not counters or (len(counters) == 1 and num_words >= MIN_BLOCK_TEXT_WORDS)
