"""`--run last` names the newest run; `-h` is `--help`; `config --explain` describes one setting."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from selfteach import cli
from selfteach.commands.last_run import name_last_run
from selfteach.errors import UsageError


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs, of which `b` is the newer one."""
    monkeypatch.chdir(tmp_path)
    for seconds, name in enumerate(("b", "a", "c")):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        if name != "c":  # no run
            (folder / "manifest.json").write_text("{}")
            os.utime(folder / "manifest.json", (100 - seconds, 100 - seconds))
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("chat --run last", "chat --run runs/b"),
        ("chat --run=last --json", "chat --run=runs/b --json"),
        ("feedback last --from last", "feedback last --from runs/b"),
        ("status last", "status runs/b"),
        ("verify last", "verify runs/b"),
        ("exam last --json", "exam runs/b --json"),
        ("soft-prompt --adapter last --run b", "soft-prompt --adapter last --run b"),
        ("student add last last --accept", "student add last runs/b --accept"),
        ("exam --run other", "exam --run other"),
        ("forget-source last last", "forget-source last runs/b"),
        ("serve --run ann=last --run last", "serve --run ann=runs/b --run runs/b"),
        ("runs compare last runs/a", "runs compare runs/b runs/a"),
        ("--debug inspect last", "--debug inspect runs/b"),
        ("--debug runs compare last x", "--debug runs compare runs/b x"),
        ("runs --debug compare x last", "runs --debug compare x runs/b"),
        ("feedback rule --set then=last", "feedback rule --set then=last"),
        ("feedback -- --run last", "feedback -- --run last"),
    ],
)
def test_last_is_the_run_that_worked_last(before: str, after: str, runs: Path) -> None:
    assert name_last_run(before.split()) == after.split()


def test_last_may_stand_behind_options(runs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["verify", "--json", "last"]) == 2
    assert "runs/b: " in capfd.readouterr().err
    assert cli.run_command(["inspect", "--json", "last"]) == 2
    assert "runs/b: " in capfd.readouterr().err


def test_a_folder_of_that_name_is_itself(runs: Path) -> None:
    (runs / "last").mkdir()
    assert name_last_run(["exam", "--run", "last"]) == ["exam", "--run", "last"]


def test_without_a_run_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        name_last_run(["exam", "--run", "last"])
    monkeypatch.setattr(sys, "argv", ["selfteach", "exam", "--run", "last"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capfd.readouterr().err.startswith("selfteach: last: there is no run below runs/.")


def test_a_run_records_the_folder_and_not_the_word(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["selfteach", "exam", "--run", "last"])
    with pytest.raises(SystemExit):
        cli.main()
    assert sys.argv[1:] == ["exam", "--run", "runs/b"]


@pytest.mark.parametrize("words", [["-h"], ["chat", "-h"]])
def test_h_is_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(words) == 0
    assert capsys.readouterr().out.startswith("Usage: selfteach")


@pytest.mark.parametrize(
    ("key", "takes"),
    [
        ("train.epochs", "a whole number of at least 1 and below 2147483648 or null"),
        ("epochs", "a whole number of at least 1 and below 2147483648 or null"),
        ("train.learning_rate", "a number above 0 or null"),
        ("smoke_test", "true or false"),
    ],
)
def test_one_setting_is_explained(key: str, takes: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["config", "feedback", "--explain", key, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out).values()
    assert row["description"]
    assert row["takes"] == takes


def test_a_section_is_explained_and_a_wrong_key_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run_command(["config", "--explain", "exam", "--json"]) == 0
    assert all(key.startswith("exam.") for key in json.loads(capsys.readouterr().out))
    assert cli.run_command(["config", "--explain", "train.epochz"]) == 2
    assert 'Did you mean "train.epochs"?' in capsys.readouterr().err


def test_a_key_that_nothing_resembles_is_not_answered_with_all_keys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run_command(["config", "--explain", "tarpet"]) == 2
    assert 'Did you mean "ask.target" or "exam.target"' in capsys.readouterr().err
    assert cli.run_command(["config", "--explain", "xyzzy"]) == 2
    said = capsys.readouterr().err
    assert said.endswith('there is no key "xyzzy". `selfteach config feedback` prints every key.\n')
