"""The streams of a command: what is said after a fault, and on which of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfteach import cli
from selfteach.commands import exam
from selfteach.commands.screen import open_screen
from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import IntegrityError, RequirementNotMet
from selfteach.run import finished
from selfteach.run.run_folder import open_run

FULL = Path("/dev/full")


@pytest.fixture
def closed() -> Iterator[int]:
    """Return the end of a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


def test_work_goes_on_where_nobody_reads_its_progress(closed: int, tmp_path: Path) -> None:
    """As in `selfteach feedback ... 2>&1 | head`."""
    (tmp_path / "rows.jsonl").write_text('{"instruction": "Name a river."}\n')
    words = ["overlap", "rows.jsonl", "--out", "kept.jsonl"]
    done = subprocess.run(
        [sys.executable, "-m", "selfteach", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=closed,
    )
    assert (done.returncode, done.stdout) == (0, b"kept.jsonl: 1 row kept, 0 dropped\n")


@pytest.mark.parametrize("command", ["templates", "config"])
def test_what_is_read_in_part_is_no_fault(command: str, closed: int) -> None:
    """1 is the exit code of a requirement that is not met."""
    done = subprocess.run(
        [sys.executable, "-m", "selfteach", command], stdout=closed, stderr=subprocess.PIPE
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "encoding",
    [
        "cp1252",
        *(pytest.param(one, marks=pytest.mark.long) for one in ("ascii", "latin-1", "utf-8")),
    ],
)
def test_every_encoding_of_stdout_takes_every_character(encoding: str) -> None:
    """Windows gives a pipe its own code page."""
    words = ["config", "feedback", "--explain", "then", "--set", "then=\u2260 \u00e9"]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    text, found = (
        subprocess.run(
            [sys.executable, "-m", "selfteach", *words, *more],
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for more in ([], ["--json"])
    )
    assert "\u2260 \u00e9".encode(encoding, "replace") in text
    assert json.loads(found.decode(encoding))["then"]["value"] == "\u2260 \u00e9"


def test_a_line_in_another_encoding_can_be_read() -> None:
    code = (
        "import sys; from selfteach import cli\n"
        "cli.run_command = lambda words: print(ascii(sys.stdin.readline()))\n"
        "cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        input=b"caf\xe9\n",
        capture_output=True,
    )
    assert (done.returncode, done.stdout) == (0, b"'caf\\ufffd\\n'\n")


def test_a_requirement_counts_also_where_the_exam_is_read_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(finished, "read_exam", lambda _: {"gain": {"value": 0.1}})
    monkeypatch.setattr(exam, "print_exam", fail)
    with pytest.raises(RequirementNotMet, match=r"gain is 0\.1"):
        exam.show_exam(tmp_path, as_json=False, required="gain>=.5")
    exam.show_exam(tmp_path, as_json=False, required="gain>=.05")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_fault_counts_also_where_nobody_reads_the_output(tmp_path: Path, unbuffered: str) -> None:
    """`selfteach verify RUN | true`: the reader is gone before the first line."""
    chosen = resolve(FeedbackConfig)
    with open_run(tmp_path / "r", "hum", "feedback", chosen, {"rule": "Hum!"}) as run:
        run.export_json("exam.json", {})
    (tmp_path / "r" / "exam.json").write_text("{ }")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "selfteach", "verify", str(tmp_path / "r")],
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert (done.returncode, done.stderr.count("\n")) == (IntegrityError.exit_code, 1)
    assert "exam.json" in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_full_disk_behind_stdout_is_named_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    kept = os.dup(1)
    full = os.open(FULL, os.O_WRONLY)
    os.dup2(full, 1)
    try:
        with pytest.raises(OSError, match="No space left"), open_screen(None) as screen:
            print("a result", file=screen.out)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(full)
    os.write(2, b"the disk is full\n")
    assert capfd.readouterr().err == "the disk is full\n"


def test_a_current_folder_that_is_gone_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert cli.run_command(["feedback", "Do not hum.", "--dry-run"]) == 2
    assert "the current folder cannot be used (No such file" in capsys.readouterr().err
