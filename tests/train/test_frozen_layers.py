"""What the layers below the first trained one make of a row is computed once, and changes
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import Tiny, make_examples

from selfteach import config
from selfteach.train import trainer
from selfteach.train.callbacks import StepCallback
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.train import TrainingResult, attach_adapter, train

pytestmark = pytest.mark.long

SETTINGS = {
    "lora": config.TrainConfig(lora=config.LoraConfig(layers="last 50%")),
    "lora of all layers": config.TrainConfig(),
    "lora of the second": config.TrainConfig(lora=config.LoraConfig(layers="1")),
    "layers": config.TrainConfig(adapter="layers", layers=config.LayersConfig(which="last 1")),
    "full": config.TrainConfig(adapter="full"),
    "prompt": config.TrainConfig(adapter="prompt"),
    "reft": config.TrainConfig(adapter="reft", reft=config.ReftConfig(layers="3")),
}
"""Settings by name; the model has four layers."""
TRAINED = {
    "weights": {"in_scope": {"sft": 1.0, "dpo": 1.0}},
    "batch_size": 8,
    "epochs": 2,
    "learning_rate": 5e-3,
    "lora": config.LoraConfig(layers="last 50%"),
}


def learn(folder: Path, progress: StepCallback | None = None, **changes: object) -> TrainingResult:
    general = [replace(e, id=f"g{i}", kind="general") for i, e in enumerate(make_examples(4))]
    rows = [*make_examples(), *general]
    settings = config.TrainConfig(**{**TRAINED, **changes})
    model = Tiny(num_hidden_layers=4)
    return train(model, rows, settings, folder, seed=1, progress=progress)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("lora", 2),
        ("lora of all layers", 0),
        ("lora of the second", 1),
        ("layers", 3),
        ("full", 0),
        ("prompt", 0),
        ("reft", 3),
    ],
)
def test_layers_before_the_first_trained_one_are_frozen(name: str, count: int) -> None:
    model = Tiny(num_hidden_layers=4)
    adapter = attach_adapter(model, SETTINGS[name], seed=0)
    packed = PackedModel(model.module, adapter)
    packed.find_frozen_layers()
    assert packed.frozen.count == count
    adapter.detach()
    assert not any("forward" in vars(part) for part in model.module.modules())


@pytest.mark.training
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"weights": {"in_scope": {"sft": 1.0}}, "distill_from": "reft"},  # it changes all layers
        {"weights": {"in_scope": {"sft": 1.0, "distill": 1.0}}},
        {"regmean": 1.0, "weights": {"in_scope": {"sft": 1.0}, "general": {"anchor": 1.0}}},
    ],
    ids=["pairs", "distilled from reft", "distilled", "regmean"],
)
def test_a_training_is_the_same_with_kept_states(
    changes: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = learn(tmp_path / "kept", **changes)
    monkeypatch.setattr(trainer, "MAX_STATES_BYTES", 0)
    computed = learn(tmp_path / "computed", **changes)
    for mine, its in zip(kept.curve, computed.curve, strict=True):
        assert mine["losses"] == pytest.approx(its["losses"], abs=1e-5)
    assert kept.memory
    assert computed.memory
    assert kept.memory.kept > computed.memory.kept


@pytest.mark.training
@pytest.mark.parametrize("recomputes", [False, True])
def test_a_stopped_training_with_kept_states_ends_with_the_same_weights(
    tmp_path: Path, recomputes: bool
) -> None:
    def stop(step: int, *_: object) -> None:
        if step == 2:
            raise KeyboardInterrupt

    how = {"checkpoint_every": 1, "checkpoint_activations": recomputes}
    whole = learn(tmp_path / "whole", **how)
    with pytest.raises(KeyboardInterrupt):
        learn(tmp_path / "again", stop, **how)
    again = learn(tmp_path / "again", **how)
    name = "adapter_model.safetensors"
    found, wanted = (load_file(one.adapter / name) for one in (again, whole))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


@pytest.mark.training
def test_frozen_layers_run_once_for_each_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Tiny(num_hidden_layers=4)
    seen: list[int] = []
    kept: list[int] = []
    keep = PackedModel.keep_frozen_states

    def count_passes(self: PackedModel, rows: Sequence[TrainingRow], tokens: int) -> None:
        seen.clear()
        keep(self, rows, tokens)
        kept.append(len(seen))

    monkeypatch.setattr(PackedModel, "keep_frozen_states", count_passes)
    model.module.model.layers[0].mlp.register_forward_hook(lambda *_: seen.append(1))
    train(model, make_examples(), config.TrainConfig(**TRAINED), tmp_path, seed=1)
    assert len(seen) == kept[0] > 0
