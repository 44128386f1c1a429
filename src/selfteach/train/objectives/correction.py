"""Corrections: the loss moves probability from the model's own answer y to the correction y', as
far as a named bound allows.

Source: correction-optimization. It minimizes the amount of correction A = log P(y|x) - log P(y'|x).
With P = pi, A has no lower bound and its gradient never decays, so every bound here but `none`
limits it. docs/explanation/objectives/correction.md numbers the departures.

Letters: B pairs, N and M tokens of corrections and of answers; r', r = log pi/pi0 of y', y (or log
pi, without a reference), D = r' - r.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from selfteach import config, registry
from selfteach.records import JsonMapping, JsonObject
from selfteach.train.likelihood_displacement import DisplacementMonitor
from selfteach.train.objectives.objective import (
    Event,
    Objective,
    ObjectiveInputs,
    RowFigures,
    sum_by_row,
)


def unbounded(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Return the paper's L = r - r' = A up to a constant.

    Shapes: (B,), (B,) nats -> (B,) nats, without a lower bound.
    """
    return rejected - chosen


def clip(chosen: Tensor, rejected: Tensor, floor: Tensor) -> Tensor:
    """Return L = max(r, floor) - r', which has no gradient for an answer below the floor (-c nats
    per edited token).

    Shapes: each (B,), nats -> (B,) nats; not below floor - r', and r' ends where pi(y') = 1.
    """
    return torch.maximum(rejected, floor) - chosen


def hinge(gap: Tensor, beta: float, margin: float) -> Tensor:
    """Return L = max(0, m - beta D). Source: SLiC (arXiv 2305.10425). Shapes: gap = D (B,) nats ->
    (B,), at least 0.
    """
    return torch.relu(margin - beta * gap)


def logistic(gap: Tensor, beta: float, margin: float = 0.0) -> Tensor:
    """Return L = -log sigmoid(beta D - m).

    Source: DPO (arXiv 2305.18290) with P = pi/pi0; CPL (arXiv 2310.13639) and CPO (arXiv
    2401.08417) with P = pi; SimPO (arXiv 2405.14734) with P = pi, a mean over tokens and m = gamma.
    Shapes: gap = D (B,) nats -> (B,) nats, above 0.
    """
    return -logsigmoid(beta * gap - margin)


def apo_zero(chosen: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """Return L = 1 - sigmoid(beta r') + sigmoid(beta r). Each answer is compared with the base, so
    that both cannot become less likely together.

    Source: D'Oosterlinck et al. 2024, APO (arXiv 2408.06266), equation 7. Shapes: (B,), (B,) nats
    -> (B,) in [0, 2].
    """
    return 1 - torch.sigmoid(beta * chosen) + torch.sigmoid(beta * rejected)


def desensitize_lengths(counted: Tensor, row: Tensor, shared: Tensor, ld_alpha: float) -> Tensor:
    """Return the weight of each token: 1 for the first `shared` counted tokens of its row, ld_alpha
    for those beyond, 0 for those not counted.

    Source: LD-DPO (arXiv 2409.06411). Departs: the shorter answer is that with fewer counted
    tokens; without a mask that is its length.
    Shapes: counted (N,) bool, row (N,) ascending, shared (B,) -> (N,) float32.
    """
    running = counted.long().cumsum(0)
    before = torch.zeros_like(shared).index_add(0, row, counted.long()).cumsum(0).roll(1)
    before[0] = 0
    place = running - before[row]  # from 1
    return counted * torch.where(place <= shared[row], 1.0, ld_alpha)


@dataclass(frozen=True, slots=True)
class PairRatios:
    """Hold both answers' ratios r', r and the number of the answer's tokens that the correction
    changed. Shapes: each (B,).
    """

    chosen: Tensor
    rejected: Tensor
    edits: Tensor


def compute_pair_ratios(
    inputs: ObjectiveInputs, settings: config.CorrectionLossConfig
) -> PairRatios:
    """Return r' and r: sums (or means) of log pi/pi0 (or log pi) over the counted tokens, nats."""
    assert inputs.rejected is not None
    assert inputs.rejected_row is not None
    assert inputs.edited is not None
    assert inputs.rejected_edited is not None
    edits = sum_by_row(inputs.rejected_edited.float(), inputs.rejected_row, inputs.rows)
    sides = [
        (inputs.logp, inputs.reference, inputs.row, inputs.edited),
        (inputs.rejected, inputs.rejected_reference, inputs.rejected_row, inputs.rejected_edited),
    ]
    counted = [flags if settings.mask else torch.ones_like(flags) for *_, flags in sides]
    lengths = [
        sum_by_row(c.long(), row, inputs.rows)
        for c, (_, _, row, _) in zip(counted, sides, strict=True)
    ]
    sums = []
    for (logp, base, row, _), counts in zip(sides, counted, strict=True):
        ratio = logp - base if settings.reference and base is not None else logp
        weight = desensitize_lengths(counts, row, torch.minimum(*lengths), settings.ld_alpha)
        sums.append(sum_by_row(weight * ratio, row, inputs.rows))
    if settings.per_token:
        sums = [total / length.clamp(min=1) for total, length in zip(sums, lengths, strict=True)]
    return PairRatios(sums[0], sums[1], edits)


def nll(logp: Tensor, row: Tensor, rows: int) -> Tensor:
    """Return NLL(y') = - mean_t log pi(y'_t | x, y'_<t) over the whole correction: (N,) -> (B,)
    nats a token.
    """
    return -sum_by_row(logp, row, rows) / sum_by_row(torch.ones_like(logp), row, rows)


def add_prior(pair: PairRatios, shift: Tensor) -> PairRatios:
    """Return r' + shift / 2 and r - shift / 2, so that D grows by the shift.

    With P = pi l the shift is w (log l(y') - log l(y)), and with the reversed margin its negative.
    Shapes: shift (B,) nats.
    """
    return replace(pair, chosen=pair.chosen + shift / 2, rejected=pair.rejected - shift / 2)


def weigh_by_prior(shift: Tensor, beta: float) -> Tensor:
    """Return 2 sigmoid(-beta shift): how much of a pair the prior leaves to the model, before the
    first step.

    The gradient of -log sigmoid(beta (D + shift)) by D is -beta sigmoid(-beta (D + shift)). At the
    base, where D = 0, this is its gradient without a prior times the weight. The other bounds lose
    the shift on balanced pairs, so they take the weight (docs/explanation/objectives/correction.md
    derives it).
    Shapes: shift (B,) nats -> (B,) in (0, 2).
    """
    return 2 * torch.sigmoid(-beta * shift)


class CorrectionObjective(Objective):
    """Train `correction`: L = bound(r', r) + alpha NLL(y'), the mean over pairs, with the settings
    of `train.correction`.
    """

    unit = "pair"
    pairs = True
    edits = True

    def __init__(self, settings: config.TrainConfig) -> None:
        super().__init__(settings)
        self.own = settings.correction
        self.reference = self.own.reference or self.own.watchdog < 1
        self.prior = (
            registry.load_registered("priors", self.own.prior)(self.own) if self.own.prior else None
        )
        self.monitor = DisplacementMonitor(self.own.watchdog)

    def compute_row_losses(self, inputs: ObjectiveInputs) -> Tensor:
        """Return the losses of pairs: (R,)."""
        pair = compute_pair_ratios(inputs, self.own)
        if inputs.prior is None:
            bounded = self._apply_bound(pair)
        else:
            bounded = self._apply_bound_with_prior(pair, inputs.prior)
        return bounded + self._get_alpha() * nll(inputs.logp, inputs.row, inputs.rows)

    def _apply_bound_with_prior(self, pair: PairRatios, prior: Tensor) -> Tensor:
        """Return the bound of the gap with the prior: shifted, weighed, or both."""
        sign = 1 if self.own.prior_as == "factor" else -1
        shift = sign * self.own.prior_weight * prior
        if self.own.bound in ("hinge", "logistic"):
            pair = add_prior(pair, shift)
        bounded = self._apply_bound(pair)
        if self.own.bound == "logistic":
            return bounded
        return weigh_by_prior(shift, self.own.beta) * bounded

    def _apply_bound(self, pair: PairRatios) -> Tensor:
        s = self.own
        if s.bound == "none":
            return unbounded(pair.chosen, pair.rejected)
        if s.bound == "clip":
            edits = pair.edits.clamp(max=1) if s.per_token else pair.edits
            return clip(pair.chosen, pair.rejected, -s.clip_nats * edits)
        if s.bound == "apo_zero":
            return apo_zero(pair.chosen, pair.rejected, s.beta)
        gap = pair.chosen - pair.rejected
        if s.bound == "hinge":
            return hinge(gap, s.beta, 1.0 if s.margin is None else s.margin)
        return logistic(gap, s.beta, s.margin or 0.0)

    def _get_alpha(self) -> float:
        return self.own.alpha + (self.own.anchor_alpha if self.monitor.is_over_limit else 0.0)

    def observe(self, inputs: ObjectiveInputs) -> RowFigures:
        """Return by row number log pi/pi0 (y') in nats a token, and the amount of correction log
        pi(y) - log pi(y') in nats.
        """
        assert inputs.rejected is not None
        assert inputs.rejected_row is not None
        rejected = sum_by_row(inputs.rejected, inputs.rejected_row, inputs.rows)
        amount = rejected - sum_by_row(inputs.logp, inputs.row, inputs.rows)
        gain = torch.zeros_like(amount)
        if inputs.reference is not None:
            gain = nll(inputs.reference - inputs.logp, inputs.row, inputs.rows)
        columns = zip(inputs.numbers, gain.tolist(), amount.tolist(), strict=True)
        return {number: {"chosen_nats": r, "correction_nats": a} for number, r, a in columns}

    def after_step(
        self, step: int, seen: RowFigures, pairs: int
    ) -> tuple[Mapping[str, float], Sequence[Event]]:
        """Return the step's means, and the share of all pairs whose correction is less likely than
        in the base. The first time that the share is too large is an event.
        """
        tripped_before = self.monitor.tripped
        gains = {number: facts["chosen_nats"] for number, facts in seen.items()}
        share = self.monitor.update(step, gains, pairs)
        figures = {"displaced_share": share}
        for name in ("chosen_nats", "correction_nats"):
            figures[name] = sum(facts[name] for facts in seen.values()) / len(seen)
        tripped = self.monitor.tripped
        if not tripped or tripped_before:
            return figures, []
        return figures, [("displaced", {**tripped, "alpha": self._get_alpha()})]

    def state(self) -> JsonObject:
        """Return the monitor's state."""
        return {"below": sorted(self.monitor.displaced_rows), "tripped": self.monitor.tripped}

    def restore(self, state: JsonMapping) -> None:
        """Restore the monitor's state."""
        self.monitor.displaced_rows = set(state["below"])
        self.monitor.tripped = state["tripped"]
