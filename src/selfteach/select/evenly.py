"""Rows that stand for all others, without a draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def choose_evenly(rows: Sequence[T], count: int) -> list[T]:
    """Return at most `count` rows, evenly spaced over all of them."""
    count = min(count, len(rows))
    return [rows[i * len(rows) // count] for i in range(count)]


def share_out(sizes: Sequence[int], total: int) -> list[int]:
    """Return how many rows of each group are taken, at most `total` together.

    The groups have equal shares; what a small one cannot give, the larger ones share.

    Args:
        sizes: the number of rows of each group.
    """
    counts = [0] * len(sizes)
    left = total
    by_size = sorted(range(len(sizes)), key=lambda group: sizes[group])
    for number, group in enumerate(by_size):
        counts[group] = min(sizes[group], left // (len(sizes) - number))
        left -= counts[group]
    return counts
