"""Low-rank updates of fused experts: weights of a mixture that are one tensor for all its experts.

Each expert has its own A and B. A pass of the experts computes with W + s B A, which is made once
for the pass, and their own code, whichever it is, reads it in the weight's place.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class LoraExperts:
    """Update one fused weight of experts, as PEFT's `target_parameters`.

    Source: the `peft` package, `ParamWrapper`: W + s B A is rounded to the weight's dtype.
    Shapes: weight (E, out, in), or (E, in, out) where the experts say `is_transposed`; a (E r, in),
    expert by expert; b (out, r E), rank by rank. A and B are kept in float32. A starts as that of a
    linear layer, B at zero.
    """

    def __init__(
        self, experts: Any, name: str, rank: int, alpha: float, generator: torch.Generator
    ) -> None:
        self.experts = experts
        self.name = name
        self.scale = alpha / rank
        self.active = True
        self.merged: Tensor | None = None
        self.weight: nn.Parameter = getattr(experts, name)
        self.count, rows, columns = self.weight.shape
        self.is_transposed = bool(getattr(experts, "is_transposed", False))
        self.wide, self.high = (rows, columns) if self.is_transposed else (columns, rows)
        bound = math.sqrt(6 / ((1 + 5) * self.wide))
        a = torch.empty(self.count * rank, self.wide).uniform_(-bound, bound, generator=generator)
        self.a = nn.Parameter(a.to(self.weight.device))
        self.b = nn.Parameter(torch.zeros(self.high, self.count * rank, device=self.weight.device))
        # the instance's own attribute is found before the parameter of the same name
        self._handles = [
            experts.register_forward_pre_hook(self._begin_pass),
            experts.register_forward_hook(self._end_pass, always_call=True),
        ]

    def get_factors(self) -> tuple[Tensor, Tensor]:
        """Return s B (E, out, r) and A (E, r, in)."""
        a, b = self._split()
        return self.scale * b, a

    @torch.no_grad()
    def merge(self) -> None:
        """Compute W + s B A once, for all passes while `merged` is set."""
        self.merged = self._compute_weight()

    def detach(self) -> None:
        """Leave the experts as they were."""
        for handle in self._handles:
            handle.remove()

    def _split(self) -> tuple[Tensor, Tensor]:
        """Return A (E, r, in) and B (E, out, r)."""
        a = self.a.reshape(self.count, -1, self.wide)
        return a, self.b.reshape(self.high, -1, self.count).permute(2, 0, 1)

    def _compute_weight(self) -> Tensor:
        a, b = (factor.to(self.weight.dtype) for factor in self._split())
        left, right = (a.mT, b.mT) if self.is_transposed else (b, a)
        return torch.baddbmm(self.weight, left, right, alpha=self.scale)

    def _begin_pass(self, experts: Any, inputs: Any) -> None:
        if self.active:
            found = self.merged if self.merged is not None else self._compute_weight()
            vars(experts)[self.name] = found

    def _end_pass(self, experts: Any, inputs: Any, out: Any) -> None:
        vars(experts).pop(self.name, None)


def find_fused_experts(module: nn.Module) -> dict[str, Any]:
    """Return the parts of a module with fused weights of experts, by their names: a part called
    `experts` whose own parameters have three dimensions.
    """
    return {
        name: part
        for name, part in module.named_modules()
        if name.rpartition(".")[2] == "experts" and list_fused_weights(part)
    }


def list_fused_weights(experts: nn.Module) -> list[str]:
    """Return the names of the fused weights, in the module's order."""
    own = experts.named_parameters(recurse=False)
    return [name for name, weight in own if weight.ndim == 3 and weight.is_floating_point()]
