"""Anchors: keep saying what the base says, where it already does well."""

from __future__ import annotations

import torch
from torch import Tensor

from selfteach import config
from selfteach.train.objectives import Objective, ObjectiveInputs, sum_by_row
from selfteach.train.objectives.distill import compute_divergence


class AnchorObjective(Objective):
    """`anchor`: on the base's own answers, either their likelihood (`anchor: nll`) or the
    divergence from the base (`anchor: kl`).

    Source: C3PO (arXiv 2402.10893). Departs: it uses the likelihood, and found that full-logit KL
    costs adherence; here both can be had.
    """

    holds = True

    def __init__(self, settings: config.TrainConfig) -> None:
        super().__init__(settings)
        if settings.anchor == "kl":
            self.teacher = "base"

    def compute_row_losses(self, view: ObjectiveInputs) -> Tensor:
        """(R,) sums over tokens, nats."""
        return sum_by_row(self.compute_drifts(view), view.row, view.rows)

    def compute_drifts(self, view: ObjectiveInputs) -> Tensor:
        """(N,) nats of each token."""
        if self.settings.anchor == "nll":
            return -view.logp
        return compute_divergence(view, "forward", 0.5, self.settings.temperature)


class HoldObjective(AnchorObjective):
    """`hold`: what a correction left as it was stays as the base has it, with everything before it
    corrected.

    The same divergence on the tokens of the correction that belong to no edit. An anchor elsewhere
    cannot say that an edit changes nothing around it; on 100 corrected answers of the embedded
    model drift was .079 without it, .038 with it (docs/log/).
    """

    pairs = True
    edits = True
    holds = False

    def compute_row_losses(self, view: ObjectiveInputs) -> Tensor:
        """(R,) sums over the tokens outside of edits, nats."""
        assert view.edited is not None
        return sum_by_row(
            torch.where(view.edited, 0.0, self.compute_drifts(view)), view.row, view.rows
        )
