"""Training on every device: its attention and norms, the same bytes each time, and the CPU after an
accelerator.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from accelerate import PartialState
from test_packing import rows
from torch import nn

from devices import every_device
from selfteach import config
from selfteach.models.hf import HfModel
from selfteach.records import Example, make_prompt
from selfteach.train.distributed import ProcessGroup
from selfteach.train.fast import packed_attention
from selfteach.train.fast.head import _split_vocabulary, compute_token_logps
from selfteach.train.fast.norm import FrozenNorm, use_fast_norms
from selfteach.train.fast.packed_attention import StripAttention, attend, attend_with_sdpa
from selfteach.train.fast.packing import pack_rows
from selfteach.train.train import train

HEADS = (6, 2, 2)
"""Of queries, keys and values."""


@every_device
def test_both_attentions_and_their_gradients_are_the_same(device: str) -> None:
    batch = pack_rows(rows(), device)
    torch.manual_seed(0)
    tensors = [
        torch.randn(batch.ids.shape[1], heads, 8, requires_grad=True, device=device)
        for heads in HEADS
    ]
    ours = StripAttention.apply(*tensors, 0.3, batch.strips, 0)
    theirs = attend_with_sdpa(*tensors, 0.3, batch.strips)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    weights = torch.randn_like(ours)
    for mine, other in zip(
        torch.autograd.grad(ours, tensors, weights),
        torch.autograd.grad(theirs, tensors, weights),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)


@every_device
def test_token_logps_are_those_of_log_softmax(device: str) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(20, 16, device=device, requires_grad=True)
    weight = torch.randn(3000, 16, device=device)
    ids = torch.randint(0, 3000, (20, 2), device=device)
    ours = compute_token_logps(hidden, weight, ids)
    theirs = (hidden @ weight.t()).log_softmax(-1).gather(1, ids)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    mine, other = (torch.autograd.grad(logps.sum(), hidden)[0] for logps in (ours, theirs))
    torch.testing.assert_close(mine, other, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("device", "parts"), [("cpu", 48), ("meta", 6)])
def test_few_positions_read_many_words_at_once_on_an_accelerator(device: str, parts: int) -> None:
    weight = torch.empty(49_152, 4, device=device)
    found = list(_split_vocabulary(weight, 900))
    assert len(found) == parts
    assert [start for _, start in found] == [len(found[0][0]) * i for i in range(parts)]
    assert sum(len(words) for words, _ in found) == 49_152


def test_an_accelerator_computes_short_strips_in_few_groups() -> None:
    """Beside the shared beginning, one group for all rows up to 256 tokens."""
    batch = pack_rows(rows(), "meta")
    assert len(batch.strips) == 2
    assert len(pack_rows(rows()).strips) >= 2


@pytest.mark.parametrize("widest", [256, 0])
def test_long_strips_take_torchs_attention_on_an_accelerator(
    widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    monkeypatch.setattr(packed_attention, "WIDEST_WRITTEN_OUT", widest)
    monkeypatch.setattr(
        packed_attention, "attend_with_sdpa", lambda q, *_: taken.append("sdpa") or q
    )
    monkeypatch.setattr(
        packed_attention.StripAttention, "apply", lambda q, *_: taken.append("written out") or q
    )
    batch = pack_rows(rows(), "meta")
    q, k, v = (torch.randn(1, heads, batch.ids.shape[1], 8, device="meta") for heads in HEADS)
    attend(nn.Module(), q, k, v, None, scaling=0.3, strips=batch.strips)
    assert taken == (["written out"] if widest else ["sdpa"])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@every_device
def test_fast_norms_compute_what_the_model_does(dtype: str, device: str, tiny: Path) -> None:
    hf = HfModel.load(tiny, dtype=dtype, device=device)
    hf.module.requires_grad_(False)
    ids = torch.arange(3, 40, device=device)[None]
    with torch.no_grad():
        own = hf.module(input_ids=ids).logits
        with use_fast_norms(hf.module) as count:
            fast = hf.module(input_ids=ids).logits
            assert count == sum(isinstance(part, FrozenNorm) for part in hf.module.modules()) > 0
    limit = 1e-4 if dtype == "float32" else 0.05
    assert float((fast - own).float().norm() / own.float().norm()) < limit


@pytest.mark.training
@pytest.mark.parametrize("objective", [pytest.param("sft", marks=pytest.mark.long), "dpo"])
@every_device
def test_the_same_training_gives_the_same_bytes(
    objective: str, device: str, tiny: Path, tmp_path: Path
) -> None:
    examples = [
        Example(f"e{i}", "in_scope", make_prompt(f"Tell me of {i}."), f"Yes, {'a ' * i}.", "No.")
        for i in range(7)
    ]

    def teach(folder: Path) -> bytes:
        hf = HfModel.load(tiny, dtype="bfloat16", device=device)
        settings = config.TrainConfig(
            batch_size=3, epochs=2, lora=config.LoraConfig(rank=4), checkpoint_every=0
        )
        defaults = {"in_scope": {objective: 1.0}}
        done = train(hf, examples, settings, folder, seed=0, defaults=defaults)
        return (done.adapter / "adapter_model.safetensors").read_bytes()

    assert teach(tmp_path / "one") == teach(tmp_path / "two")


def test_the_cpu_trains_after_an_accelerator_in_the_same_process() -> None:
    """Accelerate keeps the first device, and would refuse the second one."""
    PartialState(cpu=True)
    before = PartialState._shared_state["device"]
    PartialState._shared_state["device"] = torch.device("cuda", 0)
    try:
        assert ProcessGroup(nn.Linear(1, 1)).accelerator.device.type == "cpu"
    finally:
        if PartialState._shared_state:
            PartialState._shared_state["device"] = before
