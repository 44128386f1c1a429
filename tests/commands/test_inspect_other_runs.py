"""`selfteach inspect` on a run that invents no tasks, and on a file of one task."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfteach import cli
from selfteach.config import FinetuneConfig, TasksConfig, resolve
from selfteach.run.run_folder import open_run
from selfteach.select.inspection import inspect_tasks


def test_a_run_of_another_method_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    open_run(folder, "x", "train", resolve(FinetuneConfig), {"examples": "1"}).close()
    assert cli.run_command(["inspect", "--run", str(folder)]) == 2
    shown = capfd.readouterr().err
    assert "is a run of `selfteach train`, which invents no tasks." in shown
    assert "round of invention" not in shown


def test_a_run_that_kept_no_task_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    with open_run(folder, "x", "tasks", resolve(TasksConfig), {"seeds": "1"}) as run:
        run.ledger.set_note("inspection", inspect_tasks([], ["Write a poem."]))
    assert cli.run_command(["inspect", "--run", str(folder)]) == 2
    assert f"{folder}: has no invented task that was kept." in capfd.readouterr().err


def test_counts_of_one_task_are_in_the_singular(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.jsonl").write_text('{"instruction": "Write a poem.", "output": "Rain."}')
    assert cli.run_command(["inspect", "one.jsonl"]) == 0
    shown = capfd.readouterr().out
    assert "1 verb, 1 pair of verb and noun" in shown
    assert "0 instances with an input" in shown


def test_the_page_of_a_file_is_written_over_with_force_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.jsonl").write_text('{"instruction": "Write a poem.", "output": "Rain."}')
    page = Path("one.inspection.html")
    page.write_text("mine")
    assert cli.run_command(["inspect", "one.jsonl"]) == 2
    assert "one.inspection.html: exists already." in capfd.readouterr().err
    assert page.read_text() == "mine"
    assert cli.run_command(["inspect", "one.jsonl", "--force"]) == 0
    assert page.read_text() != "mine"
