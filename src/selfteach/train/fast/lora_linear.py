"""A linear layer with a low-rank update, fast to train on a frozen base.

Besides the base's own product there are only products with the rank's width, each added in place.
No gradient of a full matrix is formed, and small updates are not lost in the rounding of a merged
weight.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.models.four_bit import is_4bit


class LoraProduct(torch.autograd.Function):
    """Compute y = x W^T + b + s (x A^T) B^T with gradients for x, A and B alone.

    Source: Hu et al. 2021 (arXiv 2106.09685), equation 3; with G = dL/dy: dB = s G^T (x A^T), dA =
    s (G B)^T x, dx = G W + s (G B) A.
    Shapes: x (T, in), weight (out, in), A (r, in), B (out, r), y (T, out). `low_a` and `low_b` are
    A and sB in the weight's dtype.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        a: Tensor,
        b: Tensor,
        scale: float,
        low_a: Tensor,
        low_b: Tensor,
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        y = nn.functional.linear(rows, weight, bias)
        thin = rows @ low_a.t()  # (T, r)
        y.addmm_(thin, low_b.t())
        ctx.save_for_backward(rows, thin, weight, low_a, low_b)
        ctx.scale = scale
        ctx.shape = x.shape
        # not a view, because some layers add to the output in place
        return torch.ops.aten._unsafe_view(y, [*x.shape[:-1], y.shape[-1]])  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        rows, thin, weight, low_a, low_b = ctx.saved_tensors
        g = grads[0].reshape(-1, weight.shape[0])
        thin_g = g @ low_b  # (T, r), s included
        d_a = (thin_g.t() @ rows).float()
        d_b = (g.t() @ thin).float().mul_(ctx.scale)
        d_x = None
        if ctx.needs_input_grad[0]:
            d_x = (g @ weight).addmm_(thin_g, low_a).view(ctx.shape)
        return d_x, None, None, d_a, d_b, None, None, None


class LoraLinear(nn.Module):
    """Replace a frozen `nn.Linear`. A and B are kept in float32. A starts as in PEFT, B at zero.

    Weights that cannot be read as they are (packed in 4 bits, or split by DeepSpeed) are left to
    the layer's own pass, and the update is added to its output.
    """

    def __init__(
        self, base: nn.Linear, rank: int, alpha: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.base = base
        self.scale = alpha / rank
        self.active = True
        self.merged: Tensor | None = None
        bound = math.sqrt(6 / ((1 + 5) * base.in_features))  # kaiming_uniform_(a=sqrt(5)), as PEFT
        a = torch.empty(rank, base.in_features).uniform_(-bound, bound, generator=generator)
        self.a = nn.Parameter(a.to(base.weight.device))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank, device=base.weight.device))
        self.refresh()

    @property
    def weight(self) -> Tensor:
        """Return the base's weight, which some layers read instead of calling this one."""
        return self.base.weight

    @property
    def bias(self) -> Tensor | None:
        """Return the base's bias."""
        return self.base.bias

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy the present A and B in the weight's dtype."""
        if is_4bit(self.base.weight):
            return
        self.low_a = self.a.to(self.base.weight.dtype)
        self.low_b = (self.b * self.scale).to(self.base.weight.dtype)

    @torch.no_grad()
    def merge(self) -> None:
        """Compute W + sBA in one matrix, for sampling: in float32, rounded once. A weight in 4 bits
        stays as it is: whole matrices would take four times its memory.
        """
        if is_4bit(self.base.weight):
            return
        self.merged = torch.addmm(self.base.weight.float(), self.b, self.a, alpha=self.scale).to(
            self.base.weight.dtype
        )

    def forward(self, x: Tensor) -> Tensor:
        if not self.active:
            return self.base(x)  # type: ignore[no-any-return]
        if self.merged is not None:
            return nn.functional.linear(x, self.merged, self.base.bias)
        base = self.base
        # DeepSpeed gathers a weight, and bitsandbytes unpacks one, in the layer's own pass alone
        if hasattr(base.weight, "ds_id") or is_4bit(base.weight):
            thin = nn.functional.linear(x, self.a.to(x.dtype))
            update = nn.functional.linear(thin, (self.b * self.scale).to(x.dtype))
            return base(x) + update  # type: ignore[no-any-return]
        y: Tensor = LoraProduct.apply(
            x, base.weight, base.bias, self.a, self.b, self.scale, self.low_a, self.low_b
        )  # type: ignore[no-untyped-call]
        return y
