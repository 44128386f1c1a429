"""Are the answers still answers? How many loop, how many are empty, how long they are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfteach.dedup.overlap import split_words
from selfteach.records import Completion, Measure
from selfteach.statistics import mean, share

MAX_BLOCK_WORDS, MIN_REPEATS, MIN_SPAN_WORDS = 24, 3, 9
MIN_WORDS, MAX_REPEATED_SHARE = 16, 0.5
_REPEATED_SIGNS = re.compile(r"([^\s\d=_*.~#|+-]{1,4}?)\1{15,}")


@dataclass(frozen=True, slots=True)
class Sanity:
    """Shares of looping and of empty answers, and the mean length in tokens."""

    looping: Measure
    empty: Measure
    length_tokens: Measure


def measure_sanity(
    answers: Sequence[str], lengths_tokens: Sequence[int], *, seed: int = 0
) -> Sanity:
    """Whether answers loop, are empty, and how long they are.

    Args:
        answers: the texts.
        lengths_tokens: the tokens of each.
    """
    if len(answers) != len(lengths_tokens):
        raise ValueError(f"{len(lengths_tokens)} lengths for {len(answers)} answers")
    return Sanity(
        share([is_looping(a) for a in answers]),
        share([is_empty(a) for a in answers]),
        mean(lengths_tokens, seed=seed),
    )


def measure_sanity_by_arm(
    draws: Mapping[str, Sequence[Completion]], *, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """The sanity of each arm's answers, as exam.json holds it."""
    found = {
        arm: measure_sanity([d.text for d in own], [d.tokens for d in own], seed=seed)
        for arm, own in draws.items()
    }
    return {
        arm: {"looping": s.looping, "empty": s.empty, "mean_tokens": s.length_tokens.value}
        for arm, s in found.items()
    }


def is_empty(answer: str) -> bool:
    """Whether an answer has no letter, digit or picture."""
    return not any(
        char.isalnum() or unicodedata.category(char) == "So"
        for char in answer.replace("\ufffd", "")
    )


def is_looping(answer: str) -> bool:
    """Whether an answer goes round in circles. One of three:

    a block of at most 24 words comes at least 3 times in a row and takes at least 9 words; of at
    least 16 words, half of all runs of
    4 words are repeats of an earlier one (seq-rep-4, Welleck et al., arXiv 1908.04319, equation 6);
    or one sign or syllable comes 16 times in a row.

    Numbers count as one and the same word, so that a numbered list of one item is a loop. Lines of
    signs that draw tables are none.
    """
    words = ["0" if word.isdigit() else word for word in split_words(answer)]
    return (
        _REPEATED_SIGNS.search(answer) is not None
        or _repeated_share(words) >= MAX_REPEATED_SHARE
        or _has_block(words)
    )


def _repeated_share(words: Sequence[str], n: int = 4) -> float:
    """seq-rep-n: 1 - different n-grams / n-grams."""
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    told = [gram for gram in grams if set(gram) != {"0"}]
    return 1 - len(set(told)) / len(told) if told and len(words) >= MIN_WORDS else 0.0


def _has_block(words: Sequence[str]) -> bool:
    """Whether a block repeats in a row: words equal to those one period before, for long enough. A
    row of numbers is none.
    """
    for period in range(1, min(MAX_BLOCK_WORDS, len(words) // MIN_REPEATS) + 1):
        wanted = max((MIN_REPEATS - 1) * period, MIN_SPAN_WORDS - period)
        run = 0
        for i in range(period, len(words)):
            run = (
                run + 1
                if words[i] == words[i - period] and words[i - period : i] != ["0"] * period
                else 0
            )
            if run >= wanted:
                return True
    return False
