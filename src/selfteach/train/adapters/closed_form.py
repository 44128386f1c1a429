"""Representation to weights without any gradient: what a context does to the student's states becomes a change of `down_proj`.

  1  teacher: the base with the context in its prompt; its states before each answer token, after each chosen layer
  2  student: the base without the context; layer by layer, with the layers before already edited, a ridge regression
         dW = T K^T (K K^T + mu K0 K0^T + lam I)^-1,     T = (teacher's state - student's state) / (chosen layers left)
     K are the features that enter `down_proj` in scope, K0 those of anchors, which must stay as they are
  3  the change as a LoRA of the rank that is asked for

Source: METHODS, representation to weights (c); lam = lam0 ||S||_F^2 / tr S with one lam0 for all layers (PatchKV).
Departs: means instead of sums, so that mu does not depend on how many anchors there are; positions are weighted by the nats that the
context moves there, since most answer tokens hardly change; several sweeps, each from what the last one left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.models.worn import decoder_layers
from selfteach.train.attention import packed
from selfteach.train.batch import Row, micro_batches
from selfteach.train.packing import Packed, pack

HEAD_ROWS = 256


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be moved, and what is not.

    `plain` and `told` are the same answers to the same prompts, without and with the context; `anchors` keep the base's states.
    """

    plain: Sequence[Row]
    told: Sequence[Row]
    anchors: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Ridge:
    """How it is solved: on which layers, with which weight of the anchors, how much shrinkage, how often over all layers."""

    layers: Sequence[int]
    mu: float = 10.0
    lam: float = 0.01
    sweeps: int = 1
    null_space: float = 0.0


@dataclass
class Solved:
    """dW (D, F) for each layer, float32; the share of the targets' squares that each solution explains, by sweep."""

    change: dict[int, Tensor]
    r2: list[dict[int, float]] = field(default_factory=list)


def ridge(k: Tensor, t: Tensor, weight: Tensor, anchors: Tensor, mu: float, lam: float) -> Tensor:
    """argmin_dW  sum_i w_i |dW k_i - t_i|^2 + mu mean_j |dW k0_j|^2 + lam' |dW|^2, with weights that sum to one.

    Shapes: k (N, F), t (N, D), weight (N,), anchors (F, F) the mean of k0 k0^T; returns (D, F) float64.
    """
    share = (weight / weight.sum()).double()
    wide = k.double()
    s = wide.t() @ (wide * share[:, None])
    left = s + mu * anchors.double()
    left.diagonal().add_(lam * float(s.square().sum() / s.trace()))
    right = (t.double() * share[:, None]).t() @ wide  # (D, F)
    return torch.linalg.solve(left, right, left=False)


def null_projector(anchors: Tensor, energy: float) -> Tensor:
    """The projector on the directions of features that hold less than `1 - energy` of the anchors' squares: (F, F) -> (F, F) float64."""
    values, vectors = torch.linalg.eigh(anchors.double())
    kept = values.flip(0).cumsum(0) / values.sum() <= energy
    span = vectors.flip(1)[:, : int(kept.sum()) + 1]
    return torch.eye(len(values), dtype=torch.float64) - span @ span.t()


def low_rank(change: Tensor, features: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """A (r, F), B (D, r): the best update of that rank in the features' own metric (F, F); exact where the rank suffices.

    With C C^T the features' second moments, the change C is cut at its greatest singular values and C taken off again.
    """
    values, vectors = torch.linalg.eigh(features.double())
    root = vectors * values.clamp_min(values.max() * 1e-10).sqrt()
    u, s, v = torch.linalg.svd(change.double() @ root, full_matrices=False)
    rank = min(rank or len(s), len(s))
    back = torch.linalg.solve(root.t(), v[:rank].t()).t()  # v root^-1
    scale = s[:rank].sqrt()
    return (scale[:, None] * back), (u[:, :rank] * scale)


class Editor:
    """A module while its `down_proj` layers are solved for. Nothing of it is changed for good."""

    def __init__(self, module: Any, layers: Sequence[int], token_budget: int = 4096) -> None:
        self.module, self.layers, self.budget = module, sorted(layers), token_budget
        self.decoder, self.blocks = module.get_decoder(), decoder_layers(module)
        self.change: dict[int, Tensor] = {}

    def linear(self, layer: int) -> nn.Module:
        """The layer that is edited."""
        return self.blocks[layer].get_submodule("mlp.down_proj")

    @contextmanager
    def edited(self) -> Iterator[None]:
        """Inside, the changes found so far are added to what the layers give."""
        handles = [self.linear(n).register_forward_hook(_adds(dw)) for n, dw in self.change.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @torch.no_grad()
    def hidden(self, batch: Packed) -> Tensor:
        """Last states before the answer tokens: (N, D)."""
        with packed(self.module):
            out = self.decoder(input_ids=batch.ids, position_ids=batch.positions, strips=batch.strips, use_cache=False)
        return out.last_hidden_state[0].index_select(0, batch.states)  # type: ignore[no-any-return]

    def states(self, rows: Sequence[Row]) -> tuple[dict[int, Tensor], Tensor]:
        """After each chosen layer (N, D), and the last states, in the order of the rows."""
        found: dict[int, list[Tensor]] = {n: [] for n in self.layers}
        last: list[Tensor] = []
        for batch in self._batches(rows):
            handles = [self.blocks[n].register_forward_hook(_takes(found[n], batch.states)) for n in self.layers]
            try:
                last.append(self.hidden(batch))
            finally:
                for handle in handles:
                    handle.remove()
        return {n: torch.cat(parts) for n, parts in found.items()}, torch.cat(last)

    def _batches(self, rows: Sequence[Row]) -> Iterator[Packed]:
        """Rows in their own order, so that what is found for two versions of them stands side by side."""
        group: list[Row] = []
        for row in rows:
            if group and sum(r.length for r in group) + row.length > self.budget:
                yield pack(group)
                group = []
            group.append(row)
        if group:
            yield pack(group)

    @torch.no_grad()
    def sweep(self, task: Task, targets: dict[int, Tensor], weight: Tensor, how: Ridge) -> dict[int, float]:
        """One pass over all rows that solves each layer as it comes to it; returns R^2 by layer."""
        batch = pack([*task.plain, *task.anchors])
        mine = sum(row.tokens for row in task.plain)
        scope, anchored = batch.states[:mine], _tokens_of(batch, len(task.plain))
        r2: dict[int, float] = {}
        features: dict[int, Tensor] = {}
        handles = []
        for place, layer in enumerate(self.layers):
            left = len(self.layers) - place

            def take(part: Any, given: Any, layer: int = layer) -> None:
                features[layer] = given[0][0]

            def solve(part: Any, given: Any, out: Any, layer: int = layer, left: int = left) -> Any:
                h = out[0] if isinstance(out, tuple) else out
                k = features.pop(layer)
                t = (targets[layer].float() - h[0, scope].float()) / left
                k0 = k[anchored].float()
                moments = k0.t() @ k0 / len(k0)
                kk = k[scope].float()
                if how.null_space:
                    p = null_projector(moments, how.null_space)
                    dw = (ridge((kk.double() @ p).float(), t, weight, moments * 0, 0.0, how.lam) @ p).float()
                else:
                    dw = ridge(kk, t, weight, moments, how.mu, how.lam).float()
                r2[layer] = float(1 - (weight[:, None] * (t - kk @ dw.t()).square()).sum() / (weight[:, None] * t.square()).sum())
                self.change[layer] = self.change.get(layer, torch.zeros_like(dw)) + dw
                h = (h.float() + (k.float() @ dw.t())[None]).to(h.dtype)
                return (h, *out[1:]) if isinstance(out, tuple) else h

            handles += [self.linear(layer).register_forward_pre_hook(take), self.blocks[layer].register_forward_hook(solve)]
        try:
            before = dict(self.change)
            with _adding(self, before):
                self.hidden(batch)
        finally:
            for handle in handles:
                handle.remove()
        return r2


@contextmanager
def _adding(editor: Editor, change: dict[int, Tensor]) -> Iterator[None]:
    handles = [editor.linear(n).register_forward_hook(_adds(dw)) for n, dw in change.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _adds(dw: Tensor) -> Callable[..., Tensor]:
    low = dw.t()

    def hook(part: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> Tensor:
        return (out.float() + given[0].float() @ low).to(out.dtype)

    return hook


def _takes(found: list[Tensor], states: Tensor) -> Callable[..., None]:
    def hook(part: nn.Module, given: Any, out: Any) -> None:
        found.append((out[0] if isinstance(out, tuple) else out)[0].index_select(0, states))

    return hook


def _tokens_of(batch: Packed, first: int) -> Tensor:
    """The places of all tokens of the rows from number `first` on."""
    start = batch.beginning + sum(row.length - batch.beginning for row in batch.rows[:first])
    return torch.arange(start, batch.ids.shape[1], device=batch.ids.device)


@torch.no_grad()
def kl(module: Any, left: Tensor, right: Tensor) -> Tensor:
    """KL(left || right) in nats at each position, from last states (N, D) -> (N,) float32."""
    head = module.get_output_embeddings()
    parts = []
    for a, b in zip(torch.split(left, HEAD_ROWS), torch.split(right, HEAD_ROWS), strict=True):  # type: ignore[no-untyped-call]
        p, q = (torch.log_softmax(head(x).float(), -1) for x in (a, b))
        parts.append((p.exp() * (p - q)).sum(-1))
    return torch.cat(parts)


def solve(module: Any, task: Task, how: Ridge) -> Solved:
    """Steps 1 and 2."""
    editor = Editor(module, how.layers)
    targets, told = editor.states(task.told)
    _, plain = editor.states(task.plain)
    weight = kl(module, told, plain).clamp_min(1e-4)
    found = Solved({})
    for _ in range(how.sweeps):
        found.r2.append(editor.sweep(task, targets, weight, how))
    found.change = editor.change
    return found


__all__ = ["Editor", "Ridge", "Solved", "Task", "kl", "low_rank", "micro_batches", "null_projector", "ridge", "solve"]
