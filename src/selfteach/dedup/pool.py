"""A growing pool of texts that finds every pair with a long enough common subsequence.

The search is exact, but compares few of the pairs.
1. Length: L <= min(m, n), so that only lengths in one interval can exceed the threshold. Segments
are sorted by length.
2. Rare words: in large segments an inverted index (prefix_index.py) names the few texts that begin
with two of the same rare words.
3. Signature, narrow: the bound of signatures.py over 64 to 512 bits, for those. The bound is also
used for all pairs of the interval if the segment is small, the text is long, or its words are so
common that the index names too many texts.
4. Signature, 512 bits, for the remaining pairs.
5. The longest common subsequence itself (rapidfuzz), for the remaining pairs.
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

from selfteach.dedup.prefix_index import MAX_PLACES, MAX_TEXT_WORDS, PairIndex, PrefixReach
from selfteach.dedup.rouge import compute_min_common
from selfteach.dedup.signatures import LANES, Bits, compute_signatures, fold_signatures

Ints = NDArray[np.int64]
ROWS = 16
COLUMNS = 4096
"""Rows and columns of a tile: its differences of signatures fit into a core's second cache."""
DENSE = 8
"""If more than one pair in so many passes the signature, the table is cheaper than the list."""
INDEXED = 65_536
"""Texts from which on an index is worth its cost (docs/log/)."""
LOOKS = 64
"""Texts that query the index at once."""
LOOK = 200
"""The cost of a query for one pair of words, in comparisons of signatures."""
FOUND = 15
"""The cost of each text that a query finds, in comparisons of signatures."""


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
    """Encode texts as strings of one character a word, which rapidfuzz compares without a copy."""

    def __init__(self, max_words: int = 0x10FFFF) -> None:
        self._max_words = max_words
        self._ids: dict[str, int] = {}

    def rows(self, texts: Sequence[Sequence[str]], start: int = 0) -> EncodedTexts:
        """Encode texts given as words, numbered from `start`.

        A text with more different words than characters becomes a list of numbers.
        """
        numbered = []
        for words in texts:
            numbered.append([self._ids.setdefault(word, len(self._ids)) for word in words])
        coded = np.empty(len(texts), object)
        for place, row in enumerate(numbered):
            fits = max(row, default=0) <= self._max_words
            coded[place] = "".join(map(chr, row)) if fits else row
        length = np.array([len(row) for row in numbered], np.int64)
        return EncodedTexts(
            np.arange(start, start + len(texts)), length, coded, compute_signatures(numbered)
        )


@dataclass(frozen=True)
class PoolSegment:
    """Hold texts sorted by length, their folded signatures, and an index if they are many."""

    rows: EncodedTexts
    index: PairIndex | None = None
    folded: dict[int, Bits] = field(default_factory=dict)

    @staticmethod
    def of(rows: EncodedTexts, reach: PrefixReach | None = None) -> PoolSegment:
        """Return a segment of texts, without those that have no words.

        Args:
            rows: the texts, in any order.
            reach: the bounds of the index; None for no index.
        """
        order = np.argsort(rows.length, kind="stable")
        rows = rows.take(order[np.searchsorted(rows.length[order], 1) :])
        if reach is None or not INDEXED <= len(rows) <= MAX_PLACES:
            return PoolSegment(rows)
        segment = PoolSegment(rows)
        words = []
        for length in np.flatnonzero(reach.prefix_words).tolist():
            low, high = segment.between(length, length)
            if low < high:
                words.append((decode_texts(rows.coded[low:high]), np.arange(low, high)))
        return PoolSegment(rows, PairIndex(words, reach))

    def between(self, shortest: int, longest: int) -> tuple[int, int]:
        """Return the first place of the texts of these lengths, and the place after the last."""
        low, high = np.searchsorted(self.rows.length, (shortest, longest + 1))
        return int(low), int(high)

    def lanes(self, lanes: int) -> Bits:
        """Return its signatures of 64 * lanes bits. Shapes: (lanes, n)."""
        if lanes not in self.folded:
            self.folded[lanes] = fold_signatures(self.rows.bits, lanes)
        return self.folded[lanes]


def decode_texts(coded: NDArray[np.object_]) -> Ints:
    """Return texts of one length as numbers of words. Shapes: (r,) -> (r, n)."""
    if all(isinstance(one, str) for one in coded):
        plain = "".join(coded).encode("utf-32-le", "surrogatepass")
        return np.frombuffer(plain, np.uint32).reshape(len(coded), -1).astype(np.int64)
    rows = [list(map(ord, one)) if isinstance(one, str) else one for one in coded]
    return np.array(rows, np.int64)


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
        self._reach = PrefixReach.of(threshold)
        self._longest = 0

    def add(self, rows: EncodedTexts) -> None:
        """Add texts to the pool."""
        if not len(rows):
            return
        self._longest = max(self._longest, int(rows.length.max()))
        while self._segments and len(self._segments[-1].rows) < 2 * len(rows):
            rows = EncodedTexts.join([self._segments.pop().rows, rows])
        self._segments.append(PoolSegment.of(rows, self._reach))

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
        found = run(self._compare, list(self._list_tasks(PoolSegment.of(texts))))
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

    def _compare(self, task: PoolTask) -> list[Ints]:
        group, segment, first, last = task
        length = int(group.length[0])
        width = int(self._reach.prefix_words[length]) if length <= MAX_TEXT_WORDS else 0
        if not segment.index or not width or LOOK * width * (width - 1) // 2 > last - first:
            return self._scan(group, segment, first, last)
        indexed = np.flatnonzero(self._reach.prefix_words)
        left, right = segment.between(indexed[0], indexed[-1])
        return [
            *self._scan(group, segment, first, min(left, last)),
            *self._scan(group, segment, max(right, first), last),
            *self._look(group, segment, segment.index, max(first, left), min(last, right)),
        ]

    def _look(
        self, group: EncodedTexts, segment: PoolSegment, index: PairIndex, first: int, last: int
    ) -> list[Ints]:
        """Do step 2, and steps 3 to 5 for the texts that it names."""
        length = int(group.length[0])
        texts = decode_texts(group.coded)
        lanes = _choose_lanes(2 * length)
        parts: list[Ints] = []
        for top in range(0, len(group), LOOKS):
            asked = group.take(slice(top, top + LOOKS))
            low, count, later = index.look(texts[top : top + LOOKS])
            common = count.sum(axis=1) * FOUND > last - first
            if common.any():
                parts += self._scan(asked.take(common), segment, first, last)
            row, pair = np.nonzero(count * ~common[:, None])
            times = count[row, pair]
            column = index.places(low[row, pair], times)
            row = np.repeat(row, times)
            later = np.repeat(later[pair], times)
            total = length + segment.rows.length[column]
            need = self._least[total]
            fits = (column >= first) & (column < last) & (need <= length - later + 1)
            room = (total - 2 * need)[fits]
            narrow = fold_signatures(asked.bits, lanes)
            wide = segment.lanes(lanes)
            row, column = _filter_near(narrow, wide, row[fits], column[fits], room)
            row, column = np.divmod(np.unique(row * len(segment.rows) + column), len(segment.rows))
            parts.append(_compare_listed(asked, segment.rows, row, column, self._least))
        return parts

    def _scan(self, group: EncodedTexts, segment: PoolSegment, first: int, last: int) -> list[Ints]:
        """Do steps 3 to 5 for all pairs of texts of one length and a part of the segment."""
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


def _filter_near(asked: Bits, pool: Bits, row: Ints, column: Ints, room: Ints) -> tuple[Ints, Ints]:
    """Do step 3 for the given pairs.

    Shapes: (lanes, r), (lanes, c), (k,), (k,), (k,) -> (k',), (k',).
    """
    differ = np.bitwise_count(asked[:, row] ^ pool[:, column]).sum(axis=0, dtype=np.int64)
    near = np.flatnonzero(differ <= room)
    return row[near], column[near]


def _compare_listed(
    asked: EncodedTexts, pool: EncodedTexts, row: Ints, column: Ints, least: Ints
) -> Ints:
    """Do steps 4 and 5 for the given pairs."""
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
    """Do step 5 for every pair of the tile; its rows are texts of one length."""
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
