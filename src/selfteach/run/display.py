"""Progress on stderr: a bar in a terminal, plain lines elsewhere.

Text that a model wrote is shown as text, never as markup.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

PLAIN_INTERVAL_S = 5.0
MIN_SHARE_FOR_ESTIMATE = 0.1
"""The share that must be done before the remaining time is estimated: answers of one batch end
together, long after the first.
"""


class Display:
    """Show plain lines: `[probe] 40/200 sampled, 12 s, about 48 s left`.

    It is also the interface of `ProgressBarDisplay`, `Notebook` and `SilentDisplay`.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._set_stage("")

    def _set_stage(self, name: str, total: int = 0, unit: str = "") -> None:
        self._name = name
        self._total = total
        self._unit = unit
        self._done = 0
        self._start = self._shown = self._clock()

    def start_stage(self, name: str, total: int = 0, unit: str = "sampled") -> None:
        """Begin a stage of `total` things (0: unknown) and end the one before."""
        self.finish()
        self._set_stage(name, total, unit)
        self._line(f"[{name}]" + (f" 0/{total} {unit}" if total else ""))

    def advance(self, n: int = 1) -> None:
        """Count `n` more things of the stage as done."""
        self._done += n
        if self._clock() - self._shown >= PLAIN_INTERVAL_S:
            self._shown = self._clock()
            self._line(self._progress())

    def print_line(self, text: str) -> None:
        """Show one line."""
        self._line(f"[{self._name}] {text}" if self._name else text)

    def finish(self) -> None:
        """End the stage."""
        if self._name:
            count = f"{self._done} {self._unit}, " if self._done else ""
            self._line(f"[{self._name}] {count}{self._elapsed():.0f} s")
        self._name = ""

    def _elapsed(self) -> float:
        return self._clock() - self._start

    def _progress(self) -> str:
        count = f"{self._done}/{self._total}" if self._total else f"{self._done}"
        line = f"[{self._name}] {count} {self._unit}, {self._elapsed():.0f} s"
        if self._total > self._done >= MIN_SHARE_FOR_ESTIMATE * self._total:
            left_s = self._elapsed() / self._done * (self._total - self._done)
            line += f", about {left_s:.0f} s left"
        return line

    def _line(self, text: str) -> None:
        print(replace_control_chars(text), file=self._stream, flush=True)


class SilentDisplay(Display):
    """Show nothing: for tests and for calls from Python."""

    def _line(self, text: str) -> None:
        return


class ProgressBarDisplay(Display):
    """Show a live bar of rich, with the finished stages above it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        super().__init__(stream)
        self._console = Console(file=self._stream, highlight=False)
        self._columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._new = Progress
        self._bar: Any = None
        self._task: Any = None

    def start_stage(self, name: str, total: int = 0, unit: str = "sampled") -> None:
        """Begin a stage as `Display.start_stage`."""
        self.finish()
        self._set_stage(name, total, unit)
        self._bar = self._new(*self._columns, console=self._console, transient=True)
        self._task = self._bar.add_task(replace_control_chars(name), total=total or None, unit=unit)
        self._bar.start()

    def advance(self, n: int = 1) -> None:
        """Count as `Display.advance`."""
        self._done += n
        if self._bar is not None:
            self._bar.advance(self._task, n)

    def finish(self) -> None:
        """End the stage as `Display.finish`."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        super().finish()

    def _line(self, text: str) -> None:
        self._console.print(
            replace_control_chars(text), markup=False, highlight=False, soft_wrap=True
        )


class Notebook(Display):
    """Show a bar of tqdm in a notebook, a widget if the notebook has some; finished stages stay."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from tqdm.auto import tqdm

        super().__init__(stream or sys.stdout)
        self._new: Any = tqdm
        self._bar: Any = None

    def start_stage(self, name: str, total: int = 0, unit: str = "sampled") -> None:
        """Begin a stage as `Display.start_stage`."""
        self.finish()
        self._name = name
        self._bar = self._new(
            total=total or None, desc=replace_control_chars(name), unit=f" {unit}"
        )

    def advance(self, n: int = 1) -> None:
        """Count as `Display.advance`."""
        self._done += n
        if self._bar is not None:
            self._bar.update(n)

    def finish(self) -> None:
        """End the stage without a closing line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._name = ""

    def _line(self, text: str) -> None:
        self._new.write(replace_control_chars(text), file=self._stream)


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def replace_control_chars(text: str) -> str:
    """Return text without terminal control sequences.

    Every control character but newline and tab becomes a visible mark.
    """
    return "".join(
        c
        if c in "\n\t" or (c.isprintable() and not "\u202a" <= c <= "\u202e") or c.isspace()
        else "\ufffd"
        for c in text.replace("\r", "")
    )


def open_display(stream: TextIO | None = None, *, quiet: bool = False) -> Display:
    """Return the display that fits the stream.

    It is a bar in a terminal or in a notebook, plain lines elsewhere, nothing when quiet.
    """
    if quiet:
        return SilentDisplay(stream)
    if stream is None and in_notebook():
        return Notebook()
    stream = stream or sys.stderr
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return ProgressBarDisplay(stream)
    return Display(stream)
