"""Several LoRAs on one module at once: each row of a batch has its own lessons, or none.

The matrices of all lessons stand one below the other, so that one product serves all rows. A mask
leaves to each row the ranks of its own lessons:

    y = W x + B (m * (A x))    A: the ranks of all lessons, m: 1 at the ranks of the row's lessons

A row with several lessons has their exact sum. Only the ranks from the first to the last lesson of
a batch are computed. The changes are computed in float32, whatever the number format of the base.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from selfteach.models.lora_layers import LoraLayer


@dataclass(frozen=True, eq=False)
class LessonWeights:
    """Hold the LoRA of one lesson.

    Attributes:
        layers: A (R, D_in) and B (R, D_out) by the name of the layer; B holds the scale.
        rank: the largest rank of a layer.
    """

    layers: Mapping[str, tuple[Tensor, Tensor]]
    rank: int


RowLessons = tuple[LessonWeights, ...]
"""The lessons of a row, whose sum it gets."""
BASE: RowLessons = ()
"""A row without a lesson: the base."""


def read_weights(layers: Mapping[str, LoraLayer], like: Tensor) -> LessonWeights:
    """Return the weights of a lesson in float32, on the device of `like`."""
    found = {}
    for name, layer in layers.items():
        a = layer.a.to(like.device, torch.float32)
        b = layer.b.to(like.device, torch.float32) * layer.scale
        found[name] = (a, b.T.contiguous())
    return LessonWeights(found, max(a.shape[0] for a, _ in found.values()))


class LessonRows:
    """Add to the output of every linear layer the change of each row's own lessons.

    One thread at a time uses it. A lesson that nobody refers to any more loses its place.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._device = next(module.parameters()).device
        self._places: WeakKeyDictionary[LessonWeights, slice] = WeakKeyDictionary()
        self._joined: dict[str, tuple[Tensor, Tensor]] = {}
        self._hooked: set[str] = set()
        self._ranks = slice(0, 0)
        self._in_use: Mapping[str, tuple[Tensor, Tensor]] = {}
        self._mask: Tensor | None = None
        self._active = False

    @contextmanager
    def use(self, rows: Sequence[RowLessons]) -> Iterator[None]:
        """Give each row of the passes inside the block its lessons."""
        needed = list(dict.fromkeys(chain.from_iterable(rows)))
        if any(lesson not in self._places for lesson in needed):
            self._place(needed)
        if needed:
            self._choose_ranks([self._places[lesson] for lesson in needed])
            self._mask = self._make_mask(rows)
        self._active = bool(needed)
        try:
            yield
        finally:
            self._active = False

    def _choose_ranks(self, places: Sequence[slice]) -> None:
        """Choose the ranks that are computed: those from the first to the last of these places."""
        ranks = slice(min(place.start for place in places), max(place.stop for place in places))
        if ranks != self._ranks:
            self._ranks = ranks
            self._in_use = {name: (a[ranks].T, b[ranks]) for name, (a, b) in self._joined.items()}

    def _make_mask(self, rows: Sequence[RowLessons]) -> Tensor | None:
        """Return 1 at the ranks of each row's own lessons (B, 1, R); None if all of them are."""
        first = self._ranks.start
        mask = torch.zeros(len(rows), 1, self._ranks.stop - first)
        for i, lessons in enumerate(rows):
            for lesson in lessons:
                place = self._places[lesson]
                mask[i, 0, place.start - first : place.stop - first] = 1
        return None if bool(mask.all()) else mask.to(self._device)

    def _place(self, needed: Sequence[LessonWeights]) -> None:
        """Join the lessons that are still in use with those that are needed, in this order.

        If memory runs out meanwhile, no lesson has a place, so that the next use joins them again.
        """
        lessons = list(dict.fromkeys([*self._places, *needed]))
        self._places.clear()
        self._joined.clear()
        self._ranks = slice(0, 0)
        for name in sorted({name for lesson in lessons for name in lesson.layers}):
            self._joined[name] = self._join_layer(name, lessons)
            if name not in self._hooked:
                linear = self._module.get_submodule(name)
                linear.register_forward_hook(partial(self._add_changes, name))
                self._hooked.add(name)
        start = 0
        for lesson in lessons:
            self._places[lesson] = slice(start, start + lesson.rank)
            start += lesson.rank

    def _join_layer(self, name: str, lessons: Sequence[LessonWeights]) -> tuple[Tensor, Tensor]:
        """Return the matrices of a layer, one lesson below the other; missing ranks are zero."""
        linear = self._module.get_submodule(name)
        total = sum(lesson.rank for lesson in lessons)
        a = torch.zeros(total, linear.in_features, device=self._device)
        b = torch.zeros(total, linear.out_features, device=self._device)
        start = 0
        for lesson in lessons:
            if name in lesson.layers:
                own_a, own_b = lesson.layers[name]
                a[start : start + len(own_a)] = own_a
                b[start : start + len(own_b)] = own_b
            start += lesson.rank
        return a, b

    def _add_changes(self, name: str, linear: nn.Module, inputs: Any, out: Tensor) -> Tensor:
        """Return the changed output of a layer.

        Shapes: inputs[0] (B, T, D_in), out (B, T, D_out).
        """
        if not self._active or name not in self._in_use:
            return out
        a, b = self._in_use[name]
        inner = inputs[0].float() @ a  # (B, T, R)
        if self._mask is not None:
            inner *= self._mask
        inner = inner.view(-1, inner.shape[-1])
        changed = out.view(-1, out.shape[-1])  # in place: it is the layer's own fresh output
        if out.dtype == torch.float32:
            changed.addmm_(inner, b)
        else:
            changed += inner @ b
        return out
