"""ROUGE-L as rouge_score computes it: its words, and when its F1 exceeds a threshold, in whole
numbers.

Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3; rouge_score
0.1.2 (`tokenize.py`, `_score_lcs`). With L the longest common subsequence of m and n words, F1 = 2
L / (m + n).
Departs: rouge_score computes F1 from precision and recall in floating point, where 2 * .7 * .7 /
1.4 may miss .7 by its last bit; here a pair exceeds a threshold when 2 L > threshold * (m + n)
holds for the decimal number as it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from selfteach.dedup.overlap import LATIN, split_words

SplitWords = Callable[[str], list[str]]


def split_latin_words(text: str) -> list[str]:
    """rouge_score's words: lower case, runs of a-z and 0-9, everything else a space. In Russian or
    Chinese text there is none.
    """
    return LATIN.findall(text.lower())


WORD_SPLITTERS: dict[str, SplitWords] = {"rouge": split_latin_words, "unicode": split_words}
"""What cuts a text into words: as rouge_score does, or words of every script (`overlap.tokens`;
equal where all is ASCII).
"""


def compute_min_common(totals: int, threshold: Fraction) -> NDArray[np.int64]:
    """The smallest common subsequence that exceeds the threshold, for texts of 0 to `totals` words
    together.

    Shapes: int64 (totals + 1,).
    """
    p, q = threshold.numerator, 2 * threshold.denominator
    return np.array([p * total // q + 1 for total in range(totals + 1)], np.int64)


def to_exact_fraction(threshold: float) -> Fraction:
    """The decimal number that was written: 7/10 for .7, not the float next to it."""
    return Fraction(str(threshold))
