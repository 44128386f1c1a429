"""What `--dry-run` states about a rule, on a toy."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfteach import cli
from selfteach.config import Feedback, resolve
from selfteach.methods import estimate as planning
from selfteach.methods.estimate import not_counted, plan
from selfteach.run.display import Silent

RULE = "Do not talk about the fox."


def config(model: Path, target: int) -> Feedback:
    found: Feedback = resolve(
        Feedback, sets=[f"model={model}", "engine=hf", f"ask.target={target}"]
    ).config
    return found


def test_it_states_requests_tokens_minutes_disk_and_three_prompts(
    talker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "speed", lambda drawer: 100.0)
    small, large = (plan(RULE, config(talker, target), Silent()) for target in (100, 1000))
    assert small["subject"] == "fox"
    assert all(
        large[key] > small[key] for key in ("requests", "drawn_tokens", "trained_tokens", "minutes")
    )
    assert small["minutes"] == round(
        (small["drawn_tokens"] + 2 * small["trained_tokens"]) / 6000 + 0.5, 1
    )
    assert small["disk_mb"] >= 80
    asked, _, prompted = small["three_of_the_prompts"]
    assert "Topic: fox" in asked
    assert (prompted.count("<|im_start|>"), prompted.count("<|im_end|>")) == (3, 2), (
        "as the template has it: system, user, and the answer"
    )


def test_what_it_does_not_count_is_named() -> None:
    straight: Feedback = resolve(Feedback, sets=["ask.in_scope=0"]).config
    assert not_counted(straight) == []
    sets = [
        "curve=true",
        "balance.rounds=2",
        "train.objective=auto",
        "train.on_policy=0.5",
        "teacher=http://localhost:1/v1#m",
    ]
    named = " ".join(not_counted(resolve(Feedback, sets=sets).config))
    assert all(
        word in named
        for word in (
            "curve",
            "balance.rounds=2",
            "trials",
            "on_policy",
            "teacher",
            "ask.in_scope=120",
        )
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--require", "kapt>=.9"], 'Did you mean "kept"?'),
        (["--teacher", "http://localhost:1/v1"], "names no model"),
        (["--model", "./absent"], 'there is no model "./absent"'),
        (["--from", "absent"], "is not a run folder"),
    ],
)
def test_a_mistake_is_found_without_a_run_too(
    more: list[str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["feedback", RULE, "--dry-run", *more]) == 2
    assert words in capfd.readouterr().err


def test_the_speed_is_that_of_drawn_tokens(talker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from selfteach.models.hf import Hf

    hf, seconds = Hf.load(talker), iter((10.0, 14.0))
    monkeypatch.setattr(planning.time, "monotonic", lambda: next(seconds, 14.0))
    assert planning.speed(hf) > 64 / 4, "at least a token of each of 64 answers in 4 seconds"
