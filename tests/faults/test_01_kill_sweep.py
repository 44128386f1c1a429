"""Row 1: kill -9 anywhere, the same command again: the exports are byte-identical, no request is
computed twice, nothing is left over.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import warm
from switches import skip_with_threads

pytestmark = pytest.mark.training

SCRIPTED_RUN = Path(__file__).with_name("scripted_run.py")


@pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_point_the_same_command_gives_the_same_bytes(
    tmp_path: Path, stride: int
) -> None:
    skip_with_threads()
    done = warm.run([SCRIPTED_RUN, "sweep", tmp_path, str(stride)])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["points"] > 60, "the sweep no longer sees the system calls"
    assert found["killed"] >= found["points"] // stride
    assert {
        "examples.jsonl",
        "exam.json",
        "config.yaml",
        "adapter/adapter_model.safetensors",
    } <= found["expected"].keys()
    assert found["wrong"] == []
