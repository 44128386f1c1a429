"""tools/soak.py: runs in a row with faults end as they should, and nothing grows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import warm
from switches import skip_with_threads

SOAK = Path(__file__).parents[2] / "tools" / "soak.py"


@pytest.mark.slow
@pytest.mark.training
def test_runs_in_a_row_with_faults_end_with_the_same_bytes() -> None:
    skip_with_threads()
    done = warm.run([SOAK, "--runs", "60"])
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert sum(found["tried"].values()) == 60
    assert {"kill", "full", "SIGTERM", "second process"} <= found["tried"].keys()
    assert (found["wrong"], found["grown"]) == ([], {})
