"""The cores that this process may use, and several processes of one command, as `accelerate launch`
and `torchrun` start them.

The first one owns the run folder.
"""

from __future__ import annotations

import os

from selfteach.errors import UsageError


def get_cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def count_processes() -> int:
    """Return the number of processes."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def is_first_process() -> bool:
    """Return whether this process owns the run: its lock, its ledger, its files."""
    return count_processes() == 1 or int(os.environ.get("RANK") or 0) == 0


def refuse_several_processes(what: str) -> None:
    """Refuse several processes of work that one does; only the first one says so.

    Raises:
        UsageError: there are several.
        SystemExit: there are several, and this is not the first.
    """
    if count_processes() == 1:
        return
    if not is_first_process():
        raise SystemExit(UsageError.exit_code)
    raise UsageError(
        f"{what} runs in one process, and {count_processes()} were launched.",
        cure="Start it without a launcher. `--set engine=ray` samples on all accelerators, and "
        "`accelerate launch -m selfteach train` trains on all of them.",
    )
