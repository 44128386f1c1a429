"""What the machine is told before a training on CPU."""

from __future__ import annotations

import ctypes
import platform
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # malloc.h
LIMIT = (1 << 31) - 1


@cache
def keep_memory() -> bool:
    """Asks the C library to keep freed memory for the next tensor instead of giving it back to the system each time.

    A step allocates and frees the same tensors over and over; fresh pages for each cost more than many of the operations on them.
    Returns whether it was granted: only glibc knows this request, elsewhere nothing changes.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(MMAP_THRESHOLD, LIMIT)) and bool(mallopt(TRIM_THRESHOLD, LIMIT))
