"""Direct preference optimization: the chosen answer rises against the rejected one, relative to the
base.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid

from selfteach.train.objectives.objective import Objective, ObjectiveInputs, sum_by_row


def dpo(
    chosen: Tensor, rejected: Tensor, base_chosen: Tensor, base_rejected: Tensor, beta: float
) -> Tensor:
    """Return L = - log sigmoid(beta [log pi/pi0 (y_w) - log pi/pi0 (y_l)]).

    Source: Rafailov et al. 2023 (arXiv 2305.18290), equation 7; equals TRL's `sigmoid` loss.
    Shapes: each (B,), summed log-probabilities in nats -> (B,).
    """
    return -logsigmoid(beta * ((chosen - base_chosen) - (rejected - base_rejected)))


class DpoObjective(Objective):
    """Train `dpo`: the mean over pairs, with `train.beta`."""

    unit = "pair"
    pairs = True
    reference = True

    def compute_row_losses(self, inputs: ObjectiveInputs) -> Tensor:
        """Return the losses of pairs: (R,)."""
        assert inputs.rejected is not None
        assert inputs.rejected_row is not None
        assert inputs.reference is not None
        assert inputs.rejected_reference is not None
        chosen = sum_by_row(inputs.logp, inputs.row, inputs.rows)
        base_chosen = sum_by_row(inputs.reference, inputs.row, inputs.rows)
        rejected = sum_by_row(inputs.rejected, inputs.rejected_row, inputs.rows)
        base_rejected = sum_by_row(inputs.rejected_reference, inputs.rejected_row, inputs.rows)
        return dpo(chosen, rejected, base_chosen, base_rejected, self.settings.beta)
