"""From hidden states to log-probabilities, for answer positions only."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK = 128


class TokenLogp(torch.autograd.Function):
    """log softmax(h W^T)[target] for each state, with the gradient found in the same pass.

    d logp / d h = W[target] - softmax(h W^T) W does not depend on what is done with logp later, so it is computed while a chunk's
    logits are at hand, and neither logits nor probabilities are kept.
    Shapes: hidden (N, D), weight (V, D) frozen, targets (N,); returns (N,) float32, nats.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        count, vocabulary = hidden.shape[0], weight.shape[0]
        logp = torch.empty(count, dtype=torch.float32, device=hidden.device)
        slope = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        logits = hidden.new_empty(min(count, CHUNK), vocabulary)  # reused: fresh memory for each chunk costs more than the softmax
        wide, log_probs = (torch.empty(logits.shape, dtype=torch.float32, device=hidden.device) for _ in range(2))
        for start in range(0, count, CHUNK):
            part = slice(start, min(start + CHUNK, count))
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
        (slope,) = ctx.saved_tensors
        return (grads[0][:, None] * slope.float()).to(slope.dtype), None, None


def token_logp(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Log-probability of each target. Shapes: (N, D), (V, D), (N,) -> (N,) float32, nats."""
    return TokenLogp.apply(hidden, weight, targets)  # type: ignore[no-any-return,no-untyped-call]
