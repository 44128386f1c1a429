"""A folder that is no run, or one whose run has not begun: reported in words, by commands that look
at runs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from selfteach import cli
from selfteach.config import TasksConfig, resolve
from selfteach.errors import IntegrityError
from selfteach.run.exports import check_export
from selfteach.run.run_folder import open_run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_run_that_has_not_begun_is_not_compared(capfd: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    Path("run/run.db").touch()
    assert cli.run_command(["compare", "--run", "run"]) == 2
    assert (
        capfd.readouterr().err
        == "selfteach: run: has not begun. `selfteach status run` shows how far it is.\n"
    )


def test_for_a_folder_that_is_no_run_the_error_says_where_the_runs_are(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert cli.run_command(["status", "nope"]) == 2
    assert (
        capfd.readouterr().err
        == "selfteach: nope: is not a run folder. `selfteach status` lists the runs below runs/.\n"
    )


@pytest.mark.parametrize(("name", "typed"), [("run", "run"), ("my run", "'my run'")])
def test_a_printed_command_can_be_typed_with_any_folder(
    name: str, typed: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def read_fault(*words: str) -> str:
        assert cli.run_command([*words]) != 0
        return capfd.readouterr().err

    with open_run(Path(name), "r", "tasks", resolve(TasksConfig), {}) as run:
        run.export("report.html", "a page")
        run.export("examples.jsonl", "")
    assert f"`selfteach status {typed}`" in read_fault("chat", "--run", name)
    assert f"`selfteach status {typed}`" in read_fault("inspect", name)
    (run.path / "report.html").write_text("changed")
    assert f"`selfteach report --run {typed}`" in read_fault("verify", name)
    (run.path / "examples.jsonl").write_text("changed")
    with pytest.raises(IntegrityError, match=f"`selfteach verify {typed}`"):
        check_export(run.path, "examples.jsonl")
    (run.path / "run.db").write_text("no ledger " * 1000)
    assert f"`selfteach status --recover {typed}`" in read_fault("compare", "--run", name)
