"""Row 27: an output that cannot be written ends with exit 2 before any work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import warm

SCRIPTED_RUN = Path(__file__).with_name("scripted_run.py")


@pytest.mark.parametrize("place", ["file/run", "file", "/proc/selfteach/run"])
def test_an_unwritable_out_is_refused_before_any_work(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("here already")
    environment = {**os.environ, "SCRIPTED_WAIT_S": "60"}  # work would be noticed
    command = [SCRIPTED_RUN, "feedback", "Do not hum.", "--out", place]
    done = warm.run(command, cwd=tmp_path, env=environment, timeout=300)
    assert done.returncode == 2
    assert place in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "file").read_text() == "here already"


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for more in ([], ["--new"]):
        command = [SCRIPTED_RUN, "feedback", "Do not hum.", "--out", tmp_path, *more]
        done = warm.run(command)
        assert (done.returncode, "holds other files and no run" in done.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
