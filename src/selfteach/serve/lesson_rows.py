"""Several LoRAs on one module at once: each row of a batch has its own lessons, or none.

The matrices of all lessons stand one below the other, so that one product serves all rows. A mask
leaves to each row the ranks of its own lessons:

    y = W x + B (m * (A x))    A: the ranks of all lessons, m: 1 at the ranks of the row's lessons

A row with several lessons has their exact sum. Only the ranks from the first to the last lesson of
a batch are computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
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
    """Return the weights of a lesson, on the device and in the number format of `like`."""
    found = {}
    for name, layer in layers.items():
        a = layer.a.to(like.device, like.dtype)
        b = (layer.b.float() * layer.scale).to(like.device, like.dtype)
        found[name] = (a, b.T.contiguous())
    return LessonWeights(found, max(a.shape[0] for a, _ in found.values()))


class LessonRows:
    """Add to the output of every linear layer the change of each row's own lessons.

    One thread at a time uses it. A lesson that nobody refers to any more loses its place.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._like: Tensor = next(module.parameters())
        self._places: WeakKeyDictionary[LessonWeights, slice] = WeakKeyDictionary()
        self._joined: dict[str, tuple[Tensor, Tensor]] = {}
        self._hooked: set[str] = set()
        self._ranks: slice | None = None
        self._mask: Tensor | None = None

    @contextmanager
    def use(self, rows: Sequence[RowLessons]) -> Iterator[None]:
        """Give each row of the passes inside the block its lessons."""
        needed: set[LessonWeights] = set().union(*rows)
        if not needed <= set(self._places):
            self._place(needed)
        if needed:
            self._set_ranks(rows, [self._places[lesson] for lesson in needed])
        try:
            yield
        finally:
            self._ranks = self._mask = None

    def _set_ranks(self, rows: Sequence[RowLessons], places: Sequence[slice]) -> None:
        first = min(place.start for place in places)
        last = max(place.stop for place in places)
        self._ranks = slice(first, last)
        mask = torch.zeros(len(rows), 1, last - first)
        for i, lessons in enumerate(rows):
            for lesson in lessons:
                place = self._places[lesson]
                mask[i, 0, place.start - first : place.stop - first] = 1
        self._mask = None if bool(mask.all()) else mask.to(self._like)

    def _place(self, needed: set[LessonWeights]) -> None:
        """Join the lessons that are still in use with those that are needed."""
        lessons = [*self._places, *(needed - set(self._places))]
        self._joined.clear()
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
        a = self._like.new_zeros(total, linear.in_features)
        b = self._like.new_zeros(total, linear.out_features)
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
        joined = self._joined.get(name)
        if self._ranks is None or joined is None:
            return out
        a, b = joined
        inner = inputs[0] @ a[self._ranks].T  # (B, T, R)
        if self._mask is not None:
            inner = inner * self._mask
        changed = torch.addmm(
            out.reshape(-1, out.shape[-1]),
            inner.reshape(-1, inner.shape[-1]),
            b[self._ranks],
        )
        return changed.reshape(out.shape)
