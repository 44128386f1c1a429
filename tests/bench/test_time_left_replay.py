"""The replay of finished runs against the plan, with stages of known cost."""

from __future__ import annotations

import pytest
from bench.time_left import compare_at, replay_stages

from selfteach.run.workload import REQUEST_COST, PlannedStage

PLAN = (
    PlannedStage("load"),
    PlannedStage("ask", requests=100),
    PlannedStage("train", trained_tokens=1000, trained_rows=100),
)


def take_seconds(**factors: float) -> dict[str, float]:
    """Return seconds of each stage: its cost in hundredths, times a factor."""
    found = {stage.name: stage.cost / 100 * factors.get(stage.name, 1.0) for stage in PLAN}
    return found | {"load": 2.0, "balance": 0.0}


def test_a_plan_that_is_right_is_shown_as_right() -> None:
    total, shown = replay_stages(PLAN, take_seconds())
    assert total == pytest.approx(2.0 + sum(stage.cost for stage in PLAN) / 100)
    assert compare_at(0.1, total, shown) == pytest.approx(1.0, abs=0.01)
    assert compare_at(0.5, total, shown) == pytest.approx(1.0, abs=0.01)
    assert compare_at(1.0, total, shown) is None


def test_a_stage_that_takes_longer_than_planned_shows() -> None:
    total, shown = replay_stages(PLAN, take_seconds(train=2.0))
    ask_s, train_s = REQUEST_COST, 2 * PLAN[2].cost / 100
    at = next(estimate.at for estimate in shown if estimate.at >= 0.1 * total)
    left = (2.0 + ask_s - at) + train_s / 2
    assert compare_at(0.1, total, shown) == pytest.approx(left / (total - at), abs=0.01)
