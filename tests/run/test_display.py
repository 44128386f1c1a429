"""The progress display: plain lines, bars, and text of models that stays text."""

from __future__ import annotations

import io

import pytest

from selfteach.run.display import Bars, Display, Silent, open_display, printable

HOSTILE = "[/foo] [bold]x[/bold] \x1b[31mred\x1b[0m \x1b]0;title\x07 \u202eevil\r\b"


def test_plain_lines_come_at_intervals_and_at_the_end() -> None:
    stream, now = io.StringIO(), [0.0]
    display = Display(stream, clock=lambda: now[0])
    display.stage("probe", 200)
    for _ in range(100):
        now[0] += 0.12
        display.advance()
    display.finish()
    assert stream.getvalue().splitlines() == [
        "[probe] 0/200 drawn",
        "[probe] 42/200 drawn, 5 s, about 19 s left",
        "[probe] 84/200 drawn, 10 s, about 14 s left",
        "[probe] 100 drawn, 12 s",
    ]


def test_what_is_left_is_not_estimated_from_the_first_few() -> None:
    stream, now = io.StringIO(), [0.0]
    display = Display(stream, clock=lambda: now[0])
    display.stage("search", 100, "found")
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
    display.stage("load")
    display.stage("train", 3, "steps")
    display.say("loss 0.5")
    assert stream.getvalue().splitlines() == [
        "[load]",
        "[load] 0 s",
        "[train] 0/3 steps",
        "[train] loss 0.5",
    ]


@pytest.mark.parametrize("kind", [Display, Bars])
def test_text_of_a_model_is_neither_markup_nor_control(kind: type[Display]) -> None:
    stream = io.StringIO()
    display = kind(stream)
    display.stage("probe", 3)
    display.say(HOSTILE)
    display.advance(2)
    display.finish()
    text = stream.getvalue()
    assert "[/foo] [bold]x[/bold]" in text
    assert not set("\x1b\x07\u202e\b\r") & set(text)


def test_printable_keeps_every_script_and_the_lines() -> None:
    assert printable("Zürich 象 😀\n\tx") == "Zürich 象 😀\n\tx"
    assert printable("a\x1b[2Jb\x00\x9b\u2066") == "a\ufffd[2Jb\ufffd\ufffd\ufffd"


def test_the_display_fits_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    assert type(open_display(io.StringIO())) is Display
    assert type(open_display(Terminal())) is Bars
    assert type(open_display(Terminal(), quiet=True)) is Silent
    monkeypatch.setenv("TERM", "dumb")
    assert type(open_display(Terminal())) is Display
