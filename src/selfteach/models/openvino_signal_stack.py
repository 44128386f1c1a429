"""Protection of a thread's signal stack against a compiled engine.

OpenVINO's processor plugin gives the thread that loads it an alternate signal stack. It unmaps the
stack when the engine is freed, but leaves its address with the thread. Python's handlers use that
stack: the next Ctrl-C would be a segmentation fault, and no handler would run.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

DISABLED = 2


class SignalStack(ctypes.Structure):
    """Mirror Linux' stack_t."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("bytes", ctypes.c_size_t))


def get_signal_stack() -> SignalStack:
    """Return the alternate signal stack of this thread."""
    found = SignalStack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
    return found


@contextmanager
def keep_signal_stack() -> Iterator[None]:
    """Restore this thread's signal stack after the block, on Linux."""
    if sys.platform != "linux":
        yield
        return
    before = get_signal_stack()
    try:
        yield
    finally:
        system = ctypes.CDLL(None)
        # The stack may be too small for the engine's processor state; disable it then.
        if system.sigaltstack(ctypes.byref(before), None):
            system.sigaltstack(ctypes.byref(SignalStack(None, DISABLED, 0)), None)
