"""Rows 1 and 44: a kill and then another fault at any change of any file, in whole runs of the four
methods on toy models. The same command then ends with the same exports, exam, card and report.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import warm
from switches import skip_with_threads

METHOD_SWEEP = Path(__file__).with_name("method_sweep.py")
STRIDE = 6
"""About 2,400 faults in all."""
MIN_FAULTS = {"feedback": 800, "corrections": 330, "documents": 450, "tasks": 600}


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("method", MIN_FAULTS)
def test_after_two_faults_the_same_command_gives_the_same_bytes(
    method: str, tmp_path: Path
) -> None:
    skip_with_threads()
    done = warm.run([METHOD_SWEEP, method, tmp_path, str(STRIDE)])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["tried"].keys() == {"kill", "torn", "failing", "broken", "full"}
    assert sum(found["tried"].values()) >= MIN_FAULTS[method]
    assert {
        "README.md",
        "adapter/README.md",
        "adapter/adapter_model.safetensors",
        "dropped.jsonl",
        "exam.json",
        "examples.jsonl",
        "report.html",
    } <= set(found["compared"])
