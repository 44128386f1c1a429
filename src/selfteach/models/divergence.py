"""The divergence of two distributions of tokens."""

from __future__ import annotations

from torch import Tensor


def compute_kl(p: Tensor, q: Tensor) -> Tensor:
    """Return KL(p || q) = sum_v p_v (log p_v - log q_v), nats. Shapes: log-probabilities (N, V),
    (N, V) -> (N,).

    A token with p = 0 adds nothing, and its gradient is 0: 0 * inf would make it nan, so such
    tokens are masked before the product.
    """
    impossible = p.isneginf()
    p, q = p.masked_fill(impossible, 0.0), q.masked_fill(impossible, 0.0)
    return (p.exp() * (p - q)).sum(-1)
