"""Log-probabilities, and other functions of logits, from the hidden states of answer positions. No
logits are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from selfteach.models.memory_account import CHUNK_POSITIONS as CHUNK_POSITIONS

CHUNK_WORDS = 1024
"""Words of the vocabulary whose logits exist at once on a CPU."""
MAX_POSITIONS = 8192
"""Positions that read the vocabulary together: their logits of CHUNK_WORDS need no more memory than
all logits of CHUNK_POSITIONS, which the account of memory counts.
"""
LogitsFunction = Callable[[Tensor, slice], Tensor]
"""A function of the logits (n, V) of a part of the positions: (n,), one number of each position's
own logits.
"""


class TokenLogps(torch.autograd.Function):
    """Compute log softmax(h W^T)[id] for some tokens at each state, and what their gradients need.

    d logp[id] / d h = W[id] - softmax(h W^T) W. The mean of W does not depend on the later use of
    logp. It is computed with the logits, for a chunk of the vocabulary at a time, so that each
    weight is read once and a chunk stays in the processor's cache. The wanted tokens are left out
    of it and added in float32: of a sure token the two terms nearly cancel, and what the product
    in bfloat16 rounds would be left over.
    Source: the sum over chunks is the online softmax of Milakov and Gimelshein 2018
    (arXiv 1805.02867). Shapes: hidden (N, D), weight (V, D) frozen, ids (N, K), of
    which some may be equal; returns (N, K) float32, nats.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, ids: Tensor) -> Tensor:
        highest = torch.full((len(hidden), 1), -torch.inf, device=hidden.device)
        mass = torch.zeros_like(highest)  # sum of exp(logit - highest) so far
        chosen = torch.zeros(ids.shape, device=hidden.device)
        mean = None
        if ctx.needs_input_grad[0]:
            mean = torch.zeros(hidden.shape, device=hidden.device)
        for words, start in _split_vocabulary(weight, len(hidden)):
            logits = (hidden @ words.t()).float()  # (N, words)
            places = ids - start
            inside = (places >= 0) & (places < len(words))
            places.clamp_(0, len(words) - 1)
            chosen = torch.where(inside, logits.gather(1, places), chosen)
            before = highest
            highest = torch.maximum(before, logits.amax(1, keepdim=True))
            shrink = torch.exp(before - highest)
            shares = logits.sub_(highest).exp_()
            mass.mul_(shrink).add_(shares.sum(1, keepdim=True))
            if mean is not None:
                shares.scatter_reduce_(1, places, (~inside).float(), "prod")  # 0 for wanted tokens
                mean.mul_(shrink).add_(shares.to(hidden.dtype) @ words)
        logps = chosen - (highest + mass.log())
        if mean is not None:
            ctx.save_for_backward(mean.div_(mass), weight, ids, logps)
        return logps

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the states' gradient (N, D): that of each number (N, K) times its slope.

        The wanted tokens take it in float32. That of a single one is scaled by 1 - p, without the
        loss of digits of a difference.
        """
        mean, weight, ids, logps = ctx.saved_tensors
        (grad,) = grads
        total = grad.sum(1, keepdim=True)
        slope = -total * mean
        if ids.shape[1] == 1:
            scales = -grad * torch.expm1(logps)
        else:
            scales = grad - total * logps.exp().masked_fill(_find_repeated(ids), 0)
        for tokens, scale in zip(ids.t(), scales.t(), strict=True):
            slope.addcmul_(weight[tokens].float(), scale[:, None])
        return slope.to(weight.dtype), None, None


def _find_repeated(ids: Tensor) -> Tensor:
    """Return which tokens stand before in their row: (N, K) -> (N, K)."""
    found, order = ids.sort(dim=1, stable=True)
    repeats = functional.pad(found[:, 1:] == found[:, :-1], (1, 0))
    return torch.empty_like(repeats).scatter_(1, order, repeats)


class LogitsFunctionInChunks(torch.autograd.Function):
    """Compute f(h W^T) for each state, and its gradient in the same pass.

    Each number depends on its own state alone, so d f / d h = (d f / d logits) W can be computed
    from a chunk's logits at once. Neither logits nor their gradient are kept.
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
        """Return the states' gradient (N, D): that of each number (N,) times its slope."""
        slope: Tensor = ctx.saved_tensors[0]
        return (grads[0][:, None] * slope.float()).to(slope.dtype), None, None


def _split_vocabulary(weight: Tensor, positions: int) -> Iterator[tuple[Tensor, int]]:
    """Yield parts of the vocabulary's weights, each with the number of its first word.

    On an accelerator, where a small product costs its launch, few positions read many words at
    once: their logits need no more memory than those of MAX_POSITIONS.
    """
    count = CHUNK_WORDS
    if weight.device.type != "cpu":
        count *= max(MAX_POSITIONS // max(positions, 1), 1)
    for start in range(0, len(weight), count):
        yield weight[start : start + count], start


def _keep_tensor(tensor: Tensor) -> Tensor:
    """Return the tensor. Tensors saved within a chunk are released with it, so outer hooks must not
    count or move them.
    """
    return tensor


def compute_token_logps(hidden: Tensor, weight: Tensor, ids: Tensor) -> Tensor:
    """Return the log-probabilities of tokens. Shapes: (N, D), (V, D), (N, K) -> (N, K) float32,
    nats.
    """
    parts = zip(hidden.split(MAX_POSITIONS), ids.split(MAX_POSITIONS), strict=True)  # type: ignore[no-untyped-call]
    found: list[Tensor] = [TokenLogps.apply(states, weight, own) for states, own in parts]  # type: ignore[no-untyped-call]
    return found[0] if len(found) == 1 else torch.cat(found)


def apply_to_logits(hidden: Tensor, weight: Tensor, work: LogitsFunction) -> Tensor:
    """Return `work` of the logits of all states, a chunk at a time. Shapes: (N, D), (V, D) -> (N,)
    float32.
    """
    found: Tensor = LogitsFunctionInChunks.apply(hidden, weight, work)  # type: ignore[no-untyped-call]
    return found
