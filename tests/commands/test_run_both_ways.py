"""Every command that takes one run takes it as `--run DIR` and as an argument."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfteach.cli import build_command, run_command
from selfteach.commands.groups import RunCommand
from selfteach.commands.last_run import LOOKING_COMMANDS

COMMANDS: dict[str, Any] = build_command().commands  # type: ignore[attr-defined]
OTHERS = ("inspect", "serve")
"""`inspect` takes a file as well, `serve` several runs."""
NEEDED = {
    "answer": ["--in", "prompts.txt"],
    "benchmark": ["--tasks", "arc_easy"],
    "export": ["--to", "gguf"],
    "forget-source": ["notes.md"],
    "merge": ["--out", "merged"],
}
"""What a command needs beside a run."""


def list_run_commands() -> list[str]:
    """Return the commands that have the option `--run`."""
    return [
        name
        for name, command in COMMANDS.items()
        if any("--run" in parameter.opts for parameter in command.params)
    ]


def read_faults(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return the exit code of a command, and what it says."""
    code = run_command(words)
    return code, capsys.readouterr().err


def test_every_command_with_a_run_takes_it_both_ways() -> None:
    for name in set(list_run_commands()) - set(OTHERS):
        assert isinstance(COMMANDS[name], RunCommand), name
    assert {*list_run_commands()} == {*LOOKING_COMMANDS, "forget-source", "serve"}


@pytest.mark.parametrize("name", sorted({*list_run_commands()} - {"serve"}))
def test_a_run_is_found_both_ways(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.txt").write_text("Sing.\n")
    (tmp_path / "empty").mkdir()
    more = NEEDED.get(name, [])
    found = [
        read_faults([name, *more, "--run", "empty"], capsys),
        read_faults([name, *more, "empty"], capsys),
    ]
    assert found[0] == found[1]
    assert "empty: " in found[0][1] or name == "status"
    code, text = read_faults([name, *more, "empty", "--run", "empty"], capsys)
    assert code == 2
    assert "extra argument" in text or "Give --run DIR, or FILE" in text


def test_an_option_s_value_is_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    code, text = read_faults(["soft-prompt", "--adapter", "a", "a", "--json"], capsys)
    assert (code, text.split(":")[1].strip()) == (2, "a")
    assert "--run" in read_faults(["soft-prompt", "--adapter", "a"], capsys)[1]
    assert "extra argument" in read_faults(["soft-prompt", "a", "b"], capsys)[1]
