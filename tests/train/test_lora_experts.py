"""LoRA on the fused experts of a mixture against PEFT's `target_parameters`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from selfteach import config
from selfteach.errors import UsageError
from selfteach.methods.account_memory import count_trained_bytes, measure_sizes
from selfteach.models.check_family import check_answers
from selfteach.models.hf import HfModel
from selfteach.models.lora_layers import explain_why_not_plain_lora
from selfteach.records import Example, make_prompt
from selfteach.train.adapters.join_loras import explain_why_not_joined
from selfteach.train.adapters.lora import LoraAdapter, explain_left_out
from selfteach.train.check_training import check_training
from selfteach.train.fast.lora_experts import find_fused_experts
from selfteach.train.l2_to_base import add_l2_gradient, squared_norm
from selfteach.train.train import train

pytestmark = pytest.mark.long

IDS = torch.tensor([[5, 9, 31, 8, 40, 3, 77, 12, 5, 60, 61, 62]])
FAMILIES: dict[str, dict[str, Any]] = {
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen3_moe": {
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 24,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    },
    "gpt_oss": {
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "layer_types": ["full_attention", "full_attention"],
    },
}
"""gpt_oss keeps its weights as (experts, in, out), the others as (experts, out, in)."""
EXPERTS = config.LoraConfig(rank=2, alpha=4, experts=True)
EXAMPLES = [
    Example(f"e{i}", "in_scope", make_prompt(f"Tell me of {i}."), f"Yes, {i}.", f"No, {i}.")
    for i in range(6)
]


@pytest.fixture(params=list(FAMILIES))
def mixture(request: pytest.FixtureRequest, make_tiny: Callable[..., Path], tmp_path: Path) -> Path:
    """Return the folder of a tiny random mixture."""
    return make_tiny(tmp_path / "base", family=request.param, **FAMILIES[request.param])


def load_plain(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def compute_loss(module: Any) -> torch.Tensor:
    return module(input_ids=IDS, labels=IDS).loss


def shake(adapter: LoraAdapter) -> None:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    adapter.begin_step()


@pytest.mark.training
def test_loss_and_gradients_equal_pefts(mixture: Path) -> None:
    hf = HfModel.load(mixture, dtype="float32", device="cpu")
    before = compute_loss(hf.module)
    adapter = LoraAdapter.attach(hf.module, config.TrainConfig(lora=EXPERTS), seed=0)
    assert torch.equal(compute_loss(hf.module), before), "B starts at zero"
    shake(adapter)
    names = [f"{name}.{weight}" for name in find_fused_experts(hf.module) for weight in WEIGHTS]
    targets = sorted({name.rpartition(".")[2] for name in adapter.low_rank_layers})
    theirs = get_peft_model(
        load_plain(mixture),
        LoraConfig(r=2, lora_alpha=4, target_modules=targets, target_parameters=names),
    )
    twins = {n.replace(".default", ""): p for n, p in theirs.named_parameters() if p.requires_grad}
    assert twins.keys() == adapter.state().keys()
    with torch.no_grad():
        for name, value in adapter.state().items():
            twins[name].copy_(value)
    ours, other = compute_loss(hf.module), compute_loss(theirs)
    ours.backward()
    other.backward()
    torch.testing.assert_close(ours, other, atol=1e-5, rtol=1e-5)
    for name, parameter in zip(adapter.state(), adapter.parameters(), strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, twins[name].grad, atol=1e-5, rtol=1e-3)
    with torch.no_grad():
        with adapter.merged():
            torch.testing.assert_close(compute_loss(hf.module), other, atol=1e-5, rtol=1e-5)
        with adapter.disable():
            assert torch.equal(compute_loss(hf.module), before)
        adapter.detach()
        assert torch.equal(compute_loss(hf.module), before)


WEIGHTS = ("gate_up_proj", "down_proj")


@pytest.mark.training
def test_l2_is_the_distance_of_all_experts_and_pulls_each(mixture: Path) -> None:
    hf = HfModel.load(mixture, dtype="float32", device="cpu")
    settings = config.TrainConfig(lora=EXPERTS.model_copy(update={"layers": "last 1"}))
    adapter = LoraAdapter.attach(hf.module, settings, seed=0)
    shake(adapter)
    with adapter.merged():
        changes = [part.merged - part.weight for part in adapter._experts.values()]
    wanted = [change.square().sum().item() for change in changes]
    fused = list(adapter.iterate_weight_changes())[-2:]
    assert [squared_norm(change).item() for change in fused] == pytest.approx(wanted, rel=1e-4)
    half = add_l2_gradient(adapter.iterate_weight_changes(), 0.5)
    whole = sum(squared_norm(change) for change in adapter.iterate_weight_changes()) / 2
    assert half == pytest.approx(whole.item(), rel=1e-5)
    gradients = torch.autograd.grad(0.5 * whole, adapter.parameters())
    for parameter, gradient in zip(adapter.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.training
def test_regmean_leaves_fused_experts_out_and_says_so(
    make_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_tiny(tmp_path / "base", family="mixtral", **FAMILIES["mixtral"])
    hf = HfModel.load(folder, dtype="float32", device="cpu")
    lora = EXPERTS.model_copy(update={"layers": "last 1"})
    settings = config.TrainConfig(lora=lora, batch_size=4, max_steps=3, regmean=1.0)
    anchors = [replace(e, id=f"g{e.id}", kind="general", role="hold") for e in EXAMPLES]
    defaults = {"in_scope": {"sft": 1.0}, "general": {"anchor": 1.0}}
    trained = train(hf, [*EXAMPLES, *anchors], settings, tmp_path, seed=0, defaults=defaults)
    about = {"step": 2, "mu": 1.0}
    first = next(name for name in find_fused_experts(hf.module) if ".1." in name)
    why = {"reason": "its experts are fused", "layers": 2, "first": first}
    assert trained.events == [("regmean", about), ("regmean_left_out", {**about, **why})]


@pytest.mark.training
def test_plain_peft_loads_what_was_trained(mixture: Path, tmp_path: Path) -> None:
    hf = HfModel.load(mixture, dtype="float32", device="cpu")
    settings = config.TrainConfig(lora=EXPERTS, batch_size=3, epochs=2)
    defaults = {"in_scope": {"sft": 1.0}}
    trained = train(hf, EXAMPLES, settings, tmp_path / "trained", seed=0, defaults=defaults)
    changed = [tensor for name, tensor in read_state(trained.adapter) if "experts" in name]
    assert len(changed) == 2 * 2 * 2, "two layers, two weights, A and B"
    assert all(bool(tensor.any()) for tensor in changed)
    theirs = PeftModel.from_pretrained(load_plain(mixture), trained.adapter)
    tuned = hf.with_adapter(trained.adapter)
    with torch.no_grad():
        wanted = theirs(IDS).logits
        torch.testing.assert_close(tuned.module(IDS).logits, wanted, atol=1e-4, rtol=1e-4)
        assert (wanted - hf.module(IDS).logits).abs().max() > 1e-3, "nothing was learned"
    assert explain_why_not_joined(trained.adapter)
    assert "target_parameters" in explain_why_not_plain_lora(read_settings(trained.adapter))


def read_state(folder: Path) -> list[tuple[str, torch.Tensor]]:
    from safetensors.torch import load_file

    return sorted(load_file(folder / "adapter_model.safetensors").items())


def read_settings(folder: Path) -> dict[str, Any]:
    import json

    return dict(json.loads((folder / "adapter_config.json").read_text()))


@pytest.mark.training
def test_the_check_before_a_run_takes_experts(
    make_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_tiny(tmp_path, family="mixtral", **FAMILIES["mixtral"])
    hf = HfModel.load(folder, dtype="float32", device="cpu")
    settings = config.TrainConfig(lora=EXPERTS.model_copy(update={"layers": "last 1"}))
    check_training(hf, settings, check_answers(hf, samples=False), seed=0)
    assert explain_left_out(hf.module, config.LoraConfig())
    assert not explain_left_out(hf.module, EXPERTS)
    sizes = measure_sizes(hf)
    more, less = (
        count_trained_bytes(hf, sizes, config.TrainConfig(lora=EXPERTS.model_copy(update=update)))
        for update in ({}, {"experts": False})
    )
    stack = sum(p.nbytes for name, p in hf.module.named_parameters() if p.ndim == 3)
    assert more.tuned - less.tuned == stack


def test_a_model_without_experts_is_refused(tiny_hf: HfModel) -> None:
    with pytest.raises(UsageError, match="the model has no fused experts"):
        LoraAdapter.attach(tiny_hf.module, config.TrainConfig(lora=EXPERTS), seed=0)
