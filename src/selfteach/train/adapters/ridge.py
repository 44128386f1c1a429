"""Representation to weights by least squares: the effect of a context on the model's states becomes
a change of `down_proj`.

  1  teacher: the base with the context in its prompt; record its states before each answer token,
     after each chosen layer
  2  model: the base without the context; solve a ridge regression layer by layer, with the layers
     before already edited
         dW = T K^T (K K^T + mu K0 K0^T + lam I)^-1,     T = (teacher's state - model's state) /
         (chosen layers left)
     K are the inputs of `down_proj` in scope, K0 those of anchors, whose states must not change

Source: ELVF (III), representation to weights; lam = lam0 ||S||_F^2 / tr S, S = K K^T, with one lam0
for all layers (PatchKV).
Departs: means instead of sums, so that mu does not depend on how many anchors there are; tokens
have weights, and each kind of anchor has the same in all; a sweep may start from another one, and
then solves for the whole change again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.errors import UsageError
from selfteach.models.divergence import compute_kl
from selfteach.models.hook_adapter import get_decoder, get_decoder_layers
from selfteach.models.score import Head
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.fast.packed_attention import use_packed_attention
from selfteach.train.fast.packed_model import PROBE_TOLERANCE, explain_why_not_packed
from selfteach.train.fast.packing import PackedBatch, pack_rows
from selfteach.train.forward_hooks import HookRegistration, register_hooks

KL_CHUNK_ROWS = 256
"""Positions whose two rows of logits exist at once."""
MIN_NATS = 1e-4
"""The least weight of a token, so that no sum of weights is zero."""
PROBE_TOKENS = 8
ELSEWHERE_WEIGHT = 0.1
"""The weight of an anchor's token outside its answer, as a share of the mean weight in scope."""
LayerChanges = Mapping[int, Tensor]
"""dW (D, F) of each layer's `down_proj`, float32."""


@dataclass(frozen=True, slots=True)
class RidgeSettings:
    """Hold the settings of a sweep: the weight of the anchors, the shrinkage, and (if not 0) the
    share of the anchors' squares whose directions are not changed at all.
    """

    mu: float = 10.0
    lam: float = 0.01
    null_space: float = 0.0


@dataclass(frozen=True, slots=True)
class SweepResult:
    """Hold each layer's change, the share of the targets' squares that it explains, and the
    features' moments.
    """

    change: dict[int, Tensor]
    r2: dict[int, float]
    moments: dict[int, Tensor]


def ridge(k: Tensor, t: Tensor, weight: Tensor, k0k0: Tensor, how: RidgeSettings) -> Tensor:
    """Return dW = T K^T (K K^T + mu K0 K0^T + lam I)^-1, which is argmin_dW  mean_w |dW k - t|^2 +
    mu mean |dW k0|^2 + lam |dW|^2.

    Shapes: k (N, F) and t (N, D) hold K and T in rows, weight (N,), k0k0 (F, F) the mean of k0
    k0^T; returns (D, F) float64.
    """
    if how.null_space:
        free = null_projector(k0k0, how.null_space)
        return ridge(k.double() @ free, t, weight, k0k0, RidgeSettings(0.0, how.lam)) @ free
    weighed = (k.double() * (weight / weight.sum()).double()[:, None]).t()  # (F, N)
    kk = weighed @ k.double()
    kt = weighed @ t.double()
    left = kk + how.mu * k0k0.double()
    left.diagonal().add_(how.lam * float(kk.square().sum() / kk.trace()))
    # left is symmetric, and positive because lam is
    dw: Tensor = torch.cholesky_solve(kt, torch.linalg.cholesky(left)).t()
    return dw


def null_projector(anchors: Tensor, energy: float) -> Tensor:
    """Return the projector on the directions that the anchors do not use: orthogonal to those with
    the share `energy` of their squares.

    Shapes: (F, F) -> (F, F) float64.
    """
    values, vectors = torch.linalg.eigh(anchors.double())
    values = values.flip(0)
    vectors = vectors.flip(1)
    used = int((values.cumsum(0) < energy * values.sum()).sum()) + 1
    span = vectors[:, :used]
    every = torch.eye(len(values), dtype=torch.float64, device=anchors.device)
    free: Tensor = every - span @ span.t()
    return free


def truncate_rank(change: Tensor, moments: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return A (r, F) and B (D, r), whose product is the change of that rank with the least error
    on the features. Rank 0 keeps all.

    With C C^T = moments, dW C is cut after its largest singular values: |(dW - B A) k|^2 is on
    average the sum of the squares of the others. Its left singular vectors U are the eigenvectors
    of dW moments dW^T, and the cut is U U^T dW, so C is never needed.
    """
    wide = change.double()
    vectors = torch.linalg.eigh(wide @ moments.double() @ wide.t())[1].flip(1)
    u = vectors[:, : min(rank or len(wide), *wide.shape)]
    return (u.t() @ wide).float().contiguous(), u.float().contiguous()


@dataclass(slots=True)
class CachedRows:
    """Hold packed rows. `first_output` is the output of the last layer before the first changed
    one, which is computed once.
    """

    batch: PackedBatch
    first_output: Any = None


class DownProjEditor:
    """Solve for the `down_proj` layers of a module. Changes are hooks; the module stays
    unchanged.
    """

    def __init__(self, module: Any, layers: Sequence[int]) -> None:
        self.module = module
        self.head = Head(module)
        self.layers = sorted(layers)
        self.decoder = get_decoder(module)
        self.blocks = get_decoder_layers(module)
        names = {id(part): name for name, part in module.named_modules()}
        try:
            self.linear = {n: self.blocks[n].get_submodule("mlp.down_proj") for n in self.layers}
        except AttributeError as fault:
            raise UsageError(
                "has no mlp.down_proj in its layers.",
                where=type(module).__name__,
                cure="Use train.adapter=lora.",
            ) from fault
        self.chosen_blocks = {n: self.blocks[n] for n in self.layers}
        self.names = {n: names[id(part)] for n, part in self.linear.items()}

    def require_exact(self) -> None:
        """Require that the regression describes this family.

        Raises:
            UsageError: it takes no packed rows, or a layer does not return what `down_proj` adds.
        """
        if reason := explain_why_not_packed(self.module) or self._explain_why_not_linear():
            raise UsageError(
                f"the family {self.module.config.model_type} cannot be solved for: {reason}.",
                where="train.adapter=closed_form",
                cure="Use train.adapter=lora.",
            )

    @torch.no_grad()
    def _explain_why_not_linear(self) -> str:
        """Return why a layer's output does not change by just what is added to its `down_proj`, or
        an empty text.
        """
        first = self.layers[0]
        found: list[Tensor] = []

        def record(part: Any, inputs: Any, out: Any) -> None:
            found.append(out[0] if isinstance(out, tuple) else out)

        recording = (self.blocks[first].register_forward_hook, record)
        device = next(self.module.parameters()).device
        ids = torch.arange(PROBE_TOKENS, device=device)[None]
        with register_hooks([recording]):
            self.decoder(input_ids=ids, use_cache=False)
        if found[0].ndim != 3:
            return "its layers pass on several states of each token"
        adding = (
            self.linear[first].register_forward_hook,
            lambda part, inputs, out: out + found[0],
        )
        with register_hooks([recording, adding]):
            self.decoder(input_ids=ids, use_cache=False)
        before, after = (states.float() for states in found)
        is_linear = (after - 2 * before).norm() <= PROBE_TOLERANCE * before.norm()
        return "" if is_linear else "its layers normalize or scale what down_proj returns"

    def read(self, rows: Sequence[TrainingRow]) -> CachedRows:
        """Pack rows for several passes."""
        device = next(self.module.parameters()).device
        return CachedRows(pack_rows(rows, device))

    @torch.no_grad()
    def last(self, read: CachedRows, change: LayerChanges | None = None) -> Tensor:
        """Return the input of the head before each answer token, (N, D), with a change added to the
        layers' outputs.
        """
        changes = (change or {}).items()
        with register_hooks(
            [(self.linear[n].register_forward_hook, _make_adding_hook(dw)) for n, dw in changes]
        ):
            return self._forward(read)

    @torch.no_grad()
    def states(self, groups: Sequence[Sequence[TrainingRow]]) -> tuple[dict[int, Tensor], Tensor]:
        """Return the states before the answer tokens after each layer and after the last norm: (N,
        D), in the order of the rows.

        The common beginning of a group's rows, such as worked examples, is computed once.
        """
        found: dict[int, list[Tensor]] = {n: [] for n in self.layers}
        last = []
        for read in map(self.read, groups):
            hooks: list[HookRegistration] = []
            for n, block in self.chosen_blocks.items():
                record = _make_recording_hook(found[n], read.batch.states)
                hooks.append((block.register_forward_hook, record))
            with register_hooks(hooks):
                last.append(self._forward(read))
        return {n: torch.cat(parts) for n, parts in found.items()}, torch.cat(last)

    @torch.no_grad()
    def run_sweep(
        self,
        read: CachedRows,
        targets: LayerChanges,
        weight: Tensor,
        before: LayerChanges,
        how: RidgeSettings,
    ) -> SweepResult:
        """Solve each layer in one pass over all rows: step 2. The pass continues with the solution.

        Shapes: targets (N, D) for each layer, weight (N,), over the first N answer tokens, which
        are in scope. The rows with the other answer tokens are anchors. `before` is the change of
        an earlier sweep.
        """
        batch = read.batch
        found = SweepResult({}, {}, {})
        scope = batch.states[: len(weight)]
        anchored = _find_tokens_from_row(batch, int(batch.row[len(weight) - 1]) + 1)
        heavy = weigh_anchor_tokens(batch, weight)[anchored][:, None]
        features: dict[int, Tensor] = {}

        def record(layer: int) -> Callable[..., None]:
            return lambda part, inputs: features.update({layer: inputs[0][0].float()})

        def solve(layer: int) -> Callable[..., Any]:
            def hook(part: Any, inputs: Any, out: Any) -> Any:
                h = out[0] if isinstance(out, tuple) else out
                features_here = features.pop(layer)
                k = features_here[scope]
                k0 = features_here[anchored]
                old = before.get(layer, torch.zeros(h.shape[-1], k.shape[1], device=k.device))
                # h already holds the new changes of the layers before
                distance = targets[layer].float() - h[0, scope].float()
                t = distance / (len(self.layers) - self.layers.index(layer)) + k @ old.t()
                k0k0 = k0.t() @ (k0 * heavy) / heavy.sum().clamp_min(MIN_NATS)
                dw = ridge(k, t, weight, k0k0, how).float()
                found.change[layer] = dw
                found.r2[layer] = r_squared(t, k @ dw.t(), weight)
                found.moments[layer] = k0k0 + k.t() @ k / len(k)
                h = (h.float() + (features_here @ (dw - old).t())[None]).to(h.dtype)
                return (h, *out[1:]) if isinstance(out, tuple) else h

            return hook

        hooks: list[HookRegistration] = [
            (linear.register_forward_pre_hook, record(n)) for n, linear in self.linear.items()
        ]
        hooks += [(b.register_forward_hook, solve(n)) for n, b in self.chosen_blocks.items()]
        with register_hooks(hooks):
            self.last(read, before)
        return found

    def kl(self, left: Tensor, right: Tensor) -> Tensor:
        """Return KL(left || right) at each position, from last states: (N, D) -> (N,) float32,
        nats.
        """
        with torch.no_grad():
            return kl(self.head, left, right)

    def _forward(self, read: CachedRows) -> Tensor:
        batch = read.batch
        with use_packed_attention(self.module), self._reuse_first_output(read):
            out = self.decoder(
                input_ids=batch.ids,
                position_ids=batch.positions,
                strips=batch.strips,
                use_cache=False,
            )
        found: Tensor = out.last_hidden_state[0].index_select(0, batch.states)
        return found

    @contextmanager
    def _reuse_first_output(self, read: CachedRows) -> Iterator[None]:
        """Skip the layers before the first changed one if their output is known, else record it."""
        unchanged = list(self.blocks[: min(self.layers, default=0)])
        if not unchanged:
            yield
        elif read.first_output is None:

            def record(part: Any, inputs: Any, out: Any) -> None:
                read.first_output = out

            with register_hooks([(unchanged[-1].register_forward_hook, record)]):
                yield
        else:
            for block in unchanged:
                block.forward = lambda *args, **kwargs: read.first_output
            try:
                yield
            finally:
                for block in unchanged:
                    del block.forward


def weigh_anchor_tokens(batch: PackedBatch, weight: Tensor) -> Tensor:
    """Return the weight of each token of a batch as an anchor.

    Before an answer token it is the mean weight of the tokens in scope at that place of an answer,
    and each kind of anchor has the same sum. Elsewhere it is a tenth of the mean.

    Shapes: weight (N,) of the batch's first N answer tokens, which are in scope; returns (T,).
    """
    mine = len(weight)
    count = int(batch.place.max()) + 1
    sums, numbers = (
        torch.zeros(count, device=weight.device).index_add(0, batch.place[:mine], values)
        for values in (weight, torch.ones_like(weight))
    )
    by_place = torch.where(numbers > 0, sums / numbers.clamp_min(1), weight.mean())
    found = torch.full(
        (batch.ids.shape[1],), ELSEWHERE_WEIGHT * float(weight.mean()), device=weight.device
    )
    kinds = [batch.rows[row].kind for row in batch.row[mine:].tolist()]
    counts = Counter(kinds)
    fair = torch.tensor(
        [len(kinds) / len(counts) / counts[kind] for kind in kinds], device=weight.device
    )
    found[batch.states[mine:]] = by_place[batch.place[mine:]] * fair
    return found


def r_squared(aim: Tensor, found: Tensor, weight: Tensor) -> float:
    """Return 1 - the share of the weighted squares that is left."""
    left = (weight[:, None] * (aim - found).square()).sum()
    return float(1 - left / (weight[:, None] * aim.square()).sum())


def kl(head: Head, left: Tensor, right: Tensor) -> Tensor:
    """Return the KL of a head's distributions: (N, D), (N, D) -> (N,) float32, nats."""
    parts = []
    for start in range(0, len(left), KL_CHUNK_ROWS):
        part = slice(start, start + KL_CHUNK_ROWS)
        p, q = (torch.log_softmax(head(x).float(), -1) for x in (left[part], right[part]))
        parts.append(compute_kl(p, q).clamp_min(0))
    return torch.cat(parts)


def _make_adding_hook(dw: Tensor) -> Callable[..., Tensor]:
    def hook(part: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> Tensor:
        return (out.float() + inputs[0].float() @ dw.t()).to(out.dtype)

    return hook


def _make_recording_hook(found: list[Tensor], states: Tensor) -> Callable[..., None]:
    def hook(part: nn.Module, inputs: Any, out: Any) -> None:
        found.append((out[0] if isinstance(out, tuple) else out)[0].index_select(0, states))

    return hook


def _find_tokens_from_row(batch: PackedBatch, first: int) -> Tensor:
    """Return the positions of all tokens of the rows from number `first` on."""
    shared = batch.num_shared_tokens
    start = shared + sum(row.length - shared for row in batch.rows[:first])
    return torch.arange(start, batch.ids.shape[1], device=batch.ids.device)
