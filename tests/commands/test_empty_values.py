"""An empty value, as of a variable of the shell that is not set, is refused by name."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import selfteach
from selfteach import cli
from selfteach.errors import UsageError


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("documents '' --dry-run", "paths"),
        ("documents notes.txt '' --dry-run", "paths"),
        ("documents notes.txt --questions '' --dry-run", "--questions"),
        ("documents notes.txt --teacher= --dry-run", "--teacher"),
        ("documents notes.txt --nli '' --dry-run", "--nli"),
        ("feedback 'Do not hum.' --out '' --dry-run", "--out"),
        ("feedback 'Do not hum.' --track '' --dry-run", "--track"),
        ("corrections '' --dry-run", "edits"),
        ("tasks --test '' --dry-run", "--test"),
        ("train '' --dry-run", "examples"),
        ("exam ''", "--run"),
        ("answer --in p.txt --run ''", "--run"),
        ("answer --in p.txt --model embedded --adapter ''", "--adapter"),
        ("overlap '' --out kept.jsonl", "A"),
        ("overlap notes.txt --out ''", "--out"),
        ("templates ''", "data"),
        ("inspect ''", "file"),
    ],
)
def test_an_empty_value_is_refused_by_name(
    line: str,
    where: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The documents of the current folder would be learned, or no teacher be asked."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("The mill at Hale has four stones. It stands by a pond.")
    assert cli.run_command(shlex.split(line)) == 2
    (told,) = capfd.readouterr().err.splitlines()
    assert told.startswith(f"selfteach: {where}: is empty.")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_system_message_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["answer", "--in", "absent.txt", "--model", "embedded", "--system", ""]
    assert cli.run_command(words) == 3
    assert "absent.txt: cannot be read" in capfd.readouterr().err


def test_an_empty_path_of_a_call_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("The mill at Hale has four stones. It stands by a pond.")
    for documents in ("", ["notes.txt", ""]):
        with pytest.raises(UsageError, match="documents: a path is empty"):
            selfteach.documents(documents)
    with pytest.raises(UsageError, match=r"out of selfteach\.feedback: is empty"):
        selfteach.feedback("Do not hum.", out="")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
