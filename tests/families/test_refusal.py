"""What a person sees of a family that does not work, or that works more slowly."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import naive
import psutil
import pytest
import torch
from zoo import ZOO, make_module, wrap

from selfteach import cli, config
from selfteach.errors import ResourceError, UsageError
from selfteach.methods import account_memory, session
from selfteach.models.hf import HfModel
from selfteach.models.memory_account import measure_free_bytes, measure_usable_bytes
from selfteach.train.train import train
from talker import open_ledger

MakeTiny = Callable[..., Path]
REFUSED = {
    "recurrent_gemma": "the family recurrent_gemma keeps its own kind of cache",
    "gpt2": "no linear layer to adapt",
}


def write_rows(folder: Path) -> Path:
    """Write examples for `train`."""
    path = folder / "rows.jsonl"
    rows = [{"prompt": f"What is {n}?", "chosen": f"It is {n}."} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


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


def test_a_training_is_refused_before_it_begins(
    make_tiny: MakeTiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_tiny(tmp_path / "model", family="gpt2", **ZOO["gpt2"].changes)
    run = tmp_path / "run"
    code = cli.run_command(
        ["train", str(write_rows(tmp_path)), "--model", str(model), "--out", str(run)]
    )
    assert code == 2
    assert REFUSED["gpt2"] in capsys.readouterr().err
    assert not list(run.rglob("*.safetensors"))


@pytest.mark.parametrize("device_has", [400_000_000, 10**9])
def test_a_run_that_does_not_fit_is_refused_before_anything_is_sampled(
    device_has: int,
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(account_memory, "measure_usable_bytes", lambda device: device_has)
    run = tmp_path / "run"
    rule = "Do not talk about elephants."
    code = cli.run_command(["feedback", rule, "--model", str(tiny), "--out", str(run)])
    assert code == 5
    line = capsys.readouterr().err
    assert "the exam of this run needs about 2." in line
    assert f"the machine has {device_has / 1e9:.2f} GB for it. Close other programs" in line
    with open_ledger(run) as ledger:
        assert ledger.sum_tokens().tokens == 0


def test_a_training_that_does_not_fit_is_refused(
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(account_memory, "measure_usable_bytes", lambda device: 10**9)
    run = tmp_path / "run"
    code = cli.run_command(
        ["train", str(write_rows(tmp_path)), "--model", str(tiny), "--out", str(run)]
    )
    assert code == 5
    assert "of this run needs about" in capsys.readouterr().err


def test_within_the_accuracy_of_the_account_nothing_is_refused(
    tiny_hf: HfModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config.FeedbackConfig()
    needed = account_memory.account_memory(tiny_hf, settings, has_engine=True).peak
    monkeypatch.setattr(account_memory, "measure_usable_bytes", lambda device: 0.95 * needed)
    account_memory.require_memory(tiny_hf, settings, has_engine=True)
    monkeypatch.setattr(account_memory, "measure_usable_bytes", lambda device: 0.85 * needed)
    with pytest.raises(ResourceError, match="--engine hf"):
        account_memory.require_memory(tiny_hf, settings, has_engine=True)


def test_what_is_loaded_already_counts_as_usable() -> None:
    device = torch.device("cpu")
    usable = measure_usable_bytes(device)
    held = psutil.Process().memory_info().rss
    assert usable == pytest.approx(measure_free_bytes(device) + held, rel=0.2)


def test_an_unknown_head_is_refused_when_the_model_is_loaded(
    make_tiny: MakeTiny, tmp_path: Path
) -> None:
    folder = make_tiny(tmp_path, family="hyperclovax", logits_scaling=4.0)
    with pytest.raises(UsageError, match="hyperclovax cannot be loaded here: it computes"):
        HfModel.load(folder)


@pytest.mark.training
def test_a_run_says_why_its_rows_will_be_padded_before_it_samples(
    make_tiny: MakeTiny, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = make_tiny(tmp_path / "model", family="gemma2", **ZOO["gemma2"].changes)
    run = tmp_path / "run"
    rows = str(write_rows(tmp_path))
    code = cli.run_command(["train", rows, "--model", str(model), "--out", str(run)])
    assert code == 0
    said = capfd.readouterr().err
    line = "[load] rows will be padded instead of packed, which takes 1.1 to 2.4 times as long: "
    assert f"{line}its attention takes softcap" in said
    assert said.count("instead of packed") == 1


@pytest.mark.training
def test_a_training_records_why_its_rows_are_padded(tmp_path: Path) -> None:
    settings = config.TrainConfig(batch_size=3, max_steps=1, lora=config.LoraConfig(rank=4))
    done = train(
        wrap(make_module("gemma2")),
        naive.make_examples(),
        settings,
        tmp_path,
        seed=0,
        defaults={"in_scope": {"sft": 1.0}},
    )
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
