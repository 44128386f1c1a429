"""What a person sees of a family that does not work, or that works more slowly."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import naive
import pytest
from zoo import ZOO, make_module, wrap

from selfteach import cli, config
from selfteach.errors import UsageError
from selfteach.methods import session
from selfteach.models.hf import HfModel
from selfteach.train.train import train
from talker import open_ledger

MakeTiny = Callable[..., Path]
REFUSED = {
    "recurrent_gemma": "the family recurrent_gemma keeps its own kind of cache",
    "gpt2": "no linear layer to adapt",
}


@pytest.mark.parametrize("family", REFUSED)
def test_a_run_is_refused_before_anything_is_sampled(
    family: str, make_tiny: MakeTiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_tiny(tmp_path / "model", family=family, **ZOO[family].changes)
    run = tmp_path / "run"
    started = time.process_time()
    rule = "Do not talk about elephants."
    code = cli.run_command(["feedback", rule, "--model", str(model), "--out", str(run)])
    assert code == 2
    assert time.process_time() - started < 10
    assert REFUSED[family] in capsys.readouterr().err
    with open_ledger(run) as ledger:
        assert ledger.sum_tokens().tokens == 0


def test_an_unknown_head_is_refused_when_the_model_is_loaded(
    make_tiny: MakeTiny, tmp_path: Path
) -> None:
    folder = make_tiny(tmp_path, family="hyperclovax", logits_scaling=4.0)
    with pytest.raises(UsageError, match="hyperclovax cannot be loaded here: it computes"):
        HfModel.load(folder)


@pytest.mark.training
def test_a_training_says_why_its_rows_are_padded(tmp_path: Path) -> None:
    lines: list[str] = []
    settings = config.TrainConfig(batch_size=3, max_steps=1, lora=config.LoraConfig(rank=4))
    done = train(
        wrap(make_module("gemma2")),
        naive.make_examples(),
        settings,
        tmp_path,
        seed=0,
        defaults={"in_scope": {"sft": 1.0}},
        say=lines.append,
    )
    expected = "rows are padded instead of packed, up to twice as slow: its attention takes softcap"
    assert expected in lines
    reason = "its attention takes softcap"
    assert ("not_packed", {"model": "Gemma2ForCausalLM", "reason": reason}) in done.events


def test_a_process_checks_a_model_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []
    hf = wrap(make_module("llama"), "checked once")

    def count(model: HfModel, samples: bool) -> list[float]:
        calls.append(samples)
        return []

    monkeypatch.setattr("selfteach.models.check_family.check_answers", count)
    monkeypatch.setattr("selfteach.train.check_training.check_training", lambda *_: None)
    settings = config.FeedbackConfig()
    for samples in (False, False, True):
        session.check_model(hf, settings, samples=samples)
    assert calls == [False, True]
