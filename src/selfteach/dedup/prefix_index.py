"""An inverted index of the few texts that may share a long enough subsequence with a given text.

It misses none. A common subsequence of L words is a multiset intersection of at least L. Put the
words of every text into one order, the rarest first (the second "the" of a text is another word
than its first). If m and n words share at least L >= 2, the first two shared words lie among the
first m - L + 2 of the one text and the first n - L + 2 of the other; later there are too few words
left. So both beginnings must share a pair of words, and pairs of rare words are much rarer than
rare words.

1. The index holds each text of the pool under every pair of words of its beginning, with the
greatest length of a text that may find it there.
2. A query looks up every pair of its own beginning; pool.py compares the results further.

Source: prefix filtering (Chaudhuri, Ganti and Kaushik 2006; AllPairs, Bayardo, Ma and Srikant 2007;
PPJoin, Xiao et al. 2008), with two shared words in place of one (AdaptJoin, Wang, Li and Feng
2012); that a common subsequence is no longer than the multiset intersection.
Departs: the pool is not sorted by length beforehand, so the beginning of every text is the one for
its shortest possible partner.
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
PLACE_BITS = 25
REACH_BITS = 7
MAX_PLACES = 1 << PLACE_BITS
_KEY_BITS = PLACE_BITS + REACH_BITS
_ONE = np.uint64(0x9E3779B97F4A7C15)
_TWO = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True)
class PrefixReach:
    """Hold the bounds that follow from the threshold, for texts of up to MAX_TEXT_WORDS words.

    `least` comes from `rouge.compute_min_common`.
    """

    least: Ints

    @staticmethod
    @lru_cache(maxsize=8)
    def of(threshold: Fraction) -> PrefixReach:
        """Return the bounds of a threshold."""
        return PrefixReach(compute_min_common(2 * MAX_TEXT_WORDS, threshold))

    @cached_property
    def prefix_words(self) -> Ints:
        """Return the length of the beginning of a text of n words; 0 if the index omits it.

        Shapes: (MAX_TEXT_WORDS + 1,).
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
        """Return the greatest length of a text that may find one of m words under a pair.

        The later word of the pair has place i.

        Shapes: (MAX_TEXT_WORDS + 1, MAX_PREFIX_WORDS).
        """
        found = np.zeros((MAX_TEXT_WORDS + 1, MAX_PREFIX_WORDS), np.int64)
        for m in np.flatnonzero(self.prefix_words):
            for i in range(1, int(self.prefix_words[m])):
                lengths = np.arange(1, MAX_TEXT_WORDS + 1)
                found[m, i] = (lengths * (self.least[m + lengths] <= min(m - i + 1, m))).max()
        return found


class PairIndex:
    """Index the texts of a segment by the pairs of words at their beginnings.

    Args:
        words: for each length in the index, the texts as numbers of words, and the places of
            these texts in the segment.
    """

    def __init__(self, words: Sequence[tuple[Ints, Ints]], reach: PrefixReach) -> None:
        self._reach = reach
        every_word = [texts.ravel() for texts, _ in words]
        counts = np.bincount(np.concatenate([np.zeros(0, np.int64), *every_word]))
        self._rank = np.empty(len(counts), np.int64)
        self._rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
        parts = [self._make_entries(texts, places) for texts, places in words]
        self._entries = np.concatenate([np.zeros(0, np.uint64), *parts])
        self._entries.sort()

    def _make_entries(self, texts: Ints, places: Ints) -> Keys:
        """Do step 1. Shapes: (r, n), (r,) -> (r * pairs,)."""
        keys, later = self._make_pairs(texts)
        short_of = MAX_TEXT_WORDS - self._reach.max_lengths[texts.shape[1], later]
        low_bits = (short_of << PLACE_BITS) | places[:, None]
        return (keys | low_bits.astype(np.uint64)).ravel()

    def _make_pairs(self, texts: Ints) -> tuple[Keys, Ints]:
        """Return the pairs of words of each beginning, and the place of each pair's later word.

        A pair is the upper bits of an entry.

        Shapes: (r, n) -> (r, pairs), (pairs,).
        """
        length = texts.shape[1]
        width = int(self._reach.prefix_words[length])
        ranks = np.full(texts.shape, -1)  # words of no text in the index come first
        known = texts < len(self._rank)
        ranks[known] = self._rank[texts[known]]
        ranks.sort(axis=1)
        again = np.zeros(ranks[:, :width].shape, np.int64)
        for column in range(1, width):
            repeated = ranks[:, column] == ranks[:, column - 1]
            again[:, column] = (again[:, column - 1] + 1) * repeated
        word = (ranks[:, :width] * (MAX_TEXT_WORDS + 1) + again).astype(np.uint64) * _ONE
        first, later = np.triu_indices(width, 1)
        second = word[:, later]
        mixed = (word[:, first] ^ (second >> np.uint64(29)) ^ (second << np.uint64(35))) * _TWO
        return (mixed >> np.uint64(_KEY_BITS)) << np.uint64(_KEY_BITS), later

    def look(self, texts: Ints) -> tuple[Ints, Ints, Ints]:
        """Do step 2: return the start and number of each pair's entries, and its later place.

        Shapes: (r, n) -> (r, pairs), (r, pairs), (pairs,).
        """
        keys, later = self._make_pairs(texts)
        beyond = np.uint64(MAX_TEXT_WORDS - texts.shape[1] + 1) << np.uint64(PLACE_BITS)
        low = np.searchsorted(self._entries, keys.ravel())
        high = np.searchsorted(self._entries, keys.ravel() + beyond)
        return low.reshape(keys.shape), (high - low).reshape(keys.shape), later

    def places(self, low: Ints, count: Ints) -> Ints:
        """Return the places of the found texts in the segment.

        Shapes: (k,), (k,) -> (sum of count,).
        """
        before = np.cumsum(count) - count
        at = np.repeat(low - before, count) + np.arange(count.sum())
        return np.asarray(self._entries[at] & np.uint64(MAX_PLACES - 1)).astype(np.int64)
