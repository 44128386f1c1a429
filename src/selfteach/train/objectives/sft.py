"""Supervised fine-tuning: the negative log-likelihood of the chosen answer."""

from __future__ import annotations

from torch import Tensor

from selfteach.train.objectives.objective import Objective, ObjectiveInputs, sum_by_row


def sft(token_logp: Tensor, row: Tensor, rows: int) -> Tensor:
    """Return L = - sum_t log pi(y_t | x, y_<t) for each row. The trainer divides by all answer
    tokens of the step.

    Shapes: token_logp (N,), row (N,) -> (R,).
    """
    return sum_by_row(-token_logp, row, rows)


class SftObjective(Objective):
    """Train `sft`: the mean negative log-likelihood a token."""

    def compute_row_losses(self, inputs: ObjectiveInputs) -> Tensor:
        """Return summed negative log-likelihoods: (R,)."""
        return sft(inputs.logp, inputs.row, inputs.rows)
