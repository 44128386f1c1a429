"""Sampling with transformers: batches sorted by length, one prefill for each distinct prompt.

Finished rows leave the batch, and others join it. The randomness of a row comes from its request's
id alone, one uniform number for each token, so that a completion does not depend on the rest of its
batch. In float32 that holds to rounding. In bfloat16 a product's rounding depends on the batch's
shape, so a near tie may resolve differently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from selfteach.errors import UsageError, is_out_of_memory
from selfteach.models.cache_keyword import get_cache, pass_cache
from selfteach.models.halve_batch import halve_batch
from selfteach.models.hook_adapter import PADDING_POSITION, at_positions, get_num_virtual_tokens
from selfteach.models.loaded_model import LoadedModel
from selfteach.models.memory_account import CPU_ROWS, count_cache_bytes, measure_free_bytes
from selfteach.models.pending import (
    PendingCompletion,
    ignore_step,
    make_completion_if_done,
    prepare_request,
)
from selfteach.records import (
    Completion,
    Request,
)

MAX_ROWS = {"cpu": CPU_ROWS, "cuda": 256}
MAX_PREFILL = {"cpu": 8192, "cuda": 131_072}
"""Positions of prompts, padding included, that are run at once: a prompt is padded to the longest
that runs beside it."""
NUCLEUS_TOKENS = 1024
"""The most likely tokens, among which the nucleus is looked for first: sorting a whole vocabulary
takes long."""
CACHE_SHARE = 0.5
"""The share of the free memory that keys and values may take: joining tensors needs as much again
for a moment."""
FREE_SHARE = 0.25
"""The share of a batch's places that are free before others join: joining copies the keys and
values of all rows."""


def sample_all(hf: LoadedModel, requests: Sequence[Request]) -> Iterator[Completion]:
    """Yield one completion for each distinct request as it is finished, longest prompts first.

    Raises:
        UnfitPrompt: a prompt fills the model's context; raised before any sampling.
    """
    distinct = {request.id(hf.fingerprint): request for request in requests}
    yield from sample_pending(hf, [prepare_request(hf, r) for r in distinct.values()])


def sample_pending(hf: LoadedModel, rows: Sequence[PendingCompletion]) -> Iterator[Completion]:
    """Yield one completion for each row; prompts and limits must fit into the context.

    Where memory runs out, the rows that are not finished are sampled again in batches of half the
    size; a row does not depend on its batch.

    Raises:
        ResourceError: one row alone does not fit into memory.
    """
    waiting = sorted(rows, key=lambda row: (-len(row.prompt_ids), row.prompt_ids, row.id))
    width = MAX_ROWS.get(hf.device.type, CPU_ROWS)
    while waiting:
        active: list[PendingCompletion] = []
        try:
            yield from _sample_batch(
                hf, waiting, active, min(width, count_fitting_rows(hf, waiting))
            )
        except (MemoryError, RuntimeError) as fault:
            if not is_out_of_memory(fault):
                raise
        if active:
            width = halve_batch(len(active), "an answer")
            for row in active:
                row.ids.clear()
            waiting[:0] = active


def count_fitting_rows(hf: LoadedModel, rows: Sequence[PendingCompletion]) -> int:
    """Return how many of these rows may be sampled together: those whose keys and values fit into
    `CACHE_SHARE` of the free memory, and at least one.

    Args:
        rows: the longest prompt first. All rows of a batch are padded to its length.
    """
    positions = len(rows[0].prompt_ids) + max(row.limit_tokens for row in rows)
    each = positions * count_cache_bytes(hf.module)
    if not each:
        return len(rows)
    return max(int(CACHE_SHARE * measure_free_bytes(hf.device)) // each, 1)


@torch.inference_mode()
def _sample_batch(
    hf: LoadedModel, waiting: list[PendingCompletion], active: list[PendingCompletion], size: int
) -> Iterator[Completion]:
    """Yield completions until a batch is empty. Where the family allows it, rows join it as soon as
    enough others have left.

    Args:
        waiting: loses the rows that are taken.
        active: holds the rows that are taken and have not ended.
        size: the most rows at once.
    """
    on_step = getattr(hf, "on_step", ignore_step)
    batch = start_batch(hf, _take_rows(waiting, active, size))
    while True:
        finished = batch.take_tokens()
        on_step(sum(len(row.ids) == 1 for row in batch.rows), len(batch.rows))
        yield from filter(None, finished)
        kept = [i for i, completion in enumerate(finished) if completion is None]
        active[:] = [active[i] for i in kept]
        if not active:
            return
        batch.keep(kept)
        batch.advance()
        free = size - len(active)
        if waiting and free >= FREE_SHARE * size and batch.can_join():
            batch.join(start_batch(hf, _take_rows(waiting, active, free)))


def start_batch(hf: LoadedModel, rows: Sequence[PendingCompletion]) -> DecodingBatch:
    """Run the prompts of rows, those of MAX_PREFILL positions at once where rows may join.

    Args:
        rows: the longest prompt first.
    """
    most = MAX_PREFILL.get(hf.device.type, MAX_PREFILL["cpu"])
    first, *others = split_for_prefill(rows, most)
    batch = DecodingBatch.start(hf, first)
    if others and not batch.can_join():
        return DecodingBatch.start(hf, rows)
    for part in others:
        batch.join(DecodingBatch.start(hf, part))
    return batch


def split_for_prefill(
    rows: Sequence[PendingCompletion], most: int
) -> list[list[PendingCompletion]]:
    """Split rows so that the distinct prompts of a part, padded, have `most` positions at most; or
    it is one prompt.

    Args:
        rows: the longest prompt first, equal prompts together.
    """
    parts: list[list[PendingCompletion]] = []
    num_distinct = 0
    for row in rows:
        is_new = not parts or row.prompt_ids != parts[-1][-1].prompt_ids
        if not parts or (is_new and (num_distinct + 1) * len(parts[-1][0].prompt_ids) > most):
            parts.append([])
            num_distinct = 0
        num_distinct += is_new
        parts[-1].append(row)
    return parts


def _take_rows(
    waiting: list[PendingCompletion], active: list[PendingCompletion], count: int
) -> list[PendingCompletion]:
    """Move the first rows that wait to the active ones; return them."""
    taken = waiting[:count]
    del waiting[:count]
    active += taken
    return taken


@dataclass(frozen=True, eq=False)
class PromptPrefix:
    """Hold the keys and values of tokens that many prompts begin with.

    Attributes:
        ids: the tokens.
        layers: keys and values of each layer (1, heads, tokens, D).
    """

    ids: tuple[int, ...]
    layers: Sequence[tuple[Tensor, Tensor]]

    def starts(self, row: PendingCompletion) -> bool:
        """Return whether a row's prompt begins with these tokens and goes on."""
        count = len(self.ids)
        return len(row.prompt_ids) > count and tuple(row.prompt_ids[:count]) == self.ids


def read_prefix(hf: LoadedModel, ids: Sequence[int]) -> PromptPrefix | None:
    """Run the first tokens of prompts; None where a layer does not keep the keys of all of them."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    cache: Any = DynamicCache(config=hf.module.config)
    tokens = torch.tensor([list(ids)], device=hf.device)
    hf.module(input_ids=tokens, use_cache=True, logits_to_keep=1, **pass_cache(cache))
    if any(type(layer) is not DynamicLayer for layer in cache.layers):
        return None
    return PromptPrefix(tuple(ids), [(layer.keys, layer.values) for layer in cache.layers])


class DecodingBatch:
    """Hold rows that are sampled together: each step gives every row one token.

    Rows may leave after any step, and other rows may join.

    Attributes:
        rows: in the order of the tensors.
        logits: of the next token (B, V).
        cache: the keys and values of all positions.
        mask: which positions are tokens (B, T); padding is on the left.
        lengths: the number of tokens of each row (B,).
    """

    def __init__(
        self,
        hf: LoadedModel,
        rows: Sequence[PendingCompletion],
        logits: Tensor,
        cache: Any,
        lengths: Tensor,
    ) -> None:
        self.hf = hf
        self.rows = list(rows)
        self.logits = logits
        self.cache = cache
        self.lengths = lengths
        width = int(lengths.max())
        self.mask = torch.arange(width, device=hf.device)[None] >= (width - lengths)[:, None]

    @staticmethod
    def start(
        hf: LoadedModel, rows: Sequence[PendingCompletion], prefix: PromptPrefix | None = None
    ) -> DecodingBatch:
        """Run the prompts of the rows; with a prefix, which starts all of them, what follows it."""
        return DecodingBatch(hf, rows, *_prefill(hf, rows, prefix))

    def take_tokens(self) -> list[Completion | None]:
        """Append a token to every row; return the completions of those that have ended."""
        tokens = pick_next_tokens(self.logits, self.rows)
        for row, token in zip(self.rows, tokens, strict=True):
            row.ids.append(token)
        return [make_completion_if_done(self.hf, row) for row in self.rows]

    def keep(self, kept: Sequence[int]) -> None:
        """Leave out all rows but these."""
        if len(kept) == len(self.rows):
            return
        self.rows = [self.rows[i] for i in kept]
        index = torch.tensor(kept, device=self.hf.device, dtype=torch.long)
        self.cache.reorder_cache(index)
        self.logits = self.logits[index]
        self.mask = self.mask[index]
        self.lengths = self.lengths[index]

    def advance(self) -> None:
        """Run the last token of every row, so that `logits` are those of the next one."""
        hf, rows = self.hf, self.rows
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(rows), 1)], dim=1)
        prompts = torch.tensor([[len(row.prompt_ids)] for row in rows], device=hf.device)
        with at_positions(hf.module, self.lengths[:, None], prompts):
            out = hf.module(
                input_ids=torch.tensor([[row.ids[-1]] for row in rows], device=hf.device),
                attention_mask=self.mask,
                position_ids=self.lengths[:, None],
                use_cache=True,
                **pass_cache(self.cache),
            )
        self.logits = out.logits[:, -1]
        self.lengths = self.lengths + 1

    def can_join(self) -> bool:
        """Return whether other rows may join: every layer keeps the keys of all positions."""
        from transformers.cache_utils import DynamicLayer

        return all(type(layer) is DynamicLayer for layer in self.cache.layers)

    def join(self, other: DecodingBatch) -> None:
        """Take the rows of another batch in."""
        self._trim()
        width = max(self.mask.shape[1], other.mask.shape[1])
        for mine, theirs in zip(self.cache.layers, other.cache.layers, strict=True):
            keys = [pad_left(part.keys, width, 2) for part in (mine, theirs)]
            values = [pad_left(part.values, width, 2) for part in (mine, theirs)]
            mine.keys, mine.values = torch.cat(keys), torch.cat(values)
        masks = [pad_left(part.mask, width, 1) for part in (self, other)]
        self.mask = torch.cat(masks)
        self.rows += other.rows
        self.logits = torch.cat([self.logits, other.logits])
        self.lengths = torch.cat([self.lengths, other.lengths])

    def _trim(self) -> None:
        """Remove the positions that are padding in every row, since longer rows have left."""
        excess = self.mask.shape[1] - int(self.lengths.max())
        if excess:
            self.mask = self.mask[:, excess:]
            for layer in self.cache.layers:
                layer.keys, layer.values = layer.keys[:, :, excess:], layer.values[:, :, excess:]


def pad_left(tensor: Tensor, width: int, dim: int) -> Tensor:
    """Return a tensor with zeros before the entries of one dimension, up to a width."""
    shape = list(tensor.shape)
    shape[dim] = width - shape[dim]
    return torch.cat([tensor.new_zeros(shape), tensor], dim=dim)


def _prefill(
    hf: LoadedModel, rows: Sequence[PendingCompletion], prefix: PromptPrefix | None
) -> tuple[Tensor, Any, Tensor]:
    """Run the distinct prompts once; return the rows' last logits (B, V), cache and lengths.

    The last position is picked by an index, which copies the hidden states: a slice of them is not
    contiguous, and torch would multiply it with one copy of the head for each row.

    Raises:
        UsageError: the family does not take this cache.
    """
    distinct = list(dict.fromkeys(tuple(row.prompt_ids) for row in rows))
    num_virtual = get_num_virtual_tokens(hf.module)
    num_known = len(prefix.ids) if prefix else 0
    width = max(map(len, distinct)) + num_virtual - num_known
    rest = [list(p[num_known:]) for p in distinct]
    ids = torch.tensor([[0] * (width - len(r)) + r for r in rest], device=hf.device)
    lengths = torch.tensor([len(p) + num_virtual for p in distinct], device=hf.device)
    padding = width - (lengths - num_known)
    mine = torch.arange(width, device=hf.device)[None] >= padding[:, None]
    mask = torch.cat([mine.new_ones(len(distinct), num_known), mine], dim=1)
    counted = torch.arange(width, device=hf.device)[None] - padding[:, None] + num_known
    cache = _make_cache(hf, prefix, len(distinct))
    with at_positions(
        hf.module, torch.where(mine, counted, PADDING_POSITION), (lengths - num_virtual)[:, None]
    ):
        out = hf.module(
            input_ids=ids,
            attention_mask=mask,
            position_ids=counted.clamp(min=0),
            use_cache=True,
            logits_to_keep=torch.tensor([-1], device=hf.device),
            **pass_cache(cache),
        )
    if get_cache(out) is not cache:
        config: Any = hf.module.config
        raise UsageError(
            f"the family {config.model_type} keeps its own kind of cache, with which nothing can "
            "be sampled.",
            cure="Use a model of another family (docs: reference/families).",
        )
    if prefix:
        _move_padding_left(cache, padding, num_known)
    index = torch.tensor([distinct.index(tuple(row.prompt_ids)) for row in rows], device=hf.device)
    cache.reorder_cache(index)
    return out.logits[:, -1][index], cache, lengths[index]


def _make_cache(hf: LoadedModel, prefix: PromptPrefix | None, rows: int) -> Any:
    """Return a cache in which each of the rows has the keys and values of the prefix."""
    from transformers import DynamicCache

    cache: Any = DynamicCache(config=hf.module.config)
    for number, (keys, values) in enumerate(prefix.layers if prefix else ()):
        each = (rows, -1, -1, -1)
        cache.update(keys.expand(each), values.expand(each), number)
    return cache


def _move_padding_left(cache: Any, padding: Tensor, num_known: int) -> None:
    """Move the padding that stands behind the known tokens to the left of them.

    Shapes: padding (B,), the number of padded positions of each row.
    """
    places = torch.arange(cache.layers[0].keys.shape[2], device=padding.device)[None]
    known = places < (padding + num_known)[:, None]
    source = torch.where(known, (places - padding[:, None]).clamp(min=0), places)  # (B, T)
    for layer in cache.layers:
        layer.keys = layer.keys.gather(2, source[:, None, :, None].expand_as(layer.keys))
        layer.values = layer.values.gather(2, source[:, None, :, None].expand_as(layer.values))


def pick_next_tokens(logits: Tensor, rows: Sequence[PendingCompletion]) -> list[int]:
    """Return the next token of each row: the most probable one at temperature 0, else a sample.

    Shapes: logits (B, V).
    """
    device = logits.device
    numbers = [row.uniforms[len(row.ids)] if row.sampling.temperature else 0.0 for row in rows]
    found: list[int] = pick_tokens(
        logits,
        torch.tensor([row.sampling.temperature for row in rows], device=device),
        torch.tensor([row.sampling.top_p for row in rows], device=device),
        torch.tensor(numbers, dtype=torch.float64, device=device),
    ).tolist()
    return found


def pick_tokens(logits: Tensor, temperature: Tensor, top_p: Tensor, uniform: Tensor) -> Tensor:
    """Return the most probable token where the temperature is 0, else a sample: a row's uniform
    number selects it by inversion of the cumulative distribution.

    Shapes: logits (B, V), temperature, top_p and uniform (B,), uniform float64; returns (B,).
    """
    chosen = logits.argmax(-1)
    index = temperature.nonzero()[:, 0]
    if not len(index):
        return chosen
    below = logits[index].float() - logits[index].float().amax(-1, keepdim=True)
    share = torch.softmax(below / temperature[index, None], dim=-1)  # tiny ones divide by nearly 0
    if bool((top_p[index] < 1).any()):
        share = filter_top_p(share, top_p[index])
    cumulative = share.double().cumsum(-1)
    aim = uniform[index, None] * cumulative[:, -1:]
    picked = torch.searchsorted(cumulative, aim, right=True)
    chosen[index] = picked.squeeze(1).clamp(max=logits.shape[-1] - 1)
    return chosen


def filter_top_p(share: Tensor, top_p: Tensor) -> Tensor:
    """Keep only the most probable tokens whose shares first reach top_p; of equal ones the first.

    All tokens are sorted only for the rows whose nucleus does not lie among a few.

    Shapes: share (B, V), top_p (B,) -> (B, V).
    """
    count = min(NUCLEUS_TOKENS, share.shape[-1])
    few = share.topk(count, dim=-1, sorted=False).indices.sort(-1).values
    kept, is_whole = _keep_nucleus(share, few, top_p)
    if not bool(is_whole.all()):
        rest = ~is_whole
        every = torch.arange(share.shape[-1], device=share.device).expand(int(rest.sum()), -1)
        kept[rest] = _keep_nucleus(share[rest], every, top_p[rest])[0]
    return kept


def _keep_nucleus(share: Tensor, tokens: Tensor, top_p: Tensor) -> tuple[Tensor, Tensor]:
    """Keep the nucleus among some of the most probable tokens, which are given by their number.

    Returns:
        The shares of the nucleus (B, V), and whether it ends before the least of these tokens
        (B,): then no token outside of them belongs to it.

    Shapes: share (B, V), tokens (B, K), top_p (B,).
    """
    ranked, order = share.gather(-1, tokens).sort(dim=-1, descending=True, stable=True)
    is_kept = ranked.cumsum(-1) - ranked < top_p[:, None]
    found = torch.zeros_like(share).scatter(-1, tokens.gather(-1, order), ranked * is_kept)
    return found, ~(is_kept & (ranked == ranked[:, -1:])).any(-1)
