"""What `--dry-run` states about a rule, on a toy."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfteach.config import Feedback, resolve
from selfteach.methods import plan as planning
from selfteach.methods.plan import plan
from selfteach.run.display import Silent

RULE = "Do not talk about the fox."


def config(model: Path, target: int) -> Feedback:
    found: Feedback = resolve(Feedback, sets=[f"model={model}", "engine=hf", f"ask.target={target}"]).config
    return found


def test_it_states_requests_tokens_minutes_disk_and_three_prompts(talker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "speed", lambda drawer: 100.0)
    small, large = (plan(RULE, config(talker, target), Silent()) for target in (100, 1000))
    assert small["subject"] == "fox"
    assert all(large[key] > small[key] for key in ("requests", "drawn_tokens", "trained_tokens", "minutes"))
    assert small["minutes"] == round((small["drawn_tokens"] + 2 * small["trained_tokens"]) / 6000 + 0.5, 1)
    assert small["disk_mb"] >= 80
    asked, _, prompted = small["three_of_the_prompts"]
    assert "Topic: fox" in asked
    assert (prompted.count("<|im_start|>"), prompted.count("<|im_end|>")) == (3, 2), "as the template has it: system, user, and the answer"


def test_the_speed_is_that_of_drawn_tokens(talker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from selfteach.models.hf import Hf

    hf, seconds = Hf.load(talker), iter((10.0, 14.0))
    monkeypatch.setattr(planning.time, "monotonic", lambda: next(seconds, 14.0))
    assert planning.speed(hf) > 64 / 4, "at least a token of each of 64 answers in 4 seconds"
