"""Objectives: pure functions of log-probabilities, and for each a small class that says what it
needs.

The loop computes what the objectives of a batch need and adds up what they return; it knows no
objective by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from selfteach import config
from selfteach.train.fast.head import LogitsFunction
from selfteach.train.prior import Prior

Event = tuple[str, Mapping[str, Any]]
"""What happened, and its facts."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Next-token distributions at N answer positions, as their K likeliest tokens and one bucket
    for the rest.

    Shapes: ids (N, K), logp (N, K) nats; `full` holds every token in order and has no bucket (then
    `ids` is empty and K = V).
    """

    ids: Tensor
    logp: Tensor
    full: bool

    def at(self, part: slice) -> Distribution:
        """The distributions at a part of the positions."""
        return Distribution(self.ids if self.full else self.ids[part], self.logp[part], self.full)


@dataclass(frozen=True, slots=True)
class ObjectiveInputs:
    """What an objective sees of a batch: its own rows, numbered 0..R-1.

    Shapes: logp, reference (N,) of the chosen tokens, and rejected, rejected_reference (M,) of the
    rejected ones, in nats per token; row (N,), rejected_row (M,). `at_logits(f)` is `f(logits,
    part)` of the logits (n, V) at the chosen positions, a part of them at a
    time: (N,). drawn (R,) says which answers the student drew itself. edited (N,), rejected_edited
    (M,) bool: the tokens that the correction changed; prior (R,) nats: log l(chosen) - log
    l(rejected); numbers: the rows' numbers in the training. Fields that no objective asked for are
    None.
    """

    rows: int
    logp: Tensor
    row: Tensor
    rejected: Tensor | None = None
    rejected_row: Tensor | None = None
    reference: Tensor | None = None
    rejected_reference: Tensor | None = None
    teacher: Distribution | None = None
    apply_to_logits: Callable[[LogitsFunction], Tensor] | None = None
    sampled: Tensor | None = None
    edited: Tensor | None = None
    rejected_edited: Tensor | None = None
    prior: Tensor | None = None
    numbers: tuple[int, ...] = ()


def sum_by_row(values: Tensor, row: Tensor, rows: int) -> Tensor:
    """Sums token values (N,) by row into (R,)."""
    return torch.zeros(rows, dtype=values.dtype, device=values.device).index_add(0, row, values)


class Objective(ABC):
    """One loss. `compute_row_losses` gives each row's sum; the loop divides by the count of `unit`s in the whole
    step, and adds weights.

    What follows is what a loss needs; one that needs more than the chosen answer's
    log-probabilities says so.
    """

    unit: Literal["token", "pair"] = "token"
    pairs: bool = False
    """Needs the rejected answer."""
    reference: bool = False
    """Needs the base's log-probabilities of the answers."""
    teacher: Literal["", "base", "prompted"] = ""
    """Needs next-token distributions: of the base, or of the base with `source["teacher_prompt"]`.
    """
    supports_on_policy: bool = False
    """May be trained on answers that the student draws between steps (`train.on_policy`)."""
    skip: int = 0
    """How many of the first tokens of an answer it leaves out."""
    edits: bool = False
    """Needs to know which tokens the correction changed."""
    prior: Prior | None = None
    """A domain prior, where it needs log l(chosen) - log l(rejected)."""
    holds: bool = False
    """Only holds the base in place: a row that has no other objective is not learned."""
    distilled_by: str = "distill"
    """The objective that takes its place where a fast adapter learned the rows before
    (`train.distill_from`); one that `holds` stays.
    """

    def __init__(self, settings: config.TrainConfig) -> None:
        self.settings = settings

    @abstractmethod
    def compute_row_losses(self, view: ObjectiveInputs) -> Tensor:
        """(R,) float32: the loss of each row, summed over its units."""

    def watch(self, view: ObjectiveInputs) -> Mapping[int, Mapping[str, float]]:
        """What it wants remembered of each row, by the row's number; called without gradient after
        `compute_row_losses`.
        """
        return {}

    def after_step(
        self, step: int, seen: Mapping[int, Mapping[str, float]], pairs: int
    ) -> tuple[Mapping[str, float], Sequence[Event]]:
        """Numbers for the step's entry in the curve, and what has happened, from what `watch` saw
        in the whole step.

        Args:
            pairs: how many rows of the training this objective applies to.
        """
        return {}, ()

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold for it, as JSON."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """The inverse of `state`."""
