"""An inverted index that finds, for a text, the few texts of a pool that may share a long enough
subsequence with it, and misses none.

A common subsequence of L words is a multiset intersection of at least L. Put the words of every
text into one order, the rarest first (the second "the" of a text is another word than its first).
Where m and n words share at least L >= 2, the first two that they share lie among the first m - L +
2 of the one and the first n - L + 2 of the other: whoever shares them later has too few left. So a
pair of words at the beginning of both texts is necessary, and pairs of rare words are rarer by far
than rare words.

1. Each text of the pool is entered under every pair of words of its beginning, with the length up
to which a text may look for it there.
2. A text looks under every pair of its own beginning; what it finds is looked at more closely by
pool.py.

Source: prefix filtering (Chaudhuri, Ganti and Kaushik 2006; AllPairs, Bayardo, Ma and Srikant 2007;
PPJoin, Xiao et al. 2008), with two shared words in place of one (AdaptJoin, Wang, Li and Feng
2012); that a common subsequence is no longer than the multiset intersection.
Departs: the pool is not sorted by length beforehand, so every text has the beginning that the
shortest possible partner asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from selfteach.dedup.rouge import compute_min_common

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]
MAX_PREFIX_WORDS = 12  # words of a beginning at most: 66 pairs
MAX_TEXT_WORDS = 127
PLACE_BITS, REACH_BITS = 25, 7
MAX_PLACES = 1 << PLACE_BITS
_KEY_BITS = PLACE_BITS + REACH_BITS
_ONE, _TWO = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True)
class PrefixReach:
    """What follows from the threshold alone, for texts of up to LONGEST words. `compute_min_common`: of
    rouge.py, for so many words together.
    """

    least: Ints

    @staticmethod
    @lru_cache(maxsize=8)
    def of(threshold: Fraction) -> PrefixReach:
        """That of a threshold."""
        return PrefixReach(compute_min_common(2 * MAX_TEXT_WORDS, threshold))

    @cached_property
    def prefix_words(self) -> Ints:
        """How many words the beginning of a text of n words has; 0 where it is not entered. Shapes:
        (LONGEST + 1,).
        """
        found = np.zeros(MAX_TEXT_WORDS + 1, np.int64)
        for n in range(2, MAX_TEXT_WORDS + 1):
            partner = np.arange(1, n + 1)
            shared = self.least[n + partner]
            possible = shared[shared <= partner]
            if len(possible) and possible[0] >= 2 and n - possible[0] + 2 <= MAX_PREFIX_WORDS:
                found[n] = n - possible[0] + 2
        return found

    @cached_property
    def max_lengths(self) -> Ints:
        """The greatest length whose texts may look for one of m words under a pair whose later word
        has place i.

        Shapes: (LONGEST + 1, WIDEST).
        """
        found = np.zeros((MAX_TEXT_WORDS + 1, MAX_PREFIX_WORDS), np.int64)
        for m in np.flatnonzero(self.prefix_words):
            for i in range(1, int(self.prefix_words[m])):
                lengths = np.arange(1, MAX_TEXT_WORDS + 1)
                found[m, i] = (lengths * (self.least[m + lengths] <= min(m - i + 1, m))).max()
        return found


class PairIndex:
    """The texts of a segment by the pairs of words at their beginnings.

    Args:
        words: for each length that is entered, the texts as numbers of words, and the places of
            these texts in the segment.
    """

    def __init__(self, words: Sequence[tuple[Ints, Ints]], reach: PrefixReach) -> None:
        self._reach = reach
        counts = np.bincount(
            np.concatenate([np.zeros(0, np.int64), *(texts.ravel() for texts, _ in words)])
        )
        self._rank = np.empty(len(counts), np.int64)
        self._rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
        parts = [self._entered(texts, places) for texts, places in words if len(texts)]
        self._entries = np.concatenate(parts) if parts else np.zeros(0, np.uint64)
        self._entries.sort()

    def _entered(self, texts: Ints, places: Ints) -> Keys:
        """Step 1. Shapes: (r, n), (r,) -> (r * pairs,)."""
        keys, later = self._pairs(texts)
        short_of = np.uint64(MAX_TEXT_WORDS) - self._reach.max_lengths[
            texts.shape[1], later
        ].astype(np.uint64)
        return (
            keys | (short_of << np.uint64(PLACE_BITS)) | places.astype(np.uint64)[:, None]
        ).ravel()

    def _pairs(self, texts: Ints) -> tuple[Keys, Ints]:
        """The pairs of words of each text's beginning, as the upper bits of an entry, and the place
        of the later word of each pair.

        Shapes: (r, n) -> (r, pairs), (pairs,).
        """
        length = texts.shape[1]
        width = int(self._reach.prefix_words[length])
        known = texts < len(self._rank)
        ranks = np.where(
            known, self._rank[np.where(known, texts, 0)] if len(self._rank) else 0, -1
        )  # what nobody knows comes first
        ranks.sort(axis=1)
        again = np.zeros(ranks[:, :width].shape, np.int64)
        for column in range(1, width):
            again[:, column] = (again[:, column - 1] + 1) * (
                ranks[:, column] == ranks[:, column - 1]
            )
        word = (ranks[:, :width] * (MAX_TEXT_WORDS + 1) + again).astype(np.uint64) * _ONE
        first, later = np.triu_indices(width, 1)
        mixed = (
            word[:, first] ^ (word[:, later] >> np.uint64(29)) ^ (word[:, later] << np.uint64(35))
        ) * _TWO
        return (mixed >> np.uint64(_KEY_BITS)) << np.uint64(_KEY_BITS), later

    def look(self, texts: Ints) -> tuple[Ints, Ints, Ints]:
        """Step 2: where the entries begin that each pair finds, how many there are, and the place
        of the pair's later word.

        Shapes: (r, n) -> (r, pairs), (r, pairs), (pairs,).
        """
        keys, later = self._pairs(texts)
        beyond = np.uint64(MAX_TEXT_WORDS - texts.shape[1] + 1) << np.uint64(PLACE_BITS)
        low = np.searchsorted(self._entries, keys.ravel())
        high = np.searchsorted(self._entries, keys.ravel() + beyond)
        return low.reshape(keys.shape), (high - low).reshape(keys.shape), later

    def places(self, low: Ints, count: Ints) -> Ints:
        """The places in the segment of the texts that were found. Shapes: (k,), (k,) -> (sum of
        count,).
        """
        before = np.cumsum(count) - count
        at = np.repeat(low - before, count) + np.arange(count.sum())
        return np.asarray(self._entries[at] & np.uint64(MAX_PLACES - 1)).astype(np.int64)
