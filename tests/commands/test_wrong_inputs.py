"""Inputs of other forms are named for what they are, before a model is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfteach import cli
from selfteach.commands import require
from selfteach.commands.answer import read_prompt_rows
from selfteach.errors import UsageError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_prompts_of_a_file_in_capitals_are_read() -> None:
    Path("PROMPTS.TXT").write_text("Hum a tune.\n")
    Path("ROWS.JSONL").write_text('{"prompt": "Hum a tune."}\n')
    for name in ("PROMPTS.TXT", "ROWS.JSONL"):
        assert [row.original for row in read_prompt_rows(Path(name))] == ["Hum a tune."]


@pytest.mark.parametrize("command", [["answer", "--in", "p.txt"], ["chat"]])
def test_an_infinite_temperature_is_refused_before_the_model(
    command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    Path("p.txt").write_text("Hum a tune.\n")
    words = [*command, "--model", "absent/", "--temperature", "inf"]
    assert cli.run_command(words) == 2
    (told,) = capfd.readouterr().err.splitlines()
    assert told.startswith("selfteach: temperature: must be a finite number")


def test_a_url_is_no_document(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["documents", "https://example.com/a.html", "--dry-run"]) == 3
    (told,) = capfd.readouterr().err.splitlines()
    assert "is a URL, and nothing is fetched from the network. Save the page" in told


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("feedback", "kept>=95"),
        ("feedback", "kept>=.9,needless_excess<=5"),
        ("tasks", "general<=3"),
    ],
)
def test_a_share_is_not_required_in_percent(method: str, text: str) -> None:
    """`needless_excess<=5` would be met by every run, and `kept>=95` by none."""
    with pytest.raises(UsageError, match=r"is a share, .* Write 95 % as \.95\."):
        require.parse_requirements(text, method)
    assert require.parse_requirements("drift<=2", method)


@pytest.mark.parametrize("option", ["--resume", "--continue"])
def test_an_option_to_resume_is_told_that_none_is_needed(
    option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The nearest option is `--require`, which has nothing to do with it."""
    assert cli.run_command(["feedback", "Do not hum.", option]) == 2
    (told,) = capfd.readouterr().err.splitlines()
    assert "The same command, without this option, continues an unfinished run." in told
    assert "--require" not in told


def test_the_home_of_nobody_is_no_defect(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["feedback", "Do not hum.", "--model", "~nobody-of-this-name/model", "--dry-run"]
    assert cli.run_command(words) == 2
    (told,) = capfd.readouterr().err.splitlines()
    assert 'there is no model "~nobody-of-this-name/model"' in told


def test_a_mistyped_command_of_students_gets_the_nearest(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert cli.run_command(["student", "shwo"]) == 2
    assert 'no student has this name. Did you mean "show"?' in capfd.readouterr().err
    assert cli.run_command(["student", "benedikta"]) == 2
    assert 'Begin one: selfteach feedback "..." --student benedikta' in capfd.readouterr().err
