"""Attention over a packed batch: the layers see one sequence without padding, attention alone sees rows.

Registered with transformers as the attention implementation `selfteach`; the batch's layout travels as the keyword `packing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from selfteach.train.batch import Packed

NAME = "selfteach"


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: None, scaling: float, packing: Packed, **_: Any
) -> tuple[Tensor, None]:
    """Softmax attention inside each row of the packed sequence.

    Shapes: query (1, H, T, d), key and value (1, G, T, d) with G dividing H; returns (1, T, H, d).
    """
    heads, groups, size = query.shape[1], key.shape[1], query.shape[-1]
    rows, longest = packing.gather.shape
    flat = packing.gather.flatten()
    # rows of a group share its keys: (R, G, H/G * L, d)
    q = query[0].index_select(1, flat).view(groups, heads // groups, rows, longest, size).permute(2, 0, 1, 3, 4)
    q = q.reshape(rows, groups, -1, size)
    k = key[0].index_select(1, flat).view(groups, rows, longest, size).transpose(0, 1)
    v = value[0].index_select(1, flat).view(groups, rows, longest, size).transpose(0, 1)
    scores = torch.matmul(q, k.transpose(2, 3)).mul_(scaling).view(rows, heads, longest, longest)
    weights = torch.softmax(scores + packing.bias, -1).view(rows, groups, -1, longest)
    out = torch.matmul(weights, v).view(rows, heads, longest, size)
    return out.transpose(1, 2).reshape(rows * longest, heads, size).index_select(0, packing.scatter)[None], None


AttentionInterface.register(NAME, attend)


@contextmanager
def packed(module: Any) -> Iterator[None]:
    """Inside, the model's attention is `attend`; afterwards, what it was."""
    before = module.config._attn_implementation
    module.set_attn_implementation(NAME)
    try:
        yield
    finally:
        module.set_attn_implementation(before)
