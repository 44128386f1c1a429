"""The number of threads of a training: those cores that no other work keeps busy.

The threads of a step wait for each other. Beside another busy process two threads on two cores took
three times as long as alone, because one of them always shares its core (docs/log/).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import torch

from selfteach.run.processes import count_processes, get_cores

LOOK_S = 0.3
"""How long the other work is watched."""
CHOSEN_BY_USER = "OMP_NUM_THREADS"


def measure_busy_cores() -> float:
    """Return how many of these cores other work keeps busy. This thread waits meanwhile."""
    shares = psutil.cpu_percent(interval=LOOK_S, percpu=True)
    return float(sum(shares[core] for core in get_cores() if core < len(shares))) / 100


def count_free_threads() -> int:
    """Return how many threads find a core of their own, at least 1 and at most torch's number."""
    free = round(len(get_cores()) - measure_busy_cores())
    return max(1, min(free, torch.get_num_threads()))


@contextmanager
def use_free_threads(
    device: torch.device, say: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Let torch compute on the free cores alone inside the block.

    A number that the user chose stays, and so do those of several processes. A training ended with
    the same weights to the byte with one thread and with two, where that was tried (docs/log/).

    Args:
        device: of the model; on an accelerator nothing changes.
        say: told where there are fewer threads than before.
    """
    before = torch.get_num_threads()
    is_fixed = bool(os.environ.get(CHOSEN_BY_USER)) or count_processes() > 1
    if device.type != "cpu" or before == 1 or is_fixed:
        yield
        return
    threads = count_free_threads()
    if threads < before and say:
        say(f"other work keeps cores busy: {threads} of {before} threads train")
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
