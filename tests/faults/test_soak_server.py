"""Row 48: clients are killed or stop reading, and the server stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import warm
from lesson_runs import write_student

SOAK = Path(__file__).parents[2] / "tools" / "soak_server.py"


@pytest.mark.slow
def test_killed_clients_leave_nothing_in_the_server(tiny: Path, tmp_path: Path) -> None:
    """The base, a student and its lesson answer, each by its name."""
    anna = write_student(tiny, tmp_path)
    words = ["--student", str(anna), "--minutes", "0.7", "--folder", str(tmp_path / "soak")]
    done = warm.run([SOAK, *words])
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["models"] == ["base", "anna", "anna/do-not-a"]
    assert all(found["answers of each model"].values())
    assert found["outcomes"]["answer"] == sum(found["answers of each model"].values())
    assert found["clients"]["killed"] > 0
    assert found["left in the server"] == {"active": 0, "waiting": 0}
