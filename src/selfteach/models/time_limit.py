"""A bound on the processor time of a piece of Python, such as the template of a model's folder."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def limit_processor_time(seconds: float) -> Iterator[None]:
    """Stop the block when the process has computed for so long in it.

    Other threads and Windows have no such timer: there nothing is limited.

    Raises:
        TimeoutError: inside the block, at its next step of Python.
    """
    has_timer = hasattr(signal, "setitimer")
    if not has_timer or threading.current_thread() is not threading.main_thread():
        yield
        return
    is_over = False

    def stop(number: int, frame: FrameType | None) -> None:
        if not is_over:
            raise TimeoutError(f"it takes longer than {seconds:g} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        is_over = True
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
