"""Who may write where. Results go to stdout, progress and faults to stderr; whatever libraries
print goes to the run's log.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from selfteach.run.display import Display, open_display, replace_control_chars


@dataclass(frozen=True)
class Screen:
    """The real stdout and stderr, while the numbers 1 and 2 lead elsewhere."""

    out: TextIO
    err: TextIO
    display: Display

    def print_line(self, line: str) -> None:
        """One line on stderr."""
        print(f"selfteach: {replace_control_chars(line)}", file=self.err, flush=True)


@contextmanager
def open_screen(log: Path | None, *, debug: bool = False) -> Iterator[Screen]:
    """Keeps the libraries' chatter off the screen: compiled code prints past Python, so the file
    descriptors themselves are led away.

    Args:
        log: where the chatter goes; None for nowhere. With `debug` it goes to stderr.
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
        display.finish()
        out.flush()
        err.flush()
        _flush()
        for number, old in enumerate(kept, start=1):
            os.dup2(old, number)
            os.close(old)
        out.close()
        err.close()


def _flush() -> None:
    """Empties Python's and the C library's buffers, so that nothing written before the switch comes
    out after it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)


def print_json(value: Any) -> None:
    """One JSON object on stdout, on one line; what is not a number of JSON becomes null rather than
    a word that no reader knows.
    """
    print(json.dumps(_replace_nonfinite(value), ensure_ascii=False, allow_nan=False))


def _replace_nonfinite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _replace_nonfinite(inner) for key, inner in value.items()}
    return (
        [_replace_nonfinite(inner) for inner in value] if isinstance(value, list | tuple) else value
    )
