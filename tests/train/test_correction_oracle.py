"""TRL 1.16 as the oracle: its DPO, hinge, APO, length-normalised and length-desensitised losses,
its CPO and SimPO; and CPL's own form.

The losses of TRL's trainers are called on made-up log-probabilities. With a model, through both
stacks: tests/math/test_trl.py.
"""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pairs import make_objective, make_random_view

from selfteach.train.objectives.correction import logistic
from selfteach.train.objectives.dpo import dpo
from selfteach.train.objectives.objective import ObjectiveInputs, sum_by_row

WHOLE = {"mask": False}


def padded(values: torch.Tensor, row: torch.Tensor, rows: int) -> torch.Tensor:
    """(N,) by row -> (rows, 10) with zeros, after one column for the prompt."""
    out = torch.zeros(rows, 10, dtype=values.dtype)
    for i in range(rows):
        mine = values[row == i]
        out[i, 1 : 1 + len(mine)] = mine
    return out


def both(view: ObjectiveInputs, chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
    return torch.cat(
        [padded(chosen, view.row, view.rows), padded(rejected, view.rejected_row, view.rows)]
    )


def trl_dpo(
    view: ObjectiveInputs, loss_type: str, beta: float, ld_alpha: float | None = None
) -> float:
    """The loss of TRL's DPOTrainer, fed with a model that says what the view says."""
    from trl import DPOTrainer

    logp = both(view, view.logp, view.rejected).detach()
    mask = both(view, torch.ones_like(view.logp), torch.ones_like(view.rejected)).detach()
    base = both(view, view.reference, view.rejected_reference)
    weight = torch.ones_like(mask)
    if ld_alpha is not None:  # TRL leaves this to whoever precomputes the reference
        sizes = mask.sum(1).chunk(2)
        shared = torch.minimum(*sizes).repeat(2)[:, None]
        weight = torch.where(mask.cumsum(1) <= shared, 1.0, ld_alpha)
    reference = (base * weight).sum(1)
    alone = SimpleNamespace(
        device="cpu", gather_for_metrics=torch.Tensor.detach, gather=torch.Tensor.detach
    )
    trainer: Any = SimpleNamespace(
        model=SimpleNamespace(training=True),
        accelerator=alone,
        ld_alpha=ld_alpha,
        precompute_ref_logps=True,
        aux_loss_enabled=False,
        f_divergence_type="reverse_kl",
        loss_types=[loss_type],
        loss_weights=[1.0],
        beta=beta,
        use_weighting=False,
        _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0,
        _tp_size=1,
    )
    zeros = torch.zeros_like(logp[:, 1:])
    outputs = SimpleNamespace(
        log_probs=logp[:, 1:], entropy=zeros, mean_logits=zeros, is_top1=zeros.bool()
    )
    model: Any = lambda **_: outputs
    inputs = {
        "input_ids": mask.long(),
        "attention_mask": mask.long(),
        "completion_mask": mask.long(),
        "ref_chosen_logps": reference[: view.rows],
        "ref_rejected_logps": reference[view.rows :],
    }
    return float(DPOTrainer._compute_loss(trainer, model, inputs, False))


@pytest.mark.parametrize(
    ("loss_type", "ld_alpha", "ours"),
    [
        ("sigmoid", None, {"bound": "logistic"}),
        ("hinge", None, {"bound": "hinge"}),
        ("apo_zero", None, {"bound": "apo_zero"}),
        ("sigmoid_norm", None, {"bound": "logistic", "per_token": True}),
        ("sigmoid", 0.3, {"bound": "logistic", "ld_alpha": 0.3}),
        ("apo_zero", 0.0, {"bound": "apo_zero", "ld_alpha": 0.0}),
    ],
    ids=str,
)
def test_trls_dpo_trainer_says_the_same(
    loss_type: str, ld_alpha: float | None, ours: dict[str, Any]
) -> None:
    view = make_random_view(seed=3)
    found = float(
        make_objective(**WHOLE, beta=0.7, **ours).compute_row_losses(view).mean().detach()
    )
    assert found == pytest.approx(trl_dpo(view, loss_type, 0.7, ld_alpha), abs=1e-5)


@pytest.mark.parametrize(
    ("loss_type", "ours"),
    [
        ("sigmoid", {"bound": "logistic"}),
        ("hinge", {"bound": "hinge"}),
        ("simpo", {"bound": "logistic", "per_token": True, "margin": 0.5}),
    ],
)
def test_trls_cpo_trainer_says_the_same(loss_type: str, ours: dict[str, Any]) -> None:
    """Without a reference: CPO, and SimPO with gamma = 0.5, which TRL divides by beta and
    multiplies again.
    """
    from trl.experimental.cpo import CPOTrainer

    view = make_random_view(seed=4)
    sums = [
        sum_by_row(logp, row, view.rows)
        for logp, row in ((view.logp, view.row), (view.rejected, view.rejected_row))
    ]
    if loss_type == "simpo":
        sums = [
            s / torch.bincount(row)
            for s, row in zip(sums, (view.row, view.rejected_row), strict=True)
        ]
    trainer: Any = SimpleNamespace(
        alpha=0.0,
        beta=0.7,
        simpo_gamma=0.5,
        label_smoothing=0.0,
        loss_type=loss_type,
        accelerator=SimpleNamespace(device="cpu"),
    )
    theirs = CPOTrainer.cpo_loss(trainer, *sums)[0]
    mine = make_objective(**WHOLE, beta=0.7, reference=False, **ours).compute_row_losses(view)
    torch.testing.assert_close(mine, theirs.to(mine.dtype), atol=1e-5, rtol=1e-5)


def test_logistic_equals_cpls_own_form_and_our_dpo() -> None:
    """CPL (arXiv 2310.13639, equation 5, without discount or bias): -log( e^a / (e^a + e^b) ), a
    and b being alpha sum log pi.
    """
    view = make_random_view(seed=5)
    a = sum_by_row(view.logp, view.row, view.rows)
    a0 = sum_by_row(view.reference, view.row, view.rows)
    b = sum_by_row(view.rejected, view.rejected_row, view.rows)
    b0 = sum_by_row(view.rejected_reference, view.rejected_row, view.rows)
    cpl = -torch.log(torch.exp(0.3 * a) / (torch.exp(0.3 * a) + torch.exp(0.3 * b)))
    torch.testing.assert_close(
        make_objective(**WHOLE, bound="logistic", beta=0.3, reference=False).compute_row_losses(
            view
        ),
        cpl,
        atol=1e-5,
        rtol=1e-5,
    )
    torch.testing.assert_close(
        logistic((a - a0) - (b - b0), 0.3), dpo(a, b, a0, b0, 0.3), atol=1e-7, rtol=1e-7
    )


def test_where_answers_share_their_beginning_the_mask_changes_nothing() -> None:
    """Equal tokens before the first edit have the same log-probabilities in both answers, and
    cancel.
    """
    beginning = torch.tensor([-1.0, -2.0])
    row = torch.tensor([0, 0, 0])
    chosen, rejected = (torch.cat([beginning, torch.tensor([last])]) for last in (-0.5, -3.0))
    base = torch.zeros(3)
    last = torch.tensor([False, False, True])
    view = ObjectiveInputs(
        1, chosen, row, rejected, row, base, base, edited=last, rejected_edited=last, numbers=(0,)
    )
    masked, whole = (
        make_objective(bound="logistic", mask=mask).compute_row_losses(view)
        for mask in (True, False)
    )
    torch.testing.assert_close(masked, whole)
