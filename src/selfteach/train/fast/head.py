"""From hidden states to log-probabilities, or to whatever else is made of logits, for answer
positions only: no logits are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

CHUNK_POSITIONS = 128
LogitsFunction = Callable[[Tensor, slice], Tensor]
"""What is made of the logits (n, V) of a part of the positions: (n,), one number of each position's
own logits.
"""


class TokenLogp(torch.autograd.Function):
    """log softmax(h W^T)[target] for each state, with the gradient found in the same pass.

    d logp / d h = W[target] - softmax(h W^T) W does not depend on what is done with logp later, so
    it is computed while a chunk's logits are at hand, and neither logits nor probabilities are
    kept.
    Shapes: hidden (N, D), weight (V, D) frozen, targets (N,); returns (N,) float32, nats.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        count = hidden.shape[0]
        vocabulary = weight.shape[0]
        logp = torch.empty(count, dtype=torch.float32, device=hidden.device)
        slope = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        logits = hidden.new_empty(
            min(count, CHUNK_POSITIONS), vocabulary
        )  # reused: fresh memory for each chunk costs more than the softmax
        wide, log_probs = (
            torch.empty(logits.shape, dtype=torch.float32, device=hidden.device) for _ in range(2)
        )
        for start in range(0, count, CHUNK_POSITIONS):
            part = slice(start, min(start + CHUNK_POSITIONS, count))
            n = part.stop - start
            torch.mm(hidden[part], weight.t(), out=logits[:n])
            torch._log_softmax(wide[:n].copy_(logits[:n]), -1, False, out=log_probs[:n])
            logp[part] = log_probs[:n].gather(1, targets[part, None])[:, 0]
            if slope is not None:
                probabilities = torch.softmax(logits[:n], -1)
                slope[part] = weight.index_select(0, targets[part]) - probabilities @ weight
        if slope is not None:
            ctx.save_for_backward(slope)
        return logp

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return _scale_slope(ctx, grads[0]), None, None


class LogitsFunctionInChunks(torch.autograd.Function):
    """f(h W^T) for each state, with the gradient found in the same pass.

    Each number depends on its own state alone, so d f / d h = (d f / d logits) W can be computed
    while a chunk's logits are at hand, as in `TokenLogp`, whatever is done with the numbers later.
    Shapes: hidden (N, D), weight (V, D) frozen; returns (N,) float32.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, work: LogitsFunction) -> Tensor:
        values = torch.empty(hidden.shape[0], dtype=torch.float32, device=hidden.device)
        slope = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for start in range(0, hidden.shape[0], CHUNK_POSITIONS):
            part = slice(start, start + CHUNK_POSITIONS)
            with (
                torch.set_grad_enabled(slope is not None),
                torch.autograd.graph.saved_tensors_hooks(_keep_tensor, _keep_tensor),
            ):
                logits = (hidden[part].detach() @ weight.t()).requires_grad_(slope is not None)
                found = work(logits, part)
                if slope is not None:
                    slope[part] = torch.autograd.grad(found.sum(), logits)[0] @ weight
            values[part] = found.detach()
        if slope is not None:
            ctx.save_for_backward(slope)
        return values

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return _scale_slope(ctx, grads[0]), None, None


def _scale_slope(ctx: Any, grad: Tensor) -> Tensor:
    """The states' gradient (N, D): that of each number (N,) times its slope, which the forward pass
    has left.
    """
    slope: Tensor = ctx.saved_tensors[0]
    return (grad[:, None] * slope.float()).to(slope.dtype)


def _keep_tensor(tensor: Tensor) -> Tensor:
    """What is kept within a chunk is gone with it: whoever counts or moves what is kept need not
    see it.
    """
    return tensor


def token_logp(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Log-probability of each target. Shapes: (N, D), (V, D), (N,) -> (N,) float32, nats."""
    return TokenLogp.apply(hidden, weight, targets)  # type: ignore[no-any-return,no-untyped-call]


def apply_to_logits(hidden: Tensor, weight: Tensor, work: LogitsFunction) -> Tensor:
    """`work` of the logits of all states, a chunk at a time. Shapes: (N, D), (V, D) -> (N,)
    float32.
    """
    return LogitsFunctionInChunks.apply(hidden, weight, work)  # type: ignore[no-any-return,no-untyped-call]
