"""Anchors: keep saying what the base says, where it already does well."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from selfteach import config
from selfteach.train.objectives import View, row_sums
from selfteach.train.objectives.distill import divergence
from selfteach.train.objectives.sft import sft


class Anchor:
    """`anchor`: on the base's own answers, either their likelihood (`anchor: nll`) or the divergence from the base (`anchor: kl`).

    Source: C3PO (arXiv 2402.10893). Departs: it uses the likelihood, and found that full-logit KL costs adherence; here both can be had.
    """

    unit: Literal["token", "pair"] = "token"
    pairs = False
    reference = False
    teacher: Literal["", "base", "prompted"] = ""
    skip = 0
    own_draws = False

    def __init__(self, settings: config.Train) -> None:
        self.form, self.temperature = settings.anchor, settings.temperature
        if self.form == "kl":
            self.teacher = "base"

    def terms(self, view: View) -> Tensor:
        """(R,) sums over tokens, nats."""
        if self.form == "nll":
            return sft(view.logp, view.row, view.rows)
        assert view.teacher is not None
        assert view.logits is not None
        return row_sums(divergence(view.teacher, view.logits(), "forward", temperature=self.temperature), view.row, view.rows)
