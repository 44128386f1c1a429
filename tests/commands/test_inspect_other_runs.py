"""`selfteach inspect` on a run that invents no tasks says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfteach import cli
from selfteach.config import FinetuneConfig, resolve
from selfteach.run.run_folder import open_run


def test_a_run_of_another_method_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    open_run(folder, "x", "train", resolve(FinetuneConfig), {"examples": "1"}).close()
    assert cli.run_command(["inspect", "--run", str(folder)]) == 2
    shown = capfd.readouterr().err
    assert "is a run of `selfteach train`, which invents no tasks." in shown
    assert "round of invention" not in shown
