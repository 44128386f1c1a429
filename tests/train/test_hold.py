"""The objective `hold`: what a correction left as it was stays as the base has it."""

from __future__ import annotations

import pytest
import torch

from selfteach import config
from selfteach.train.objectives.anchor import AnchorObjective, HoldObjective
from selfteach.train.objectives.objective import Distribution, ObjectiveInputs

LOGITS = torch.tensor([[0.0, 1.0], [2.0, 0.0], [0.0, 0.5]])
ROW = torch.tensor([0, 0, 1])


def view(edited: list[bool]) -> ObjectiveInputs:
    """Two rows of three tokens in all; the base is undecided everywhere."""
    base = Distribution(torch.empty(0, dtype=torch.long), torch.full((3, 2), 0.5).log(), True)
    return ObjectiveInputs(
        2,
        LOGITS.log_softmax(-1)[:, 0],
        ROW,
        teacher=base,
        apply_to_logits=lambda f: f(LOGITS, slice(None)),
        edited=torch.tensor(edited),
    )


@pytest.mark.parametrize("form", ["kl", "nll"])
def test_it_is_the_anchor_outside_of_edits(form: str) -> None:
    settings = config.TrainConfig(anchor=form)
    nothing = view([False] * 3)
    first = view([True, False, False])
    whole = AnchorObjective(settings).compute_drifts(nothing)
    held = HoldObjective(settings).compute_row_losses(first)
    assert HoldObjective(settings).compute_row_losses(nothing).tolist() == pytest.approx(
        AnchorObjective(settings).compute_row_losses(nothing).tolist()
    )
    assert held.tolist() == pytest.approx([float(whole[1]), float(whole[2])])


def test_an_edit_gets_no_gradient() -> None:
    logits = LOGITS.clone().requires_grad_()
    seen = view([True, False, True])
    base = ObjectiveInputs(
        2,
        seen.logp,
        ROW,
        teacher=seen.teacher,
        apply_to_logits=lambda f: f(logits, slice(None)),
        edited=seen.edited,
    )
    HoldObjective(config.TrainConfig()).compute_row_losses(base).sum().backward()
    assert logits.grad is not None
    assert (logits.grad.abs().sum(-1) > 0).tolist() == [False, True, False]
