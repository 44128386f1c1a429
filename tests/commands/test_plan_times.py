"""A dry run shows long times in hours."""

from __future__ import annotations

import pytest

from selfteach.commands.teach import format_minutes, print_plan


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [(0.4, "0.4 min"), (99.9, "99.9 min"), (100.0, "1 h 40 min"), (3061.2, "51 h 1 min")],
)
def test_long_times_have_hours(minutes: float, shown: str) -> None:
    assert format_minutes(minutes) == shown


def test_a_plan_shows_the_time_of_each_stage_and_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    stage = {"stage": "train", "minutes": 130.0, "requests": 0, "sampled_tokens": 0}
    print_plan({"stages": [{**stage, "trained_tokens": 1500}], "minutes": 130.4}, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "stages:",
        "  train: 2 h 10 min, 1,500 tokens trained",
        "time: 2 h 10 min",
    ]
