"""Attention for scoring on a CPU: plain products in bfloat16, grouped heads without copies.

The fused kernel of torch is slower here when rows are short and a mask is given: 46 ms a layer
against 21 ms for 18 rows of 112 positions that see 651 (one core). Elsewhere the fused kernel
stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

TREE_ATTENTION = "selfteach_tree"
PLAIN_SOFTMAX_FAMILIES = {"llama", "qwen2", "qwen3", "mistral", "granite", "smollm3", "olmo2"}
"""Families whose attention is a plain softmax: no cap on its scores, no sinks."""


def tree_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Compute softmax attention under a mask that is added to the scores.

    Shapes: query (B, H, T, D), key and value (B, G, S, D) with G groups of H / G heads, mask (B, 1,
    T, S) -> (B, T, H, D).
    """
    rows, heads, width, size = query.shape
    groups = key.shape[1]
    scale = scaling if scaling is not None else size**-0.5
    scores = torch.matmul(
        (query * scale).reshape(rows, groups, -1, size), key.transpose(-1, -2)
    ).view(rows, heads, width, -1)
    shares = torch.softmax(scores.add_(attention_mask), dim=-1).view(rows, groups, -1, key.shape[2])
    return torch.matmul(shares, value).view(rows, heads, width, size).transpose(1, 2), None


@contextmanager
def use_tree_attention(module: Any) -> Iterator[None]:
    """Attend with `tree_attention` inside the block where it is faster.

    That is in bfloat16 on a CPU, in the families of `PLAIN_SOFTMAX_FAMILIES`.
    """
    config = module.config
    if (
        config.model_type not in PLAIN_SOFTMAX_FAMILIES
        or module.device.type != "cpu"
        or module.dtype != torch.bfloat16
    ):
        yield
        return
    from transformers import AttentionInterface

    AttentionInterface.register(TREE_ATTENTION, tree_attention)
    before = config._attn_implementation
    config._attn_implementation = TREE_ATTENTION
    try:
        yield
    finally:
        config._attn_implementation = before
