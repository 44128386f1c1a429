"""The commands of `selfteach chat`, without a model."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from selfteach.commands import chat
from selfteach.commands.answer import AnswerOptions
from selfteach.commands.screen import Screen
from selfteach.records import Completion, Request, get_user_text
from selfteach.run.display import Display, SilentDisplay


class Echo:
    """A model that repeats its question."""

    name = "echo"
    fingerprint = "echo"

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for request in requests:
            yield Completion(
                request.id(self.fingerprint),
                f"You said: {get_user_text(request.prompt)}",
                "stop",
                3,
            )


class Typed(io.StringIO):
    """Standard input from a pipe, or from a terminal."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


def talk(
    lines: str, monkeypatch: pytest.MonkeyPatch, *, terminal: bool = False, run: bool = False
) -> tuple[str, str]:
    """Return what a conversation prints on stdout and on stderr."""
    typed = Typed(lines)
    typed.terminal = terminal
    monkeypatch.setattr("sys.stdin", typed)
    out, err = io.StringIO(), io.StringIO()
    options = AnswerOptions(run=Path("run") if run else None)
    chat._converse(Echo(), options, Screen(out, err, SilentDisplay()))  # type: ignore[arg-type]
    return out.getvalue(), err.getvalue()


def test_a_pipe_shows_the_prompts_and_a_terminal_shows_them_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, _ = talk("Hello?\n/exit\nnever\n", monkeypatch)
    assert out == "> Hello?\nYou said: Hello?\n\n> /exit\n"
    out, _ = talk("Hello?\n", monkeypatch, terminal=True)
    assert out == "> You said: Hello?\n\n> "


def test_an_unknown_adapter_leaves_no_stage_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The conversation goes on with the adapter before, and its lines are in no stage."""
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    (tmp_path / "config.yaml").write_text("model: embedded\n")
    monkeypatch.setattr("sys.stdin", Typed("/adapter nope\nHello?\n"))
    out, err = io.StringIO(), io.StringIO()
    screen = Screen(out, err, Display(err))
    chat._converse(Echo(), AnswerOptions(run=tmp_path), screen)  # type: ignore[arg-type]
    screen.display.print_line("later")
    assert "You said: Hello?" in out.getvalue()
    lines = err.getvalue().splitlines()
    ended = lines.index("[load] 0 s")
    assert "nope" in lines[ended + 1]
    assert lines[ended + 2 :] == ["later"]


@pytest.mark.parametrize("word", ["/quit", "/exit"])
def test_both_words_end_the_chat(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "You said" not in talk(f"{word}\nHello?\n", monkeypatch)[0]


@pytest.mark.parametrize(("run", "adapter"), [(True, True), (False, False)])
def test_help_lists_the_commands(run: bool, adapter: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    _, err = talk("/help\n", monkeypatch, run=run)
    assert "/reset" in err
    assert "there is no command" not in err
    assert ("/adapter NAME" in err) == adapter


def test_an_unknown_command_is_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = talk("/hlep me\n", monkeypatch)
    assert "You said" not in out
    assert "there is no command /hlep; nothing was asked." in err
    assert "/help" in err
