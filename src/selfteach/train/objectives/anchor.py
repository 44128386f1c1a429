"""Anchors: keep saying what the base says, where it already does well."""

from __future__ import annotations

from torch import Tensor

from selfteach import config
from selfteach.train.objectives import Objective, View, row_sums
from selfteach.train.objectives.distill import divergence
from selfteach.train.objectives.sft import sft


class Anchor(Objective):
    """`anchor`: on the base's own answers, either their likelihood (`anchor: nll`) or the divergence from the base (`anchor: kl`).

    Source: C3PO (arXiv 2402.10893). Departs: it uses the likelihood, and found that full-logit KL costs adherence; here both can be had.
    """

    def __init__(self, settings: config.Train) -> None:
        super().__init__(settings)
        if settings.anchor == "kl":
            self.teacher = "base"

    def terms(self, view: View) -> Tensor:
        """(R,) sums over tokens, nats."""
        if self.settings.anchor == "nll":
            return sft(view.logp, view.row, view.rows)
        assert view.teacher is not None
        assert view.logits is not None
        drift = divergence(view.teacher, view.logits(), "forward", temperature=self.settings.temperature)
        return row_sums(drift, view.row, view.rows)
