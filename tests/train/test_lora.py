"""Our LoRA layer against PEFT's: the same loss and the same gradients."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from tiny import Tiny

from selfteach import config
from selfteach.errors import UsageError
from selfteach.models.load_adapter import PEFT_PREFIX
from selfteach.models.parse_layers import parse_layers
from selfteach.train.adapters.lora import LoraAdapter, explain_left_out

IDS = torch.tensor([[5, 9, 31, 8, 40, 3, 77, 12]])


def shaken(adapter, seed: int = 3) -> None:
    """Gives every parameter a value of its own (B starts at zero, where half of the gradients
    vanish).
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    adapter.begin_step()


def loss_of(module) -> torch.Tensor:
    return module(input_ids=IDS, labels=IDS).loss


@pytest.mark.parametrize("targets", ["all-linear", "attention"])
def test_loss_and_gradients_equal_pefts(targets: str) -> None:
    settings = config.TrainConfig(lora=config.LoraConfig(rank=4, alpha=8, targets=targets))
    ours = Tiny().module
    adapter = LoraAdapter.attach(ours, settings, seed=0)
    shaken(adapter)
    names = "all-linear" if targets == "all-linear" else ["q_proj", "k_proj", "v_proj", "o_proj"]
    theirs = get_peft_model(
        Tiny().module, LoraConfig(r=4, lora_alpha=8, target_modules=names, task_type="CAUSAL_LM")
    )
    twins = {n.replace(".default", ""): p for n, p in theirs.named_parameters() if p.requires_grad}
    assert twins.keys() == adapter.state().keys()
    with torch.no_grad():
        for name, value in adapter.state().items():
            twins[name].copy_(value)
    a = loss_of(ours)
    b = loss_of(theirs)
    a.backward()
    b.backward()
    torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-6)
    for name, parameter in zip(adapter.state(), adapter.parameters(), strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, twins[name].grad, atol=1e-6, rtol=1e-4)


def test_the_first_values_are_distributed_as_pefts() -> None:
    adapter = LoraAdapter.attach(Tiny().module, config.TrainConfig(), seed=0)
    for name, value in adapter.state().items():
        if "lora_B" in name:
            assert not value.any()
        else:
            bound = (
                value.shape[1] ** -0.5
            )  # kaiming_uniform_(a=sqrt(5)) is U(-1/sqrt(in), 1/sqrt(in))
            assert 0.9 * bound < value.abs().max() <= bound


def test_small_updates_are_not_lost_in_bf16() -> None:
    model = Tiny(dtype=torch.bfloat16)
    adapter = LoraAdapter.attach(
        model.module, config.TrainConfig(lora=config.LoraConfig(rank=4, alpha=4)), seed=0
    )
    layer = model.module.model.layers[0].mlp.up_proj
    x = torch.ones(1, 64, dtype=torch.bfloat16)
    with torch.no_grad():
        layer.a.fill_(0.01)
        layer.b.fill_(0.0025)  # sBA = 1e-4 everywhere, below half a bf16 step of weights about 0.1
        adapter.begin_step()
        attached = float((layer(x) - layer.base(x)).float().mean())
        with adapter.merged():
            merged = float((layer(x) - layer.base(x)).float().mean())
    assert attached == pytest.approx(64 * 1e-4, rel=0.2)
    assert merged < 0.5 * 64 * 1e-4


def test_the_saved_folder_is_pefts(tmp_path: Path) -> None:
    model = Tiny()
    adapter = LoraAdapter.attach(model.module, config.TrainConfig(), seed=0)
    shaken(adapter)
    adapter.save(tmp_path, {"base_fingerprint": model.fingerprint})
    assert (
        json.loads((tmp_path / "selfteach.json").read_text())["base_fingerprint"]
        == model.fingerprint
    )
    assert {
        k.startswith(PEFT_PREFIX) for k in load_file(tmp_path / "adapter_model.safetensors")
    } == {True}
    with torch.no_grad():
        theirs = PeftModel.from_pretrained(Tiny().module, tmp_path)(IDS).logits
        torch.testing.assert_close(model.module(IDS).logits, theirs, atol=1e-5, rtol=1e-5)


def test_only_some_layers_get_an_adapter(tmp_path: Path) -> None:
    """Tiny has two layers; PEFT reads the saved folder."""
    tiny = Tiny()
    settings = config.TrainConfig(lora=config.LoraConfig(rank=4, layers="last 50%"))
    adapter = LoraAdapter.attach(tiny.module, settings, seed=0)
    assert {name.split(".layers.")[1][0] for name in adapter.state()} == {"1"}
    shaken(adapter)
    ours = loss_of(tiny.module)
    adapter.save(tmp_path, {"base": "b", "base_fingerprint": "f"})
    adapter.detach()
    theirs = loss_of(PeftModel.from_pretrained(tiny.module, tmp_path))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("all", range(30)), ("last 50%", range(15, 30)), ("last 1%", [29]), ("last 3", [27, 28, 29])],
)
def test_layers_are_named_by_number_or_share(text: str, numbers: Iterable[int]) -> None:
    assert parse_layers(text, 30, "x") == list(numbers)


@pytest.mark.parametrize("text", ["last", "last half", "last 101%", "last 0%", "last %", "30"])
def test_layers_that_there_are_not_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"x: .* names (no layers|layers that)"):
        parse_layers(text, 30, "x")


def test_the_share_of_the_weights_that_experts_keep() -> None:
    """Two experts of 3 * 8 * 16 numbers beside linear layers of 4 * 8 * 8 and a router of 2 * 8."""
    from transformers import LlamaConfig, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM

    shape = {
        "vocab_size": 50,
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    }
    mixture = MixtralForCausalLM(MixtralConfig(**shape, num_local_experts=2, num_experts_per_tok=1))
    linear, experts, router = 4 * 8 * 8, 2 * 3 * 8 * 16, 2 * 8
    share = f"{linear / (linear + experts + router):.0%} of the weights of its layers"
    for layers in ("all", "last 1"):
        assert explain_left_out(mixture, config.LoraConfig(layers=layers)) == share
        assert explain_left_out(LlamaForCausalLM(LlamaConfig(**shape)), config.LoraConfig()) == ""
