"""Memory that glibc keeps during a piece of work and gives back after it.

glibc gives every freed block above 32 MB back to the system and takes zeroed pages for the next
one. On a CPU that costs more than the arithmetic of logits and attention scores: a softmax over 20
MB takes 36 ms with fresh pages and 7 ms with kept ones. Kept pages add up to gigabytes, so
`release_freed_pages` is called where one kind of work ends and another begins, and `FreedPages`
within a long one: rows of many lengths leave gaps that no later block fills.

In low precision oneDNN compiles a product for each shape and keeps the last 1024. Packed rows have
another length at every step, so old ones are hardly ever used again. They grew to 0.6 GB in a
training of the embedded model, and a step took no longer with fewer (docs/log/).
"""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache
from typing import Any

import psutil

MALLOC_OPTIONS = {-4: 0, -1: 2**31 - 1, -2: 64 << 20}
"""M_MMAP_MAX, M_TRIM_THRESHOLD and M_TOP_PAD of glibc's malloc.h, with their values."""
ONEDNN_CACHE_LIMIT = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")
"""More products than one step has, whose layers share their shapes."""
MAX_GROWTH_BYTES = 1 << 30
"""What a piece of work may take before its freed pages go back. That costs .1 s or more, because
the work that follows takes them anew, zeroed.
"""


@cache
def load_glibc() -> Any:
    """Return the C library, or None if it is not glibc and has no such settings."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def keep_freed_pages() -> bool:
    """Make glibc keep freed memory in the process; return whether it does."""
    library = load_glibc()
    if library is None:
        return False
    return all(library.mallopt(option, value) for option, value in MALLOC_OPTIONS.items())


def limit_onednn_cache() -> None:
    """Limit the number of oneDNN's compiled products, unless the user did.

    It has an effect only before the first product is computed.
    """
    os.environ.setdefault(*ONEDNN_CACHE_LIMIT)


def release_freed_pages() -> None:
    """Give all freed pages back to the system."""
    library = load_glibc()
    if library is not None:
        library.malloc_trim(0)


class FreedPages:
    """Give freed pages back to the system where a piece of work takes more and more of them."""

    def __init__(self) -> None:
        """Begin with what the process holds now."""
        self._process = psutil.Process()
        self._held = self._read_held_bytes()

    def limit(self) -> None:
        """Give all freed pages back if the process holds MAX_GROWTH_BYTES more than before."""
        if self._read_held_bytes() > self._held + MAX_GROWTH_BYTES:
            release_freed_pages()
            self._held = self._read_held_bytes()

    def _read_held_bytes(self) -> int:
        return int(self._process.memory_info().rss)
