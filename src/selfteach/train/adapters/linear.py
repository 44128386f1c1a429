"""A linear layer with a low-rank update, fast to train on a frozen base.

The forward product uses W + sBA, merged once a step, so that it costs what the base costs. The backward pass never forms the gradient
of a full matrix: only products with the rank's width.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class LoraProduct(torch.autograd.Function):
    """y = x (W + sBA)^T + b with gradients for x, A and B alone.

    Source: Hu et al. 2021 (arXiv 2106.09685), equation 3; with G = dL/dy: dB = s G^T (x A^T), dA = s (G B)^T x, dx = G (W + sBA).
    Shapes: x (T, in), merged (out, in), A (r, in), B (out, r), y (T, out).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, merged: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(x, merged, a, b)
        ctx.scale = scale
        return nn.functional.linear(x, merged, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, merged, a, b = ctx.saved_tensors
        g = grads[0].reshape(-1, merged.shape[0])
        rows = x.reshape(-1, merged.shape[1])
        a_low, b_low = a.to(x.dtype), b.to(x.dtype)
        thin = (g @ b_low).mul_(ctx.scale)  # (T, r)
        d_a = (thin.t() @ rows).to(a.dtype)
        d_b = (g.t() @ (rows @ a_low.t())).mul_(ctx.scale).to(b.dtype)
        d_x = (g @ merged).view_as(x) if ctx.needs_input_grad[0] else None
        return d_x, None, None, d_a, d_b, None


class LoraLinear(nn.Module):
    """Stands in for a frozen `nn.Linear`. A and B are kept in float32; A starts as PEFT starts it, B at zero."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        self.base, self.scale, self.active = base, alpha / rank, True
        bound = math.sqrt(6 / ((1 + 5) * base.in_features))  # kaiming_uniform_(a=sqrt(5)), as PEFT
        a = torch.empty(rank, base.in_features).uniform_(-bound, bound, generator=generator)
        self.a = nn.Parameter(a.to(base.weight.device))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank, device=base.weight.device))
        self.merged = torch.empty_like(base.weight)
        self.merge()

    @torch.no_grad()
    def merge(self) -> None:
        """Renews W + sBA from the present A and B: computed in float32, rounded once."""
        self.merged.copy_(torch.addmm(self.base.weight.float(), self.b, self.a, alpha=self.scale))

    def forward(self, x: Tensor) -> Tensor:
        if not self.active:
            return self.base(x)  # type: ignore[no-any-return]
        return LoraProduct.apply(x, self.merged, self.base.bias, self.a, self.b, self.scale)  # type: ignore[no-any-return]
