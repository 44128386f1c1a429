"""LoReFT: edits of hidden states within a few directions.

    h + R^T (W h + b - R h)        R (r, D) with orthonormal rows

Source: Wu et al. 2024, ReFT (arXiv 2404.03592), equation 2. Settings: `layers`, `positions` (`all`,
or the first n and last m tokens of the prompt: `f1+l1`), `tied` (one R, W, b for first and last),
`site` (`stream`: a layer's output; `down_proj`: what its MLP adds).
Departs: R is the orthonormal factor of its parameter's QR factorisation. W starts as R, so that an
untrained adapter changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.errors import UsageError
from selfteach.models.hook_adapter import (
    HookAdapter,
    Shapes,
    TokenPositions,
    get_decoder_layers,
)
from selfteach.models.parse_layers import parse_layers
from selfteach.records import JsonMapping

SITES = {"stream": "", "down_proj": "mlp.down_proj"}


def apply_edit(h: Tensor, r: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Return h + R^T(Wh + b - Rh). Shapes: h (..., D), R and W (r, D), b (r,)."""
    wide = h.to(r.dtype)
    return (wide + ((wide @ (w - r).t()) + b) @ r).to(h.dtype)


def orthonormalize(free: Tensor) -> Tensor:
    """Return orthonormal rows that span the same space: (r, D) -> (r, D).

    Rows that are orthonormal already stay as they are.
    """
    q, triangle = torch.linalg.qr(free.t())
    rows: Tensor = (q * torch.where(triangle.diagonal() < 0, -1.0, 1.0).to(q.dtype)).t()
    return rows


@dataclass(frozen=True, slots=True)
class PromptSpans:
    """Choose the first n and the last m tokens of a prompt.

    `everywhere` chooses all tokens, those of the answer too.
    """

    first: int = 0
    last: int = 0
    everywhere: bool = False

    @staticmethod
    def parse(text: str) -> PromptSpans:
        """Parse `all`, `f1`, `l2` or `f1+l1`.

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

    def list_parts(self, tied: bool) -> tuple[str, ...]:
        """Return the names of the sets of R, W and b."""
        if self.everywhere or tied or not (self.first and self.last):
            return ("all",)
        return ("first", "last")

    def find_tokens(self, positions: TokenPositions, part: str) -> tuple[Tensor, Tensor]:
        """Return the rows and columns of a part's tokens.

        A token that is among both the first and the last of a short prompt is a first one.
        """
        position = positions.position
        own = (position >= 0) & (position < positions.prompt)
        first = own & (position < self.first)
        last = own & (position >= positions.prompt - self.last) & ~first
        chosen = {"first": first, "last": last, "all": first | last}[part]
        rows, columns = torch.nonzero(chosen, as_tuple=True)
        return rows, columns


class ReftHooks(HookAdapter):
    """Hold R, W and b of each layer and part, as `layers.3.all.R`.

    Attributes:
        is_exact: whether the edit equals a change of weights.
    """

    kind = "reft"

    def __init__(self, module: Any, tensors: Mapping[str, Tensor], settings: JsonMapping) -> None:
        super().__init__(module, tensors)
        self.spans = PromptSpans.parse(str(settings["positions"]))
        self.parts = self.spans.list_parts(bool(settings["tied"]))
        self.needs_positions = not self.spans.everywhere
        self.num_edited_suffix_tokens = max(1, self.spans.last)
        self.site = str(settings["site"])
        self.is_exact = is_exact_edit(settings)
        self.sites = find_sites(module, str(settings["layers"]), self.site)

    def list_names(self) -> list[str]:
        """Return the first part of the tensors' names, for each layer and part."""
        return [f"layers.{layer}.{part}" for layer in self.sites for part in self.parts]

    def get_expected_shapes(self, width: int) -> Shapes:
        """Return the shapes of R, W (r, D) and b (r,) of each layer and part."""
        found: Shapes = {}
        for name in self.list_names():
            rank = len(self.tensors[f"{name}.R"])
            found |= {f"{name}.R": (rank, width), f"{name}.W": (rank, width), f"{name}.b": (rank,)}
        return found

    def iterate_updates(self) -> Iterator[tuple[Any, Tensor, Tensor, Tensor]]:
        """Yield each linear layer with the update of its weights that equals its exact edit: A, B
        and the shift of its bias, in float32 or a wider format.
        """
        for part, name in zip(self.sites.values(), self.list_names(), strict=True):
            linear: Any = part
            wide = torch.promote_types(linear.weight.dtype, torch.float32)
            r, w, b = (self.tensors[f"{name}.{which}"].to(wide) for which in "RWb")
            bias = None if linear.bias is None else linear.bias.detach().to(wide)
            weight = linear.weight.detach().to(wide)
            yield linear, *convert_edit_to_low_rank(r, w, b, weight, bias)

    def edit(self, site: int, h: Tensor) -> Tensor:
        """Edit the chosen tokens of a site's output: (B, T, D) -> (B, T, D)."""
        for part in self.parts:
            r, w, b = (self.tensors[f"layers.{site}.{part}.{name}"] for name in "RWb")
            r = orthonormalize(r) if r.requires_grad else r
            if self.spans.everywhere:
                return apply_edit(h, r, w, b)
            find_tokens = partial(self.spans.find_tokens, self.positions, part)
            rows, columns = self.positions.compute_once(part, find_tokens)
            if len(rows):
                h = h.index_put((rows, columns), apply_edit(h[rows, columns], r, w, b))
        return h


def is_exact_edit(settings: JsonMapping) -> bool:
    """Return whether an edit equals a change of weights: one at all positions of a linear layer's
    own output.
    """
    return PromptSpans.parse(str(settings["positions"])).everywhere and settings["site"] != "stream"


def find_sites(module: Any, layers: str, site: str) -> dict[int, nn.Module]:
    """Return the parts of the module whose output is edited, by layer.

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
    """Return the low-rank update of a linear layer's weights that equals the edit of its output.

    With y = W0 x + b0:

        y + R^T((W - R) y + b) = (W0 + R^T (W - R) W0) x + b0 + R^T((W - R) b0 + b)

    Shapes: R, W (r, out), b (r,), W0 (out, in), b0 (out,) -> A (r, in), B (out, r), shift (out,).
    """
    b0 = bias if bias is not None else torch.zeros_like(weight[:, 0])
    return (w - r) @ weight, r.t().contiguous(), r.t() @ ((w - r) @ b0 + b)
