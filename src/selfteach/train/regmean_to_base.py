"""Regression of each layer's update toward the base: RegMean of the tuned model, on the training
examples, and the base, on the anchors.

Gradient steps do not minimize the change of the model: much of an update acts on inputs that have
nothing to do with the training examples. During training each layer's update is therefore replaced
by the one with nearly the same effect on the examples' inputs and the least effect on anchors:

    dW' = argmin_X  mean |X k - dW k|^2 + mu mean |X k0|^2 + lam |X|^2 = dW S (S + mu S0 + lam
    I)^-1,    S = mean k k^T, S0 = mean k0 k0^T

k and k0 are the layer's inputs at the tokens of examples and of anchors. Of a LoRA s B A only A
changes, so that the adapter remains a LoRA.

Source: RegMean (Jin et al. 2023, arXiv 2212.09849, equation 2). The model with the features S is
the tuned one, that with S0 the base. Departs: both sets of features, S0 too, are those of the
present tuned model, so that each layer is solved for its own inputs. It is done before the last
third of the steps, which then restore the loss on the examples (docs/log/). The anchors weigh mu.
lam = lam0 ||S||_F^2 / tr S as in ridge.py, with one small lam0. Layers are solved a few at a time,
so that the later ones are solved for the outputs of the earlier ones, and to limit the number of S
in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch import Tensor, nn

from selfteach.errors import ResourceError, UsageError, is_out_of_memory
from selfteach.models.memory_allocator import release_freed_pages
from selfteach.models.score import compute_hidden
from selfteach.records import LEARN, JsonMapping, JsonObject
from selfteach.select.evenly import choose_evenly
from selfteach.train.adapters.adapter import Adapter, LowRankLayer
from selfteach.train.callbacks import Callback, Say, TrainingState
from selfteach.train.encode_and_batch import TrainingRow, split_micro_batches
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.forward_hooks import HookRegistration, register_hooks
from selfteach.train.objectives.objective import Event

APPLY_AFTER_SHARE = 2 / 3
"""The share of the steps that come before."""
NUM_ROWS = 100
"""The number of examples and of anchors that are measured, spread evenly over all of them."""
LAM = 1e-5
"""lam0 of the docstring above: only enough that the matrix has an inverse."""
NO_LORA_REASON = "the adapter is no lora"
FUSED_REASON = "its experts are fused"
MOMENTS_BUDGET_BYTES = 5e8
"""The limit for the moments of the layers that are solved together."""
BLOCK_ROWS = 128
"""Rows of x^T x that one product computes, from the diagonal on: the matrix is symmetric."""
NUM_SOLVER_MATRICES = 4
"""Matrices (F, F) in float64 that `solve_regmean` needs at once."""
LoraLayers = Mapping[str, LowRankLayer]


@dataclass
class InputMoments:
    """Hold the sum of x x^T over all tokens for some layers. Layers with the same input tensor
    share one sum.

    `num_shared_tokens`: the first tokens, which count `times` times: they are computed once for as
    many rows, or not for the first time. So the sum does not depend on the packing. Shapes: sums
    (F, F) float32 of a layer with F inputs, of which only the upper triangle is computed.
    """

    sums: dict[str, Tensor] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    num_shared_tokens: int = 0
    times: int = 1
    _last: tuple[str, Tensor | None] = ("", None)

    def hook(self, name: str) -> Callable[..., None]:
        """Return a hook that adds a layer's input."""

        def add(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            owner, last = self._last
            if inputs[0] is last:
                self.shared[name] = owner
                return
            x = inputs[0].detach().reshape(-1, inputs[0].shape[-1]).float()
            total = self._sum(name, x)
            add_products(total, x)
            first = x[: self.num_shared_tokens]
            add_products(total, first, self.times - 1)
            self.tokens[name] = self.tokens.get(name, 0) + len(x) + len(first) * (self.times - 1)
            self._last = (name, inputs[0])

        return add

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
        """Return the layer that holds this one's sum."""
        return self.shared.get(name, name)

    def mean(self, name: str) -> Tensor:
        """Return the mean: (F, F) float64."""
        owner = self.owner(name)
        upper = self.sums[owner].triu()
        return (upper + upper.triu(1).t()).double() / self.tokens[owner]


def add_products(total: Tensor, x: Tensor, times: int = 1) -> None:
    """Add `times` x^T x to the upper triangle of a sum. Shapes: total (F, F), x (T, F)."""
    for start in range(0, x.shape[1], BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        total[rows, start:].addmm_(x[:, rows].t(), x[:, start:], alpha=times)


MeasureMoments = Callable[[LoraLayers, Sequence[TrainingRow]], InputMoments]
SkippedLayers = dict[str, str]
"""Layers that were not changed, and the reason."""


class RegMean(Callback):
    """Apply `train.regmean` before the last third of the steps.

    It needs a row that is learned, a row that holds the base in place, and an adapter of low rank.
    If one is missing, an event records it. All processes continue with the first one's result.
    """

    _step: int | None = None
    _done = False

    def start(self, trainer: TrainingState) -> None:
        """Determine the step before which it is applied.

        Raises:
            UsageError: the weights lie in shards.
        """
        if not self.settings.regmean:
            return
        if trainer.processes.sharded:
            raise UsageError(
                "train.regmean needs whole weights, and these are sharded.",
                where="train.regmean",
                cure="Set train.regmean=0.",
            )
        step = round(APPLY_AFTER_SHARE * trainer.total)
        reason = explain_why_not_regmean(trainer.adapter, trainer.rows)
        if not reason and step >= trainer.total:
            reason = "there are too few steps"
        if reason:
            trainer.record_event(
                "regmean_left_out", {"mu": self.settings.regmean, "reason": reason}
            )
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
        """Remove from the adapter what the examples do not need. The remaining steps restore the
        loss.
        """
        if say:
            say(f"step {trainer.step}: removing what the examples do not need (train.regmean)")
        micro_batch = trainer.micro_batch
        layers = trainer.adapter.low_rank_layers
        tokens = micro_batch.tokens

        def measure(part: LoraLayers, rows: Sequence[TrainingRow]) -> InputMoments:
            found: InputMoments = micro_batch.retry(
                rows, lambda: measure_input_moments(trainer.model, part, rows, micro_batch.tokens)
            )
            return found

        release_freed_pages()
        shortest = min(trainer.rows, key=lambda row: row.length)
        shared = micro_batch.retry(
            [shortest], lambda: find_shared_inputs(trainer.model, layers, shortest)
        )
        left_out = apply_regmean(
            trainer.adapter, trainer.rows, self.settings.regmean, measure, shared
        )
        trainer.processes.broadcast_from_first(layer.a for layer in layers.values())
        self._done = True
        micro_batch.tokens = tokens
        self._report(trainer, left_out, len(layers))

    def _report(self, trainer: TrainingState, left_out: SkippedLayers, layers: int) -> None:
        """Record the event, and the layers and fused experts that were not changed."""
        about = {"step": trainer.step, "mu": self.settings.regmean}
        if len(left_out) < layers:
            trainer.record_event("regmean", about)
        left_out = left_out | dict.fromkeys(trainer.adapter.fused_experts, FUSED_REASON)
        for reason in sorted(set(left_out.values())):
            names = [name for name, its in left_out.items() if its == reason]
            facts = {**about, "reason": reason, "layers": len(names), "first": names[0]}
            trainer.record_event("regmean_left_out", facts)

    def state(self) -> JsonObject:
        """Return whether it was applied."""
        return {"done": True} if self._done else {}

    def restore(self, state: JsonMapping) -> None:
        """Restore whether it was applied."""
        self._done = bool(state["done"])

    def skip(self) -> Sequence[Event]:
        """Return the event that it was left out, if it was configured."""
        mu = self.settings.regmean
        return [("regmean_left_out", {"mu": mu, "reason": NO_LORA_REASON})] if mu else []


def explain_why_not_regmean(adapter: Adapter, rows: Sequence[TrainingRow]) -> str:
    """Return the reason why it cannot be applied, or "". A row that is not learned is an anchor."""
    if not adapter.low_rank_layers:
        return NO_LORA_REASON
    roles = {row.role for row in rows}
    if len(roles) > 1:
        return ""
    return "there are no anchors" if LEARN in roles else "there are no examples to learn"


@torch.no_grad()
def apply_regmean(
    adapter: Adapter,
    rows: Sequence[TrainingRow],
    mu: float,
    measure_moments: MeasureMoments,
    shared_inputs: Mapping[str, str],
) -> SkippedLayers:
    """Replace an adapter's updates by the solutions of this module.

    Args:
        rows: all rows of the training.
        mu: the weight of the anchors.
        measure_moments: `measure_input_moments` of the present model.
        shared_inputs: `find_shared_inputs` of its layers.
    """
    anchors = choose_evenly([row for row in rows if row.role != LEARN], NUM_ROWS)
    learned = choose_evenly([row for row in rows if row.role == LEARN], NUM_ROWS)
    left_out: SkippedLayers = {}
    adapter.begin_step()
    for part in split_layers(adapter.low_rank_layers, shared_inputs):
        with _skip_if_out_of_memory(part, left_out):
            of_learned = measure_moments(part, learned)
            left_out |= _solve_part(part, of_learned, measure_moments(part, anchors), mu)
        adapter.begin_step()
    return left_out


def _solve_part(
    part: LoraLayers, learned: InputMoments, anchors: InputMoments, mu: float
) -> SkippedLayers:
    """Solve the layers of a part; return those that were not changed."""
    left_out: SkippedLayers = {}
    for owner, group in groupby(part, key=learned.owner):
        layers = {name: part[name] for name in group}
        with _skip_if_out_of_memory(layers, left_out):
            reason = _solve(list(layers.values()), owner, learned, anchors, mu)
            if reason:
                left_out |= dict.fromkeys(layers, reason)
    return left_out


def _solve(
    layers: Sequence[LowRankLayer],
    owner: str,
    learned: InputMoments,
    anchors: InputMoments,
    mu: float,
) -> str:
    """Change layers with the same input, or return the reason why not."""
    if not (learned.tokens.get(owner) and anchors.tokens.get(owner)):
        return "no token of examples or of anchors reaches it"
    every: list[Tensor] = [layer.a for layer in layers]
    try:
        found = solve_regmean(torch.cat(every), learned.mean(owner), anchors.mean(owner), mu)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        return "there is no solution"
    if not bool(found.isfinite().all()):
        return "the solution is not finite"
    start = 0
    for a in every:
        a.copy_(found[start : start + len(a)])
        start += len(a)
    return ""


@contextmanager
def _skip_if_out_of_memory(layers: LoraLayers, left_out: SkippedLayers) -> Iterator[None]:
    """Skip layers whose solution does not fit into memory."""
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
    found: Tensor = torch.cholesky_solve(s @ a.double().t(), torch.linalg.cholesky(left))
    return found.t().float()  # s and left are symmetric


def split_layers(
    layers: LoraLayers, shared_inputs: Mapping[str, str]
) -> Iterator[dict[str, LowRankLayer]]:
    """Yield the layers in their order, as many at a time as the limit for moments allows, at least
    one. A shared sum counts once.
    """
    part: dict[str, LowRankLayer] = {}
    size = 0
    for name, layer in layers.items():
        mine = 0 if shared_inputs.get(name, name) in part else _count_moment_bytes(layer)
        if part and size + mine > MOMENTS_BUDGET_BYTES:
            yield part
            part = {}
            size = 0
            mine = _count_moment_bytes(layer)
        part[name] = layer
        size += mine
    yield part


def estimate_regmean_bytes(layers: LoraLayers) -> int:
    """Return the bytes at most: the moments of a part, and what solving its widest layer takes."""
    sizes = [_count_moment_bytes(layer) for layer in layers.values()]
    moments = int(min(sum(sizes), max(MOMENTS_BUDGET_BYTES, *sizes)))
    return moments + NUM_SOLVER_MATRICES * max(sizes)


def _count_moment_bytes(layer: LowRankLayer) -> int:
    """Count the bytes of S and S0 in float32, equal to those of one matrix in float64."""
    return 2 * 4 * layer.a.shape[1] ** 2


@torch.no_grad()
def find_shared_inputs(tuned: PackedModel, layers: LoraLayers, row: TrainingRow) -> dict[str, str]:
    """Return, for each layer that a row reaches, the first one with the same input tensor. The
    model's attention must be set.
    """
    found: dict[str, str] = {}
    last: tuple[str, Tensor | None] = ("", None)

    def make_hook(name: str) -> Callable[..., None]:
        def record(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            nonlocal last
            last = last if inputs[0] is last[1] else (name, inputs[0])
            found[name] = last[0]

        return record

    with register_hooks(_list_hooks(layers, make_hook)):
        tuned.states(tuned.pack([row]))
    return found


@torch.no_grad()
def measure_input_moments(
    tuned: PackedModel, layers: LoraLayers, rows: Sequence[TrainingRow], token_budget: int
) -> InputMoments:
    """Return the moments of the layers' inputs at all tokens of the rows, however they are packed.
    The model's attention must be set.

    A model that cannot pack reads each answer after its prompt alone: padding would count, too.
    """
    found = InputMoments()
    with register_hooks(_list_hooks(layers, found.hook)):
        if not tuned.can_pack:
            for row in rows:
                found.num_shared_tokens = len(row.prompt)
                for place, answer in enumerate(row.answers):
                    found.times = 0 if place else 1  # both answers have one prompt
                    compute_hidden(tuned.module, [([*row.prompt, *answer], len(row.prompt))])
            return found
        for group in split_micro_batches(rows, token_budget):
            batch = tuned.pack(group)
            found.num_shared_tokens = batch.num_shared_tokens
            found.times = len(group)
            tuned.states(batch)
    return found


def _list_hooks(
    layers: LoraLayers, make_hook: Callable[[str], Callable[..., None]]
) -> list[HookRegistration]:
    return [(layer.register_forward_pre_hook, make_hook(n)) for n, layer in layers.items()]
