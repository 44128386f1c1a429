"""A growing pool of texts that finds every pair with a common subsequence long enough, exactly,
without comparing most of them.

1. Length: L <= min(m, n), so that only lengths in one interval can exceed the threshold. Segments
are sorted by length.
2. Rare words: in large segments an inverted index (prefix.py) names the few texts that begin with
two of the same rare words.
3. Signature, narrow: the bound of signature.py over 64 to 512 bits, for those; and for all pairs of
the interval where the segment is
   small, the text long, or its words so common that the index names too many.
4. Signature, 512 bits, for the pairs that are left.
5. The longest common subsequence itself (rapidfuzz), for the pairs that are left.
Where the signatures leave most of a tile (low thresholds), all its pairs go through rapidfuzz's
table at once, which costs less for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import LCSseq

from selfteach.dedup.prefix_index import MAX_PLACES, MAX_TEXT_WORDS, PairIndex, PrefixReach
from selfteach.dedup.rouge import compute_min_common
from selfteach.dedup.signatures import LANES, Bits, compute_signatures, fold_signatures

Ints = NDArray[np.int64]
EncodedText = str | list[int]
ROWS, COLUMNS = 16, 4096  # of a tile: its signatures' differences stay in a core's second cache
# where more than one pair in so many passes the signature, the table is cheaper than the list
DENSE = 8
INDEXED, LOOKS = (
    65_536,
    64,
)  # texts that make an index worth its building (docs/log/), and texts that look into it at once
LOOK, FOUND = (
    200,
    15,
    # what a look for one pair of words costs, and each text that it names, in pairs that are
    # compared by signature
)


@dataclass(frozen=True, slots=True)
class EncodedTexts:
    """Texts as numbers of words. `number` is what the caller calls each."""

    number: Ints  # (n,)
    length: Ints  # (n,)
    coded: NDArray[np.object_]  # (n,)
    bits: Bits  # (n, LANES)

    def __len__(self) -> int:
        return len(self.number)

    def take(self, places: NDArray[np.integer] | slice) -> EncodedTexts:
        """Some of them, in the given order."""
        return EncodedTexts(
            self.number[places], self.length[places], self.coded[places], self.bits[places]
        )

    @staticmethod
    def join(parts: Sequence[EncodedTexts]) -> EncodedTexts:
        """All of several."""
        fields = ("number", "length", "coded", "bits")
        return EncodedTexts(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in fields)
        )


class TextEncoder:
    """Texts become strings with one character a word, which rapidfuzz compares without a copy."""

    def __init__(self, max_words: int = 0x10FFFF) -> None:
        self._max_words = max_words
        self._ids: dict[str, int] = {}

    def rows(self, texts: Sequence[Sequence[str]], start: int = 0) -> EncodedTexts:
        """Texts given as words, numbered from `start`. Words beyond the characters that there are
        make a list of numbers instead.
        """
        ids = self._ids
        numbered = [[ids.setdefault(word, len(ids)) for word in words] for words in texts]
        coded = np.empty(len(texts), object)
        coded[:] = [self._coded(row) for row in numbered]
        length = np.array([len(row) for row in numbered], np.int64)
        return EncodedTexts(
            np.arange(start, start + len(texts)), length, coded, compute_signatures(numbered)
        )

    def _coded(self, row: list[int]) -> EncodedText:
        return "".join(map(chr, row)) if not row or max(row) <= self._max_words else row


@dataclass(frozen=True, slots=True)
class OverlapPairs:
    """Pairs that exceed the threshold: number of the asked text, number of the pool's, their common
    subsequence, their words together.
    """

    asked: Ints
    found: Ints
    common: Ints
    total: Ints

    @staticmethod
    def join(parts: Sequence[OverlapPairs]) -> OverlapPairs:
        """All of several."""
        none = np.zeros(0, np.int64)
        names = ("asked", "found", "common", "total")
        return OverlapPairs(
            *(np.concatenate([none, *(getattr(part, name) for part in parts)]) for name in names)
        )


@dataclass(frozen=True)
class PoolSegment:
    """Texts sorted by length, with their folded signatures, and an index of their rare words where
    they are many.
    """

    rows: EncodedTexts
    index: PairIndex | None = None
    folded: dict[int, Bits] = field(default_factory=dict)

    @staticmethod
    def of(rows: EncodedTexts, reach: PrefixReach | None = None) -> PoolSegment:
        """A segment of texts in any order; those without words are left out, for they are like
        nothing. `reach` makes it an index.
        """
        order = np.argsort(rows.length, kind="stable")
        rows = rows.take(order[np.searchsorted(rows.length[order], 1) :])
        if reach is None or not INDEXED <= len(rows) <= MAX_PLACES:
            return PoolSegment(rows)
        entered = np.flatnonzero(reach.prefix_words)
        cuts = [np.searchsorted(rows.length, (length, length + 1)) for length in entered]
        return PoolSegment(
            rows,
            PairIndex(
                [
                    (decode_texts(rows.coded[low:high]), np.arange(low, high))
                    for low, high in cuts
                    if low < high
                ],
                reach,
            ),
        )

    def between(self, shortest: int, longest: int) -> tuple[int, int]:
        """The places of the texts of these lengths."""
        return int(np.searchsorted(self.rows.length, shortest)), int(
            np.searchsorted(self.rows.length, longest, side="right")
        )

    def lanes(self, lanes: int) -> Bits:
        """Its signatures of 64 * lanes bits. Shapes: (lanes, n)."""
        if lanes not in self.folded:
            self.folded[lanes] = fold_signatures(self.rows.bits, lanes)
        return self.folded[lanes]


def decode_texts(coded: NDArray[np.object_]) -> Ints:
    """Texts of one length as numbers of words. Shapes: (r,) -> (r, n)."""
    if all(isinstance(one, str) for one in coded):
        plain = "".join(coded).encode("utf-32-le", "surrogatepass")
        return np.frombuffer(plain, np.uint32).reshape(len(coded), -1).astype(np.int64)
    return np.array(
        [[ord(word) if isinstance(word, str) else word for word in one] for one in coded], np.int64
    )


class TextPool:
    """The texts to compare with. They lie in segments of doubling size, so that adding costs little
    and few segments are searched.
    """

    def __init__(self, threshold: Fraction, threads: ThreadPoolExecutor | None = None) -> None:
        self._threshold, self._threads = threshold, threads
        self._segments: list[PoolSegment] = []
        self._least = compute_min_common(256, threshold)
        self._reach = PrefixReach.of(threshold)
        self._longest = 0

    def add(self, rows: EncodedTexts) -> None:
        """Puts texts into the pool."""
        if not len(rows):
            return
        self._longest = max(self._longest, int(rows.length.max()))
        while self._segments and len(self._segments[-1].rows) < 2 * len(rows):
            rows = EncodedTexts.join([self._segments.pop().rows, rows])
        self._segments.append(PoolSegment.of(rows, self._reach))

    def search(self, asked: EncodedTexts) -> OverlapPairs:
        """Every pair of an asked text and one of the pool that exceeds the threshold; in no order
        that depends on the threads.
        """
        if not len(asked) or not self._segments:
            return OverlapPairs.join([])
        self._grow(int(asked.length.max()) + self._longest)
        tasks = list(self._tasks(PoolSegment.of(asked).rows))
        found = (
            self._threads.map(self._compare, tasks) if self._threads else map(self._compare, tasks)
        )
        return OverlapPairs.join([part for parts in found for part in parts])

    def _grow(self, total: int) -> None:
        if total >= len(self._least):
            self._least = compute_min_common(2 * total, self._threshold)

    def _tasks(self, asked: EncodedTexts) -> Iterator[tuple[EncodedTexts, PoolSegment, int, int]]:
        """Asked texts of one length, each group with the stretch of every segment whose lengths can
        exceed the threshold.
        """
        cuts = np.flatnonzero(np.diff(asked.length)) + 1
        for low, high in zip([0, *cuts], [*cuts, len(asked)], strict=True):
            group = asked.take(slice(low, high))
            shortest, longest = self._lengths(int(asked.length[low])) if low < high else (0, 0)
            for segment in self._segments:
                first, last = segment.between(shortest, longest)
                if first < last:
                    yield group, segment, first, last

    def _lengths(self, length: int) -> tuple[int, int]:
        """Between which lengths L <= min(m, n) is enough: one stretch, for 2 min(m, n) / (m + n)
        falls on both sides of n = m.
        """
        possible = np.arange(1, self._longest + 1)
        fits = possible[np.minimum(length, possible) >= self._least[length + possible]]
        return (int(fits[0]), int(fits[-1])) if len(fits) else (0, 0)

    def _compare(self, task: tuple[EncodedTexts, PoolSegment, int, int]) -> list[OverlapPairs]:
        group, segment, first, last = task
        width = (
            int(self._reach.prefix_words[group.length[0]])
            if group.length[0] <= MAX_TEXT_WORDS
            else 0
        )
        entered = np.flatnonzero(self._reach.prefix_words)
        if not segment.index or not width or LOOK * width * (width - 1) // 2 > last - first:
            return self._scan(group, segment, first, last)
        left, right = segment.between(
            int(entered[0]), int(entered[-1])
        )  # the others have to be scanned
        found = self._scan(group, segment, first, min(left, last)) + self._scan(
            group, segment, max(right, first), last
        )
        return found + self._look(group, segment, segment.index, max(first, left), min(last, right))

    def _look(
        self, group: EncodedTexts, segment: PoolSegment, index: PairIndex, first: int, last: int
    ) -> list[OverlapPairs]:
        """Step 2, and the others for what it names."""
        length, texts, parts = int(group.length[0]), decode_texts(group.coded), list[OverlapPairs]()
        lanes = _choose_lanes(2 * length)
        for top in range(0, len(group), LOOKS):
            asked = group.take(slice(top, top + LOOKS))
            low, count, later = index.look(texts[top : top + LOOKS])
            common = count.sum(axis=1) * FOUND > last - first
            if common.any():
                parts += self._scan(asked.take(common), segment, first, last)
            row, pair = np.nonzero(count * ~common[:, None])
            times = count[row, pair]
            column, row, later = (
                index.places(low[row, pair], times),
                np.repeat(row, times),
                np.repeat(later[pair], times),
            )
            total = length + segment.rows.length[column]
            need = self._least[total]
            fits = (column >= first) & (column < last) & (need <= length - later + 1)
            room = (total - 2 * need)[fits]
            row, column = _filter_near(
                fold_signatures(asked.bits, lanes),
                segment.lanes(lanes),
                row[fits],
                column[fits],
                room,
            )
            row, column = np.divmod(np.unique(row * len(segment.rows) + column), len(segment.rows))
            parts.append(_compare_listed(asked, segment.rows, row, column, self._least))
        return parts

    def _scan(
        self, group: EncodedTexts, segment: PoolSegment, first: int, last: int
    ) -> list[OverlapPairs]:
        """Steps 3 to 5 for all pairs of some texts of one length and a stretch of the segment."""
        lanes = _choose_lanes(2 * int(group.length[0]))
        narrow, wide = fold_signatures(group.bits, lanes), segment.lanes(lanes)
        parts = []
        for left in range(first, last, COLUMNS):
            columns = slice(left, min(left + COLUMNS, last))
            total = segment.rows.length[columns] + group.length[0]
            room = np.minimum(total - 2 * self._least[total], 64 * lanes).astype(np.uint16)
            for top in range(0, len(group), ROWS):
                rows = slice(top, min(top + ROWS, len(group)))
                near = _find_within(narrow[:, rows], wide[:, columns], room)
                if not len(
                    places := np.flatnonzero(near)
                ):  # on one axis, which numpy does many times faster than on two
                    continue
                asked, pool = group.take(rows), segment.rows.take(columns)
                if len(places) * DENSE > near.size:
                    parts.append(_compare_all(asked, pool, self._least))
                else:
                    parts.append(
                        _compare_listed(asked, pool, *np.divmod(places, len(pool)), self._least)
                    )
        return parts


def _choose_lanes(total: int) -> int:
    """How many times 64 bits tell unlike texts of so many words apart, as a power of two: about
    three bits for each word (docs/log/).
    """
    return min(LANES, 1 << max(0, (3 * total - 1).bit_length() - 6))


def _find_within(asked: Bits, pool: Bits, room: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Which pairs differ in at most `room` bits. Shapes: (lanes, r), (lanes, c), (c,) -> bool (r,
    c).
    """
    differ = np.bitwise_count(asked[0][:, None] ^ pool[0])
    if len(asked) > 1:
        differ = differ.astype(np.uint16)
    for one, other in zip(asked[1:], pool[1:], strict=True):
        differ += np.bitwise_count(one[:, None] ^ other)
    return np.asarray(differ <= (room if len(asked) > 1 else room.astype(np.uint8)))


def _filter_near(asked: Bits, pool: Bits, row: Ints, column: Ints, room: Ints) -> tuple[Ints, Ints]:
    """Step 3 for the given pairs. Shapes: (lanes, r), (lanes, c), (k,), (k,), (k,) -> (k'), (k')."""
    differ = sum(
        np.bitwise_count(one[row] ^ other[column]).astype(np.int64)
        for one, other in zip(asked, pool, strict=True)
    )
    near = np.flatnonzero(differ <= room)
    return row[near], column[near]


def _compare_listed(
    asked: EncodedTexts, pool: EncodedTexts, row: Ints, column: Ints, least: Ints
) -> OverlapPairs:
    """Steps 4 and 5 for the given pairs."""
    total = asked.length[row] + pool.length[column]
    close = (
        np.bitwise_count(asked.bits[row] ^ pool.bits[column]).sum(axis=1, dtype=np.int64)
        <= total - 2 * least[total]
    )
    row, column = row[close], column[close]
    return _select_exceeding(
        asked, pool, row, column, _measure_common(asked.coded[row], pool.coded[column]), least
    )


def _compare_all(asked: EncodedTexts, pool: EncodedTexts, least: Ints) -> OverlapPairs:
    """Step 5 for every pair of the tile, whose asked texts are of one length."""
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


def _measure_common(left: NDArray[np.object_], right: NDArray[np.object_]) -> Ints:
    if not len(left):
        return np.zeros(0, np.int64)
    return np.asarray(process.cpdist(left, right, scorer=LCSseq.similarity, dtype=np.int64))


def _select_exceeding(
    asked: EncodedTexts, pool: EncodedTexts, row: Ints, column: Ints, common: Ints, least: Ints
) -> OverlapPairs:
    total = asked.length[row] + pool.length[column]
    enough = common >= least[total]
    return OverlapPairs(
        asked.number[row[enough]], pool.number[column[enough]], common[enough], total[enough]
    )
