"""What `--dry-run` states about a rule, on a toy."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfteach import cli
from selfteach.config import FeedbackConfig, resolve
from selfteach.methods.feedback import estimate_cost as planning
from selfteach.methods.feedback.estimate_cost import estimate_cost, list_uncounted
from selfteach.run.display import SilentDisplay

RULE = "Do not talk about the fox."


def config(model: Path, target: int) -> FeedbackConfig:
    found: FeedbackConfig = resolve(
        FeedbackConfig, sets=[f"model={model}", "engine=hf", f"ask.target={target}"]
    ).config
    return found


def test_it_states_requests_tokens_minutes_disk_and_three_prompts(
    talker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "measure_speed", lambda sampler: 100.0)
    small, large = (
        estimate_cost(RULE, config(talker, target), SilentDisplay()) for target in (100, 1000)
    )
    assert small["subject"] == "fox"
    assert all(
        large[key] > small[key]
        for key in ("requests", "sampled_tokens", "trained_tokens", "minutes")
    )
    assert small["minutes"] == round(
        (small["sampled_tokens"] + 2 * small["trained_tokens"]) / 6000 + 0.5, 1
    )
    assert small["disk_mb"] >= 80
    asked, _, prompted = small["prompt_examples"]
    assert "Topic: fox" in asked
    assert (prompted.count("<|im_start|>"), prompted.count("<|im_end|>")) == (3, 2), (
        "as the template has it: system, user, and the answer"
    )


def test_what_it_does_not_count_is_named() -> None:
    straight: FeedbackConfig = resolve(FeedbackConfig, sets=["ask.min_violations=0"]).config
    assert list_uncounted(straight) == []
    sets = [
        "curve=true",
        "balance.rounds=2",
        "train.objective=auto",
        "train.on_policy=0.5",
        "teacher=http://localhost:1/v1#m",
    ]
    named = " ".join(list_uncounted(resolve(FeedbackConfig, sets=sets).config))
    assert all(
        word in named
        for word in (
            "curve",
            "balance.rounds=2",
            "trials",
            "on_policy",
            "teacher",
            "120 prompts (ask.min_violations)",
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
    assert cli.run_command(["feedback", RULE, "--dry-run", *more]) == 2
    assert words in capfd.readouterr().err


def test_the_speed_is_that_of_sampled_tokens(talker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from selfteach.models.hf import HfModel

    model = HfModel.load(talker)
    seconds = iter((10.0, 14.0))
    monkeypatch.setattr(planning.time, "monotonic", lambda: next(seconds, 14.0))
    assert planning.measure_speed(model) > 64 / 4, (
        "at least a token of each of 64 answers in 4 seconds"
    )
