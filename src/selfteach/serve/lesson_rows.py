"""Several LoRAs on one module at once: each row of a batch has its own, or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfteach.models.lora_layers import LoraLayer

BASE = -1
"""The number of the base among the lessons: no adapter."""
LayerPairs = dict[str, tuple[Tensor, Tensor]]
"""The two matrices of each layer of a lesson."""
RowGroup = tuple[LayerPairs, Tensor | None]
"""A lesson and the numbers of its rows; None means all rows."""


class LessonRows:
    """Add to the output of every linear layer the change of each row's own lesson.

    The rows of one lesson are computed together. The rows of the base are not touched.
    """

    def __init__(self, module: Any, lessons: Sequence[Mapping[str, LoraLayer]]) -> None:
        weight = next(module.parameters())
        self._pairs: list[LayerPairs] = []
        for lesson in lessons:
            pairs: LayerPairs = {}
            for name, layer in lesson.items():
                a = layer.a.to(weight.device, weight.dtype)
                b = (layer.b.float() * layer.scale).to(weight.device, weight.dtype)
                pairs[name] = (a, b)
            self._pairs.append(pairs)
        self._groups: list[RowGroup] = []
        self._device = weight.device
        for name in sorted({name for lesson in lessons for name in lesson}):
            linear = module.get_submodule(name)
            linear.register_forward_hook(partial(self._add_changes, name))

    @contextmanager
    def use(self, numbers: Sequence[int]) -> Iterator[None]:
        """Give each row of the passes inside the block a lesson, by its number, or BASE."""
        groups: list[RowGroup] = []
        for number in sorted(set(numbers) - {BASE}):
            rows = [i for i, own in enumerate(numbers) if own == number]
            index = None
            if len(rows) < len(numbers):
                index = torch.tensor(rows, device=self._device)
            groups.append((self._pairs[number], index))
        self._groups = groups
        try:
            yield
        finally:
            self._groups = []

    def _add_changes(self, name: str, linear: nn.Module, inputs: Any, out: Tensor) -> Tensor | None:
        """Return the changed output of a layer.

        Shapes: inputs[0] (B, T, D_in), out (B, T, D_out).
        """
        for pairs, rows in self._groups:
            if name not in pairs:
                continue
            a, b = pairs[name]
            x = inputs[0] if rows is None else inputs[0][rows]
            change = functional.linear(functional.linear(x, a), b)
            out = out + change if rows is None else out.index_add(0, rows, change)
        return out
