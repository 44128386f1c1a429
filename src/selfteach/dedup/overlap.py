"""Overlap of texts by ROUGE-L: new texts, repeated texts, and the nearest text.

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
    """Return the words that ROUGE-L compares: lower case, runs of a-z and 0-9.

    Departs: rouge_score finds no word at all in Chinese, Russian, Arabic, so that all such texts
    score 0 to each other. Here a text with a letter beyond a-z is split into Unicode words, and
    scripts without spaces into characters. "café" is one word here, "caf" there.
    """
    lowered = text.lower()
    plain = lowered.isascii() or not any(char.isalnum() and not char.isascii() for char in lowered)
    return LATIN.findall(lowered) if plain else _ANY.findall(lowered)


def rouge_l(one: str, other: str) -> float:
    """Return ROUGE-L F1 of two texts, in [0, 1]; 0 if one has no words.

    With L the longest common subsequence of m and n words, F1 = 2 L / (m + n); Indel similarity is
    the same.
    """
    left = split_words(one)
    right = split_words(other)
    return Indel.normalized_similarity(left, right) if left and right else 0.0


@dataclass(frozen=True, slots=True)
class NearestText:
    """Hold the kept text most similar to a given one, its place and its ROUGE-L F1."""

    text: str = ""
    index: int = -1
    similarity: float = 0.0


class OverlapIndex:
    """Hold the kept texts in order. Adding is incremental; a query compares all kept texts."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.texts: list[str] = []
        self._words: list[list[int]] = []
        self._ids: dict[str, int] = {}
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, text: str) -> None:
        """Keep a text, new or not."""
        self.texts.append(text)
        self._words.append(self._numbered(text, learn=True))

    def nearest(self, text: str) -> NearestText:
        """Return the kept text most similar to this one; of several the earliest."""
        found = None
        if words := self._numbered(text):
            scorer = Indel.normalized_similarity
            found = process.extractOne(words, self._words, scorer=scorer, score_cutoff=1e-9)
        if found is None:
            return NearestText()
        _, similarity, index = found
        return NearestText(self.texts[index], index, float(similarity))

    def add_if_new(self, text: str, threshold: float = 0.7) -> tuple[bool, NearestText]:
        """Keep the text if its overlap with every kept one is at most `threshold`.

        Return whether it was kept, and the nearest text.
        """
        near = self.nearest(text)
        new = near.similarity <= threshold
        if new:
            self.add(text)
        return new, near

    def matrix(self, texts: Sequence[str], cutoff: float = 0.0) -> np.ndarray:
        """Return the overlap of given texts with all kept ones.

        Values below `cutoff` are 0, which is much faster.

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
        empty_rows = [i for i, words in enumerate(rows) if not words]
        found[empty_rows] = 0.0
        return np.asarray(found)

    def _numbered(self, text: str, learn: bool = False) -> list[int]:
        """Return words as numbers, which compare faster; -1 is a word of no kept text."""
        if learn:
            return [self._ids.setdefault(word, len(self._ids)) for word in split_words(text)]
        return [self._ids.get(word, -1) for word in split_words(text)]
