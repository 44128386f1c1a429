"""A growing pool of texts that finds every pair with a long enough common subsequence.

The search is exact, but compares few of the pairs.
1. Length: L <= min(m, n), so that only lengths in one interval can exceed the threshold. Segments
are sorted by length.
2. Signature, narrow: the bound of signatures.py over 64 to 512 bits, for all pairs of the interval.
3. Signature, 512 bits, for the remaining pairs.
4. The longest common subsequence itself (rapidfuzz), for the remaining pairs.
If the signatures leave most of a tile (low thresholds), rapidfuzz compares all its pairs in one
call, which costs less for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import LCSseq

from selfteach.dedup.overlap import encode_words
from selfteach.dedup.rouge import compute_min_common
from selfteach.dedup.signatures import LANES, Bits, compute_signatures, fold_signatures

Ints = NDArray[np.int64]
ROWS = 16
COLUMNS = 4096
"""Rows and columns of a tile: its differences of signatures fit into a core's second cache."""
DENSE = 8
"""If more than one pair in so many passes the signature, the table is cheaper than the list."""


@dataclass(frozen=True, slots=True)
class EncodedTexts:
    """Hold texts as numbers of words; `number` is the caller's number of each."""

    number: Ints  # (n,)
    length: Ints  # (n,)
    coded: NDArray[np.object_]  # (n,)
    bits: Bits  # (n, LANES)

    def __len__(self) -> int:
        return len(self.number)

    def take(self, places: NDArray[np.integer] | slice) -> EncodedTexts:
        """Return the texts at some places, in the given order."""
        return EncodedTexts(
            self.number[places], self.length[places], self.coded[places], self.bits[places]
        )

    @staticmethod
    def join(parts: Sequence[EncodedTexts]) -> EncodedTexts:
        """Return all texts of several parts."""
        return EncodedTexts(
            np.concatenate([part.number for part in parts]),
            np.concatenate([part.length for part in parts]),
            np.concatenate([part.coded for part in parts]),
            np.concatenate([part.bits for part in parts]),
        )


class TextEncoder:
    """Encode texts as `encode_words` does, with a number for each word."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def rows(self, texts: Sequence[Sequence[str]], start: int = 0) -> EncodedTexts:
        """Encode texts given as words, numbered from `start`."""
        numbered = []
        for words in texts:
            numbered.append([self._ids.setdefault(word, len(self._ids)) for word in words])
        coded = np.empty(len(texts), object)
        for place, row in enumerate(numbered):
            coded[place] = encode_words(row)
        length = np.array([len(row) for row in numbered], np.int64)
        return EncodedTexts(
            np.arange(start, start + len(texts)), length, coded, compute_signatures(numbered)
        )


@dataclass(frozen=True)
class PoolSegment:
    """Hold texts sorted by length, and their folded signatures."""

    rows: EncodedTexts
    folded: dict[int, Bits] = field(default_factory=dict)

    @staticmethod
    def of(rows: EncodedTexts) -> PoolSegment:
        """Return a segment of texts in any order, without those that have no words."""
        order = np.argsort(rows.length, kind="stable")
        return PoolSegment(rows.take(order[np.searchsorted(rows.length[order], 1) :]))

    def between(self, shortest: int, longest: int) -> tuple[int, int]:
        """Return the first place of the texts of these lengths, and the place after the last."""
        low, high = np.searchsorted(self.rows.length, (shortest, longest + 1))
        return int(low), int(high)

    def lanes(self, lanes: int) -> Bits:
        """Return its signatures of 64 * lanes bits. Shapes: (lanes, n)."""
        if lanes not in self.folded:
            self.folded[lanes] = fold_signatures(self.rows.bits, lanes)
        return self.folded[lanes]


PoolTask = tuple[EncodedTexts, PoolSegment, int, int]
"""Texts of one length, a segment, and the first and last place to compare with."""
NO_PAIRS = np.zeros((0, 4), np.int64)


class TextPool:
    """Hold the texts to compare with, in segments of doubling size.

    So adding costs little, and a search visits few segments.
    """

    def __init__(self, threshold: Fraction, threads: ThreadPoolExecutor | None = None) -> None:
        self._threshold = threshold
        self._threads = threads
        self._segments: list[PoolSegment] = []
        self._least = compute_min_common(256, threshold)
        self._longest = 0

    def add(self, rows: EncodedTexts) -> None:
        """Add texts to the pool."""
        if not len(rows):
            return
        self._longest = max(self._longest, int(rows.length.max()))
        while self._segments and len(self._segments[-1].rows) < 2 * len(rows):
            rows = EncodedTexts.join([self._segments.pop().rows, rows])
        self._segments.append(PoolSegment.of(rows))

    def search(self, texts: EncodedTexts) -> Ints:
        """Find every pair of a given text and one of the pool that exceeds the threshold.

        The order does not depend on the threads.

        Shapes: (pairs, 4): the given text's number, the pool text's number, the length of their
        common subsequence, and their words together.
        """
        if not len(texts) or not self._segments:
            return NO_PAIRS
        total = int(texts.length.max()) + self._longest
        if total >= len(self._least):
            self._least = compute_min_common(2 * total, self._threshold)
        run = self._threads.map if self._threads else map
        found = run(self._scan, list(self._list_tasks(PoolSegment.of(texts))))
        return np.concatenate([NO_PAIRS, *chain.from_iterable(found)])

    def _list_tasks(self, given: PoolSegment) -> Iterator[PoolTask]:
        """Yield texts of one length with the part of each segment that can exceed the threshold."""
        for length in np.unique(given.rows.length):
            group = given.rows.take(slice(*given.between(length, length)))
            shortest, longest = self._find_lengths(int(length))
            for segment in self._segments:
                first, last = segment.between(shortest, longest)
                if first < last:
                    yield group, segment, first, last

    def _find_lengths(self, length: int) -> tuple[int, int]:
        """Return the least and greatest length for which L <= min(m, n) is enough.

        This is one interval, because 2 min(m, n) / (m + n) decreases on both sides of n = m.
        """
        possible = np.arange(1, self._longest + 1)
        fits = possible[np.minimum(length, possible) >= self._least[length + possible]]
        return (int(fits[0]), int(fits[-1])) if len(fits) else (0, 0)

    def _scan(self, task: PoolTask) -> list[Ints]:
        """Do steps 2 to 4 for all pairs of texts of one length and a part of the segment."""
        group, segment, first, last = task
        lanes = _choose_lanes(2 * int(group.length[0]))
        narrow = fold_signatures(group.bits, lanes)
        wide = segment.lanes(lanes)
        parts = []
        for left in range(first, last, COLUMNS):
            columns = slice(left, min(left + COLUMNS, last))
            total = segment.rows.length[columns] + group.length[0]
            room = np.minimum(total - 2 * self._least[total], 64 * lanes).astype(np.uint16)
            for top in range(0, len(group), ROWS):
                rows = slice(top, min(top + ROWS, len(group)))
                near = _find_within(narrow[:, rows], wide[:, columns], room)
                places = np.flatnonzero(near)  # numpy is much faster on one axis than on two
                if not len(places):
                    continue
                asked = group.take(rows)
                pool = segment.rows.take(columns)
                if len(places) * DENSE > near.size:
                    parts.append(_compare_all(asked, pool, self._least))
                else:
                    row, column = np.divmod(places, len(pool))
                    parts.append(_compare_listed(asked, pool, row, column, self._least))
        return parts


def _choose_lanes(total: int) -> int:
    """Return how many times 64 bits separate different texts of so many words.

    This is a power of two with about three bits for each word (docs/log/).
    """
    return min(LANES, 1 << max(0, (3 * total - 1).bit_length() - 6))


def _find_within(asked: Bits, pool: Bits, room: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Return which pairs differ in at most `room` bits.

    Shapes: (lanes, r), (lanes, c), (c,) -> bool (r, c).
    """
    differ = np.bitwise_count(asked[0][:, None] ^ pool[0])
    if len(asked) > 1:
        differ = differ.astype(np.uint16)
    for one, other in zip(asked[1:], pool[1:], strict=True):
        differ += np.bitwise_count(one[:, None] ^ other)
    return np.asarray(differ <= (room if len(asked) > 1 else room.astype(np.uint8)))


def _compare_listed(
    asked: EncodedTexts, pool: EncodedTexts, row: Ints, column: Ints, least: Ints
) -> Ints:
    """Do steps 3 and 4 for the given pairs."""
    total = asked.length[row] + pool.length[column]
    differ = np.bitwise_count(asked.bits[row] ^ pool.bits[column]).sum(axis=1, dtype=np.int64)
    close = differ <= total - 2 * least[total]
    row = row[close]
    column = column[close]
    if not len(row):
        return NO_PAIRS
    common = process.cpdist(
        asked.coded[row], pool.coded[column], scorer=LCSseq.similarity, dtype=np.int64
    )
    return _select_exceeding(asked, pool, row, column, np.asarray(common), least)


def _compare_all(asked: EncodedTexts, pool: EncodedTexts, least: Ints) -> Ints:
    """Do step 4 for every pair of the tile; its rows are texts of one length."""
    need = least[asked.length[0] + pool.length]
    found = process.cdist(
        asked.coded,
        pool.coded,
        scorer=LCSseq.similarity,
        score_cutoff=int(need.min()),
        dtype=np.int32,
    )
    row, column = np.nonzero(found >= need)
    return _select_exceeding(asked, pool, row, column, found[row, column].astype(np.int64), least)


def _select_exceeding(
    asked: EncodedTexts, pool: EncodedTexts, row: Ints, column: Ints, common: Ints, least: Ints
) -> Ints:
    total = asked.length[row] + pool.length[column]
    pairs = np.stack([asked.number[row], pool.number[column], common, total], axis=1)
    return np.asarray(pairs[common >= least[total]])
