"""The whole comparison on a run of the toy model: `bench.record_scores` makes it, and both sides
repeat it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")

from bench.workload import read_workload

from bench import pipeline
from talker import feedback_command

pytestmark = pytest.mark.training


@pytest.mark.slow
def test_both_sides_repeat_the_pipeline_of_a_run(
    talker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-m", "bench.record_scores", str(run), *feedback_command(talker, run)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    work = read_workload(run)
    assert len(work.scored) == work.num_scored > 0
    assert work.compared
    ratios = pipeline.main(run, slices=2, rounds=1, batch=8)
    assert set(ratios) == {*pipeline.PARTS, "together", "the whole command"}
    assert all(ratio > 0 for ratio in ratios.values())
    assert f"{len(work.scored)} scored prompts (of {work.num_scored})" in capsys.readouterr().out
