"""Back to the base wherever the lessons do not need the change: RegMean of the taught model, on its lessons, and the base, on the anchors.

Training goes where its gradients lead, not where the least is changed: much of an update acts on what has nothing to do with the lessons.
So on the way each layer's update becomes the one that does nearly the same to what enters the layer in lessons, and least to anchors:

    dW' = argmin_X  mean |X k - dW k|^2 + mu mean |X k0|^2 + lam |X|^2 = dW S (S + mu S0 + lam I)^-1,    S = mean k k^T, S0 = mean k0 k0^T

k and k0 are what enters the layer at the tokens of lessons and of anchors. Of a LoRA s B A only A changes, so that it stays what it is.

Source: RegMean (Jin et al. 2023, arXiv 2212.09849, equation 2), the model with the features S being the taught one, that with S0 the base.
Departs: it is done before the last third of the steps and not after them, so that these make good what the lessons lost (docs/log.md);
the anchors weigh mu; lam = lam0 ||S||_F^2 / tr S as in ridge.py, with one small lam0; layers are solved a few at a time, so that
the later ones see what the earlier have become, and so that only so many S are in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch import Tensor, nn

from selfteach.select.balance import spread
from selfteach.train.adapters import Adapter
from selfteach.train.adapters.linear import LoraLinear
from selfteach.train.adapters.lora import Lora
from selfteach.train.batch import Row, micro_batches
from selfteach.train.student import Student

HOLD_AFTER = 2 / 3
"""This share of the steps."""
ROWS = 100
"""Lessons, and anchors, that are looked at: evenly over all of them."""
LAM = 1e-5
BYTES = 5e8
"""What the moments of the layers that are solved together may take."""


@dataclass
class Moments:
    """The sum of x x^T over all tokens, for each of some layers; layers that are fed with the same tensor share one.

    `beginning`: the tokens that stand once for `times` rows that are computed together. They count once for each, so that the sum does not
    depend on which rows those are. Shapes: sums (F, F) float32 of a layer with F inputs.
    """

    sums: dict[str, Tensor] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    beginning: int = 0
    times: int = 1
    _last: tuple[str, Tensor | None] = ("", None)

    def hook(self, name: str) -> Callable[..., None]:
        """Takes in what enters a layer."""

        def take(part: nn.Module, given: tuple[Tensor, ...]) -> None:
            owner, last = self._last
            if given[0] is last:
                self.shared[name] = owner
                return
            x = given[0].detach().reshape(-1, given[0].shape[-1]).float()
            total = self.sums.setdefault(name, torch.zeros(x.shape[1], x.shape[1], device=x.device)).addmm_(x.t(), x)
            first = x[: self.beginning]
            total.addmm_(first.t(), first, alpha=self.times - 1)
            self.tokens[name] = self.tokens.get(name, 0) + len(x) + len(first) * (self.times - 1)
            self._last = (name, given[0])

        return take

    def owner(self, name: str) -> str:
        """The layer whose sum is also this one's."""
        return self.shared.get(name, name)

    def mean(self, name: str) -> Tensor:
        """(F, F) float64."""
        owner = self.owner(name)
        return self.sums[owner].double() / self.tokens[owner]


See = Callable[[Mapping[str, LoraLinear], Sequence[Row]], Moments]


@torch.no_grad()
def hold_still(adapter: Adapter, rows: Sequence[Row], mu: float, see: See) -> bool:
    """Changes a LoRA as this module says; False where there is nothing to hold on to, or the adapter is another.

    Args:
        rows: those of the training; an anchor is one with no other objective than `anchor`.
        mu: the weight of the anchors.
        see: `moments` of the student as it is now.
    """
    anchors = [row for row in rows if row.weights.keys() == {"anchor"}]
    lessons = [row for row in rows if row.weights.keys() != {"anchor"}]
    if not (isinstance(adapter, Lora) and anchors and lessons):
        return False
    adapter.begin_step()
    for part in parts(adapter.places):
        seen, still = see(part, spread(lessons, ROWS)), see(part, spread(anchors, ROWS))
        for owner, group in groupby(part, key=seen.owner):
            every: list[Tensor] = [part[name].a for name in group]
            found = held(torch.cat(every), seen.mean(owner), still.mean(owner), mu)
            for a, new in zip(every, torch.split(found, [len(a) for a in every]), strict=True):  # type: ignore[no-untyped-call]
                a.copy_(new)
        adapter.begin_step()
    return True


def held(a: Tensor, s: Tensor, s0: Tensor, mu: float, lam: float = LAM) -> Tensor:
    """a S (S + mu S0 + lam I)^-1. Shapes: a (r, F) float32, s and s0 (F, F) float64 -> (r, F) float32."""
    left = s + mu * s0
    left.diagonal().add_(lam * float(s.square().sum() / s.trace()))
    found: Tensor = torch.cholesky_solve(s @ a.double().t(), torch.linalg.cholesky(left)).t()  # both are symmetric
    return found.float()


def parts(places: Mapping[str, LoraLinear]) -> Iterator[dict[str, LoraLinear]]:
    """The layers in their order, as many at a time as the moments of all may take, at least one."""
    part: dict[str, LoraLinear] = {}
    size = 0
    for name, layer in places.items():
        mine = 2 * 4 * layer.a.shape[1] ** 2
        if part and size + mine > BYTES:
            yield part
            part, size = {}, 0
        part[name], size = layer, size + mine
    yield part


@torch.no_grad()
def moments(student: Student, layers: Mapping[str, LoraLinear], rows: Sequence[Row], token_budget: int) -> Moments:
    """What enters the layers at all tokens of the rows, however they are computed together. The student is ready."""
    found = Moments()
    with ExitStack() as hooks:
        for name, layer in layers.items():
            hooks.callback(layer.register_forward_pre_hook(found.hook(name)).remove)
        for group in micro_batches(rows, token_budget):
            batch = student.pack(group)
            found.beginning, found.times = (batch.beginning, len(group)) if student.packs else (0, 1)
            student.states(batch)
    return found
