"""Overlap of texts by ROUGE-L: new texts, repeated texts, and the nearest text.

Source: Self-Instruct (arXiv 2212.10560, section 2.2: a new instruction is kept when its ROUGE-L to
every kept one is below 0.7); rouge_score 0.1.2, whose default tokenizer and F1 these are.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import regex
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Indel

from selfteach.dedup.signatures import LANES, compute_signatures, fold_signatures
from selfteach.text import UNSPACED

EncodedWords = str | list[int]
UNKNOWN = 0
MAX_CODE = sys.maxunicode
FIRST_ROOM = 64
ROUNDING = 1e-6
"""rapidfuzz rounds its own bound: it may miss a text whose overlap is just at it."""

LATIN = re.compile("[a-z0-9]+")
_WRITTEN = regex.compile(rf"{UNSPACED}[\p{{M}}\p{{P}}]*|[\S--{UNSPACED}]+", regex.V1)
_ANY = regex.compile(rf"{UNSPACED}\p{{M}}*|[\p{{L}}\p{{N}}\p{{M}}]+")


def split_words(text: str) -> list[str]:
    """Return the words that ROUGE-L compares: lower case, runs of a-z and 0-9.

    Departs: rouge_score finds no word at all in Chinese, Russian, Arabic, so that all such texts
    score 0 to each other. Here a text with a letter beyond a-z is split into Unicode words, and
    scripts without spaces into characters. "café" is one word here, "caf" there, and the same
    whether its accent is a character of its own (Unicode's NFC and NFD).
    """
    lowered = (text if text.isascii() else unicodedata.normalize("NFC", text)).lower()
    plain = lowered.isascii() or not any(char.isalnum() and not char.isascii() for char in lowered)
    return LATIN.findall(lowered) if plain else _ANY.findall(lowered)


def split_written_words(text: str) -> list[str]:
    """Return the words as they are written, with the marks beside them: what stands between spaces,
    and each letter of scripts without spaces.
    """
    return [text[start:end] for start, end in iterate_written_words(text)]


def take_written_words(text: str, count: int) -> str:
    """Return the text up to the end of so many of its written words; all of it where it has no
    more.
    """
    ends = [0, *(end for _, end in islice(iterate_written_words(text), count + 1))]
    return text if len(ends) <= count + 1 else text[: ends[count]]


def iterate_written_words(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each written word begins and ends, as of `split_written_words`."""
    for found in _WRITTEN.finditer(text):
        yield found.span()


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
    """Hold the kept texts in order. Adding is incremental.

    A query for the nearest text above a bound compares only the kept texts that can reach it, by
    their lengths and signatures (signatures.py); other queries compare all.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.texts: list[str] = []
        self._words: list[EncodedWords] = []
        self._ids: dict[str, int] = {}
        self._lengths = np.zeros(FIRST_ROOM, np.int64)
        self._bits = np.zeros((FIRST_ROOM, LANES), np.uint64)
        self._narrow = np.zeros(FIRST_ROOM, np.uint64)
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, text: str) -> None:
        """Keep a text, new or not."""
        numbers = self._number_words(split_words(text), learn=True)
        place = len(self.texts)
        if place == len(self._lengths):
            self._lengths = np.concatenate([self._lengths, np.zeros_like(self._lengths)])
            self._bits = np.concatenate([self._bits, np.zeros_like(self._bits)])
            self._narrow = np.concatenate([self._narrow, np.zeros_like(self._narrow)])
        self._lengths[place] = len(numbers)
        self._bits[place] = compute_signatures([numbers])[0]
        self._narrow[place] = fold_signatures(self._bits[place : place + 1], 1)[0, 0]
        self.texts.append(text)
        self._words.append(encode_words(numbers))

    def nearest(self, text: str, min_overlap: float = 0.0) -> NearestText:
        """Return the kept text most similar to this one; of several the earliest.

        Args:
            min_overlap: texts with a lower ROUGE-L are not found, which is much faster.
        """
        numbers = self._number_words(split_words(text))
        if not numbers:
            return NearestText()
        places = self._find_reachable(numbers, min_overlap) if min_overlap > 0 else None
        found = process.extractOne(
            encode_words(numbers),
            self._words if places is None else [self._words[place] for place in places],
            scorer=Indel.normalized_similarity,
            score_cutoff=max(min_overlap - ROUNDING, 1e-9),
        )
        if found is None or found[1] < min_overlap:
            return NearestText()
        _, similarity, index = found
        index = index if places is None else int(places[index])
        return NearestText(self.texts[index], index, float(similarity))

    def _find_reachable(self, numbers: Sequence[int], min_overlap: float) -> NDArray[np.int64]:
        """Return the places of the kept texts whose overlap may reach the bound, in order.

        Two texts of m and n words that differ in d words have F1 = 1 - d / (m + n), and neither
        |m - n| nor the bits in which their signatures differ exceed d.
        """
        count = len(self.texts)
        lengths = np.arange(self._lengths[:count].max(initial=0) + 1)
        most = np.floor((1 - min_overlap + ROUNDING) * (lengths + len(numbers))).astype(np.int64)
        most[np.abs(lengths - len(numbers)) > most] = -1
        mine = compute_signatures([numbers])
        differ = np.bitwise_count(self._narrow[:count] ^ fold_signatures(mine, 1)[0])
        places = np.flatnonzero(differ <= most.take(self._lengths[:count]))
        differ = np.bitwise_count(self._bits[places] ^ mine).sum(axis=1, dtype=np.int64)
        near: NDArray[np.int64] = places[differ <= most[self._lengths[places]]]
        return near

    def add_if_new(self, text: str, threshold: float = 0.7) -> tuple[bool, NearestText]:
        """Keep the text if its overlap with every kept one is at most `threshold`.

        Return whether it was kept, and the nearest text if its overlap is not below `threshold`.
        """
        near = self.nearest(text, threshold)
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
        rows = [encode_words(self._number_words(split_words(text))) for text in texts]
        found = process.cdist(
            rows,
            self._words,
            scorer=Indel.normalized_similarity,
            score_cutoff=max(cutoff - ROUNDING, 0) or None,
            dtype=np.float64,
        )
        empty_rows = [i for i, words in enumerate(rows) if not words]
        found[empty_rows] = 0.0
        found[found < cutoff] = 0.0
        return np.asarray(found)

    def _number_words(self, words: Sequence[str], learn: bool = False) -> list[int]:
        """Return words as numbers from 1 on; `UNKNOWN` is a word of no kept text."""
        if learn:
            return [self._ids.setdefault(word, len(self._ids) + 1) for word in words]
        return [self._ids.get(word, UNKNOWN) for word in words]


def encode_words(numbers: Sequence[int]) -> EncodedWords:
    """Return a text of one character a word, which rapidfuzz compares without a copy.

    Numbers beyond the last character stay a list, which it compares as well.
    """
    if max(numbers, default=0) <= MAX_CODE:
        return "".join(map(chr, numbers))
    return list(numbers)
