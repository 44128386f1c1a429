"""LoReFT: representations that are moved within a few directions.

    h + R^T (W h + b - R h)        R (r, D) with orthonormal rows

Source: Wu et al. 2024, ReFT (arXiv 2404.03592), equation 2. Settings: `layers`, `positions` (`all`,
or the first n and last m tokens of the prompt: `f1+l1`), `tied` (one R, W, b for first and last),
`site` (`stream`: a layer's output; `down_proj`: what its MLP adds).
Departs: R is what a QR factorisation of its parameter gives, and W starts as R, so that an
untrained one changes nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.errors import UsageError
from selfteach.models.hooks import (
    Hook,
    HookAdapter,
    TokenPositions,
    get_decoder_layers,
    parse_layers,
)

SITES = {"stream": "", "down_proj": "mlp.down_proj"}


def apply_edit(h: Tensor, r: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """h + R^T(Wh + b - Rh). Shapes: h (..., D), R and W (r, D), b (r,)."""
    wide = h.to(r.dtype)
    return (wide + ((wide @ (w - r).t()) + b) @ r).to(h.dtype)


def orthonormalize(free: Tensor) -> Tensor:
    """Rows that span the same space and are orthonormal; rows that are so already stay as they are.
    (r, D) -> (r, D).
    """
    q, triangle = torch.linalg.qr(free.t())
    rows: Tensor = (q * torch.where(triangle.diagonal() < 0, -1.0, 1.0).to(q.dtype)).t()
    return rows


@dataclass(frozen=True, slots=True)
class PromptSpans:
    """The first n and the last m tokens of a prompt; `everywhere` is every token of the answer too."""

    first: int = 0
    last: int = 0
    everywhere: bool = False

    @staticmethod
    def of(text: str) -> PromptSpans:
        """From `all`, `f1`, `l2` or `f1+l1`.

        Raises:
            UsageError: another form.
        """
        if text == "all":
            return PromptSpans(everywhere=True)
        found = re.fullmatch(r"(?:f([1-9]\d{0,3}))?(\+)?(?:l([1-9]\d{0,3}))?", text)
        if not found or not (found[1] or found[3]) or bool(found[2]) != bool(found[1] and found[3]):
            raise UsageError(
                f"{text!r} names no positions.",
                where="train.reft.positions",
                cure='Write "all", "f1", "l1" or "f1+l1".',
            )
        return PromptSpans(int(found[1] or 0), int(found[3] or 0))

    def parts(self, tied: bool) -> tuple[str, ...]:
        """Which sets of R, W, b there are."""
        if self.everywhere or tied or not (self.first and self.last):
            return ("all",)
        return ("first", "last")

    def where(self, places: TokenPositions, part: str) -> tuple[Tensor, Tensor]:
        """Rows and columns of a part's tokens. Where a short prompt's first and last tokens are the
        same, they are first.
        """
        own = (places.position >= 0) & (places.position < places.prompt)
        first = own & (places.position < self.first)
        last = own & (places.position >= places.prompt - self.last) & ~first
        rows, columns = torch.nonzero(
            {"first": first, "last": last, "all": first | last}[part], as_tuple=True
        )
        return rows, columns


class ReftHooks(HookAdapter):
    """R, W and b for each layer and part, as `layers.3.all.R`."""

    kind = "reft"

    def __init__(
        self, module: Any, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]
    ) -> None:
        super().__init__(module, tensors)
        self.spans, self.tied = PromptSpans.of(str(settings["positions"])), bool(settings["tied"])
        self.needs_positions, self.num_edited_suffix_tokens = (
            not self.spans.everywhere,
            max(1, self.spans.last),
        )
        self.sites = find_sites(module, str(settings["layers"]), str(settings["site"]))
        self.site = str(settings["site"])

    @property
    def is_exact(self) -> bool:
        """Whether it is the same as other weights: at all positions of a linear layer's own output."""
        return self.spans.everywhere and self.site != "stream"

    def names(self) -> Iterator[str]:
        """The beginning of the names of each layer's and part's tensors."""
        for layer in self.sites:
            yield from (f"layers.{layer}.{part}" for part in self.spans.parts(self.tied))

    def get_expected_shapes(self, width: int) -> dict[str, tuple[int, ...]]:
        """R, W (r, D) and b (r,) of each layer and part."""
        found: dict[str, tuple[int, ...]] = {}
        for name in self.names():
            rank = len(self.tensors[f"{name}.R"])
            found |= {f"{name}.R": (rank, width), f"{name}.W": (rank, width), f"{name}.b": (rank,)}
        return found

    def iterate_hooks(self) -> Iterator[tuple[nn.Module, Hook]]:
        """The output of each site."""
        for layer, part in self.sites.items():
            yield part, self._at_layer(layer)

    def _at_layer(self, layer: int) -> Hook:
        def change(h: Tensor) -> Tensor:
            for part in self.spans.parts(self.tied):
                r, w, b = (self.tensors[f"layers.{layer}.{part}.{name}"] for name in "RWb")
                r = orthonormalize(r) if r.requires_grad else r
                if self.spans.everywhere:
                    return apply_edit(h, r, w, b)
                find_rows = functools.partial(self.spans.where, self.places, part)
                rows, columns = self.places.once(part, find_rows)
                if len(rows):
                    h = h.index_put((rows, columns), apply_edit(h[rows, columns], r, w, b))
            return h

        return change


def find_sites(module: Any, layers: str, site: str) -> dict[int, nn.Module]:
    """The parts of the module whose output is edited, by layer.

    Raises:
        UsageError: this family has no such part.
    """
    every = get_decoder_layers(module)
    try:
        return {
            n: every[n].get_submodule(SITES[site])
            for n in parse_layers(layers, len(every), "train.reft.layers")
        }
    except AttributeError as fault:
        raise UsageError(
            f"has no {SITES[site]} in its layers.",
            where=type(module).__name__,
            cure="Set train.reft.site=stream.",
        ) from fault


def convert_edit_to_low_rank(
    r: Tensor, w: Tensor, b: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The low-rank update of a linear layer's weights that does what the edit of its output does,
    exactly.

    With y = W0 x + b0:  y + R^T((W - R) y + b) = (W0 + R^T (W - R) W0) x + b0 + R^T((W - R) b0 +
    b).
    Shapes: R, W (r, out), b (r,), W0 (out, in), b0 (out,) -> A (r, in), B (out, r), shift (out,).
    """
    b0 = bias if bias is not None else torch.zeros_like(weight[:, 0])
    return (w - r) @ weight, r.t().contiguous(), r.t() @ ((w - r) @ b0 + b)
