"""Row 26: when memory runs out, the micro-batch is halved and the step repeated: the same effective
batch, the same result.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from tiny import Tiny, make_examples

from selfteach import config
from selfteach.errors import ResourceError
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.train import train

SETTINGS = config.TrainConfig(
    weights={"in_scope": {"sft": 1.0, "dpo": 1.0}},
    batch_size=12,
    epochs=3,
    learning_rate=5e-3,
    checkpoint_every=0,
)
FAULTS = [
    torch.OutOfMemoryError("CUDA out of memory."),
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory"),
]


def shrink(monkeypatch: pytest.MonkeyPatch, tokens: int, fault: BaseException) -> None:
    """A machine that cannot hold more than so many tokens at once."""
    whole = PackedModel.states

    def states(self, batch):
        if batch.ids.shape[1] > tokens:
            raise fault
        return whole(self, batch)

    monkeypatch.setattr(PackedModel, "states", states)


@pytest.mark.training
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_the_result_is_that_of_a_larger_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    large = train(Tiny(), make_examples(12), SETTINGS, tmp_path / "large", seed=1)
    shrink(monkeypatch, 150, fault)
    small = train(Tiny(), make_examples(12), SETTINGS, tmp_path / "small", seed=1)
    assert (large.halvings, small.halvings) == (0, 2)
    assert [kind for kind, _ in small.events] == ["out_of_memory"] * 2
    assert small.steps == large.steps
    for a, b in zip(large.curve, small.curve, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-3)
        assert b["tokens"] == a["tokens"]


def test_a_row_that_fits_nowhere_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, 10, MemoryError())
    with pytest.raises(ResourceError, match="does not fit into memory"):
        train(Tiny(), make_examples(12), SETTINGS, tmp_path, seed=1)


def test_another_fault_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch, 10, RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        train(Tiny(), make_examples(12), SETTINGS, tmp_path, seed=1)
