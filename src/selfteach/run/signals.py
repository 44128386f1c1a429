"""Ctrl-C and SIGTERM. Once: the commit under way is finished and `KeyboardInterrupt` is raised. Twice: the process ends at once.

A watcher thread reads the signals from a pipe that the interpreter's own C handler writes to, so that both work while the main thread
is deep inside a compiled engine.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_INTERRUPTED = 130
WATCHED = (signal.SIGINT, signal.SIGTERM)


class _State:
    """What the handler and `held` share; touched by the main thread alone."""

    depth = 0
    pending = False


@contextmanager
def held() -> Iterator[None]:
    """A stretch that a signal does not cut: a commit, the renaming of an export. The interruption is raised at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
    if _State.depth == 0 and _State.pending:
        _State.pending = False
        raise KeyboardInterrupt


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[None]:
    """Handles both signals inside the block. `say` shows one line at once when the first one arrives."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    watcher = threading.Thread(target=_watch, args=(read, say), daemon=True)
    before = {number: signal.signal(number, _handle) for number in WATCHED}
    wakeup = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(write)
        watcher.join()
        os.close(read)
        _State.depth, _State.pending = 0, False


def _handle(number: int, frame: FrameType | None) -> None:
    if _State.depth:
        _State.pending = True
    else:
        raise KeyboardInterrupt


def _watch(read: int, say: Callable[[str], None]) -> None:
    seen = 0
    while data := os.read(read, 64):
        seen += sum(byte in WATCHED for byte in data)
        if seen > 1:
            os._exit(EXIT_INTERRUPTED)
        if seen == 1:
            say("stopping at the next safe point; once more stops at once")
