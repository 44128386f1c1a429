"""Signatures of texts: 512 bits that bound the number of words that two texts share, in any order.

Each word has a place among the bits; a text's bit is 1 if an odd number of its words have that
place. Every word that only one of the texts has flips one bit, so two texts that differ in d words
(as multisets) differ in at most d bits. From m, n words and a common subsequence of L follows
d <= m + n - 2 L: if more bits than that differ, the subsequence is shorter than L. The bound is
exact, not an estimate.

Source: the bitmap filter of Sandes, Teodoro and Melo 2020, "Bitmap filter: speeding up exact set
similarity joins with bitwise operations" (their Bitmap-Xor, here over multisets); that a common
subsequence is no longer than the multiset intersection.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint64]
BITS = 512
LANES = 8
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SLICE = 1024


def compute_signatures(rows: Sequence[Sequence[int]]) -> Bits:
    """Compute the signatures of texts given as the numbers of their words.

    Shapes: uint64 (len(rows), LANES).
    """
    parts = [_compute_slice(rows[start : start + _SLICE]) for start in range(0, len(rows), _SLICE)]
    return np.concatenate(parts) if parts else np.zeros((0, LANES), np.uint64)


def _compute_slice(rows: Sequence[Sequence[int]]) -> Bits:
    words = np.fromiter((word for row in rows for word in row), np.uint64)
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    # 2**9 places; the places of consecutive words are far apart.
    place = (((words + np.uint64(1)) * _GOLDEN) >> np.uint64(64 - 9)).astype(np.int64)
    odd = np.bincount(owner * BITS + place, minlength=len(rows) * BITS) & 1
    return np.packbits(odd.astype(np.uint8).reshape(len(rows), BITS), axis=1).view(np.uint64)


def fold_signatures(bits: Bits, lanes: int) -> Bits:
    """Return narrower signatures of the same texts, with the same bound.

    Places that fall together are added modulo 2.

    Shapes: (n, LANES) -> (lanes, n), a lane in one piece of memory.
    """
    narrow = np.bitwise_xor.reduce(bits.reshape(len(bits), LANES // lanes, lanes), axis=1)
    return np.ascontiguousarray(narrow.T)
