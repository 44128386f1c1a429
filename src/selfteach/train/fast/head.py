"""Log-probabilities, and other functions of logits, from the hidden states of answer positions. No
logits are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from selfteach.models.memory_account import CHUNK_POSITIONS as CHUNK_POSITIONS

LogitsFunction = Callable[[Tensor, slice], Tensor]
"""A function of the logits (n, V) of a part of the positions: (n,), one number of each position's
own logits.
"""


class SlopeFunction(torch.autograd.Function):
    """Take the gradient of the states from the slope that the forward pass saved."""

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the states' gradient (N, D): that of each number (N,) times its slope."""
        slope: Tensor = ctx.saved_tensors[0]
        return (grads[0][:, None] * slope.float()).to(slope.dtype), None, None


class TokenLogp(SlopeFunction):
    """Compute log softmax(h W^T)[target] for each state, and its gradient in the same pass.

    d logp / d h = W[target] - softmax(h W^T) W does not depend on the later use of logp. It is
    computed from a chunk's logits at once, so neither logits nor probabilities are kept.
    Shapes: hidden (N, D), weight (V, D) frozen, targets (N,); returns (N,) float32, nats.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        count = hidden.shape[0]
        vocabulary = weight.shape[0]
        logp = torch.empty(count, dtype=torch.float32, device=hidden.device)
        slope = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        # reused: fresh memory for each chunk costs more than the softmax
        logits = hidden.new_empty(min(count, CHUNK_POSITIONS), vocabulary)
        wide = torch.empty(logits.shape, dtype=torch.float32, device=hidden.device)
        log_probs = torch.empty_like(wide)
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


class LogitsFunctionInChunks(SlopeFunction):
    """Compute f(h W^T) for each state, and its gradient in the same pass.

    Each number depends on its own state alone, so d f / d h = (d f / d logits) W can be computed
    from a chunk's logits at once, as in `TokenLogp`.
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


def _keep_tensor(tensor: Tensor) -> Tensor:
    """Return the tensor. Tensors saved within a chunk are released with it, so outer hooks must not
    count or move them.
    """
    return tensor


def token_logp(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Return the log-probability of each target. Shapes: (N, D), (V, D), (N,) -> (N,) float32,
    nats.
    """
    return TokenLogp.apply(hidden, weight, targets)  # type: ignore[no-any-return,no-untyped-call]


def apply_to_logits(hidden: Tensor, weight: Tensor, work: LogitsFunction) -> Tensor:
    """Return `work` of the logits of all states, a chunk at a time. Shapes: (N, D), (V, D) -> (N,)
    float32.
    """
    found: Tensor = LogitsFunctionInChunks.apply(hidden, weight, work)  # type: ignore[no-untyped-call]
    return found
