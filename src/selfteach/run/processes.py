"""Several processes of one command, as `accelerate launch` and `torchrun` start them. The first one
owns the run folder.
"""

from __future__ import annotations

import os


def count() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def first() -> bool:
    """Whether this process owns the run: its lock, its ledger, its files."""
    return count() == 1 or int(os.environ.get("RANK") or 0) == 0
