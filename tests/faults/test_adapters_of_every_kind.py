"""Rows 23 to 26 for every adapter of the registry: odd tokenizers, another base, damaged
checkpoints and adapters, no memory left.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from tiny import Tiny, make_examples

from selfteach import config, registry
from selfteach.errors import IntegrityError, UsageError
from selfteach.models.hf import HfModel
from selfteach.records import GREEDY, Request, make_prompt
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.train import TrainingResult, train

pytestmark = [pytest.mark.training, pytest.mark.long]

SETTINGS: dict[str, dict[str, Any]] = {
    "layers": {"layers": {"which": "1"}},
    "closed_form": {"closed_form": {"shots": 1, "layers": "all"}},
}
RATES = {"full": 1e-3, "layers": 1e-3, "prompt": 0.05, "closed_form": None}
EVERY = sorted(registry.list_names("adapters"))
STEPWISE = [
    name for name in EVERY if not hasattr(registry.load_registered("adapters", name), "solve")
]


class Stop(Exception):
    """Ends a training between two steps."""


def learn(
    name: str, folder: Path, model: Any = None, stop: int = 0, **changes: Any
) -> TrainingResult:
    def progress(step: int, total: int, row: object) -> None:
        if step == stop:
            raise Stop

    settings = config.TrainConfig.model_validate(
        {
            "adapter": name,
            "weights": {"in_scope": {"sft": 1.0}},
            "batch_size": 8,
            "epochs": 3,
            "learning_rate": RATES.get(name, 5e-3),
            "checkpoint_every": 2,
            **SETTINGS.get(name, {}),
            **changes,
        }
    )
    return train(
        model or Tiny(),
        [*make_examples(16), *make_examples(10, "general")],
        settings,
        folder,
        seed=1,
        progress=progress,
    )


def weights(trained: TrainingResult) -> bytes:
    return (trained.adapter / "adapter_model.safetensors").read_bytes()


# -------------------------------------------------------------------------------------------------
# row 23


@pytest.fixture(scope="module")
def odd(
    request: pytest.FixtureRequest, make_tiny: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A model whose tokenizer pads with the end of a turn, or has no chat template, which is
    nothing to most adapters.
    """
    more = {"pad": False} if request.param == "no pad" else {"chat_template": None}
    return make_tiny(tmp_path_factory.mktemp("odd"), **more)


@pytest.mark.parametrize(
    ("odd", "name"),
    [
        *(("no pad", name) for name in EVERY),
        *(
            pytest.param(
                "no template",
                name,
                marks=[pytest.mark.slow] * (name not in ("lora", "prompt")),
            )
            for name in EVERY
        ),
    ],
    indirect=["odd"],
)
def test_23_an_odd_tokenizer_answers_alike_alone_and_in_a_batch(
    name: str, odd: Path, tmp_path: Path
) -> None:
    model = HfModel.load(odd, dtype="float32", device="cpu")
    assert model.encode_answer("Yes.")[-1] == model.tokenizer.eos_token_id
    learned = learn(name, tmp_path, model, epochs=1, batch_size=26)
    assert learned.tokens >= sum(len(model.encode_answer(e.chosen)) for e in make_examples(8)), (
        "the end of each answer is among the trained tokens"
    )
    tuned = HfModel.load(odd, adapter=learned.adapter, dtype="float32", device="cpu")
    requests = [
        Request("x", make_prompt("tell me" + " more" * n), GREEDY.__class__(0.0, 1.0, 6))
        for n in (0, 3, 9)
    ]
    together = {completion.id: completion.text for completion in tuned.stream(requests)}
    alone = {
        completion.id: completion.text
        for request in requests
        for completion in tuned.stream([request])
    }
    assert together == alone


# -------------------------------------------------------------------------------------------------
# row 24


@pytest.fixture(scope="module")
def adapters(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An adapter of every kind on the tiny model."""
    folder = tmp_path_factory.mktemp("adapters")
    return {
        name: learn(
            name,
            folder / name,
            HfModel.load(tiny, dtype="float32", device="cpu"),
            epochs=1,
            batch_size=26,
        ).adapter
        for name in EVERY
    }


@pytest.fixture(scope="module")
def others(make_tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("others")
    return {
        "same shapes": make_tiny(folder / "same", seed=1),
        "other shapes": make_tiny(folder / "wide", hidden_size=32),
    }


@pytest.mark.parametrize("name", EVERY)
def test_24_on_another_base_of_the_same_shapes_it_is_refused(
    name: str, adapters: dict[str, Path], others: dict[str, Path]
) -> None:
    with pytest.raises(IntegrityError, match="another base"):
        HfModel.load(others["same shapes"], adapter=adapters[name])


@pytest.mark.parametrize("name", EVERY)
def test_24_without_a_fingerprint_other_shapes_are_refused(
    name: str, adapters: dict[str, Path], others: dict[str, Path], tmp_path: Path
) -> None:
    for file in ("adapter_model.safetensors", "adapter_config.json"):
        (tmp_path / file).write_bytes((adapters[name] / file).read_bytes())
    with pytest.raises(UsageError, match="does not fit the model"):
        HfModel.load(others["other shapes"], adapter=tmp_path)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("damage", ["not finite", "integers", "renamed", "missing"])
def test_24_tensors_that_no_training_writes_are_refused(
    name: str, damage: str, adapters: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    tensors = load_file(adapters[name] / "adapter_model.safetensors")
    first = min(tensors)
    tensors = {
        "not finite": tensors | {first: tensors[first] / 0},
        "integers": {key: tensor.to(torch.int8) for key, tensor in tensors.items()},
        "renamed": {f"x.{key}" if key == first else key: t for key, t in tensors.items()},
        "missing": {key: tensor for key, tensor in tensors.items() if key != first},
    }[damage]
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    settings = (adapters[name] / "adapter_config.json").read_bytes()
    (tmp_path / "adapter_config.json").write_bytes(settings)
    with pytest.raises(UsageError, match="does not fit the model"):
        HfModel.load(tiny, adapter=tmp_path)


# -------------------------------------------------------------------------------------------------
# row 25


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("damage", ["truncated", "config"])
def test_25_a_damaged_adapter_is_refused(
    name: str, damage: str, adapters: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    for file in adapters[name].iterdir():
        data = file.read_bytes()
        broken = {"truncated": "adapter_model.safetensors", "config": "adapter_config.json"}[
            damage
        ] == file.name
        (tmp_path / file.name).write_bytes(data[: len(data) // 2] if broken else data)
    with pytest.raises((UsageError, IntegrityError)) as caught:
        HfModel.load(tiny, adapter=tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrainingResult]:
    """A training of every kind without trouble."""
    folder = tmp_path_factory.mktemp("straight")
    return {name: learn(name, folder / name) for name in STEPWISE}


@pytest.mark.parametrize("name", STEPWISE)
def test_25_a_damaged_checkpoint_is_passed_over(
    name: str, straight: dict[str, TrainingResult], tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        learn(name, tmp_path / "stopped", stop=5)
    file = tmp_path / "stopped" / "checkpoints" / "step-000004" / "adapter.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    resumed = learn(name, tmp_path / "stopped")
    assert [kind for kind, _ in resumed.events if kind != "not_packed"] == [
        "checkpoint_passed_over",
        "resumed",
    ]
    assert weights(resumed) == weights(straight[name])


# -------------------------------------------------------------------------------------------------
# row 26


@pytest.mark.parametrize("name", STEPWISE)
def test_26_with_less_memory_it_is_the_same_training(
    name: str,
    straight: dict[str, TrainingResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = PackedModel.states

    def states(self: PackedModel, batch: Any) -> Any:
        if batch.ids.shape[1] > 200:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return whole(self, batch)

    monkeypatch.setattr(PackedModel, "states", states)
    small = learn(name, tmp_path, checkpoint_every=0)
    assert (straight[name].halvings, small.steps) == (0, straight[name].steps)
    assert small.halvings > 0
    for a, b in zip(straight[name].curve, small.curve, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-3)


def test_every_adapter_says_its_kind_and_its_base(adapters: dict[str, Path]) -> None:
    for name, folder in adapters.items():
        about = json.loads((folder / "selfteach.json").read_text())
        assert about["adapter"] == name
        assert about["base_fingerprint"]
