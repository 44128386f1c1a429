"""Bottleneck adapters: a small network after the MLP of each layer.

    h + up(gelu(down(h) + b1)) + b2

Source: Houlsby et al. 2019 (arXiv 1902.00751), placed after the MLP alone as Pfeiffer et al. 2020
(arXiv 2005.00247) found to suffice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from selfteach.errors import UsageError
from selfteach.models.hooks import Hook, HookAdapter, get_decoder_layers, parse_layers

PARTS = ("down", "down_bias", "up", "up_bias")


class BottleneckHooks(HookAdapter):
    """`layers.3.down` (size, D), `.down_bias`, `.up` (D, size), `.up_bias` for each layer."""

    kind = "bottleneck"

    def __init__(
        self, module: Any, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]
    ) -> None:
        super().__init__(module, tensors)
        self.sites = find_mlps(module, str(settings["layers"]))

    def get_expected_shapes(self, width: int) -> dict[str, tuple[int, ...]]:
        """The two halves of each layer."""
        found: dict[str, tuple[int, ...]] = {}
        for layer in self.sites:
            size = len(self.tensors[f"layers.{layer}.down"])
            parts = dict(zip(PARTS, ((size, width), (size,), (width, size), (width,)), strict=True))
            found |= {f"layers.{layer}.{part}": shape for part, shape in parts.items()}
        return found

    def iterate_hooks(self) -> Iterator[tuple[nn.Module, Hook]]:
        """What each MLP adds."""
        for layer, part in self.sites.items():
            yield part, self._at_layer(layer)

    def _at_layer(self, layer: int) -> Hook:
        def change(h: Tensor) -> Tensor:
            down, down_bias, up, up_bias = (
                self.tensors[f"layers.{layer}.{part}"].to(h.dtype) for part in PARTS
            )
            return h + nn.functional.linear(
                nn.functional.gelu(nn.functional.linear(h, down, down_bias)), up, up_bias
            )

        return change


def find_mlps(module: Any, layers: str) -> dict[int, nn.Module]:
    """The MLPs of the chosen layers.

    Raises:
        UsageError: the family names them otherwise.
    """
    every = get_decoder_layers(module)
    chosen = parse_layers(layers, len(every), "train.bottleneck.layers")
    found = {
        n: next(
            (p for name, p in every[n].named_children() if name in ("mlp", "feed_forward")), None
        )
        for n in chosen
    }
    if any(part is None for part in found.values()):
        raise UsageError(
            "the MLPs of this family are not known.",
            where=type(module).__name__,
            cure="Use train.adapter=lora.",
        )
    return {n: part for n, part in found.items() if part is not None}
