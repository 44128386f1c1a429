"""A packed batch computes what ordinary sequences compute: states, log-probabilities and gradients;
also where a model cannot pack.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny import Tiny, encode_letters
from transformers import AutoConfig, AutoModelForCausalLM

from selfteach import config
from selfteach.train.adapters.lora import LoraAdapter
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.fast.packed_attention import (
    StripAttention,
    attend_with_sdpa,
    use_packed_attention,
)
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.fast.packing import pack_rows


def rows(beginning: str = "the same header for all. ", pairs: bool = True) -> list[TrainingRow]:
    found = []
    for i in range(6):
        answers = tuple(
            tuple(encode_letters(text))
            for text in [f"answer {'x' * i}.", f"another one {'y' * (7 - i)}"][: 1 + pairs]
        )
        found.append(
            TrainingRow(
                i,
                str(i),
                "",
                tuple(encode_letters(f"{beginning}{'q' * (2 + 5 * i)}?")),
                answers,
                {},
            )
        )
    return found


def tuned(module: Any) -> PackedModel:
    adapter = LoraAdapter.attach(module, config.TrainConfig(lora=config.LoraConfig(rank=4)), seed=0)
    with torch.no_grad():
        for layer in adapter.parameters():
            layer.add_(0.02)
    adapter.begin_step()
    return PackedModel(module, adapter)


def gradients(model: PackedModel, states: torch.Tensor) -> list[torch.Tensor]:
    weights = torch.linspace(-1, 1, states.numel()).view_as(states)
    return list(torch.autograd.grad((states * weights).sum(), model.adapter.parameters()))


@pytest.mark.parametrize("beginning", ["", "the same header for all. "])
@pytest.mark.parametrize("pairs", [False, True])
def test_states_and_gradients_equal_those_of_ordinary_sequences(
    beginning: str, pairs: bool
) -> None:
    model = tuned(Tiny().module)
    assert model.can_pack
    batch = model.pack(rows(beginning, pairs))
    with use_packed_attention(model.module):
        ours = model._packed_states(batch)
        grads = gradients(model, ours)
    theirs = model._sequence_states(batch)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    for mine, other in zip(grads, gradients(model, theirs), strict=True):
        torch.testing.assert_close(mine, other, atol=5e-4, rtol=1e-3)


def test_the_shared_beginning_stands_once() -> None:
    batch = pack_rows(rows())
    alone = sum(row.length for row in rows())
    assert batch.ids.shape[1] == alone - 5 * (
        len("the same header for all. ") + 2
    )  # all prompts also begin with "qq"


def test_each_answer_token_is_predicted_from_the_token_before_it() -> None:
    batch = pack_rows(rows())
    tokens = batch.ids[0]
    for n in range(len(batch.targets)):
        row = batch.rows[int(batch.row[n])]
        place = int(batch.place[n])
        before = row.answers[int(batch.side[n])][place - 1] if place else row.prompt[-1]
        assert tokens[batch.states[n]] == before
        assert batch.targets[n] == row.answers[int(batch.side[n])][place]


@pytest.mark.parametrize("window", [0, 5])
def test_the_written_out_attention_equals_torchs(window: int) -> None:
    batch = pack_rows(rows())
    length = batch.ids.shape[1]
    torch.manual_seed(0)
    tensors = [
        torch.randn(length, heads, 8, dtype=torch.float64, requires_grad=True)
        for heads in (6, 2, 2)
    ]
    ours = StripAttention.apply(*tensors, 0.3, batch.strips, window)
    theirs = attend_with_sdpa(*tensors, 0.3, batch.strips, window)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(ours)
    for mine, other in zip(
        torch.autograd.grad(ours, tensors, weights),
        torch.autograd.grad(theirs, tensors, weights),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


def test_torchs_attention_gets_as_many_keys_as_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `enable_gqa` and a mask, CUDA would compute and keep every score in float32."""
    shapes = []
    attention = torch.nn.functional.scaled_dot_product_attention

    def record(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **settings: Any) -> torch.Tensor:
        shapes.append((q.shape[1], k.shape[1], v.shape[1], settings.get("enable_gqa", False)))
        return attention(q, k, v, **settings)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", record)
    batch = pack_rows(rows())
    length = batch.ids.shape[1]
    tensors = [torch.randn(length, heads, 8) for heads in (6, 2, 2)]
    attend_with_sdpa(*tensors, 0.3, batch.strips)
    assert set(shapes) == {(6, 6, 6, False)}


FAMILIES = {
    "qwen2": ({}, True),
    "qwen3": ({}, True),
    "mistral": ({"sliding_window": 8}, True),
    "gemma2": (
        {
            "query_pre_attn_scalar": 16,
            "attn_logit_softcapping": 5.0,
            "final_logit_softcapping": 3.0,
            "sliding_window": 8,
        },
        False,
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_other_families_get_the_right_loss_packed_or_not(family: str) -> None:
    changes, packs = FAMILIES[family]
    torch.manual_seed(0)
    shape = {
        "vocab_size": 96,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 256,
        "initializer_range": 0.2,
    }
    module = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(family, **{**shape, **changes})
    ).eval()
    model = tuned(module)
    assert model.can_pack == packs
    batch = model.pack(rows())
    with torch.no_grad(), model.use_attention():
        logp = model.token_logp(model.states(batch), batch.targets)
    with torch.no_grad():
        for i, row in enumerate(rows()):
            for side, answer in enumerate(row.answers):
                ids = torch.tensor([[*row.prompt, *answer]])
                labels = torch.tensor([[-100] * len(row.prompt) + list(answer)])
                mine = logp[(batch.row == i) & (batch.side == side)]
                torch.testing.assert_close(
                    -mine.mean(), module(ids, labels=labels).loss, atol=1e-4, rtol=1e-4
                )
