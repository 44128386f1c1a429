"""Representation to weights, where it is exact: float64 agreement of 1e-12, attached by plain PEFT
and merged.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from tiny import Tiny
from torch import Tensor, nn

from selfteach import config
from selfteach.errors import UsageError
from selfteach.models.hf import HfModel
from selfteach.models.load_adapter import load_adapter
from selfteach.models.reft import apply_edit, convert_edit_to_low_rank, orthonormalize
from selfteach.train.adapters.exact_conversion import (
    WeightUpdate,
    convert_reft_to_lora,
    write_lora,
)
from selfteach.train.train import attach_adapter

IDS = torch.tensor([[5, 9, 31, 8, 40, 3, 77, 12]])
NAME = "model.layers.1.mlp.down_proj"


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_formula_of_loreft_with_numbers_worked_out_by_hand() -> None:
    # h = (3, 4), R = (0, 1), W = (2, 0), b = 1:  W h + b - R h = 6 + 1 - 4 = 3, along R: h becomes
    # (3, 7)
    h, r, w, b = (
        torch.tensor(x, dtype=torch.float64)
        for x in ([3.0, 4.0], [[0.0, 1.0]], [[2.0, 0.0]], [1.0])
    )
    assert apply_edit(h, r, w, b).tolist() == [3.0, 7.0]


def test_rows_become_orthonormal_and_stay_as_they_are_then() -> None:
    r = orthonormalize(numbers(4, 64))
    torch.testing.assert_close(r @ r.t(), torch.eye(4, dtype=torch.float64), atol=1e-14, rtol=0)
    torch.testing.assert_close(orthonormalize(r), r, atol=1e-14, rtol=0)


def convert(linear: nn.Linear, r: Tensor, w: Tensor, b: Tensor) -> WeightUpdate:
    bias = None if linear.bias is None else linear.bias.detach()
    return WeightUpdate(*convert_edit_to_low_rank(r, w, b, linear.weight.detach(), bias))


@pytest.mark.parametrize("bias", [False, True])
def test_an_edit_of_a_layer_s_output_is_a_low_rank_update(bias: bool) -> None:
    linear = nn.Linear(32, 24, bias=bias, dtype=torch.float64)
    r = orthonormalize(numbers(3, 24))
    w = numbers(3, 24, seed=1)
    b = numbers(3, seed=2)
    x = numbers(50, 32, seed=3)
    update = convert(linear, r, w, b)
    assert update.a.shape == (3, 32)
    with torch.no_grad():
        attached = linear(x) + x @ update.a.t() @ update.b.t() + update.shift
        merged = (
            x @ (linear.weight + update.b @ update.a).t()
            + update.shift
            + (linear.bias if bias else 0)
        )
        expected = apply_edit(linear(x), r, w, b)
    assert (attached - expected).abs().max() <= 1e-12
    assert (merged - expected).abs().max() <= 1e-12
    assert (linear(x) - expected).abs().max() > 0.1


def double(bias: bool) -> Tiny:
    return Tiny(dtype=torch.float64, mlp_bias=bias)


def logits(module) -> Tensor:
    with torch.no_grad():
        return module(IDS).logits


@pytest.mark.parametrize("bias", [False, True])
def test_plain_peft_loads_the_file_and_gives_the_moved_representations(
    bias: bool, tmp_path: Path
) -> None:
    model = double(bias)
    linear = model.module.get_submodule(NAME)
    r = orthonormalize(numbers(3, 64))
    w = numbers(3, 64, seed=1)
    b = numbers(3, seed=2)
    update = convert(linear, r, w, b)
    write_lora(
        tmp_path,
        {
            NAME: update,
            "model.layers.0.mlp.down_proj": WeightUpdate(*(x * 0 for x in (update.a, update.b))),
        },
        {},
    )
    handle = linear.register_forward_hook(lambda part, given, out: apply_edit(out, r, w, b))
    expected = logits(model.module)
    handle.remove()
    tuned = PeftModel.from_pretrained(double(bias).module, tmp_path)
    assert (logits(tuned) - expected).abs().max() <= 1e-12
    assert (logits(model.module) - expected).abs().max() > 1e-2
    if bias:  # PEFT merges a bias into a bias alone
        assert (logits(tuned.merge_and_unload()) - expected).abs().max() <= 1e-12
    ours = load_adapter(copy.deepcopy(model.module).float(), tmp_path)
    torch.testing.assert_close(logits(ours).double(), expected, atol=1e-3, rtol=1e-3)


def test_a_saved_reft_at_all_positions_of_a_linear_layer_becomes_a_lora(
    tiny: Path, tmp_path: Path
) -> None:
    model = HfModel.load(tiny, dtype="float32", device="cpu")
    settings = config.TrainConfig(
        adapter="reft", reft=config.ReftConfig(rank=3, positions="all", site="down_proj")
    )
    adapter = attach_adapter(model, settings, 0)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.add_(numbers(*parameter.shape).float() * 0.1)
    adapter.save(tmp_path / "reft", {"base_fingerprint": model.fingerprint})
    expected = logits(model.module)
    adapter.detach()
    convert_reft_to_lora(model.module, tmp_path / "reft", tmp_path / "lora")
    tuned = HfModel.load(tiny, adapter=tmp_path / "lora", dtype="float32", device="cpu")
    torch.testing.assert_close(logits(tuned.module), expected, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(
        logits(PeftModel.from_pretrained(model.module, tmp_path / "lora")),
        expected,
        atol=1e-3,
        rtol=1e-3,
    )


def test_what_no_weights_can_do_is_refused(tmp_path: Path, tiny: Path) -> None:
    model = HfModel.load(tiny, dtype="float32", device="cpu")
    adapter = attach_adapter(model, config.TrainConfig(adapter="reft"), 0)
    adapter.save(tmp_path / "reft", {})
    adapter.detach()
    with pytest.raises(UsageError, match="no change of weights"):
        convert_reft_to_lora(model.module, tmp_path / "reft", tmp_path / "lora")
    (tmp_path / "reft" / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    with pytest.raises(UsageError, match="is no reft"):
        convert_reft_to_lora(model.module, tmp_path / "reft", tmp_path / "lora")
