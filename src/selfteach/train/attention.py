"""Attention over a packed batch: the layers see one sequence without padding, attention alone sees strips of it.

Registered with transformers as the attention implementation `selfteach`; the batch's layout travels as the keyword `strips`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from selfteach.train.packing import Strips

NAME = "selfteach"
UNDERSTOOD = {"position_ids", "position_embeddings", "use_cache", "past_key_values", "output_attentions", "is_causal"}


class CannotPack(Exception):
    """This model's attention does something that packing does not know."""


class StripAttention(torch.autograd.Function):
    """softmax(s Q K^T + bias) V in each strip, its gradient written out.

    Written out because the general way copies much: here each tensor is gathered once, padding costs only the products, and the
    shared beginning's gradient is summed over the strips that see it.
    Shapes: query (T, H, d), key and value (T, G, d) with G dividing H -> (T, H, d).
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float, strips: Strips) -> Tensor:
        (tokens, heads, size), groups = query.shape, key.shape[1]
        count, longest = strips.queries.shape
        width = strips.keys.shape[1]
        places = strips.keys_of(groups)
        q = query.reshape(-1, size).index_select(0, strips.queries_of(heads)).view(count * groups, -1, size)
        k = key.reshape(-1, size).index_select(0, places).view(-1, width, size)
        v = value.reshape(-1, size).index_select(0, places).view(-1, width, size)
        scores = torch.baddbmm(strips.bias(heads, groups, q.dtype), q, k.transpose(1, 2), alpha=scaling)
        weights = torch.softmax(scores, -1)
        out = torch.bmm(weights, v).view(-1, size)
        ctx.save_for_backward(q, k, v, weights)
        ctx.strips, ctx.scaling, ctx.heads, ctx.groups = strips, scaling, heads, groups
        return out.index_select(0, strips.back(heads, longest)).view(tokens, heads, size)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, weights = ctx.saved_tensors
        strips, heads, groups, size = ctx.strips, ctx.heads, ctx.groups, q.shape[-1]
        longest, width = strips.queries.shape[1], k.shape[1]
        d_out = grads[0].reshape(-1, size).index_select(0, strips.queries_of(heads))
        d_out = d_out.index_fill_(0, strips.padded_of(heads), 0).view(q.shape)
        d_v = torch.bmm(weights.transpose(1, 2), d_out)
        d_scores = torch._softmax_backward_data(torch.bmm(d_out, v.transpose(1, 2)), weights, -1, weights.dtype)
        d_q = torch.baddbmm(q, d_scores, k, beta=0, alpha=ctx.scaling)
        d_k = torch.baddbmm(k, d_scores.transpose(1, 2), q, beta=0, alpha=ctx.scaling)
        d_query = d_q.view(-1, size).index_select(0, strips.back(heads, longest)).view(-1, heads, size)
        own = strips.back(groups, width, strips.shared)

        def spread(grad: Tensor) -> Tensor:
            found = grad.view(-1, size).index_select(0, own).view(-1, groups, size)
            if strips.shared:
                found[: strips.shared] += grad.view(-1, groups, width, size)[:, :, : strips.shared].sum(0).transpose(0, 1)
            return found

        return d_query, spread(d_k), spread(d_v), None, None


def plain(query: Tensor, key: Tensor, value: Tensor, scaling: float, strips: Strips) -> Tensor:
    """The same through torch's own attention: for accelerators, and to check the written-out one against."""
    (tokens, heads, size), groups = query.shape, key.shape[1]
    count, longest = strips.queries.shape
    q = query.reshape(-1, size)[strips.queries_of(heads)].view(count, heads, longest, size)
    k, v = (x.reshape(-1, size)[strips.keys_of(groups)].view(count, groups, -1, size) for x in (key, value))
    out = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=strips.allowed[:, None], scale=scaling, enable_gqa=heads != groups)
    return out.reshape(-1, size)[strips.back(heads, longest)].view(tokens, heads, size)


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: None, *, scaling: float, strips: Strips, **others: Any
) -> tuple[Tensor, None]:
    """Attention as transformers calls it. Shapes: query (1, H, T, d), key and value (1, G, T, d); returns (1, T, H, d).

    Raises:
        CannotPack: the model asks for a window shorter than the strips, or for something that is not known here.
    """
    window = others.pop("sliding_window", None)
    unknown = {name for name, value in others.items() if name not in UNDERSTOOD and (isinstance(value, Tensor) or value)}
    if unknown or (window and window < strips.keys.shape[1]):
        raise CannotPack(", ".join(sorted(unknown)) or f"a window of {window} tokens")
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    if query.device.type == "cpu":
        return StripAttention.apply(q, k, v, scaling, strips)[None], None
    return plain(q, k, v, scaling, strips)[None], None


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
