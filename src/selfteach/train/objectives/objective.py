"""Objectives: pure functions of log-probabilities, and for each a small class that declares its
needs.

The trainer computes the inputs that the objectives of a batch need and adds up their losses. It
knows no objective by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from selfteach.config import TrainConfig
from selfteach.records import JsonMapping, JsonObject
from selfteach.train.fast.head import LogitsFunction
from selfteach.train.priors.prior import Prior

Event = tuple[str, JsonMapping]
"""An event's kind and its facts."""
RowFigures = Mapping[int, Mapping[str, float]]
"""Figures of rows, by the row's number."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Hold next-token distributions at N answer positions: the K likeliest tokens and one bucket
    for the rest.

    Shapes: ids (N, K), logp (N, K) nats; `full` holds every token in order and has no bucket (then
    `ids` is empty and K = V).
    """

    ids: Tensor
    logp: Tensor
    full: bool

    def at(self, part: slice) -> Distribution:
        """Return the distributions at a part of the positions."""
        return Distribution(self.ids if self.full else self.ids[part], self.logp[part], self.full)


@dataclass(frozen=True, slots=True)
class ObjectiveInputs:
    """Hold an objective's own rows of a batch, numbered 0..R-1.

    Shapes: logp, reference (N,) of the chosen tokens, and rejected, rejected_reference (M,) of the
    rejected ones, in nats per token; row (N,), rejected_row (M,). `token_logps(ids)` returns the
    log-probabilities of other tokens (N, K) at the chosen positions: (N, K). `apply_to_logits(f)`
    returns `f(logits, part)` of the logits (n, V) there, a part of them at a time: (N,).
    sampled (R,): whether the answer is the tuned model's own. edited (N,), rejected_edited (M,)
    bool: the tokens that the correction changed. rejected_forbidden (M,) bool: the tokens with
    which a forbidden word begins. prior (R,) nats: log l(chosen) - log l(rejected).
    numbers: the rows' numbers in the training. Fields that the objective does not need are None.
    """

    rows: int
    logp: Tensor
    row: Tensor
    rejected: Tensor | None = None
    rejected_row: Tensor | None = None
    reference: Tensor | None = None
    rejected_reference: Tensor | None = None
    teacher: Distribution | None = None
    token_logps: Callable[[Tensor], Tensor] | None = None
    apply_to_logits: Callable[[LogitsFunction], Tensor] | None = None
    sampled: Tensor | None = None
    edited: Tensor | None = None
    rejected_edited: Tensor | None = None
    rejected_forbidden: Tensor | None = None
    prior: Tensor | None = None
    numbers: tuple[int, ...] = ()


def sum_by_row(values: Tensor, row: Tensor, rows: int) -> Tensor:
    """Sum token values (N,) by row into (R,)."""
    return torch.zeros(rows, dtype=values.dtype, device=values.device).index_add(0, row, values)


class Objective(ABC):
    """Compute one loss. The trainer divides the row sums by the count of `unit`s in the whole step
    and multiplies them by the rows' weights.

    The attributes declare what a loss needs besides the chosen answer's log-probabilities.
    """

    unit: Literal["token", "pair"] = "token"
    pairs: bool = False
    """Whether it needs the rejected answer."""
    reference: bool = False
    """Whether it needs the base's log-probabilities of the answers."""
    teacher: Literal["", "base", "prompted"] = ""
    """The next-token distributions that it needs: of the base, or of the base with
    `source["teacher_prompt"]`.
    """
    needs_logp: bool = True
    """Whether it needs the answers' log-probabilities. Without them their part of the head's
    product is saved.
    """
    supports_on_policy: bool = False
    """Whether it may be trained on answers that the tuned model samples (`train.on_policy`)."""
    skip: int = 0
    """The number of an answer's first tokens that it leaves out."""
    edits: bool = False
    """Whether it needs the tokens that the correction changed."""
    forbidding: bool = False
    """Whether it needs the tokens of the rejected answer with which a forbidden word begins."""
    prior: Prior | None = None
    """The domain prior, if it needs log l(chosen) - log l(rejected)."""
    holds: bool = False
    """Whether it only holds the base in place. A row without another objective is not learned."""
    distilled_by: str = "distill"
    """The objective that replaces it under `train.distill_from`; one that `holds` stays."""

    def __init__(self, settings: TrainConfig) -> None:
        self.settings = settings

    def needs_rejected(self) -> bool:
        """Return whether it needs the rejected answer, for itself or to compare with."""
        return bool(self.pairs or self.edits or self.forbidding or self.prior)

    @abstractmethod
    def compute_row_losses(self, inputs: ObjectiveInputs) -> Tensor:
        """Return the loss of each row, summed over its units: (R,) float32."""

    def observe(self, inputs: ObjectiveInputs) -> RowFigures:
        """Return figures to collect for `after_step`, by the row's number. The trainer calls this
        without gradients, after `compute_row_losses`.
        """
        return {}

    def after_step(
        self, step: int, seen: RowFigures, pairs: int
    ) -> tuple[Mapping[str, float], Sequence[Event]]:
        """Return figures for the step's entry in the curve, and events, from the figures that
        `observe` returned in the whole step.

        Args:
            pairs: how many rows of the training this objective applies to.
        """
        return {}, ()

    def state(self) -> JsonObject:
        """Return what a checkpoint must hold for it, as JSON."""
        return {}

    def restore(self, state: JsonMapping) -> None:  # noqa: B027
        """Restore what `state` returned."""
