"""The progress display: plain lines, bars, and text of models that stays text."""

from __future__ import annotations

import io
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console, Group
from rich.text import Text

from selfteach.run.display import (
    PLAIN_INTERVAL_S,
    Display,
    NotebookDisplay,
    ProgressBarDisplay,
    SilentDisplay,
    open_display,
    replace_control_chars,
)
from selfteach.run.workload import PlannedStage, RemainingTime

HOSTILE = "[/foo] [bold]x[/bold] \x1b[31mred\x1b[0m \x1b]0;title\x07 \u202eevil\r\b"


def test_plain_lines_come_at_intervals_and_at_the_end() -> None:
    stream = io.StringIO()
    now = [0.0]
    display = Display(stream, clock=lambda: now[0])
    display.start_stage("probe", 200)
    for _ in range(100):
        now[0] += 0.12
        display.advance()
    display.finish()
    assert stream.getvalue().splitlines() == [
        "[probe] 0/200 sampled",
        "[probe] 42/200 sampled, 5 s, about 19 s left",
        "[probe] 84/200 sampled, 10 s, about 14 s left",
        "[probe] 100 sampled, 12 s",
    ]


def test_what_is_left_is_not_estimated_from_the_first_few() -> None:
    stream = io.StringIO()
    now = [0.0]
    display = Display(stream, clock=lambda: now[0])
    display.start_stage("search", 100, "found")
    for done in (1, 9, 40):
        now[0] += 6.0
        display.advance(done)
    assert stream.getvalue().splitlines()[1:] == [
        "[search] 1/100 found, 6 s",
        "[search] 10/100 found, 12 s, about 108 s left",
        "[search] 50/100 found, 18 s, about 18 s left",
    ]


def test_a_new_stage_ends_the_one_before() -> None:
    stream = io.StringIO()
    display = Display(stream, clock=lambda: 0.0)
    display.start_stage("load")
    display.start_stage("train", 3, "steps")
    display.print_line("loss 0.5")
    assert stream.getvalue().splitlines() == [
        "[load]",
        "[load] 0 s",
        "[train] 0/3 steps",
        "[train] loss 0.5",
    ]


@pytest.mark.parametrize("kind", [Display, ProgressBarDisplay])
def test_text_of_a_model_is_neither_markup_nor_control(kind: type[Display]) -> None:
    stream = io.StringIO()
    display = kind(stream)
    display.start_stage("probe", 3)
    display.print_line(HOSTILE)
    display.advance(2)
    display.finish()
    text = stream.getvalue()
    assert "[/foo] [bold]x[/bold]" in text
    assert not set("\x1b\x07\u202e\b\r") & set(text)


def test_printable_keeps_every_script_and_the_lines() -> None:
    assert replace_control_chars("Zürich 象 😀\n\tx") == "Zürich 象 😀\n\tx"
    assert replace_control_chars("a\x1b[2Jb\x00\x9b\u2066") == "a\ufffd[2Jb\ufffd\ufffd\ufffd"


def test_the_display_fits_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    assert type(open_display(io.StringIO())) is Display
    assert type(open_display(Terminal())) is ProgressBarDisplay
    assert type(open_display(Terminal(), quiet=True)) is SilentDisplay
    monkeypatch.setenv("TERM", "dumb")
    assert type(open_display(Terminal())) is Display


def test_a_line_is_due_after_five_seconds_exactly() -> None:
    stream = io.StringIO()
    now = [10.0]
    display = Display(stream, clock=lambda: now[0])
    display.start_stage("probe", 4)
    for seconds in (14.9, 15.0, 19.9, 20.0):
        now[0] = seconds
        display.advance()
    display.finish()
    assert stream.getvalue().splitlines() == [
        "[probe] 0/4 sampled",
        "[probe] 2/4 sampled, 5 s, about 5 s left",
        "[probe] 4/4 sampled, 10 s",
        "[probe] 4 sampled, 10 s",
    ]


def test_a_stage_of_unknown_length_counts_without_a_total() -> None:
    stream = io.StringIO()
    now = [0.0]
    display = Display(stream, clock=lambda: now[0])
    display.print_line("before any stage")
    display.start_stage("read", unit="rows")
    now[0] = 6.0
    display.advance(7)
    display.finish()
    display.finish()
    display.print_line("after it")
    assert stream.getvalue().splitlines() == [
        "before any stage",
        "[read]",
        "[read] 7 rows, 6 s",
        "[read] 7 rows, 6 s",
        "after it",
    ]


def test_the_rest_is_estimated_from_a_tenth_on() -> None:
    stream = io.StringIO()
    now = [0.0]
    display = Display(stream, clock=lambda: now[0])
    display.start_stage("probe", 100)
    for done in (9, 1, 89):
        now[0] += 5.0
        display.advance(done)
    assert stream.getvalue().splitlines()[1:] == [
        "[probe] 9/100 sampled, 5 s",
        "[probe] 10/100 sampled, 10 s, about 90 s left",
        "[probe] 99/100 sampled, 15 s, about 0 s left",
    ]


@pytest.mark.parametrize(
    "char", "\u202a\u202b\u202d\u202e\x00\x1b\x7f\x9f", ids=[f"U+{n:04X}" for n in range(8)]
)
def test_a_character_that_could_steer_a_terminal_is_marked(char: str) -> None:
    assert replace_control_chars(f"a{char}b") == "a\ufffdb"


@pytest.mark.parametrize(
    "text",
    ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "👩\u200d🚀", "🏴\U000e0067\U000e007f"],
)
def test_what_joins_letters_and_emoji_stays(text: str) -> None:
    assert replace_control_chars(text) == text


def test_white_space_stays_and_carriage_returns_go() -> None:
    assert replace_control_chars("a\r\nb\u00a0c\u2003d") == "a\nb\u00a0c\u2003d"
    assert replace_control_chars("a\x0bb\x0cc\x85d\u2029e") == "a\ufffdb\ufffdc\ufffdd\ufffde"


def test_names_and_units_of_bars_are_no_markup() -> None:
    display = ProgressBarDisplay(io.StringIO())
    display.start_stage("[bold]name", 2, "[red]unit")
    task = display._bar.tasks[0]
    shown = [str(column.render(task)) for column in display._bar.columns]
    assert "[bold]name" in shown
    assert "[red]unit" in shown
    display.finish()


class Watched(ProgressBarDisplay):
    """Bars that can be looked into."""

    @property
    def state(self) -> tuple[str, float | None, float, str, bool]:
        task = self._bar.tasks[0]
        live = self._bar.live.is_started
        return task.description, task.total, task.completed, task.fields["unit"], live


def test_a_bar_shows_what_is_done_and_ends_with_a_line() -> None:
    stream = io.StringIO()
    display = Watched(stream)
    display.advance()
    display.start_stage("load")
    assert display.state == ("load", None, 0, "sampled", True)
    display.start_stage("pro\x1bbe", 5, "steps")
    assert display.state == ("pro\ufffdbe", 5, 0, "steps", True)
    assert display._bar.live.transient
    display.advance()
    display.advance(3)
    assert display.state[2] == 4
    assert display._done == 4
    bar = display._bar
    display.finish()
    assert not bar.live.is_started
    assert display._bar is None
    lines = [line.strip() for line in stream.getvalue().splitlines() if line.strip()]
    assert lines[-2:] == ["[load] 0 s", "[pro\ufffdbe] 4 steps, 0 s"]


def test_a_long_line_of_bars_is_not_broken_and_has_no_markup() -> None:
    stream = io.StringIO()
    ProgressBarDisplay(stream).print_line("[bold]" + "word " * 100 + "1234 'x' True")
    assert stream.getvalue() == "[bold]" + "word " * 100 + "1234 'x' True\n"
    colored = io.StringIO()
    display = ProgressBarDisplay(colored)
    display._console._force_terminal = True  # type: ignore[attr-defined]
    display._console._color_system = 1  # type: ignore[attr-defined]
    display.print_line("number 1234 and 'text' and True")
    assert colored.getvalue() == "number 1234 and 'text' and True\n"


def test_silence_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    display = SilentDisplay(stream)
    display.start_stage("probe", 2)
    display.advance(2)
    display.print_line("x")
    display.finish()
    assert stream.getvalue() == ""
    Display().print_line("to stderr")
    assert capsys.readouterr().err == "to stderr\n"


def test_lines_are_shown_at_once() -> None:
    class Counts(io.StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    stream = Counts()
    Display(stream).print_line("x")
    assert stream.flushed == 1


def test_the_seconds_of_a_stage_count_from_its_own_beginning() -> None:
    stream = io.StringIO()
    now = [0.0]
    display = Display(stream, clock=lambda: now[0])
    for name in ("probe", "search"):
        now[0] += 100.0
        display.start_stage(name, 2)
        now[0] += 4.0
        display.advance()
        now[0] += 3.0
        display.advance()
    display.finish()
    assert stream.getvalue().splitlines() == [
        "[probe] 0/2 sampled",
        "[probe] 2/2 sampled, 7 s",
        "[probe] 2 sampled, 107 s",
        "[search] 0/2 sampled",
        "[search] 2/2 sampled, 7 s",
        "[search] 2 sampled, 7 s",
    ]


class FakeBar:
    """What a notebook's bar is asked for."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.count = 0
        self.postfix: list[str] = []
        self.closed = False

    def update(self, n: int) -> None:
        self.count += n

    def set_postfix_str(self, text: str) -> None:
        self.postfix.append(text)

    def close(self) -> None:
        self.closed = True


def test_a_notebook_counts_in_a_bar_and_shows_the_rest_of_the_run_from_time_to_time() -> None:
    made: list[FakeBar] = []
    now = [100.0]
    display = NotebookDisplay(io.StringIO())
    display._new = lambda **settings: made.append(FakeBar(**settings)) or made[-1]
    display._clock = lambda: now[0]  # type: ignore[method-assign]
    display._shown = 100.0
    display.advance()  # before any stage: no bar, and no error
    display.start_stage("probe", 4, "prompts")
    display.start_stage("train")
    assert [bar.settings for bar in made] == [
        {"total": 4, "desc": "probe", "unit": " prompts"},
        {"total": None, "desc": "train", "unit": " sampled"},
    ]
    assert made[0].closed
    display.advance()
    display.advance(2)
    assert (made[1].count, display._done, made[1].postfix) == (3, 3, [])
    now[0] += PLAIN_INTERVAL_S
    display.advance()
    display.advance()
    assert len(made[1].postfix) == 1
    display.finish()
    assert made[1].closed


def test_a_line_in_a_notebook_holds_no_control_characters() -> None:
    stream = io.StringIO()
    NotebookDisplay(stream).print_line("a\x1b[2J")
    assert stream.getvalue() == "a\ufffd[2J\n"


class ZMQInteractiveShell:
    """What IPython names the shell of a notebook's kernel."""


class Shell(ZMQInteractiveShell):
    """What Colab makes of it."""


@pytest.mark.parametrize(
    ("shell", "kind"),
    [
        (ZMQInteractiveShell, NotebookDisplay),
        (Shell, NotebookDisplay),
        (object, Display),
        (None, Display),
    ],
)
def test_bars_of_notebooks_are_for_notebooks_that_name_no_stream(
    monkeypatch: pytest.MonkeyPatch, shell: Any, kind: type[Display]
) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    if shell is not None:
        ipython = types.SimpleNamespace(get_ipython=shell)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert type(open_display()) is kind
    assert type(open_display(io.StringIO())) is Display


@pytest.mark.parametrize(
    ("total", "answers", "shown"),
    [
        (4, 0, "prompts"),
        (4, 3, "prompts, 3 answers"),
        (0, 0, "1 prompt"),
        (0, 1, "1 prompt"),
        (0, 3, "3 answers"),
    ],
)
def test_a_bar_shows_answers_that_are_no_part_of_its_count(
    total: int, answers: int, shown: str
) -> None:
    display = Watched(io.StringIO())
    display.start_stage("probe", total, "prompts")
    display.advance()
    display.count_answers(answers, sampled=False)
    assert display.state[3].endswith(shown)
    display.finish()


@pytest.mark.parametrize("columns", [40, 60, 80, 119, 120])
def test_a_bar_shows_its_stage_its_count_and_its_time_in_any_terminal(columns: int) -> None:
    display = ProgressBarDisplay(io.StringIO())
    display._console = Console(file=io.StringIO(), width=columns, force_terminal=True)
    display.work = RemainingTime([PlannedStage("probe", 480, 28000)])
    display.work.begin_stage("probe")
    display.start_stage("probe", 480)
    display.count_steps(120, 7000)
    display.advance(120)
    with display._console.capture() as printed:
        display._console.print(Group(*display._bar.get_renderables()), no_wrap=True)
    lines = [" ".join(line.split()) for line in Text.from_ansi(printed.get()).plain.splitlines()]
    display.finish()
    assert all(part in lines[0] for part in ("probe", "120/480 sampled", "0:00:0"))
    assert ("7,000 tokens" in lines[0]) is (columns >= 80)
    assert "stage 1 of 1" in lines[0 if columns >= 120 else 1]


def test_a_bar_shows_tokens_before_the_first_answer() -> None:
    display = Watched(io.StringIO())
    display.start_stage("probe", 4, "prompts")
    display.count_steps(4, 12)
    assert display.state[3] == "prompts, 12 tokens"
    display.finish()


@pytest.mark.parametrize("kind", [Display, ProgressBarDisplay])
def test_each_display_tells_the_rest_of_the_run_what_is_done(kind: type[Display]) -> None:
    """Things that are counted are a share of the stage; answers count only where they are
    sampled.
    """
    stages = [PlannedStage("ask", requests=4), PlannedStage("train", trained_tokens=10)]
    display = kind(io.StringIO())
    display.work = RemainingTime(stages, lambda: now[0])
    now = [0.0]

    def estimate(name: str, count: Callable[[], None]) -> float | None:
        display.start_stage(name, 4)
        display.work.begin_stage(name)
        now[0] += 10.0
        count()
        return display.work.estimate_left_s()

    def read_only() -> None:
        display.advance()
        display.count_answers(2, sampled=False)

    display.work.begin_stage("ask")
    read = estimate("ask", read_only)
    sampled = estimate("ask", lambda: display.count_answers(2, sampled=True))
    ask, train = (stage.cost for stage in stages)
    assert (read, sampled) == (None, pytest.approx(10.0 + 10 / (ask / 2) * train))
    display.work.end_stage("ask")
    rest = (10 + 10) / (ask / 2 + train / 4) * train * 3 / 4
    assert estimate("train", display.advance) == pytest.approx(rest)
    display.finish()
