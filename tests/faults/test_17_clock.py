"""Row 17: a clock that jumps changes no duration and no order."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from selfteach.config import FeedbackConfig, resolve
from selfteach.run.display import Display
from selfteach.run.run_folder import open_run


def test_durations_are_monotonic_and_the_diary_is_ordered_by_sequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: -1e9)  # somebody sets the clock back by decades
    ticks = iter(range(1000, 2000, 7))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    with open_run(
        tmp_path / "run", "rule", "feedback", resolve(FeedbackConfig), {"rule": "rule"}
    ) as run:
        for name in ("first", "second"):
            with run.time_stage(name):
                pass
        assert [body["name"] for kind, body in run.ledger.get_events() if kind == "stage"] == [
            "first",
            "first",
            "second",
            "second",
        ]
        assert run.seconds() == 14.0


def test_the_time_left_comes_from_the_monotonic_clock(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    display = Display(clock=lambda: now[0])
    display.start_stage("probe", 200)
    now[0] = 12.0
    display.advance(40)
    assert "[probe] 40/200 sampled, 12 s, about 48 s left" in capsys.readouterr().err
