"""Smaller batches where memory runs out while a model samples or scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import torch

from selfteach.errors import ResourceError, is_out_of_memory

R = TypeVar("R")
T = TypeVar("T")


def compute_in_halves(
    compute: Callable[[Sequence[R]], Iterable[T]], rows: Sequence[R], what: str
) -> list[T]:
    """Return the results of rows; where memory runs out, compute each half of the rows alone.

    Args:
        what: the name of one row, for the error.

    Raises:
        ResourceError: one row alone does not fit into memory.
    """
    try:
        return list(compute(rows))
    except (MemoryError, RuntimeError) as fault:
        if not is_out_of_memory(fault):
            raise
    # Outside of `except`, because the error holds the tensors of the failed pass.
    size = halve_batch(len(rows), what)
    return [
        *compute_in_halves(compute, rows[:size], what),
        *compute_in_halves(compute, rows[size:], what),
    ]


def halve_batch(size: int, what: str) -> int:
    """Return half of a size that does not fit into memory, and free what can be freed.

    Raises:
        ResourceError: the size is 1.
    """
    if size == 1:
        raise ResourceError(
            f"{what} does not fit into memory, even alone.",
            cure="Close other programs or use a smaller model; then run the same command again.",
        )
    release_device_cache()
    return size // 2


def release_device_cache() -> None:
    """Give the unused memory of torch's allocator back to the accelerator."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
