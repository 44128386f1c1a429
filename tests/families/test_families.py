"""Each family of models gives what a naive full forward pass and plain PEFT give, or is refused
with the reason before anything is paid for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import naive
import pytest
import torch
from zoo import ZOO, make_module, make_table, wrap

from devices import every_device
from selfteach import config
from selfteach.errors import UsageError
from selfteach.models.check_family import (
    ROUNDED,
    ROUTED,
    Limits,
    check_answers,
    check_head,
    get_limits,
)
from selfteach.train.adapters.ridge import DownProjEditor
from selfteach.train.check_training import check_training

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
QUICK = {
    "llama",
    "mistral",
    "gemma2",
    "gemma4",
    "falcon_h1",
    "qwen3_next",
    "deepseek_v3",
    "mamba",
}
"""One of each sort: plain, a window, soft-capped scores, a wrapper, a head with a multiplier,
recurrent layers, values of another size, refused."""
PADDED_EAGERLY = {"gemma2", "falcon_h1"}
"""Those of QUICK whose padded rows take plain attention in 16 bits."""
FLOAT32_ALONE = {"mamba", "mamba2", "falcon_mamba"}
"""Those whose code in transformers mixes 16 and 32 bits on a CPU: refused in 16 bits."""
MAX_SECONDS = 10.0

every_family = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in ZOO],
)


@every_family
@every_device
def test_answers_are_those_of_a_naive_pass(name: str, device: str) -> None:
    hf = wrap(make_module(name).to(device), name)
    check_head(hf.module, name)
    naive.check_score(hf)
    naive.check_embed(hf)
    if ZOO[name].samples:
        naive.check_sample(hf)


@pytest.mark.training
@every_family
@every_device
def test_losses_and_gradients_are_those_of_plain_peft(
    name: str, device: str, tmp_path: Path
) -> None:
    if not ZOO[name].adapts:
        pytest.skip("refused: see test_a_family_is_taken_or_refused_at_once")
    hf = wrap(make_module(name).to(device), name)
    assert naive.check_gradients(hf, tmp_path).can_pack == ZOO[name].packs


@pytest.mark.training
@every_family
@every_device
def test_in_16_bits_a_family_is_right_to_rounding(name: str, device: str, tmp_path: Path) -> None:
    hf = wrap(make_module(name).to(device, torch.bfloat16), name)
    if not ZOO[name].adapts and name not in FLOAT32_ALONE:
        pytest.skip("refused: see test_a_family_is_taken_or_refused_at_once")
    if name in FLOAT32_ALONE:
        assert get_cure(lambda: check_answers(hf, samples=False))
        return
    limits = get_limits(hf)
    known = check_answers(hf, samples=ZOO[name].samples)
    check_training(hf, config.TrainConfig(), known, seed=0)
    share = 2.0 if limits == ROUTED else 0.4
    hf = wrap(make_module(name).to(device, torch.bfloat16), name)
    model = naive.check_gradients(hf, tmp_path, limits.nats, share, together=True)
    assert model.can_pack == ZOO[name].packs
    if name in PADDED_EAGERLY:
        assert model.pads_eagerly == (device == "cpu")


def test_a_mixture_of_experts_may_round_to_another_expert() -> None:
    def get_limits_in_16_bits(name: str) -> Limits:
        return get_limits(wrap(make_module(name).to(torch.bfloat16), name))

    assert {get_limits_in_16_bits(name) for name in ("llama", "gemma2", "mpt")} == {ROUNDED}
    mixtures = ("mixtral", "qwen3_moe", "deepseek_v3", "gpt_oss", "granitemoe", "jetmoe", "olmoe")
    assert {get_limits_in_16_bits(name) for name in mixtures} == {ROUTED}


@pytest.mark.training
def test_the_limits_of_16_bits_notice_a_wrong_answer() -> None:
    """6 nats for a few tokens, which no rounding makes."""
    hf = wrap(make_module("llama").to(torch.bfloat16), "llama")
    known = [logp - 6.0 for logp in check_answers(hf, samples=True)]
    with pytest.raises(UsageError, match="log-probabilities are wrong"):
        check_training(hf, config.TrainConfig(), known, seed=0)


@pytest.mark.training
@every_family
@every_device
def test_a_trained_adapter_is_merged_unmerged_and_saved(
    name: str, device: str, tmp_path: Path
) -> None:
    if not ZOO[name].adapts:
        pytest.skip("refused: see test_a_family_is_taken_or_refused_at_once")
    naive.check_train(wrap(make_module(name).to(device), name), tmp_path)


@pytest.mark.training
@every_family
@every_device
def test_a_family_is_taken_or_refused_at_once(name: str, device: str) -> None:
    hf = wrap(make_module(name).to(device), name)
    before = describe(hf.module)
    started = time.process_time()

    def check() -> None:
        known = check_answers(hf, samples=True)
        check_training(hf, config.TrainConfig(), known, seed=0)

    works = ZOO[name].samples and ZOO[name].adapts
    assert (get_cure(check) == "") == works
    assert time.process_time() - started < MAX_SECONDS
    assert describe(hf.module) == before


def get_cure(check: Callable[[], None]) -> str:
    """Return the cure of a refusal, or an empty text."""
    try:
        check()
    except UsageError as fault:
        return fault.cure
    return ""


def describe(module: Any) -> list[Any]:
    """Return what a check must leave as it was."""
    parts = [(name, type(part)) for name, part in module.named_modules()]
    weights = [(name, p.requires_grad, p.grad) for name, p in module.named_parameters()]
    sums = [float(p.detach().double().sum()) for p in module.parameters()]
    return [parts, weights, sums, torch.get_rng_state().tolist()]


@every_family
def test_the_closed_form_works_or_is_refused(name: str) -> None:
    module = make_module(name)
    cure = get_cure(lambda: DownProjEditor(module, [0, 1]).require_exact())
    assert cure == ("" if ZOO[name].solves else "Use train.adapter=lora.")


def test_the_page_of_families_is_that_of_the_tests() -> None:
    page = (ROOT / "docs/reference/families.md").read_text("utf-8")
    assert make_table() in page, f"the page needs this table:\n{make_table()}"
