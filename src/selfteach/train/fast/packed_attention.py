"""Attention over a packed batch: the layers compute one sequence without padding, and attention
computes strips of it.

It is registered with transformers as the attention implementation `selfteach`. The keyword `strips`
passes the batch's layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from selfteach.models.cache_keyword import NEW_KEYWORD, OLD_KEYWORD
from selfteach.train.fast.packing import Strips

PACKED_ATTENTION = "selfteach"
KNOWN_KEYWORDS = {
    "position_ids",
    "position_embeddings",
    "use_cache",
    NEW_KEYWORD,
    OLD_KEYWORD,
    "output_attentions",
    "is_causal",
}


WIDEST_WRITTEN_OUT = 256
"""Keys of a strip up to which an accelerator computes `StripAttention`: few products, and gradients
that are the same each time. It keeps the weights of attention: by calculation a quarter of what 256
tokens of a layer of Llama 3.1 8B keep, and half with the embedded model. Torch's attention keeps
none, but the gradients of its gathers are added in any order."""


class PackingUnsupported(Exception):
    """Report that this model's attention does something that packing does not support."""


class StripAttention(torch.autograd.Function):
    """Compute softmax(s Q K^T + bias) V in each strip, with an explicit gradient.

    Automatic differentiation copies much. Here each tensor is gathered once, padding costs only the
    products, and the gradient of the shared beginning is summed over the strips that attend to it.
    Shapes: query (T, H, d), key and value (T, G, d) with G dividing H -> (T, H, d).
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scaling: float,
        groups_of_strips: tuple[Strips, ...],
        window: int = 0,
    ) -> Tensor:
        _, heads, size = query.shape
        groups = key.shape[1]
        flat_key = key.reshape(-1, size)
        flat_value = value.reshape(-1, size)
        outs = []
        saved = []
        for strips in groups_of_strips:
            longest, width = strips.allowed.shape[1:]
            rows = query[strips.start : strips.stop].reshape(-1, size)
            q = rows.index_select(0, strips.queries_of(heads)).view(
                -1, heads // groups * longest, size
            )
            k = flat_key.index_select(0, strips.keys_of(groups)).view(-1, width, size)
            v = flat_value.index_select(0, strips.keys_of(groups)).view(-1, width, size)
            scores = torch.baddbmm(
                strips.bias(heads, groups, q.dtype, window), q, k.transpose(1, 2), alpha=scaling
            )
            weights = torch.softmax(scores, -1)
            outs.append(
                torch.bmm(weights, v).view(-1, size).index_select(0, strips.back(heads, longest))
            )
            saved += [q, k, v, weights]
        ctx.save_for_backward(*saved)
        ctx.strips = groups_of_strips
        ctx.scaling = scaling
        ctx.heads = heads
        ctx.groups = groups
        return torch.cat(outs).view(query.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        heads = ctx.heads
        groups = ctx.groups
        grad = grads[0]
        tokens = grad.shape[0]
        size = grad.shape[-1]
        d_query = grad.new_empty(tokens, heads, size)
        d_key, d_value = (grad.new_empty(tokens, groups, size) for _ in range(2))
        saved = iter(ctx.saved_tensors)
        for strips, (q, k, v, weights) in zip(
            ctx.strips, zip(saved, saved, saved, saved, strict=True), strict=True
        ):
            longest, width = strips.allowed.shape[1:]
            place = slice(strips.start, strips.stop)
            d_out = grad[place].reshape(-1, size).index_select(0, strips.queries_of(heads))
            d_out = d_out.index_fill_(0, strips.padded_of(heads), 0).view(q.shape)
            d_v = torch.bmm(weights.transpose(1, 2), d_out)
            d_scores = torch._softmax_backward_data(
                torch.bmm(d_out, v.transpose(1, 2)), weights, -1, weights.dtype
            )
            d_q = torch.baddbmm(q, d_scores, k, beta=0, alpha=ctx.scaling)
            d_k = torch.baddbmm(k, d_scores.transpose(1, 2), q, beta=0, alpha=ctx.scaling)
            d_query[place] = (
                d_q.view(-1, size)
                .index_select(0, strips.back(heads, longest))
                .view(-1, heads, size)
            )
            own = strips.back(groups, width, strips.shared)
            for whole, part in ((d_key, d_k), (d_value, d_v)):
                whole[place] = part.view(-1, size).index_select(0, own).view(-1, groups, size)
                if strips.shared:
                    whole[: strips.shared] += (
                        part.view(-1, groups, width, size)[:, :, : strips.shared]
                        .sum(0)
                        .transpose(0, 1)
                    )
        return d_query, d_key, d_value, None, None, None


def attend_with_sdpa(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scaling: float,
    groups_of_strips: tuple[Strips, ...],
    window: int = 0,
) -> Tensor:
    """Compute the same with torch's attention: for long rows on accelerators, and as a check of
    `StripAttention`.
    """
    _, heads, size = query.shape
    groups = key.shape[1]
    outs = []
    for strips in groups_of_strips:
        count, longest, _ = strips.allowed.shape
        q = (
            query[strips.start : strips.stop]
            .reshape(-1, size)
            .index_select(0, strips.queries_of(heads))
            .view(count, heads, longest, size)
        )
        k, v = (
            x.reshape(-1, size)
            .index_select(0, strips.keys_of(groups))
            .view(count, groups, -1, size)
            for x in (key, value)
        )
        if heads != groups:
            # CUDA's kernels that take a mask want as many keys as queries. With `enable_gqa` torch
            # falls back to plain products, which keep float32 scores for the backward pass.
            k, v = (x.repeat_interleave(heads // groups, dim=1) for x in (k, v))
        mask = strips.visible(window)[:, None]
        out = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scaling)
        outs.append(out.reshape(-1, size).index_select(0, strips.back(heads, longest)))
    return torch.cat(outs).view(query.shape)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: None,
    *,
    scaling: float,
    strips: tuple[Strips, ...],
    **others: Any,
) -> tuple[Tensor, None]:
    """Compute attention for transformers. Shapes: query (1, H, T, d), key and value (1, G, T, d);
    returns (1, T, H, d).

    Raises:
        PackingUnsupported: the model needs an unknown option, or a window that it does not name.
    """
    if "sliding_window" not in others and _has_window(getattr(module, "config", None)):
        raise PackingUnsupported("its attention does not name its window")
    if value.shape[-1] != query.shape[-1]:
        raise PackingUnsupported("its values are of another size than its queries")
    window = others.pop("sliding_window", None) or 0
    unknown = {
        name
        for name, value in others.items()
        if name not in KNOWN_KEYWORDS and (isinstance(value, Tensor) or value)
    }
    if unknown:
        raise PackingUnsupported(f"its attention takes {', '.join(sorted(unknown))}")
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    widest = max(part.allowed.shape[2] for part in strips)
    if query.device.type == "cpu" or widest <= WIDEST_WRITTEN_OUT:
        found = StripAttention.apply(q, k, v, scaling, strips, window)  # type: ignore[no-untyped-call]
        return found[None], None
    return attend_with_sdpa(q, k, v, scaling, strips, window)[None], None


def _has_window(config: Any) -> bool:
    """Return whether a configuration names a number of tokens that attention is limited to."""
    return any(getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size"))


AttentionInterface.register(PACKED_ATTENTION, attend)


@contextmanager
def use_attention(module: Any, name: str) -> Iterator[None]:
    """Use an attention that transformers knows by name, and restore the model's own afterwards."""
    before = module.config._attn_implementation
    module.set_attn_implementation(name)
    try:
        yield
    finally:
        module.set_attn_implementation(before)


def use_packed_attention(module: Any) -> AbstractContextManager[None]:
    """Use `attend` as the model's attention, and restore its own afterwards."""
    return use_attention(module, PACKED_ATTENTION)
