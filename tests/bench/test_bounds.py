"""The whole comparison of bounds on a toy: each form at each rate, then at the chosen rate on other
prompts and for more steps.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import bounds, priors
from selfteach.models.hf import HfModel
from selfteach.records import Completion
from talker import ADJECTIVES, NOUNS

pytestmark = pytest.mark.training

PROMPTS = [f"Can the {how} {who} follow a crow?" for how in ADJECTIVES for who in NOUNS[:2]]


@pytest.fixture(autouse=True)
def toy(talker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the embedded model by the talker, and the style by one that never writes "fox"."""
    load = HfModel.load
    monkeypatch.setattr(HfModel, "load", lambda name, **more: load(str(talker), **more))
    monkeypatch.setattr(bounds, "apply_style", lambda text: text.replace("fox-", "bear-"))
    for bench in (bounds, priors):
        monkeypatch.setattr(
            bench, "read_prompts", lambda name: PROMPTS[:6] if name == "general.txt" else PROMPTS
        )


def read_printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [
        json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")
    ]


@pytest.mark.slow
def test_every_form_has_the_same_exam_at_its_best_rate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {
        "--forms": "ours;none",
        "--rates": "0.0001,0.001",
        "--pairs": "8",
        "--steps": "2",
        "--times": "1,2",
    }
    monkeypatch.setattr(
        "sys.argv", ["bounds", *(word for pair in options.items() for word in pair)]
    )
    bounds.main()
    first, *found = read_printed(capsys)
    assert first["pairs"] == 8
    assert [(row["form"], row["on"], row["steps"]) for row in found] == [
        (form, on, steps)
        for form in ("ours", "none")
        for on, steps in (("dev", 2), ("dev", 2), ("unseen", 2), ("unseen", 4))
    ]
    assert found[2]["rate"] == found[3]["rate"] in (0.0001, 0.001)


def test_the_best_rate_is_the_one_with_the_greatest_fall_within_the_bar() -> None:
    results = {
        0.1: {"kl": 0.2, "reduction": 0.9},
        0.01: {"kl": 0.04, "reduction": 0.6},
        0.001: {"kl": 0.01, "reduction": 0.2},
    }
    assert bounds.choose_rate(results) == 0.01
    over_the_bar = {rate: found | {"kl": 1 + rate} for rate, found in results.items()}
    assert bounds.choose_rate(over_the_bar) == 0.001


@pytest.mark.parametrize(("prior", "held"), [("length", 1.0), ("start", 0.0), ("classifier", 0.0)])
def test_what_a_prior_moves_by_its_weight(
    prior: str, held: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "The fox- likes bread. The fox- eats honey. No apples."
    monkeypatch.setattr(
        priors,
        "sample_answers",
        lambda sampler, prompts, *_: [Completion("id", long, "stop", 11) for _ in prompts],
    )
    words = f"--prior {prior} --bound apo_zero --weights 0,1 --prompts 4 --steps 1"
    monkeypatch.setattr("sys.argv", ["priors", *words.split()])
    priors.main()
    first, *found = read_printed(capsys)
    assert (first["pairs"], first["prior"]) == (8, prior)
    assert [row["model"] for row in found] == ["base", "weight 0", "weight 1"]
    assert [row["property"] for row in found] == [held] * 3
    assert found[0]["kl"] == 0
    assert found[1]["kl"] > 0


def test_a_prior_is_measured_with_the_model_and_the_seed_that_are_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "The fox- likes bread. The fox- eats honey. No apples."
    loaded: list[str] = []
    seeds: dict[str, list[int]] = {"training": [], "answers": []}
    load, train = HfModel.load, priors.train

    def load_named(name: str, **more: Any) -> HfModel:
        loaded.append(name)
        return load(name, **more)

    def train_with(*given: Any, seed: int) -> Any:
        seeds["training"].append(seed)
        return train(*given, seed=seed)

    def answer(_: Any, prompts: list[str], temperature: float, __: int, seed: int = 0) -> Any:
        if temperature:
            seeds["answers"].append(seed)
        return [Completion("id", long, "stop", 11) for _ in prompts]

    monkeypatch.setattr(HfModel, "load", load_named)
    monkeypatch.setattr(priors, "train", train_with)
    monkeypatch.setattr(priors, "sample_answers", answer)
    words = "--weights 1 --prompts 4 --steps 1 --model other --seed 3"
    monkeypatch.setattr("sys.argv", ["priors", *words.split()])
    priors.main()
    assert loaded == ["other", "other"], "base and tuned model"
    assert seeds == {"training": [3], "answers": [3, 3]}
    assert read_printed(capsys)[0]["seed"] == 3
