"""Progress on stderr: a bar in a terminal, plain lines elsewhere.

Text that a model wrote is shown as text, never as markup.
"""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TextIO

from selfteach.run.workload import RemainingTime
from selfteach.text import format_count

PLAIN_INTERVAL_S = 5.0
MIN_SHARE_FOR_ESTIMATE = 0.1
"""The share that must be done before the remaining time is estimated: answers of one batch end
together, long after the first.
"""
MINUTE_S = 60.0
ONE_LINE_COLUMNS = 120
"""The least width of a terminal in which a bar and the rest of the run fit on one line."""
COUNTS_COLUMNS = 80
"""The least width of one in which the answers and tokens of a stage fit beside its own count."""


def format_left(seconds: float) -> str:
    """Return a remaining time as people say it: no more exact than it is known."""
    if seconds < MINUTE_S:
        return "less than a minute left of the run"
    return f"about {round(seconds / MINUTE_S)} min left of the run"


class Display:
    """Show plain lines: `[probe] 40/200 sampled, 12 s; stage 4 of 9, about 3 min left of the run`.

    It is also the interface of `ProgressBarDisplay`, `NotebookDisplay` and `SilentDisplay`.

    Attributes:
        work: the plan of the run, which says how much of it is left.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self.work = RemainingTime()
        self._set_stage("")

    def _set_stage(self, name: str, total: int = 0, unit: str = "") -> None:
        self._name = name
        self._total = total
        self._unit = unit
        self._done = 0
        self._answers = 0
        self._tokens = 0
        self._start = self._shown = self._clock()

    def start_stage(self, name: str, total: int = 0, unit: str = "sampled") -> None:
        """Begin a stage of `total` things (0: unknown) and end the one before."""
        self.finish()
        self._set_stage(name, total, unit)
        self._show_start()

    def advance(self, n: int = 1) -> None:
        """Count `n` more things of the stage as done."""
        self._done += n
        self.work.count_done(self._done, self._total)
        self._move_bar(n)
        self._show_progress()

    def count_answers(self, n: int, *, sampled: bool, tokens: int = 0) -> None:
        """Count answers that a model has written, or only read, whatever the stage counts.

        Args:
            tokens: that were sampled.
        """
        self._answers += n
        if sampled:
            self.work.count_sampled(n, tokens)
        self._show_progress()

    def count_steps(self, begun: int, tokens: int) -> None:
        """Count answers that a model has begun, and tokens that it has sampled, since the last
        call. A batch is at work long before its first answer ends.
        """
        self._tokens += tokens
        self.work.count_steps(begun, tokens)
        self._show_progress()

    def count_recorded(self, n: int) -> None:
        """Count answers that were there before this process: they are no work that is left."""
        self.work.count_recorded(n)

    def _show_start(self) -> None:
        """Print the line of a stage that begins."""
        count = f"0/{self._total} {self._unit}" if self._total else ""
        place = f"stage {self.work.position}" if self.work.position else ""
        self._line(f"[{self._name}] {'; '.join(filter(None, (count, place)))}".rstrip())

    def _move_bar(self, n: int) -> None:
        """Move the bar on by `n` things, if the display has one."""

    def _show_progress(self) -> None:
        """Print a line, if the last one is old enough."""
        if self._name and self._clock() - self._shown >= PLAIN_INTERVAL_S:
            self._shown = self._clock()
            self._line(self._progress())

    def print_line(self, text: str) -> None:
        """Show one line."""
        self._line(f"[{self._name}] {text}" if self._name else text)

    def finish(self) -> None:
        """End the stage."""
        if self._name:
            count = f"{format_count(self._done, self._unit)}, " if self._done else ""
            self._line(f"[{self._name}] {count}{self._elapsed():.0f} s")
        self._name = ""

    def _elapsed(self) -> float:
        return self._clock() - self._start

    def _progress(self) -> str:
        line = f"[{self._name}] {self._count()}, {self._elapsed():.0f} s"
        if overall := self._overall():
            return f"{line}; {overall}"
        if self._total > self._done >= MIN_SHARE_FOR_ESTIMATE * self._total:
            left_s = self._elapsed() / self._done * (self._total - self._done)
            line += f", about {left_s:.0f} s left"
        return line

    def _count(self) -> str:
        """Return what is done of the stage; where answers are no part of its count, they too; and
        the tokens that a model has sampled in it.
        """
        counts = []
        if self._total:
            counts.append(f"{self._done}/{self._total} {self._unit}")
        elif self._done:
            counts.append(format_count(self._done, self._unit))
        if self._answers > self._done or not counts:
            counts.append(format_count(self._answers, "answers"))
        if self._tokens:
            counts.append(format_count(self._tokens, "tokens"))
        return ", ".join(counts)

    def _overall(self) -> str:
        """Return the place of the stage in the run and what is left of it, as far as known."""
        if not self.work.position:
            return ""
        left_s = self.work.estimate_left_s()
        place = f"stage {self.work.position}"
        return place if left_s is None else f"{place}, {format_left(left_s)}"

    def _line(self, text: str) -> None:
        print_unless_closed(text, self._stream)


class SilentDisplay(Display):
    """Show nothing: for tests and for calls from Python."""

    def _line(self, text: str) -> None:
        return


class ProgressBarDisplay(Display):
    """Show a live bar of rich, with the finished stages above it, and in a narrow terminal the rest
    of the run below it.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console, RenderableType
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.table import Column
        from rich.text import Text

        super().__init__(stream)
        self._console = Console(file=self._stream, highlight=False)
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[unit]}", markup=False),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
        )
        left = TextColumn("{task.fields[left]}", markup=False)
        display = self

        class Bar(Progress):
            def get_renderables(self) -> Iterator[RenderableType]:
                is_wide = display._console.width >= ONE_LINE_COLUMNS
                self.columns = (*columns, left) if is_wide else columns
                yield self.make_tasks_table(self.tasks)
                for task in () if is_wide else self.tasks:
                    if task.fields["left"]:
                        yield Text(f"  {task.fields['left']}", no_wrap=True, overflow="ellipsis")

        self._new = Bar
        self._bar: Any = None
        self._task: Any = None

    def _show_start(self) -> None:
        self._bar = self._new(console=self._console, transient=True)
        self._task = self._bar.add_task(
            replace_control_chars(self._name),
            total=self._total or None,
            unit=self._unit,
            left=self._overall(),
        )
        self._bar.start()

    def _move_bar(self, n: int) -> None:
        if self._bar is not None:
            self._bar.advance(self._task, n)

    def _show_progress(self) -> None:
        """Show what is known of the stage and of the run beside the bar."""
        if self._bar is not None:
            shown = self._count()
            if self._total:  # the bar itself shows "40/200"
                shown = shown.partition(" ")[2]
            if self._console.width < COUNTS_COLUMNS:
                shown = shown.partition(", ")[0]
            self._bar.update(self._task, unit=shown, left=self._overall())

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


class NotebookDisplay(Display):
    """Show a bar of tqdm in a notebook, a widget if the notebook has some; finished stages stay."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from tqdm.auto import tqdm

        super().__init__(stream or sys.stdout)
        self._new: Any = tqdm
        self._bar: Any = None

    def _show_start(self) -> None:
        self._bar = self._new(
            total=self._total or None,
            desc=replace_control_chars(self._name),
            unit=f" {self._unit}",
        )

    def _move_bar(self, n: int) -> None:
        if self._bar is not None:
            self._bar.update(n)

    def _show_progress(self) -> None:
        """Show what is left of the run beside the bar."""
        if self._bar is not None and self._clock() - self._shown >= PLAIN_INTERVAL_S:
            self._shown = self._clock()
            self._bar.set_postfix_str(self._overall())

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
    kinds = [kind.__name__ for kind in type(shell).__mro__]  # Colab has a kind of its own
    return "ZMQInteractiveShell" in kinds


HARMLESS = frozenset("\n\t\u00ad\u200c\u200d") | set(map(chr, range(0xE0020, 0xE0080)))
"""Characters that do not print, and that texts hold: what joins and parts the letters of Persian
and Hindi and the parts of an emoji, and the tags of flags.
"""


def print_unless_closed(text: str, stream: TextIO) -> None:
    """Print one line of progress; where nobody reads on, the work goes on without it."""
    with suppress(BrokenPipeError):
        print(replace_control_chars(text), file=stream, flush=True)


def replace_control_chars(text: str) -> str:
    """Return text without terminal control sequences.

    Every character but newline, tab, spaces and those that print becomes a visible mark.
    """
    return "".join(c if is_harmless(c) else "\ufffd" for c in text.replace("\r", ""))


def is_harmless(char: str) -> bool:
    """Return whether a character moves no cursor and turns no text around."""
    return char in HARMLESS or char.isprintable() or unicodedata.category(char) == "Zs"


def open_display(stream: TextIO | None = None, *, quiet: bool = False) -> Display:
    """Return the display that fits the stream.

    It is a bar in a terminal or in a notebook, plain lines elsewhere, nothing when quiet.
    """
    if quiet:
        return SilentDisplay(stream)
    if stream is None and in_notebook():
        return NotebookDisplay()
    stream = stream or sys.stderr
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return ProgressBarDisplay(stream)
    return Display(stream)
