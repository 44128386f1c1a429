"""A folder that is no run, or one whose run has not begun: reported in words, by commands that look
at runs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from selfteach import cli


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
