"""Overlap of texts by ROUGE-L: which are new, which repeat a kept one, which is nearest.

Source: Self-Instruct (arXiv 2212.10560, section 2.2: a new instruction is kept when its ROUGE-L to
every kept one is below 0.7); rouge_score 0.1.2, whose default tokenizer and F1 these are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import regex
from rapidfuzz import process
from rapidfuzz.distance import Indel

from selfteach.text import UNSPACED

LATIN = re.compile("[a-z0-9]+")
_ANY = regex.compile(rf"{UNSPACED}\p{{M}}*|[\p{{L}}\p{{N}}\p{{M}}]+")


def split_words(text: str) -> list[str]:
    """The words that ROUGE-L compares: lower case, runs of a-z and 0-9, everything else a space.

    Departs: rouge_score finds no word at all in Chinese, Russian, Arabic, so that all such texts
    score 0 to each other. A text with a letter beyond a-z is cut into Unicode words instead,
    scripts without spaces into characters. "café" is one word here, "caf" there.
    """
    lowered = text.lower()
    plain = lowered.isascii() or not any(char.isalnum() and not char.isascii() for char in lowered)
    return LATIN.findall(lowered) if plain else _ANY.findall(lowered)


def rouge_l(one: str, other: str) -> float:
    """ROUGE-L F1 of two texts, in [0, 1]; 0 where one has no words.

    With L the longest common subsequence of m and n words, F1 = 2 L / (m + n), which is what Indel
    similarity computes.
    """
    left, right = split_words(one), split_words(other)
    return Indel.normalized_similarity(left, right) if left and right else 0.0


@dataclass(frozen=True, slots=True)
class NearestText:
    """The kept text most like a given one, with its place and its ROUGE-L F1 (0 and "" where
    nothing is alike).
    """

    text: str
    index: int
    similarity: float


class OverlapIndex:
    """The kept texts, in the order in which they came. Adding is incremental; looking up costs one
    pass over the kept ones.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.texts: list[str] = []
        self._words: list[list[int]] = []
        self._ids: dict[str, int] = {}
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, text: str) -> None:
        """Keeps a text, new or not."""
        self.texts.append(text)
        self._words.append(self._numbered(text, learn=True))

    def nearest(self, text: str) -> NearestText:
        """The kept text most like this one; of several the earliest."""
        words = self._numbered(text)
        found = (
            process.extractOne(
                words, self._words, scorer=Indel.normalized_similarity, score_cutoff=1e-9
            )
            if words
            else None
        )
        return (
            NearestText(self.texts[found[2]], found[2], float(found[1]))
            if found
            else NearestText("", -1, 0.0)
        )

    def add_if_new(self, text: str, threshold: float = 0.7) -> tuple[bool, NearestText]:
        """Keeps the text where its overlap with every kept one is at most `threshold`; says
        whether, and what is nearest.
        """
        near = self.nearest(text)
        new = near.similarity <= threshold
        if new:
            self.add(text)
        return new, near

    def matrix(self, texts: Sequence[str], cutoff: float = 0.0) -> np.ndarray:
        """Overlap of given texts with all kept ones; what lies below `cutoff` is 0, found much
        faster.

        Shapes: float64 (len(texts), len(self)).
        """
        if not texts or not self.texts:
            return np.zeros((len(texts), len(self.texts)))
        rows = [self._numbered(text) for text in texts]
        found = process.cdist(
            rows,
            self._words,
            scorer=Indel.normalized_similarity,
            score_cutoff=cutoff or None,
            dtype=np.float64,
        )
        empty_rows, empty_columns = (
            np.array([not words for words in group]) for group in (rows, self._words)
        )
        found[empty_rows[:, None] & empty_columns[None, :]] = 0.0
        return np.asarray(found)

    def _numbered(self, text: str, learn: bool = False) -> list[int]:
        """Words as numbers, which compare faster; -1 stands for any word that no kept text has."""
        if learn:
            return [self._ids.setdefault(word, len(self._ids)) for word in split_words(text)]
        return [self._ids.get(word, -1) for word in split_words(text)]


def find_nearest(texts: Sequence[str], pool: OverlapIndex) -> list[NearestText]:
    """For each text the kept one most like it."""
    return [pool.nearest(text) for text in texts]
