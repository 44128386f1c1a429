"""Row 48: clients are killed or stop reading, and the server stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import warm

SOAK = Path(__file__).parents[2] / "tools" / "soak_server.py"


@pytest.mark.slow
def test_killed_clients_leave_nothing_in_the_server(tiny: Path, tmp_path: Path) -> None:
    words = ["--model", str(tiny), "--minutes", "0.7", "--folder", str(tmp_path / "soak")]
    done = warm.run([SOAK, *words])
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["outcomes"]["answer"] > 0
    assert found["clients"]["killed"] > 0
    assert found["left in the server"] == {"active": 0, "waiting": 0}
