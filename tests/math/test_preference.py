"""SFT, DPO and unlikelihood: numbers worked out by hand. (TRL is the oracle in test_trl.py.)"""

from __future__ import annotations

import torch

from selfteach.train.objectives.dpo import dpo
from selfteach.train.objectives.sft import sft
from selfteach.train.objectives.unlikelihood import unlikelihood


def test_sft_sums_each_rows_tokens() -> None:
    """p = 1/2, 1/4 in the first row and 1/8 in the second: ln 2 + ln 4 = 3 ln 2 = 2.079442, and ln
    8 = 2.079442.
    """
    logp = torch.tensor([0.5, 0.25, 0.125]).log()
    torch.testing.assert_close(
        sft(logp, torch.tensor([0, 0, 1]), 2), torch.tensor([2.0794415, 2.0794415])
    )


def test_dpo_before_any_training_is_ln_2() -> None:
    same = torch.tensor([-3.0])
    torch.testing.assert_close(dpo(same, same * 2, same, same * 2, 0.1), torch.tensor([0.6931472]))


def test_dpo_of_a_margin() -> None:
    """Chosen rose by 2 nats, rejected fell by 1: beta D = 0.5 * 3 = 1.5; -log sigmoid(1.5) = ln(1 +
    e^-1.5) = 0.2014133.
    """
    loss = dpo(
        torch.tensor([-4.0]), torch.tensor([-6.0]), torch.tensor([-6.0]), torch.tensor([-5.0]), 0.5
    )
    torch.testing.assert_close(loss, torch.tensor([0.2014133]))


def test_dpo_lifts_the_chosen_and_sinks_the_rejected() -> None:
    """At D = 0 the gradients are -beta/2 and +beta/2."""
    chosen = torch.tensor([-3.0], requires_grad=True)
    rejected = torch.tensor([-3.0], requires_grad=True)
    dpo(chosen, rejected, torch.tensor([-3.0]), torch.tensor([-3.0]), 0.3).sum().backward()
    torch.testing.assert_close(chosen.grad, torch.tensor([-0.15]))
    torch.testing.assert_close(rejected.grad, torch.tensor([0.15]))


def test_unlikelihood_counts_the_forbidden_tokens_alone() -> None:
    """p = 1/2 and 3/4 are forbidden in the first row: ln 2 + ln 4 = 3 ln 2 = 2.079442; nothing is
    in the second row.
    """
    logp = torch.tensor([0.5, 0.9, 0.75, 0.9]).log()
    forbidden = torch.tensor([True, False, True, False])
    loss = unlikelihood(logp, forbidden, torch.tensor([0, 0, 0, 1]), 2)
    torch.testing.assert_close(loss, torch.tensor([2.0794415, 0.0]))


def test_unlikelihood_pushes_a_probable_token_most_and_an_improbable_one_hardly() -> None:
    """The gradient of -log(1 - p) by log p is p / (1 - p): 1 at p = 1/2, 1/99 at p = 1/100."""
    logp = torch.tensor([0.5, 0.01]).log().requires_grad_()
    unlikelihood(logp, torch.tensor([True, True]), torch.tensor([0, 0]), 1).sum().backward()
    torch.testing.assert_close(logp.grad, torch.tensor([1.0, 1 / 99]))


def test_unlikelihood_is_finite_where_nothing_else_is_possible() -> None:
    logp = torch.zeros(1, requires_grad=True)
    loss = unlikelihood(logp, torch.tensor([True]), torch.tensor([0]), 1)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(logp.grad).all()
