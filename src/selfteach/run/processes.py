"""Several processes of one command, as `accelerate launch` and `torchrun` start them.

The first one owns the run folder.
"""

from __future__ import annotations

import os


def count_processes() -> int:
    """Return the number of processes."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def is_first_process() -> bool:
    """Return whether this process owns the run: its lock, its ledger, its files."""
    return count_processes() == 1 or int(os.environ.get("RANK") or 0) == 0
