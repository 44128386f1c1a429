"""Row 18: a loss or gradient that is not finite stops the training; the last finite weights are
kept and nothing is exported.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from tiny import Tiny, make_examples

from selfteach import config
from selfteach.errors import SelfteachError
from selfteach.train import checkpoint, micro_batch_loss
from selfteach.train.train import train
from selfteach.train.trainer import Diverged

pytestmark = pytest.mark.training

SETTINGS = config.TrainConfig(
    weights={"in_scope": {"sft": 1.0}},
    batch_size=4,
    epochs=3,
    learning_rate=5e-3,
    checkpoint_every=2,
)


@pytest.mark.parametrize("poison", [math.nan, math.inf])
@pytest.mark.parametrize("step", [1, 4])
def test_it_stops_and_keeps_the_last_finite_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poison: float, step: int
) -> None:
    calls = -1  # the first pass only counts memory
    whole = micro_batch_loss.compute_loss

    def poisoned(*args: object) -> object:
        nonlocal calls
        calls += 1
        total, parts = whole(*args)
        return (total * poison if calls == step else total), parts

    monkeypatch.setattr(micro_batch_loss, "compute_loss", poisoned)
    model = Tiny()
    before = {k: v.clone() for k, v in model.module.state_dict().items()}
    with pytest.raises(Diverged, match=rf"not finite at step {step}.*learning_rate") as fault:
        train(model, make_examples(12), SETTINGS, tmp_path, seed=1)
    assert isinstance(fault.value, SelfteachError)
    assert not (tmp_path / "adapter").exists()
    kept = checkpoint.read_checkpoint(sorted((tmp_path / "checkpoints").glob("step-*"))[-1])[1]
    assert kept.step == step - 1
    assert all(bool(torch.isfinite(v).all()) for v in kept.adapter.values())
    assert all(torch.equal(v, before[k]) for k, v in model.module.state_dict().items())
    assert (
        len((tmp_path / "metrics.jsonl").read_text().splitlines() if step > 1 else []) == step - 1
    )


def test_a_learning_rate_that_explodes_is_recognized(
    tmp_path: Path,
) -> None:
    wild = SETTINGS.model_copy(update={"learning_rate": 1e30, "max_grad_norm": 1e30})
    with pytest.raises(Diverged, match="learning_rate"):
        train(Tiny(), make_examples(12), wild, tmp_path / "wild", seed=1)
    train(Tiny(), make_examples(12), SETTINGS, tmp_path / "calm", seed=1)
