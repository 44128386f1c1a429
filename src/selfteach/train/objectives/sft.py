"""Supervised fine-tuning: the negative log-likelihood of the chosen answer."""

from __future__ import annotations

from torch import Tensor

from selfteach.train.objectives import Objective, ObjectiveInputs, sum_by_row


def sft(token_logp: Tensor, row: Tensor, rows: int) -> Tensor:
    """L = - sum_t log pi(y_t | x, y_<t), for each row; the loop divides by all answer tokens of the
    step.

    Shapes: token_logp (N,), row (N,) -> (R,).
    """
    return sum_by_row(-token_logp, row, rows)


class SftObjective(Objective):
    """`sft`: mean negative log-likelihood a token."""

    def compute_row_losses(self, view: ObjectiveInputs) -> Tensor:
        """(R,) summed negative log-likelihoods."""
        return sft(view.logp, view.row, view.rows)
