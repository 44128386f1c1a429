"""Ctrl-C, SIGTERM, and SIGHUP: a closed terminal.

After the first signal the present commit is finished and `KeyboardInterrupt` is raised; after the
second the process ends at once. A watcher thread reads the signals from a pipe that the
interpreter's own C handler writes to, so that both work while the main thread is deep inside a
compiled engine.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from selfteach.errors import Interrupted

HANGUP = getattr(signal, "SIGHUP", None)
"""The signal of a closed terminal; Windows has none."""
WATCHED_SIGNALS = tuple(filter(None, (signal.SIGINT, signal.SIGTERM, HANGUP)))
Handler = Callable[[int, FrameType | None], object]


class _InterruptState:
    """Hold the state that the handler and `delay_interrupts` share, for the main thread only."""

    depth = 0
    pending = False
    seen = False


@contextmanager
def delay_interrupts() -> Iterator[None]:
    """Delay an interruption until the end of the block: a commit, the renaming of an export."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _InterruptState.depth += 1
    try:
        yield
    except BaseException:
        _InterruptState.depth -= 1
        raise
    _end_delay()


@contextmanager
def handle_interrupts(print_line: Callable[[str], None]) -> Iterator[None]:
    """Handle the signals inside the block; `print_line` shows one line at the first one.

    No signal interrupts the block's beginning and end. After an interrupted block the next signal
    still ends the process at once.
    """
    _InterruptState.depth = 1
    _InterruptState.pending = False
    _InterruptState.seen = False
    read, write = os.pipe()
    os.set_blocking(write, False)
    watcher = threading.Thread(target=_watch_signals, args=(read, print_line), daemon=True)
    before = install_handler(_handle_signal)
    wakeup = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    watcher.start()
    try:
        _end_delay()
        yield
    finally:
        _InterruptState.depth += 1
        signal.set_wakeup_fd(wakeup)
        os.close(write)
        watcher.join()
        os.close(read)
        for number, handler in before.items():
            signal.signal(number, _handle_signal if _InterruptState.seen else handler)
        _end_delay()


def install_handler(handler: Handler) -> dict[signal.Signals, Any]:
    """Handle the watched signals from now on, and return the handlers before.

    A SIGHUP that is ignored stays so: nohup wants the process to outlive its terminal.
    """
    ignores_hangup = HANGUP is not None and signal.getsignal(HANGUP) is signal.SIG_IGN
    return {
        number: signal.signal(number, handler)
        for number in WATCHED_SIGNALS
        if number != HANGUP or not ignores_hangup
    }


@contextmanager
def replace_handlers(handler: Handler) -> Iterator[None]:
    """Handle the watched signals with `handler` inside the block; in another thread do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = install_handler(handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _end_delay() -> None:
    """End a delay; raise an interruption that arrived in it."""
    _InterruptState.depth -= 1
    if _InterruptState.depth == 0 and _InterruptState.pending:
        _InterruptState.pending = False
        raise KeyboardInterrupt


def _handle_signal(number: int, frame: FrameType | None) -> None:
    if _InterruptState.seen:
        os._exit(Interrupted.exit_code)
    _InterruptState.seen = True
    if _InterruptState.depth:
        _InterruptState.pending = True
    else:
        raise KeyboardInterrupt


def _watch_signals(read: int, print_line: Callable[[str], None]) -> None:
    seen = 0
    while data := os.read(read, 64):
        before = seen
        seen += sum(byte in WATCHED_SIGNALS for byte in data)
        if seen > 1:
            os._exit(Interrupted.exit_code)
        if seen > before:
            # A closed terminal must not hide the second signal.
            with suppress(OSError, ValueError):
                print_line("stopping at the next safe point; once more stops at once")
