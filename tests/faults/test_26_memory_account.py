"""Row 26, before the first step: what cannot fit is refused in one line, and what fits in smaller
parts is computed in smaller parts.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from tiny import Tiny, make_examples

from selfteach import config
from selfteach.errors import ResourceError
from selfteach.train import memory
from selfteach.train.adapters.full import FullAdapter
from selfteach.train.train import train

WEIGHTS = {"in_scope": {"sft": 1.0, "dpo": 1.0}}
SETTINGS = config.TrainConfig(
    weights=WEIGHTS, batch_size=12, epochs=2, learning_rate=5e-3, checkpoint_every=0
)


def leave(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """A machine that has so many bytes left."""
    monkeypatch.setattr(memory, "measure_free_bytes", lambda device: free)


def refused(folder: Path, **settings: object) -> str:
    model = Tiny()
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    with pytest.raises(ResourceError) as fault:
        train(model, make_examples(12), SETTINGS.model_copy(update=settings), folder, seed=1)
    assert not list(folder.rglob("*.safetensors"))
    assert all(tensor.equal(before[name]) for name, tensor in model.module.state_dict().items())
    return str(fault.value)


@pytest.mark.parametrize("adapter", ["full", "layers"])
def test_weights_that_cannot_be_copied_are_refused_before_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapter: str
) -> None:
    """One line: what, how much it needs, how much there is, what to do."""
    leave(monkeypatch, 100_000)
    monkeypatch.setattr(
        FullAdapter, "__init__", lambda *_: pytest.fail("the weights are being copied")
    )
    message = refused(tmp_path, adapter=adapter, layers=config.LayersConfig(which="all"))
    sizes = (
        r"needs [\d.]+ MB besides the weights and 0\.1 MB are free \([\d.]+ MB for "
        r"parameters, gradients and optimizer\)"
    )
    assert re.fullmatch(
        (
            rf"training {adapter} {sizes}\. Use train\.adapter=lora, several GPUs "
            r"\(docs/how-to/several-processes\.md\), or a smaller model\."
        ),
        message,
    )


def test_activations_of_one_row_that_cannot_be_kept_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, 3_000_000)
    monkeypatch.setattr(memory.ActivationCounter, "bytes", lambda *_: 10**9)
    message = refused(tmp_path, adapter="full")
    assert "1.00 GB for activations of" in message
    assert "Set train.checkpoint_activations=true, lower train.max_tokens" in message
    assert "checkpoint_activations" not in refused(
        tmp_path, adapter="full", checkpoint_activations=True
    )


def test_a_small_adapter_gets_the_same_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, 1000)
    assert "training bottleneck needs" in refused(tmp_path, adapter="bottleneck")


@pytest.mark.training
def test_what_fits_in_parts_is_computed_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same effective batch, the same result; reported, and no step has failed for it."""
    large = train(Tiny(), make_examples(12), SETTINGS, tmp_path / "large", seed=1)
    assert large.memory is not None
    leave(monkeypatch, large.memory.added // 2)
    small = train(Tiny(), make_examples(12), SETTINGS, tmp_path / "small", seed=1)
    assert [kind for kind, _ in small.events] == ["micro_batch_fitted"]
    assert small.halvings == 0
    assert small.memory is not None
    assert small.memory.tokens < large.memory.tokens
    for a, b in zip(large.curve, small.curve, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-3)
        assert b["tokens"] == a["tokens"]
