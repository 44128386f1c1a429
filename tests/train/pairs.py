"""Inputs for tests of the objective `correction`: made-up log-probabilities, and a toy that trains
in milliseconds.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from selfteach import config
from selfteach.train.objectives.correction import CorrectionObjective
from selfteach.train.objectives.objective import ObjectiveInputs
from switches import SEED


def make_objective(**settings: Any) -> CorrectionObjective:
    """Return the objective with these settings of `train.correction`; without NLL by default."""
    return CorrectionObjective(
        config.TrainConfig(correction=config.CorrectionLossConfig(**{"alpha": 0.0, **settings}))
    )


def make_random_view(rows: int = 6, seed: int = 0, prior: Tensor | None = None) -> ObjectiveInputs:
    """Return pairs of 1 to 9 tokens with random log-probabilities and edits."""
    dice = torch.Generator().manual_seed(seed)

    def make_side() -> tuple[Tensor, Tensor, Tensor, Tensor]:
        sizes = torch.randint(1, 10, (rows,), generator=dice)
        row = torch.repeat_interleave(torch.arange(rows), sizes)
        logp = -3 * torch.rand(len(row), generator=dice, dtype=torch.float64)
        base = -3 * torch.rand(len(row), generator=dice, dtype=torch.float64)
        edited = torch.rand(len(row), generator=dice) < 0.5
        edited[sizes.cumsum(0) - 1] = True
        return logp.requires_grad_(), base, row, edited

    logp, base, row, edited = make_side()
    rejected, rejected_base, rejected_row, rejected_edited = make_side()
    return ObjectiveInputs(
        rows,
        logp,
        row,
        rejected,
        rejected_row,
        base,
        rejected_base,
        edited=edited,
        rejected_edited=rejected_edited,
        prior=prior,
        numbers=tuple(range(rows)),
    )


def make_pair_view(chosen: float, rejected: float) -> tuple[ObjectiveInputs, Tensor, Tensor]:
    """Return one pair of single-token answers, and both log-probabilities.

    The base log-probabilities are -4, so that r' is `chosen` and r is `rejected`.
    """
    logp = torch.tensor([chosen - 4.0]).requires_grad_()
    other = torch.tensor([rejected - 4.0]).requires_grad_()
    zero = torch.zeros(1, dtype=torch.long)
    base = torch.full((1,), -4.0)
    yes = torch.ones(1, dtype=torch.bool)
    inputs = ObjectiveInputs(
        1, logp, zero, other, zero, base, base, edited=yes, rejected_edited=yes, numbers=(0,)
    )
    return inputs, logp, other


class Toy:
    """Hold a linear next-token model: 40 contexts of 6 features, 12 tokens.

    The first 20 contexts learn one single-token correction each. The others change only through
    the shared weights.
    """

    def __init__(self) -> None:
        dice = torch.Generator().manual_seed(SEED)
        self.features = torch.randn(40, 6, generator=dice)
        self.base = torch.randn(6, 12, generator=dice)
        self.rejected = (self.features @ self.base)[:20].argmax(-1)
        self.chosen = (self.rejected + 1 + torch.arange(20) % 3) % 12

    def logp(self, weight: Tensor) -> Tensor:
        """Return the log-probabilities in nats. Shapes: (40, 12)."""
        return (self.features @ weight).log_softmax(-1)

    def teach(
        self, correction: CorrectionObjective, steps: int, watched: bool = False
    ) -> dict[str, float]:
        """Take some steps of AdamW at a constant rate; return the loss, the drift and the gain."""
        weight = self.base.clone().requires_grad_()
        optimizer = torch.optim.AdamW([weight], lr=0.02, weight_decay=0.0)
        base = self.logp(self.base)
        row = torch.arange(20)
        yes = torch.ones(20, dtype=torch.bool)
        for step in range(steps + 1):
            mine = self.logp(weight)
            view = ObjectiveInputs(
                20,
                mine[row, self.chosen],
                row,
                mine[row, self.rejected],
                row,
                base[row, self.chosen],
                base[row, self.rejected],
                edited=yes,
                rejected_edited=yes,
                numbers=tuple(range(20)),
            )
            loss = correction.compute_row_losses(view).mean()
            if step < steps:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if watched:
                correction.after_step(step + 1, correction.observe(view), 20)
        elsewhere = (base[20:].exp() * (base[20:] - mine[20:])).sum(-1).mean()
        rose = (mine[row, self.chosen] - base[row, self.chosen]).mean()
        return {
            "loss": float(loss.detach()),
            "drift_nats": float(elsewhere.detach()),
            "chosen_nats": float(rose.detach()),
            "norm": float((weight - self.base).detach().norm()),
        }
