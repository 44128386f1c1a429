"""ROUGE-L as rouge_score computes it: its words, and its comparison with a threshold in integers.

Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3; rouge_score
0.1.2 (`tokenize.py`, `_score_lcs`). With L the longest common subsequence of m and n words, F1 = 2
L / (m + n).
Departs: rouge_score computes F1 from precision and recall in floating point, where 2 * .7 * .7 /
1.4 may miss .7 by its last bit; here a pair exceeds a threshold if 2 L > threshold * (m + n) holds
for the decimal number as it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from selfteach.dedup.overlap import LATIN, split_words

SplitWords = Callable[[str], list[str]]


def split_latin_words(text: str) -> list[str]:
    """Return rouge_score's words: lower case, runs of a-z and 0-9.

    Russian or Chinese text has none.
    """
    return LATIN.findall(text.lower())


def split_words_of_latin(text: str) -> list[str]:
    """Return rouge_score's words of a text in Latin letters.

    Departs: a text in other letters has none, also if it names something in Latin ones ("GPS"):
    that would be all that two such texts are compared by.
    """
    if not text.isascii():
        letters = list(filter(str.isalnum, text))
        if 2 * sum(map(str.isascii, letters)) < len(letters):
            return []
    return split_latin_words(text)


WORD_SPLITTERS: dict[str, SplitWords] = {"rouge": split_words_of_latin, "unicode": split_words}
"""Functions that split a text into words: as rouge_score does where letters are Latin, or words of
every script (`overlap.split_words`; the same for ASCII texts).
"""


def compute_min_common(totals: int, threshold: Fraction) -> NDArray[np.int64]:
    """Return the smallest common subsequence that exceeds the threshold.

    Args:
        totals: the greatest number of words of both texts together.

    Shapes: int64 (totals + 1,).
    """
    above = [
        total * threshold.numerator // (2 * threshold.denominator) for total in range(totals + 1)
    ]
    return np.array(above, np.int64) + 1


def to_exact_fraction(threshold: float) -> Fraction:
    """Return the decimal number as written: 7/10 for .7, not the float next to it."""
    return Fraction(str(threshold))
