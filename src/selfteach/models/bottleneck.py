"""Bottleneck adapters: a small network after the MLP of each layer.

    h + up(gelu(down(h) + b1)) + b2

Source: Houlsby et al. 2019 (arXiv 1902.00751), placed after the MLP alone as Pfeiffer et al. 2020
(arXiv 2005.00247) found to suffice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from selfteach.errors import UsageError
from selfteach.models.hook_adapter import HookAdapter, Shapes, get_decoder_layers
from selfteach.models.parse_layers import parse_layers
from selfteach.records import JsonMapping

PARTS = ("down", "down_bias", "up", "up_bias")


class BottleneckHooks(HookAdapter):
    """Hold `layers.3.down` (size, D), `.down_bias`, `.up` (D, size), `.up_bias` of each layer."""

    kind = "bottleneck"

    def __init__(self, module: Any, tensors: Mapping[str, Tensor], settings: JsonMapping) -> None:
        super().__init__(module, tensors)
        self.sites = find_mlps(module, str(settings["layers"]))

    def get_expected_shapes(self, width: int) -> Shapes:
        """Return the shapes of the two halves of each layer."""
        shapes: Shapes = {}
        for layer in self.sites:
            size = len(self.tensors[f"layers.{layer}.down"])
            own = ((size, width), (size,), (width, size), (width,))
            shapes |= {f"layers.{layer}.{part}": s for part, s in zip(PARTS, own, strict=True)}
        return shapes

    def edit(self, site: int, h: Tensor) -> Tensor:
        """Add the small network's output to the MLP's: (B, T, D) -> (B, T, D)."""
        down, down_bias, up, up_bias = (
            self.tensors[f"layers.{site}.{part}"].to(h.dtype) for part in PARTS
        )
        inner = nn.functional.gelu(nn.functional.linear(h, down, down_bias))
        return h + nn.functional.linear(inner, up, up_bias)


def find_mlps(module: Any, layers: str) -> dict[int, nn.Module]:
    """Return the MLPs of the chosen layers, by layer.

    Raises:
        UsageError: the family gives them another name.
    """
    every = get_decoder_layers(module)
    found = {}
    for n in parse_layers(layers, len(every), "train.bottleneck.layers"):
        children = dict(every[n].named_children())
        part = children.get("mlp") or children.get("feed_forward")
        if part is None:
            raise UsageError(
                "the MLPs of this family are not known.",
                where=type(module).__name__,
                cure="Use train.adapter=lora.",
            )
        found[n] = part
    return found
