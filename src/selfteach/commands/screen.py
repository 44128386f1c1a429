"""Output streams: results on stdout, progress and faults on stderr, library output in the log."""

from __future__ import annotations

import codecs
import ctypes
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from selfteach.run.display import Display, open_display, print_unless_closed

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Screen:
    """Hold the real stdout and stderr while file descriptors 1 and 2 are redirected."""

    out: TextIO
    err: TextIO
    display: Display

    def print_line(self, line: str) -> None:
        """Print one line on stderr."""
        print_unless_closed(f"selfteach: {line}", self.err)


def print_notice(line: str) -> None:
    """Print one line on stderr, where no screen is open."""
    print_unless_closed(f"selfteach: {line}", sys.stderr)


def print_notices(lines: Iterable[str]) -> None:
    """Print lines about the material on stderr, before a screen is open."""
    for line in lines:
        print_notice(line)


@contextmanager
def open_screen(log: Path | None, *, debug: bool = False) -> Iterator[Screen]:
    """Keep the output of libraries off the screen.

    Compiled code prints past Python, so this redirects the file descriptors themselves.

    Args:
        log: receives the output of libraries; None discards it. With `debug` it goes to stderr.
            A file to which nothing was written is removed.
    """
    _flush()
    kept = os.dup(1), os.dup(2)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    err = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
    sink = (
        os.dup(2)
        if debug
        else os.open(log or os.devnull, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    )
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.close(sink)
    display = open_display(err)
    try:
        yield Screen(out, err, display)
    finally:
        with suppress(OSError):  # a closed terminal must not hide how the work ended
            display.finish()
        with suppress(OSError):
            err.close()
        try:
            out.close()  # what it still holds may find a full disk
        finally:
            _flush()
            for number, old in enumerate(kept, start=1):
                os.dup2(old, number)
                os.close(old)
            if log:
                _remove_empty(log)


def _remove_empty(log: Path) -> None:
    with suppress(OSError):  # it may be gone, or on a disk that fails
        if not log.stat().st_size:
            log.unlink()


def _flush() -> None:
    """Flush the buffers of Python and of the C library before a redirection."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":  # elsewhere no name stands for the program's own C library
        ctypes.CDLL(None).fflush(None)


def open_console(width: int) -> Console:
    """Return a console on stdout; a file or a pipe gets lines of `width` columns.

    A pipe that nobody reads any more raises an error, as with `print`: rich would exit with 1.
    """
    from rich.console import Console as RichConsole

    class Console(RichConsole):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else width)


def print_json(value: Any) -> None:
    """Print one JSON object on one line of stdout; NaN and infinities become null.

    Where stdout is not UTF-8, other characters than ASCII are escaped.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    print(json.dumps(_replace_nonfinite(value), ensure_ascii=not is_utf8, allow_nan=False))


def print_result(found: Any, text: object, *, as_json: bool) -> None:
    """Print a result: as JSON, or as a line of text."""
    if as_json:
        print_json(found)
    else:
        print(text)


def _replace_nonfinite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _replace_nonfinite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_nonfinite(inner) for inner in value]
    return value
