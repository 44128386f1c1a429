"""A bound on the processor time of a piece of Python, such as the template of a model's folder."""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType


def limit_processor_time(seconds: float) -> AbstractContextManager[None]:
    """Stop the block when its thread has computed for so long in it.

    The main thread has a timer of the process. In another thread, and on Windows, a watcher looks
    at the clock of the thread: without a bound, a server would wait for such a thread at its end.

    Raises:
        TimeoutError: inside the block, at its next step of Python.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and hasattr(signal, "setitimer"):
        return _limit_by_timer(seconds)
    return _limit_by_watcher(seconds)


@contextmanager
def _limit_by_timer(seconds: float) -> Iterator[None]:
    is_over = False

    def stop(number: int, frame: FrameType | None) -> None:
        if not is_over:
            raise TimeoutError(_describe(seconds))

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        is_over = True
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def _limit_by_watcher(seconds: float) -> Iterator[None]:
    thread = threading.get_ident()
    is_over = threading.Event()
    changing = threading.Lock()  # so nothing is raised in the thread behind the block

    def watch() -> None:
        began = _read_clock(thread)
        left = seconds
        while left > 0:
            if is_over.wait(left):
                return
            left = seconds - (_read_clock(thread) - began)
        with changing:
            if not is_over.is_set():
                _raise_in(thread, TimeoutError)

    threading.Thread(target=watch, name="time limit", daemon=True).start()
    try:
        yield
    except TimeoutError as fault:
        if fault.args:
            raise
        raise TimeoutError(_describe(seconds)) from None  # the watcher raises it without words
    finally:
        with changing:
            is_over.set()
            _raise_in(thread, None)


def _read_clock(thread: int) -> float:
    """Return the seconds that a thread has computed; where no clock says so, those that passed."""
    if hasattr(time, "pthread_getcpuclockid"):
        return time.clock_gettime(time.pthread_getcpuclockid(thread))
    return time.monotonic()


def _raise_in(thread: int, kind: type[Exception] | None) -> None:
    """Raise an error in a thread at its next step of Python; None takes one back that waits."""
    error = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)


def _describe(seconds: float) -> str:
    return f"it takes longer than {seconds:g} s"
