"""The command that resumes a run can be typed where the run was started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from selfteach.commands.teach import make_resume_command
from selfteach.config import FeedbackConfig, resolve
from selfteach.run.run_folder import open_run


@pytest.mark.parametrize(
    ("program", "on_path", "typed"),
    [
        ("/usr/bin/selfteach", True, "selfteach"),
        ("/home/ann/my venv/bin/selfteach", False, "'/home/ann/my venv/bin/selfteach'"),
        ("./selfteach", False, "./selfteach"),
        ("/home/ann/my-selfteach", True, "/home/ann/my-selfteach"),
        ("/lib/selfteach/__main__.py", True, "selfteach"),
        ("/lib/selfteach/__main__.py", False, f"{sys.executable} -m selfteach"),
    ],
)
def test_the_program_is_spelled_as_it_was_started(
    program: str, on_path: bool, typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [program, "feedback", "Do not hum."])
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/selfteach" if on_path else None)
    with open_run(tmp_path / "run", "x", "feedback", resolve(FeedbackConfig), {}) as run:
        assert make_resume_command(run) == f"{typed} feedback 'Do not hum.'"
