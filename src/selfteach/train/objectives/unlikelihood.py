"""Unlikelihood: what a rule forbids becomes unlikely wherever the model is about to say it."""

from __future__ import annotations

import torch
from torch import Tensor

from selfteach.train.objectives.objective import Objective, ObjectiveInputs, sum_by_row

MAX_LOGP = -1e-4
"""A token that is more probable than this, nats, has no gradient: log(1 - p) has no lower bound."""


def unlikelihood(token_logp: Tensor, forbidden: Tensor, row: Tensor, rows: int) -> Tensor:
    """Return L = - sum_t log(1 - pi(y_t | x, y_<t)) for each row, over the forbidden tokens.

    Source: Welleck et al. 2020 (arXiv 1908.04319), section 5, the token-level loss. Departs: the
    paper forbids tokens that an answer repeats; here the first tokens of words that a rule forbids,
    in answers that break the rule.
    Shapes: token_logp (M,) nats, forbidden (M,) bool, row (M,) -> (R,) nats, at least 0.
    """
    log_rest = torch.log(-torch.expm1(token_logp.clamp(max=MAX_LOGP)))
    return sum_by_row(torch.where(forbidden, -log_rest, 0.0), row, rows)


class UnlikelihoodObjective(Objective):
    """Train `unlikelihood`: the mean over pairs."""

    unit = "pair"
    pairs = True
    forbidding = True

    def compute_row_losses(self, inputs: ObjectiveInputs) -> Tensor:
        """Return the summed losses of the rejected answers' forbidden tokens: (R,)."""
        assert inputs.rejected is not None
        assert inputs.rejected_row is not None
        assert inputs.rejected_forbidden is not None
        return unlikelihood(
            inputs.rejected, inputs.rejected_forbidden, inputs.rejected_row, inputs.rows
        )
