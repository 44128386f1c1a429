"""Back to the base wherever the lessons do not need the change: RegMean of the taught model, on its
lessons, and the base, on the anchors.

Training goes where its gradients lead, not where the least is changed: much of an update acts on
what has nothing to do with the lessons. So on the way each layer's update becomes the one that does
nearly the same to what enters the layer in lessons, and least to anchors:

    dW' = argmin_X  mean |X k - dW k|^2 + mu mean |X k0|^2 + lam |X|^2 = dW S (S + mu S0 + lam
    I)^-1,    S = mean k k^T, S0 = mean k0 k0^T

k and k0 are what enters the layer at the tokens of lessons and of anchors. Of a LoRA s B A only A
changes, so that it stays what it is.

Source: RegMean (Jin et al. 2023, arXiv 2212.09849, equation 2), the model with the features S being
the taught one, that with S0 the base.
Departs: both sets of features are those of the student as it is, S0 too, so that each layer is
solved for what it will be fed with; it is done before the last third of the steps and not after
them, so that these make good what the lessons lost (docs/log/); the anchors weigh mu; lam = lam0
||S||_F^2 / tr S as in ridge.py, with one small lam0; layers are solved a few at a time, so that the
later ones see what the earlier have become, and so that only so many S are in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.errors import ResourceError, UsageError
from selfteach.models.allocator import release_freed_pages
from selfteach.records import LEARN
from selfteach.select.clusters import choose_evenly
from selfteach.train.adapters import Adapter, LowRankLayer
from selfteach.train.batch import TrainingRow, split_micro_batches
from selfteach.train.callbacks import Callback, Event, Say, TrainingState
from selfteach.train.fast.forward import PackedModel
from selfteach.train.memory import is_out_of_memory

APPLY_AFTER_SHARE = 2 / 3
"""This share of the steps."""
NUM_ROWS = 100
"""Lessons, and anchors, that are looked at: evenly over all of them."""
LAM = 1e-5
NO_LORA_REASON = "the adapter is no lora"
MOMENTS_BUDGET_BYTES = 5e8
"""What the moments of the layers that are solved together may take."""
NUM_SOLVER_MATRICES = 4
"""Matrices (F, F) in float64 that `solve_regmean` needs at once."""
LoraLayers = Mapping[str, LowRankLayer]


@dataclass
class InputMoments:
    """The sum of x x^T over all tokens, for each of some layers; layers that are fed with the same
    tensor share one.

    `num_shared_tokens`: the tokens that stand once for `times` rows that are computed together.
    They count once for each, so that the sum does not depend on which rows those are. Shapes: sums
    (F, F) float32 of a layer with F inputs.
    """

    sums: dict[str, Tensor] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    num_shared_tokens: int = 0
    times: int = 1
    _last: tuple[str, Tensor | None] = ("", None)

    def hook(self, name: str) -> Callable[..., None]:
        """Return a hook that takes in what enters a layer."""

        def take(part: nn.Module, given: tuple[Tensor, ...]) -> None:
            owner, last = self._last
            if given[0] is last:
                self.shared[name] = owner
                return
            x = given[0].detach().reshape(-1, given[0].shape[-1]).float()
            total = self._sum(name, x).addmm_(x.t(), x)
            first = x[: self.num_shared_tokens]
            total.addmm_(first.t(), first, alpha=self.times - 1)
            self.tokens[name] = self.tokens.get(name, 0) + len(x) + len(first) * (self.times - 1)
            self._last = (name, given[0])

        return take

    def _sum(self, name: str, x: Tensor) -> Tensor:
        """Return the sum so far.

        Raises:
            ResourceError: it does not fit, which must not look like too many tokens at once.
        """
        if name not in self.sums:
            try:
                self.sums[name] = torch.zeros(x.shape[1], x.shape[1], device=x.device)
            except (MemoryError, RuntimeError) as fault:
                if not is_out_of_memory(fault):
                    raise
                raise ResourceError(
                    f"the moments of {name} do not fit into memory.", cure="Set train.regmean=0."
                ) from fault
        return self.sums[name]

    def owner(self, name: str) -> str:
        """Return the layer whose sum is also this one's."""
        return self.shared.get(name, name)

    def mean(self, name: str) -> Tensor:
        """Return the mean: (F, F) float64."""
        owner = self.owner(name)
        return self.sums[owner].double() / self.tokens[owner]


MeasureMoments = Callable[[LoraLayers, Sequence[TrainingRow]], InputMoments]
SkippedLayers = dict[str, str]
"""Layers that stay as they were, and why."""


class RegMean(Callback):
    """`train.regmean`: before the last third of the steps, change the adapter as this module says.

    It needs a row that is learned, a row that holds the base in place, and an adapter of low rank;
    where one is lacking, an event says so. All processes go on with what the first one found.
    """

    _step: int | None = None
    _done = False

    def start(self, trainer: TrainingState) -> None:
        """Find the step before which it is done.

        Raises:
            UsageError: the weights lie in shards.
        """
        if not self.settings.regmean:
            return
        if trainer.processes.sharded:
            raise UsageError(
                "weights in shards cannot be held still.",
                where="train.regmean",
                cure="Set train.regmean=0.",
            )
        step = round(APPLY_AFTER_SHARE * trainer.total)
        reason = explain_why_not_regmean(trainer.adapter, trainer.rows)
        if not reason and step >= trainer.total:
            reason = "there are too few steps"
        if reason:
            trainer.event("regmean_left_out", {"mu": self.settings.regmean, "reason": reason})
        else:
            self._step = step

    def count_bytes(self, trainer: TrainingState) -> int:
        """Return what the moments and their solution will need."""
        if self._step is None or self._done:
            return 0
        return estimate_regmean_bytes(trainer.adapter.low_rank_layers)

    def before_step(self, trainer: TrainingState, say: Say | None) -> None:
        """Change the adapter before the step that `start` found."""
        if trainer.step == self._step and not self._done:
            self.apply(trainer, say)

    def apply(self, trainer: TrainingState, say: Say | None) -> None:
        """Give up what the lessons do not need; the steps that are left make good what they lost by
        it.
        """
        if say:
            say(f"step {trainer.step}: giving up what the lessons do not need (train.regmean)")
        micro_batch = trainer.micro_batch
        layers = trainer.adapter.low_rank_layers
        tokens = micro_batch.tokens

        def see(part: LoraLayers, rows: Sequence[TrainingRow]) -> InputMoments:
            def measure() -> InputMoments:
                return measure_input_moments(trainer.model, part, rows, micro_batch.tokens)

            return micro_batch.retry(rows, measure)

        release_freed_pages()
        shortest = min(trainer.rows, key=lambda row: row.length)
        shared = micro_batch.retry(
            [shortest], lambda: find_shared_inputs(trainer.model, layers, shortest)
        )
        left_out = apply_regmean(trainer.adapter, trainer.rows, self.settings.regmean, see, shared)
        trainer.processes.broadcast_from_first(layer.a for layer in layers.values())
        self._done = True
        micro_batch.tokens = tokens
        self._report(trainer, left_out, len(layers))

    def _report(self, trainer: TrainingState, left_out: SkippedLayers, layers: int) -> None:
        """Record what was done, and which layers stayed as they were."""
        about = {"step": trainer.step, "mu": self.settings.regmean}
        if len(left_out) < layers:
            trainer.event("regmean", about)
        for reason in sorted(set(left_out.values())):
            names = [name for name, its in left_out.items() if its == reason]
            facts = {**about, "reason": reason, "layers": len(names), "first": names[0]}
            trainer.event("regmean_left_out", facts)

    def state(self) -> dict[str, Any]:
        """Return whether it is done."""
        return {"done": True} if self._done else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over whether it is done."""
        self._done = bool(state["done"])

    def skip(self) -> Sequence[Event]:
        """Return that it was left out, where it was asked for."""
        mu = self.settings.regmean
        return [("regmean_left_out", {"mu": mu, "reason": NO_LORA_REASON})] if mu else []


def explain_why_not_regmean(adapter: Adapter, rows: Sequence[TrainingRow]) -> str:
    """Return why there is nothing to hold on to; "" where there is. A row that is not learned is an
    anchor.
    """
    if not adapter.low_rank_layers:
        return NO_LORA_REASON
    roles = {row.role for row in rows}
    if len(roles) > 1:
        return ""
    return "there are no anchors" if LEARN in roles else "there are no lessons"


@torch.no_grad()
def apply_regmean(
    adapter: Adapter,
    rows: Sequence[TrainingRow],
    mu: float,
    measure_moments: MeasureMoments,
    shared_inputs: Mapping[str, str],
) -> SkippedLayers:
    """Change an adapter of low rank as this module says.

    Args:
        rows: those of the training.
        mu: the weight of the anchors.
        see: `measure_input_moments` of the student as it is now.
        owners: `find_shared_inputs` of its layers.
    """
    anchors = choose_evenly([row for row in rows if row.role != LEARN], NUM_ROWS)
    lessons = choose_evenly([row for row in rows if row.role == LEARN], NUM_ROWS)
    left_out: SkippedLayers = {}
    adapter.begin_step()
    for part in split_layers(adapter.low_rank_layers, shared_inputs):
        with _skip_if_out_of_memory(part, left_out):
            left_out |= _solve_part(
                part,
                partial(measure_moments, part, lessons),
                partial(measure_moments, part, anchors),
                mu,
            )
        adapter.begin_step()
    return left_out


def _solve_part(
    part: LoraLayers,
    lessons: Callable[[], InputMoments],
    anchors: Callable[[], InputMoments],
    mu: float,
) -> SkippedLayers:
    seen = lessons()
    still = anchors()
    left_out: SkippedLayers = {}
    for owner, group in groupby(part, key=seen.owner):
        layers = {name: part[name] for name in group}
        with _skip_if_out_of_memory(layers, left_out):
            if why := _solve(list(layers.values()), owner, seen, still, mu):
                left_out |= dict.fromkeys(layers, why)
    return left_out


def _solve(
    layers: Sequence[LowRankLayer], owner: str, seen: InputMoments, still: InputMoments, mu: float
) -> str:
    """Change layers that are fed with the same, or say why not."""
    if not (seen.tokens.get(owner) and still.tokens.get(owner)):
        return "no token of lessons or of anchors comes there"
    every: list[Tensor] = [layer.a for layer in layers]
    try:
        found = solve_regmean(torch.cat(every), seen.mean(owner), still.mean(owner), mu)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        return "there is no solution"
    if not bool(found.isfinite().all()):
        return "the solution is not finite"
    for a, new in zip(every, torch.split(found, [len(a) for a in every]), strict=True):  # type: ignore[no-untyped-call]
        a.copy_(new)
    return ""


@contextmanager
def _skip_if_out_of_memory(layers: LoraLayers, left_out: SkippedLayers) -> Iterator[None]:
    """Leave as it is what there is no memory for."""
    try:
        yield
    except (ResourceError, MemoryError, RuntimeError) as fault:
        if not (isinstance(fault, ResourceError) or is_out_of_memory(fault)):
            raise
        left_out |= dict.fromkeys(layers, "memory ran out")
        release_freed_pages()


def solve_regmean(a: Tensor, s: Tensor, s0: Tensor, mu: float, lam: float = LAM) -> Tensor:
    """Return a S (S + mu S0 + lam I)^-1. Shapes: a (r, F) float32, s and s0 (F, F) float64 -> (r,
    F) float32.
    """
    left = s + mu * s0
    left.diagonal().add_(lam * float(s.square().sum() / s.trace()))
    found: Tensor = torch.cholesky_solve(
        s @ a.double().t(), torch.linalg.cholesky(left)
    ).t()  # both are symmetric
    return found.float()


def split_layers(
    places: LoraLayers, shared_inputs: Mapping[str, str]
) -> Iterator[dict[str, LowRankLayer]]:
    """Yield the layers in their order, as many at a time as the moments of all may take, at least
    one; what layers share counts once.
    """
    part: dict[str, LowRankLayer] = {}
    size = 0
    for name, layer in places.items():
        mine = 0 if shared_inputs.get(name, name) in part else _count_moment_bytes(layer)
        if part and size + mine > MOMENTS_BUDGET_BYTES:
            yield part
            part = {}
            size = 0
            mine = _count_moment_bytes(layer)
        part[name] = layer
        size += mine
    yield part


def estimate_regmean_bytes(places: LoraLayers) -> int:
    """Return the bytes at most: the moments of a part, and what solving its widest layer takes."""
    sizes = [_count_moment_bytes(layer) for layer in places.values()]
    return int(min(sum(sizes), max(MOMENTS_BUDGET_BYTES, *sizes))) + NUM_SOLVER_MATRICES * max(
        sizes
    )


def _count_moment_bytes(layer: LowRankLayer) -> int:
    """Count S and S0 in float32, which is as much as of one matrix in float64."""
    return 2 * 4 * layer.a.shape[1] ** 2


@torch.no_grad()
def find_shared_inputs(tuned: PackedModel, layers: LoraLayers, row: TrainingRow) -> dict[str, str]:
    """Return, for each layer that a row comes to, the first one that is fed with the same tensor.
    The student is ready.
    """
    found: dict[str, str] = {}
    last: tuple[str, Tensor | None] = ("", None)

    def take(name: str) -> Callable[..., None]:
        def hook(part: nn.Module, given: tuple[Tensor, ...]) -> None:
            nonlocal last
            last = last if given[0] is last[1] else (name, given[0])
            found[name] = last[0]

        return hook

    with _register_hooks(layers, take):
        tuned.states(tuned.pack([row]))
    return found


@torch.no_grad()
def measure_input_moments(
    tuned: PackedModel, layers: LoraLayers, rows: Sequence[TrainingRow], token_budget: int
) -> InputMoments:
    """Return the moments of what enters the layers at all tokens of the rows, however they are
    computed together. The student is ready.
    """
    found = InputMoments()
    with _register_hooks(layers, found.hook):
        for group in split_micro_batches(rows, token_budget):
            batch = tuned.pack(group)
            found.num_shared_tokens, found.times = (
                (batch.num_shared_tokens, len(group)) if tuned.can_pack else (0, 1)
            )
            tuned.states(batch)
    return found


@contextmanager
def _register_hooks(
    layers: LoraLayers, hook: Callable[[str], Callable[..., None]]
) -> Iterator[None]:
    with ExitStack() as hooks:
        for name, layer in layers.items():
            hooks.callback(layer.register_forward_pre_hook(hook(name)).remove)
        yield
