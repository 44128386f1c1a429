"""A faster root-mean-square norm for frozen weights, used if it computes the same as the
model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class RmsNorm(torch.autograd.Function):
    """Compute y = w x / sqrt(mean(x^2) + eps).

    With r = 1/sqrt(mean(x^2) + eps) and g = w dL/dy: dx = r (g - x r mean(g x r)). Torch's fused
    kernel for layer norm computes r (g - mean(g) - x r mean(g x r)) with a mean of 0, so r mean(g)
    is added again.
    Source: Zhang and Sennrich 2019 (arXiv 1910.07467). Shapes: x (T, D), weight (D,).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        size = x.shape[-1]
        # one wide copy for both: products of two types take a slow loop, six times as long
        wide = x.to(torch.float32, copy=True)
        norm = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        scale = (norm.square_().div_(size)).add_(eps).rsqrt_()
        ctx.save_for_backward(x, scale, weight)
        normed: Tensor = wide.mul_(scale).to(x.dtype)
        return normed.mul_(weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, weight = ctx.saved_tensors
        size = x.shape[-1]
        g = grads[0].reshape(-1, size).contiguous()
        rows = x.reshape(-1, size)
        r = scale.view(-1, 1)
        d_x = torch.ops.aten.native_layer_norm_backward(
            g, rows, [size], torch.zeros_like(r), r, weight.float(), None, [True, False, False]
        )[0]
        mean = (g @ weight)[:, None].float().div_(size).mul_(r)
        return d_x.add_(mean.to(d_x.dtype)).view_as(x), None, None


class FrozenNorm(nn.Module):
    """Replace a model's own norm; on an accelerator by torch's fused one."""

    def __init__(self, own: nn.Module, eps: float) -> None:
        super().__init__()
        self.own = own
        self.eps = eps

    @property
    def weight(self) -> Tensor:
        """Return the own norm's weight, which some layers read."""
        weight: Tensor = self.own.weight  # type: ignore[assignment]
        return weight

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.weight.numel():  # falcon_mamba also norms narrower states
            narrow: Tensor = self.own(x)
            return narrow
        if x.device.type != "cpu":  # one kernel
            return nn.functional.rms_norm(x, [x.shape[-1]], self.own.weight, self.eps)  # type: ignore[arg-type]
        found: Tensor = RmsNorm.apply(x, self.own.weight, self.eps)  # type: ignore[no-untyped-call]
        return found


@contextmanager
def use_fast_norms(module: nn.Module) -> Iterator[int]:
    """Replace the norms that can be, yield their number, and restore the model's own afterwards."""
    found = {
        name: (own, eps)
        for name, own in module.named_modules()
        if (eps := _get_eps(own)) is not None and _computes_the_same(own, eps)
    }
    for name, (own, eps) in found.items():
        module.set_submodule(name, FrozenNorm(own, eps))
    try:
        yield len(found)
    finally:
        for name, (own, _) in found.items():
            module.set_submodule(name, own)


def _get_eps(own: nn.Module) -> float | None:
    if (
        not type(own).__name__.endswith("RMSNorm")
        or getattr(own, "weight", None) is None
        or own.weight.requires_grad
        or own.weight.dtype == torch.float64  # the scale is float32
    ):
        return None
    for name in ("variance_epsilon", "eps"):
        eps = getattr(own, name, None)
        if isinstance(eps, float):
            return eps
    return None


@torch.no_grad()
def _computes_the_same(own: nn.Module, eps: float) -> bool:
    """Return whether both compute the same on a probe. Some models' norms add one to the weight, or
    scale in another place.
    """
    weight: Any = own.weight
    probe = torch.linspace(
        -3, 3, 4 * weight.numel(), dtype=weight.dtype, device=weight.device
    ).view(4, -1)
    ours = FrozenNorm(own, eps)(probe)
    return torch.allclose(ours, own(probe), rtol=1e-2, atol=1e-3)
