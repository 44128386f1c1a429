"""Signatures of texts: 512 bits that bound from above how many words two texts share, whatever
their order.

Each word has a place among the bits; a text's bit is 1 where an odd number of its words have that
place. Every word that one text has and the other has not flips one bit, so two texts that differ in
d words (as multisets) differ in at most d bits. From m, n words and a common subsequence of L
follows d <= m + n - 2 L: where more bits than that differ, the subsequence is shorter than L.
Nothing is estimated.

Source: the bitmap filter of Sandes, Teodoro and Melo 2020, "Bitmap filter: speeding up exact set
similarity joins with bitwise operations" (their Bitmap-Xor, here over multisets); that a common
subsequence is no longer than the multiset intersection.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint64]
BITS, LANES = 512, 8
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SLICE = 1024


def compute_signatures(rows: Sequence[Sequence[int]]) -> Bits:
    """The signatures of texts given as the numbers of their words.

    Shapes: uint64 (len(rows), LANES).
    """
    parts = [_compute_slice(rows[start : start + _SLICE]) for start in range(0, len(rows), _SLICE)]
    return np.concatenate(parts) if parts else np.zeros((0, LANES), np.uint64)


def _compute_slice(rows: Sequence[Sequence[int]]) -> Bits:
    words = np.fromiter((word for row in rows for word in row), np.uint64)
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    place = (((words + np.uint64(1)) * _GOLDEN) >> np.uint64(64 - 9)).astype(
        np.int64
    )  # 2**9 places; consecutive words fall far apart
    odd = np.bincount(owner * BITS + place, minlength=len(rows) * BITS) & 1
    return np.packbits(odd.astype(np.uint8).reshape(len(rows), BITS), axis=1).view(np.uint64)


def fold_signatures(bits: Bits, lanes: int) -> Bits:
    """Narrower signatures of the same texts, with the same bound: places that fall together are
    added modulo 2.

    Shapes: (n, LANES) -> (lanes, n), a lane in one piece of memory.
    """
    narrow = np.bitwise_xor.reduce(bits.reshape(len(bits), LANES // lanes, lanes), axis=1)
    return np.ascontiguousarray(narrow.T)
