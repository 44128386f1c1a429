"""Row 28, pipes and devices: where a person names one in place of a file, every command says so at
once and reads nothing of it.
"""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfteach import cli

SECONDS = 20
BODIES = (
    "documents",
    "answer",
    "train",
    "corrections",
    "tasks",
    "inspect",
    "templates",
    "overlap",
)
COMMANDS = {
    "questions": ("documents", "x.md", "--dry-run", "--questions", "pipe.jsonl"),
    "endless questions": ("documents", "x.md", "--dry-run", "--questions", "/dev/zero"),
    "answer, lines": ("answer", "--model", "embedded", "--in", "pipe.txt"),
    "answer, rows": ("answer", "--model", "embedded", "--in", "pipe.jsonl"),
    "train": ("train", "pipe.jsonl", "--dry-run"),
    "corrections": ("corrections", "pipe.jsonl", "--dry-run"),
    "corrections, table": ("corrections", "pipe.csv", "--dry-run"),
    "corrections, prompts": (
        "corrections",
        "--prompts",
        "pipe.txt",
        "--teacher",
        "cmd:true",
        "--dry-run",
    ),
    "tasks": ("tasks", "pipe.jsonl", "--dry-run"),
    "inspect": ("inspect", "pipe.jsonl"),
    "templates": ("templates", "pipe.jsonl"),
    "overlap": ("overlap", "pipe.jsonl", "--out", "kept.jsonl"),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with pipes that nobody writes to; what waits for one of them is ended."""

    def late(*_: object) -> None:
        pytest.fail(f"still reading after {SECONDS} s")

    monkeypatch.chdir(tmp_path)
    Path("x.md").write_text(
        "The old mill stands by the river at Hale.\n\nThe old inn stands by the road to Wyle.\n"
    )
    for ending in ("txt", "jsonl", "csv", "yaml"):
        os.mkfifo(f"pipe.{ending}")
    for name in BODIES:  # what they import takes longer than they do
        importlib.import_module(f"selfteach.commands.{name}")
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_it_is_refused_and_never_read(
    arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command([*arguments]) == 3
    named = next(word for word in arguments if word.startswith(("pipe", "/dev")))
    assert f"selfteach: {named}: is not a file. Give a file;" in capfd.readouterr().err


def test_a_configuration_that_is_a_pipe_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["documents", "x.md", "--dry-run", "--config", "pipe.yaml"]) == 2
    assert "selfteach: pipe.yaml: is not a file." in capfd.readouterr().err
