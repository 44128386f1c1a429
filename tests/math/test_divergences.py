"""Divergences: numbers worked out by hand, gradient signs, and what the tail bucket is for."""

from __future__ import annotations

import math

import pytest
import torch

from selfteach import config
from selfteach.models.divergence import compute_kl
from selfteach.train.objectives.anchor import AnchorObjective
from selfteach.train.objectives.distill import DivergenceForm, add_tail, divergence, jsd
from selfteach.train.objectives.objective import Distribution, ObjectiveInputs

P = torch.tensor([[0.5, 0.25, 0.25]]).log()
Q = torch.tensor([[0.25, 0.25, 0.5]]).log()


def full(logp: torch.Tensor) -> Distribution:
    return Distribution(torch.empty(0, dtype=torch.long), logp, True)


def top(logp: torch.Tensor, k: int) -> Distribution:
    best = logp.topk(k)
    return Distribution(best.indices, best.values, False)


def test_kl_by_hand() -> None:
    """0.5 ln 2 + 0 - 0.25 ln 2 = 0.25 ln 2 = 0.1732868."""
    torch.testing.assert_close(compute_kl(P, Q), torch.tensor([0.1732868]))


def test_kl_where_the_teacher_gives_nothing() -> None:
    """p = (1, 0): KL = ln(1/0.5) = ln 2, and 0 ln 0 counts nothing."""
    p = torch.tensor([[1.0, 0.0]]).log()
    q = torch.tensor([[0.5, 0.5]]).log()
    torch.testing.assert_close(compute_kl(p, q), torch.tensor([math.log(2)]))


@pytest.mark.parametrize("k", [0, 3])
@pytest.mark.parametrize(
    ("form", "teachers_logit"),
    [("reverse", 0.0), ("jsd", 0.0), ("forward", -math.inf), ("jsd", -math.inf)],
)
def test_a_token_that_the_model_rules_out_leaves_the_gradients_finite(
    form: DivergenceForm, teachers_logit: float, k: int
) -> None:
    """Some models mask tokens that no text has, and the teacher may mask them too."""
    logits = torch.tensor([[1.0, -math.inf, 0.5, 2.0, -1.0]], requires_grad=True)
    logp = torch.tensor([[0.5, teachers_logit, 2.0, 1.0, -2.0]]).log_softmax(-1)
    found = divergence(top(logp, k) if k else full(logp), logits, form)
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert found.isfinite().all()
    assert gradient.isfinite().all()
    assert gradient.any()


def test_jsd_by_hand() -> None:
    """m = (.375, .25, .375); KL(p||m) = .5 ln(4/3) + .25 ln(2/3) = .0424754, the same for q by
    symmetry.
    """
    torch.testing.assert_close(jsd(P, Q, 0.5), torch.tensor([0.0424754]), atol=1e-6, rtol=1e-5)


def test_jsds_ends_are_the_two_kls() -> None:
    torch.testing.assert_close(jsd(P, Q, 0.0), compute_kl(P, Q))
    torch.testing.assert_close(jsd(P, Q, 1.0), compute_kl(Q, P))


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9])
def test_jsd_equals_trls(beta: float) -> None:
    from trl.experimental.gkd import GKDTrainer

    torch.manual_seed(0)
    tuned = torch.randn(1, 5, 12)
    teacher = torch.randn(1, 5, 12)
    theirs = GKDTrainer.generalized_jsd_loss(tuned, teacher, beta=beta, reduction="sum")
    ours = jsd(teacher[0].log_softmax(-1), tuned[0].log_softmax(-1), beta).sum()
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_coarse_keeps_the_whole_mass() -> None:
    """Of (.5, .25, .25) the first token and the rest: (.5, .5)."""
    torch.testing.assert_close(add_tail(P[:, :1]).exp(), torch.tensor([[0.5, 0.5]]))


@pytest.mark.parametrize("form", ["forward", "reverse", "jsd"])
def test_equal_distributions_do_not_diverge(form) -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, 50) * 3
    logp = logits.log_softmax(-1)
    for teacher in (full(logp), top(logp, 5)):
        torch.testing.assert_close(
            divergence(teacher, logits, form), torch.zeros(4), atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("form", ["forward", "reverse", "jsd"])
def test_top_k_with_a_tail_is_a_lower_bound_that_closes(form) -> None:
    torch.manual_seed(1)
    logits = torch.randn(6, 40)
    logp = torch.randn(6, 40).log_softmax(-1)
    whole = divergence(full(logp), logits, form)
    found = [divergence(top(logp, k), logits, form) for k in (2, 10, 39)]
    for nearer, farther in zip([*found[1:], whole], found, strict=True):
        assert (farther <= nearer + 1e-5).all()
    torch.testing.assert_close(found[-1], whole, atol=1e-4, rtol=1e-4)


def test_forward_kl_pulls_towards_the_teacher() -> None:
    """d KL(p || softmax z) / d z = softmax z - p."""
    logits = Q.clone().requires_grad_()
    divergence(full(P), logits, "forward").sum().backward()
    torch.testing.assert_close(logits.grad, Q.exp() - P.exp())


def test_temperature_divides_the_students_logits() -> None:
    logits = torch.tensor([[2.0, 0.0, -2.0]])
    same = full((logits / 2).log_softmax(-1))
    torch.testing.assert_close(
        divergence(same, logits, "forward", temperature=2.0), torch.zeros(1), atol=1e-6, rtol=0
    )


def test_an_anchor_on_the_base_itself_is_nothing_at_any_temperature() -> None:
    """The base's distribution is taken at the temperature of the configuration; the student's must
    be too.
    """
    logits = torch.tensor([[2.0, 0.0, -2.0]])
    base = full((logits / 2).log_softmax(-1))
    view = ObjectiveInputs(
        1,
        logits.log_softmax(-1)[:, 0],
        torch.tensor([0]),
        teacher=base,
        apply_to_logits=lambda f: f(logits, slice(None)),
    )
    torch.testing.assert_close(
        AnchorObjective(config.TrainConfig(temperature=2.0)).compute_row_losses(view),
        torch.zeros(1),
        atol=1e-6,
        rtol=0,
    )
    assert AnchorObjective(config.TrainConfig()).compute_row_losses(view) > 1e-3
