"""Corrections: the student is to need less of them. Its own answer y gives way to the correction
y', as far as a named bound allows.

Source: correction-optimization. The amount of correction A = log P(y|x) - log P(y'|x) is what is to
become small; with P = pi it has no lower bound and its gradient never decays, so every bound here
but `none` closes it. docs/explanation/objectives/correction.md numbers the departures.

Letters: B pairs, N and M tokens of corrections and of answers; r', r = log pi/pi0 of y', y (or log
pi, without a reference), D = r' - r.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from selfteach import config, registry
from selfteach.train.displacement import DisplacementMonitor
from selfteach.train.objectives import Event, Objective, ObjectiveInputs, sum_by_row


def unbounded(chosen: Tensor, rejected: Tensor) -> Tensor:
    """L = r - r' = A up to a constant: the paper's. Shapes: (B,), (B,) nats -> (B,) nats, without a
    lower bound.
    """
    return rejected - chosen


def clip(chosen: Tensor, rejected: Tensor, floor: Tensor) -> Tensor:
    """L = max(r, floor) - r': an answer that has fallen to the floor (-c nats per edited token) is
    pushed no further.

    Shapes: each (B,), nats -> (B,) nats; not below floor - r', and r' ends where pi(y') = 1.
    """
    return torch.maximum(rejected, floor) - chosen


def hinge(gap: Tensor, beta: float, margin: float) -> Tensor:
    """L = max(0, m - beta D). Source: SLiC (arXiv 2305.10425). Shapes: gap = D (B,) nats -> (B,),
    at least 0.
    """
    return torch.relu(margin - beta * gap)


def logistic(gap: Tensor, beta: float, margin: float = 0.0) -> Tensor:
    """L = -log sigmoid(beta D - m).

    Source: DPO (arXiv 2305.18290) with P = pi/pi0; CPL (arXiv 2310.13639) and CPO (arXiv
    2401.08417) with P = pi; SimPO (arXiv 2405.14734) with P = pi, a mean over tokens and m = gamma.
    Shapes: gap = D (B,) nats -> (B,) nats, above 0.
    """
    return -logsigmoid(beta * gap - margin)


def apo_zero(chosen: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """L = 1 - sigmoid(beta r') + sigmoid(beta r): each answer against the base, so that both cannot
    sink together.

    Source: D'Oosterlinck et al. 2024, APO (arXiv 2408.06266), equation 7. Shapes: (B,), (B,) nats
    -> (B,) in [0, 2].
    """
    return 1 - torch.sigmoid(beta * chosen) + torch.sigmoid(beta * rejected)


def desensitize_lengths(counted: Tensor, row: Tensor, shared: Tensor, ld_alpha: float) -> Tensor:
    """The weight of each token: 1 for the first `shared` counted tokens of its row, ld_alpha for
    those beyond, 0 for those not counted.

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
    """Both answers of each pair: r', r, and how many tokens of the answer the correction changed.
    Shapes: each (B,).
    """

    chosen: Tensor
    rejected: Tensor
    edits: Tensor


def compute_pair_ratios(view: ObjectiveInputs, settings: config.CorrectionLossConfig) -> PairRatios:
    """r' and r: sums (or means) over the tokens that count of log pi/pi0 (or log pi), nats."""
    assert view.rejected is not None
    assert view.rejected_row is not None
    assert view.edited is not None
    assert view.rejected_edited is not None
    edits = sum_by_row(view.rejected_edited.float(), view.rejected_row, view.rows)
    sides = [
        (view.logp, view.reference, view.row, view.edited),
        (view.rejected, view.rejected_reference, view.rejected_row, view.rejected_edited),
    ]
    counted = [flags if settings.mask else torch.ones_like(flags) for *_, flags in sides]
    lengths = [
        sum_by_row(c.long(), row, view.rows)
        for c, (_, _, row, _) in zip(counted, sides, strict=True)
    ]
    sums = []
    for (logp, base, row, _), counts in zip(sides, counted, strict=True):
        ratio = logp - base if settings.reference and base is not None else logp
        weight = desensitize_lengths(counts, row, torch.minimum(*lengths), settings.ld_alpha)
        sums.append(sum_by_row(weight * ratio, row, view.rows))
    if settings.per_token:
        sums = [total / length.clamp(min=1) for total, length in zip(sums, lengths, strict=True)]
    return PairRatios(sums[0], sums[1], edits)


def nll(logp: Tensor, row: Tensor, rows: int) -> Tensor:
    """NLL(y') = - mean_t log pi(y'_t | x, y'_<t), over the whole correction: (N,) -> (B,) nats a
    token.
    """
    return -sum_by_row(logp, row, rows) / sum_by_row(torch.ones_like(logp), row, rows)


class CorrectionObjective(Objective):
    """`correction`: L = bound(r', r) + alpha NLL(y'), the mean over pairs, with the settings of
    `train.correction`.
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
        self.watchdog = DisplacementMonitor(self.own.watchdog)

    def compute_row_losses(self, view: ObjectiveInputs) -> Tensor:
        """(R,) losses of pairs."""
        return self._bound(compute_pair_ratios(view, self.own), view.prior) + self._alpha() * nll(
            view.logp, view.row, view.rows
        )

    def _bound(self, pair: PairRatios, prior: Tensor | None) -> Tensor:
        s = self.own
        if s.bound == "none":
            return unbounded(pair.chosen, pair.rejected)
        if s.bound == "clip":
            return clip(
                pair.chosen,
                pair.rejected,
                -s.clip_nats * (pair.edits.clamp(max=1) if s.per_token else pair.edits),
            )
        if s.bound == "apo_zero":
            return apo_zero(pair.chosen, pair.rejected, s.beta)
        gap = pair.chosen - pair.rejected
        if (
            prior is not None
            # the student itself must come to hold l: where l likes y' better, D must be greater by
            # as much
        ):
            gap = gap - s.prior_weight * prior
        if s.bound == "hinge":
            return hinge(gap, s.beta, 1.0 if s.margin is None else s.margin)
        return logistic(gap, s.beta, s.margin or 0.0)

    def _alpha(self) -> float:
        return self.own.alpha + (self.own.anchor_alpha if self.watchdog.is_over_limit else 0.0)

    def watch(self, view: ObjectiveInputs) -> Mapping[int, Mapping[str, float]]:
        """By row number: log pi/pi0 (y') in nats a token, and the amount of correction log pi(y) -
        log pi(y') in nats.
        """
        assert view.rejected is not None
        assert view.rejected_row is not None
        amount = sum_by_row(view.rejected, view.rejected_row, view.rows) - sum_by_row(
            view.logp, view.row, view.rows
        )
        rose = torch.zeros_like(amount)
        if view.reference is not None:
            rose = nll(view.reference - view.logp, view.row, view.rows)
        columns = zip(view.numbers, rose.tolist(), amount.tolist(), strict=True)
        return {number: {"chosen_nats": r, "correction_nats": a} for number, r, a in columns}

    def after_step(
        self, step: int, seen: Mapping[int, Mapping[str, float]], pairs: int
    ) -> tuple[Mapping[str, float], Sequence[Event]]:
        """The step's mean amount of correction, and the share of all pairs whose correction stands
        below the base.
        """
        barked = self.watchdog.tripped is not None
        share = self.watchdog.update(
            step, {number: facts["chosen_nats"] for number, facts in seen.items()}, pairs
        )
        means = {
            name: sum(facts[name] for facts in seen.values()) / len(seen)
            for name in ("chosen_nats", "correction_nats")
        }
        news = self.watchdog.tripped if not barked else None
        return {**means, "displaced_share": share}, [
            ("displaced", {**news, "alpha": self._alpha()})
        ] if news else []

    def state(self) -> dict[str, Any]:
        """What the watchdog remembers."""
        return {"below": sorted(self.watchdog.displaced_rows), "barked": self.watchdog.tripped}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Gives the watchdog its memory back."""
        self.watchdog.displaced_rows = set(state["below"])
        self.watchdog.tripped = state["barked"]
