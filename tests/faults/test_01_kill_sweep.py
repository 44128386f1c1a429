"""Rows 1 and 39: kill -9, a failing or a full disk at any change of any file, then the same command
again: the exports are byte-identical, no request is computed twice, nothing is left over.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import warm
from switches import skip_with_threads

pytestmark = pytest.mark.training

SCRIPTED_RUN = Path(__file__).with_name("scripted_run.py")


@pytest.mark.parametrize("stride", [191, pytest.param(1, marks=pytest.mark.slow)])
def test_after_a_fault_at_any_change_the_same_command_gives_the_same_bytes(
    tmp_path: Path, stride: int
) -> None:
    """A fault ends with a kill, with exit 5, or with a run that is done; none shows a traceback."""
    skip_with_threads()
    done = warm.run([SCRIPTED_RUN, "sweep", tmp_path, str(stride)])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["changes"] > 80, "the sweep no longer sees the changes of files"
    assert set(found["tried"]) == {"kill", "torn", "failing", "broken", "full"}
    assert found["codes"]["-9"] == found["tried"]["kill"] + found["tried"]["torn"]
    assert found["codes"]["5"] > found["codes"].get("0", 0)
    assert {
        "examples.jsonl",
        "exam.json",
        "config.yaml",
        "adapter/adapter_model.safetensors",
    } <= found["expected"].keys()
    assert found["wrong"] == []
