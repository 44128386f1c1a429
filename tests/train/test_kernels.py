"""The written-out pieces against the plain ones: head, norm."""

from __future__ import annotations

import pytest
import torch
from tiny import Tiny

from selfteach.train.fast import head
from selfteach.train.fast.head import CHUNK_POSITIONS, apply_to_logits, compute_token_logps
from selfteach.train.fast.norm import FrozenNorm, RmsNorm, use_fast_norms
from selfteach.train.memory import ActivationCounter


@pytest.mark.parametrize(("num_words", "num_positions"), [(7, 99), (50, 99), (1024, 20), (7, 6)])
@pytest.mark.parametrize("num_ids", [1, 3])
def test_token_logps_and_their_gradient_equal_log_softmax(
    num_words: int, num_positions: int, num_ids: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one chunk of the vocabulary, or of the positions, or several; a token may be asked for
    twice.
    """
    monkeypatch.setattr(head, "CHUNK_WORDS", num_words)
    monkeypatch.setattr(head, "MAX_POSITIONS", num_positions)
    torch.manual_seed(0)
    hidden = (5 * torch.randn(20, 16)).requires_grad_()
    weight = torch.randn(50, 16)
    ids = torch.randint(0, 50, (20, num_ids))
    ids[:, -1] = ids[:, 0]
    coefficients = torch.randn(20, num_ids)
    ours = compute_token_logps(hidden, weight, ids)
    theirs = (hidden @ weight.t()).log_softmax(-1).gather(1, ids)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    mine, other = (
        torch.autograd.grad((logp * coefficients).sum(), hidden)[0] for logp in (ours, theirs)
    )
    torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(compute_token_logps(hidden, weight, ids), ours, rtol=0, atol=0)


def test_token_logps_in_bf16_are_as_exact_as_the_logits() -> None:
    """Logits of up to 20 are rounded by .06 at most; a sum of 3,000 shares adds nothing to that."""
    torch.manual_seed(0)
    hidden = (2 * torch.randn(30, 64)).bfloat16().requires_grad_()
    weight = (0.3 * torch.randn(3000, 64)).bfloat16()
    ids = (hidden @ weight.t()).topk(5).indices
    logits = (hidden @ weight.t()).float()
    ours = compute_token_logps(hidden, weight, ids)
    torch.testing.assert_close(ours, logits.log_softmax(-1).gather(1, ids), atol=0.02, rtol=0)
    found = torch.autograd.grad(ours[:, 0].sum(), hidden)[0].float()
    plain = weight[ids[:, 0]].float() - logits.softmax(-1) @ weight.float()
    assert (found - plain).norm() < 0.01 * plain.norm()


def test_a_sure_token_in_bf16_has_the_small_gradient_that_is_left() -> None:
    """p is .89 to 1, so that W[id] - mean is a small difference. A gradient of .0123 is no number
    of bf16: rounded for W[id] alone it would be a push along W[id], each time the same.
    """
    torch.manual_seed(0)
    weight = (0.3 * torch.randn(3000, 64)).bfloat16()
    ids = torch.arange(0, 3000, 100)[:, None]
    hidden = (2.6 * weight[ids[:, 0]]).bfloat16().requires_grad_()
    probabilities = (hidden @ weight.t()).float().softmax(-1)
    p = probabilities.gather(1, ids)[:, 0]
    assert p.median() > 0.9
    found = torch.autograd.grad(0.0123 * compute_token_logps(hidden, weight, ids).sum(), hidden)[0]
    plain = 0.0123 * (weight[ids[:, 0]].float() - probabilities @ weight.float())
    along = (found.float() * weight[ids[:, 0]]).sum(-1) / (plain * weight[ids[:, 0]]).sum(-1)
    assert abs(float(along.mean()) - 1) < 0.15


def test_a_sure_token_keeps_its_gradient_where_a_loss_multiplies_it() -> None:
    """Unlikelihood multiplies the gradient of log p by p / (1 - p), here by up to
    10,000: so only 1 - p of W[id] and the other words' mean may be left, with their digits.
    """
    torch.manual_seed(0)
    weight = (0.3 * torch.randn(3000, 64)).bfloat16()
    ids = torch.arange(0, 3000, 100)[:, None]
    hidden = (3.2 * weight[ids[:, 0]]).bfloat16().requires_grad_()
    logits = (hidden @ weight.t()).float().double()
    p = logits.softmax(-1).gather(1, ids)
    assert 0.99 < p.median() < 0.9999
    found = torch.autograd.grad(compute_token_logps(hidden, weight, ids).sum(), hidden)[0]
    plain = weight[ids[:, 0]].double() - logits.softmax(-1) @ weight.double()
    errors = (found.double() - plain).norm(dim=1) / plain.norm(dim=1)
    assert errors.median() < 0.01


@pytest.mark.parametrize("count", [1, CHUNK_POSITIONS, 2 * CHUNK_POSITIONS + 5])
def test_what_is_made_of_logits_and_its_gradient_equal_the_plain_way(count: int) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(count, 16, requires_grad=True)
    weight = torch.randn(50, 16)
    bias = torch.randn(count, 50)
    coefficients = torch.randn(count)
    ours = apply_to_logits(
        hidden, weight, lambda logits, part: (logits + bias[part]).softmax(-1).square().sum(-1)
    )
    theirs = (hidden @ weight.t() + bias).softmax(-1).square().sum(-1)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    mine, other = (
        torch.autograd.grad((found * coefficients).sum(), hidden)[0] for found in (ours, theirs)
    )
    torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(
            apply_to_logits(hidden, weight, lambda logits, part: logits.sum(-1)),
            (hidden @ weight.t()).sum(-1),
        )


def test_no_logits_are_kept() -> None:
    """Only the slope is, of the hidden states' size; whoever counts what is kept does not disturb
    the gradient that is taken at once.
    """
    hidden = torch.randn(300, 16, requires_grad=True)
    weight = torch.randn(5000, 16)
    kept = ActivationCounter(torch.nn.Linear(1, 1), [weight])
    with kept.count_saved_tensors():
        apply_to_logits(hidden, weight, lambda logits, part: logits.softmax(-1)[:, 0])
    assert kept.bytes(False) == hidden.nbytes


@pytest.mark.parametrize("shape", [(7, 64), (2, 3, 64)])
def test_the_norm_and_its_gradient_equal_the_models(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    own = Tiny().module.model.norm
    with torch.no_grad():
        own.weight.uniform_(0.5, 2.0)
    own.requires_grad_(False)
    x = torch.randn(shape, requires_grad=True)
    g = torch.randn(shape)
    ours = RmsNorm.apply(x, own.weight, own.variance_epsilon)
    theirs = own(x)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(
        torch.autograd.grad(ours, x, g)[0],
        torch.autograd.grad(theirs, x, g)[0],
        atol=1e-5,
        rtol=1e-4,
    )


def test_norms_are_replaced_and_come_back() -> None:
    module = Tiny().module.requires_grad_(False)
    own = [m for m in module.modules() if type(m).__name__ == "LlamaRMSNorm"]
    with use_fast_norms(module) as count:
        assert count == len(own) == 5
        assert sum(isinstance(m, FrozenNorm) for m in module.modules()) == 5
    assert [m for m in module.modules() if type(m).__name__ == "LlamaRMSNorm"] == own
    assert not any(isinstance(m, FrozenNorm) for m in module.modules())


def test_norms_that_compute_something_else_or_are_trained_are_left_alone() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {
        "vocab_size": 96,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "head_dim": 16,
    }
    gemma = AutoModelForCausalLM.from_config(
        AutoConfig.for_model("gemma2", **shape, num_key_value_heads=1)
    ).requires_grad_(False)
    with use_fast_norms(gemma) as count:
        assert count == 0  # Gemma scales by one plus the weight
    with use_fast_norms(Tiny().module) as count:
        assert count == 0  # these weights want gradients
