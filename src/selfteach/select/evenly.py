"""Rows that stand for all others, without a draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def choose_evenly(rows: Sequence[T], count: int) -> list[T]:
    """Return at most `count` rows, evenly spaced over all of them."""
    count = min(count, len(rows))
    return [rows[i * len(rows) // count] for i in range(count)]
