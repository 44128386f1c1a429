"""Groups of texts that chains of overlapping pairs connect, exactly, for 10^5 texts.

1. Texts with the same words are one text.
2. The texts come in blocks; each block is compared with the pool of the texts before it and with
itself (pool.py), a little below `min_overlap`. rapidfuzz's normalized similarity then decides, as
in `OverlapIndex.matrix`.
3. Each block's pairs join the groups at once, so that pairs are never all in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Indel
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from selfteach.dedup.overlap import ROUNDING, split_words
from selfteach.dedup.pool import Ints, TextEncoder, TextPool
from selfteach.dedup.rouge import to_exact_fraction

FIRST_BLOCK = 1024
MAX_BLOCK = 8192
PAIRS_PER_BLOCK = 1 << 20
"""Pairs that a block may find, about, before the next one is smaller."""
BELOW = Fraction(1, 1_000_000)
"""How far below `min_overlap` the pool searches."""


def connect_overlapping(texts: Sequence[str], min_overlap: float) -> Ints:
    """Return the group of each text, numbered from 0 as they first occur.

    Texts with a ROUGE-L of `min_overlap` or more are in one group, and all that such pairs connect.
    A text without words is a group of its own.

    Shapes: int64 (len(texts),).
    """
    different, place = _merge_equal([split_words(text) for text in texts])
    group = np.arange(len(different))
    encoder = TextEncoder()
    coded = np.empty(len(different), object)
    threshold = max(Fraction(0), to_exact_fraction(min_overlap) - BELOW)
    pool = TextPool(threshold)
    start = 0
    size = FIRST_BLOCK
    while start < len(different):
        block = encoder.rows(different[start : start + size], start)
        coded[start : start + size] = block.coded
        within = TextPool(threshold)
        within.add(block)
        pairs = np.concatenate([pool.search(block), within.search(block)])[:, :2]
        group = _join_groups(group, _select_overlapping(pairs, coded, min_overlap))
        pool.add(block)
        start += size
        size = int(np.clip(size * PAIRS_PER_BLOCK // max(1, len(pairs)), 1, MAX_BLOCK))
    return renumber_groups(group[place])


def renumber_groups(labels: NDArray[np.integer]) -> Ints:
    """Return the same grouping with labels 0, 1, ... in the order of first occurrence."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def connect_groups(group: Ints, other: Sequence[int]) -> Ints:
    """Return the groups that two groupings of the same texts connect, numbered as they first occur.

    Texts are in one group where either grouping has them in one, and all that such pairs connect.

    Shapes: int64 (N,) and (N,) -> int64 (N,).
    """
    first: dict[int, int] = {}
    pairs = [(first.setdefault(name, place), place) for place, name in enumerate(other)]
    joined = _join_groups(np.arange(int(group.max(initial=-1)) + 1), group[np.array(pairs, int)])
    return renumber_groups(joined[group])


def _merge_equal(split: Sequence[Sequence[str]]) -> tuple[list[Sequence[str]], Ints]:
    """Return the different texts as words, and the place of each text among them (step 1)."""
    places: dict[tuple[str, ...], int] = {}
    different: list[Sequence[str]] = []
    place = np.empty(len(split), np.int64)
    for number, words in enumerate(split):
        key = tuple(words)
        if not words or key not in places:
            places[key] = len(different)
            different.append(words)
        place[number] = places[key]
    return different, place


def _select_overlapping(pairs: Ints, coded: NDArray[np.object_], min_overlap: float) -> Ints:
    """Return the pairs (one, other) that reach the overlap, each once."""
    one, other = pairs[pairs[:, 0] > pairs[:, 1]].T
    similarity = process.cpdist(
        coded[one],
        coded[other],
        scorer=Indel.normalized_similarity,
        score_cutoff=max(min_overlap - ROUNDING, 0) or None,
        dtype=np.float64,
    )
    similarity = np.asarray(similarity)
    reach = (similarity > 0) & (similarity >= min_overlap)
    return np.stack([one, other], axis=1)[reach]


def _join_groups(group: Ints, pairs: Ints) -> Ints:
    """Return the groups after each pair has joined two of them (step 3)."""
    if not len(pairs):
        return group
    one, other = group[pairs].T
    edges = coo_array((np.ones(len(pairs), np.int8), (one, other)), shape=(len(group), len(group)))
    joined = connected_components(edges, directed=False)[1]
    return np.asarray(joined[group], dtype=np.int64)
