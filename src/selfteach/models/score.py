"""Scoring with a causal model: log-probabilities of texts, logits of answers, embeddings.

Letters: B rows, T tokens, P tokens of the shared prefix, V vocabulary, D hidden size.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from selfteach.errors import UsageError
from selfteach.models.cache_keyword import get_cache, pass_cache
from selfteach.models.cpu_attention import use_tree_attention
from selfteach.models.halve_batch import compute_in_halves
from selfteach.models.hook_adapter import (
    at_positions,
    get_decoder,
    get_num_virtual_tokens,
    needs_positions,
)
from selfteach.models.loaded_model import LoadedModel
from selfteach.models.memory_allocator import FreedPages, release_freed_pages
from selfteach.models.tokens import (
    NO_TOKENS,
    TOO_LONG_WITH_TEXT,
    UnfitPrompt,
    count_common_prefix,
    count_shared_prefix,
)
from selfteach.records import Continuations, ItemScores, LogProb, Prompt, get_user_text

Prefix = list[tuple[Tensor, Tensor]]
"""Keys and values of each layer, each (1, heads, P, head size)."""
BATCH_TOKENS = 2048
ROW_TOKENS = 512
"""Tokens of texts in a row, because its attention takes the square of its length."""
HEAD_ROWS = 512


class Head:
    """Represent the language-model head as a function of hidden states.

    It includes the scalings that some families apply after the head.
    """

    def __init__(self, module: nn.Module) -> None:
        config: Any = module.config.get_text_config()  # type: ignore[operator,union-attr]
        self._linear = module.get_output_embeddings()  # type: ignore[operator]
        if self._linear is None:
            raise UsageError(
                f"the family {config.model_type} has no language-model head.",
                cure="Give a causal language model.",
            )
        self._scale = (
            float(getattr(config, "logit_scale", None) or 1.0)
            * float(getattr(config, "lm_head_multiplier", None) or 1.0)
            / float(getattr(config, "logits_scaling", None) or 1.0)
        )
        self._cap = getattr(config, "final_logit_softcapping", None)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return logits in the weights' dtype: hidden (..., D) -> (..., V)."""
        logits: Tensor = self._linear(hidden)
        logits = logits * self._scale if self._scale != 1.0 else logits
        return self._cap * torch.tanh(logits / self._cap) if self._cap else logits

    def token_logps(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return log p of each target in nats, float32: hidden (N, D), targets (N,) -> (N,).

        A few hundred rows go through the head at a time.
        """
        parts = [
            -nn.functional.cross_entropy(self(states).float(), wanted, reduction="none")
            for states, wanted in zip(
                torch.split(hidden, HEAD_ROWS), torch.split(targets, HEAD_ROWS), strict=True
            )
        ]
        return torch.cat(parts)


@dataclass
class _ScoredRow:
    """Hold the tokens of an item's prompt after the shared prefix, and those of some of its texts.

    Attributes:
        first: the place of the first of these texts in the item.
    """

    id: str
    rest: list[int]
    texts: list[list[int]]
    first: int = 0

    @property
    def length(self) -> int:
        """Return the number of computed tokens: nothing is predicted from a text's last one."""
        return len(self.rest) + sum(len(t[:-1]) for t in self.texts)


RowScores = tuple[_ScoredRow, tuple[LogProb, ...]]


@torch.inference_mode()
def score_all(hf: LoadedModel, items: Sequence[Continuations]) -> Iterator[ItemScores]:
    """Yield (item id, the log-probability of every text after its prompt).

    The common beginning of all prompts runs once, and its keys and values are reused. Each row
    then holds the rest of one prompt and its texts, up to ROW_TOKENS of them. A text sees the
    prompt and itself but no other text (a tree mask). Only the positions that predict a text's
    tokens go through the head. Models whose layers take no such mask (a window shorter than the
    rows, no attention at all) score each text in a row of its own.

    Raises:
        UnfitPrompt: a prompt has no token, or it and its text do not fit into the context; raised
            before any scoring.
    """
    items = list({item.id(hf.fingerprint): item for item in items}.values())
    if not items:
        return
    prompts = [hf.encode(item.prompt) for item in items]
    shared = count_shared_prefix(prompts)  # each keeps the position that predicts its text
    rows: list[_ScoredRow] = []
    for item, ids in zip(items, prompts, strict=True):
        texts = [hf.encode_answer(text, item.end, item.prompt) for text in item.texts]
        if not ids:
            raise UnfitPrompt(NO_TOKENS, "nothing comes before a text", cure="Give a prompt.")
        _require_fits(hf, len(ids) + max(map(len, texts), default=0), item.prompt)
        rows += _split_item(_ScoredRow(item.id(hf.fingerprint), ids[shared:], texts))
    rows.sort(key=lambda row: row.length)
    beginning = prompts[0][:shared]
    if _supports_tree_mask(hf, shared + rows[-1].length):
        scored = _score_in_groups(hf, rows, beginning)
    else:
        scored = _score_one_by_one(hf, rows, beginning)
    yield from _join_rows(rows, scored)


def _split_item(item: _ScoredRow) -> Iterator[_ScoredRow]:
    """Yield the rows of an item: each has the prompt, and texts of at most ROW_TOKENS or one."""
    first = width = 0
    for place, text in enumerate(item.texts):
        if first < place and width + len(text) > ROW_TOKENS:
            yield replace(item, texts=item.texts[first:place], first=first)
            first, width = place, 0
        width += len(text)
    yield replace(item, texts=item.texts[first:], first=first)


def _join_rows(rows: Sequence[_ScoredRow], scored: Iterator[RowScores]) -> Iterator[ItemScores]:
    """Yield each item's scores, as soon as all of its rows have theirs."""
    missing = Counter(row.id for row in rows)
    found: dict[str, dict[int, tuple[LogProb, ...]]] = defaultdict(dict)
    for row, scores in scored:
        found[row.id][row.first] = scores
        missing[row.id] -= 1
        if not missing[row.id]:
            parts = found.pop(row.id)
            yield row.id, tuple(chain.from_iterable(parts[first] for first in sorted(parts)))


def _score_in_groups(
    hf: LoadedModel, rows: Sequence[_ScoredRow], beginning: Sequence[int]
) -> Iterator[RowScores]:
    shared = len(beginning)
    prefix = compute_prefix(hf.module, beginning)
    pages = FreedPages()
    for group in _group_by_tokens([row.length + shared // 8 for row in rows]):
        compute = partial(_score_rows, hf, prefix=prefix, shared=shared)
        yield from compute_in_halves(compute, [rows[i] for i in group], "an answer to score")
        pages.limit()
    release_freed_pages()


def _supports_tree_mask(hf: LoadedModel, longest: int) -> bool:
    """Return whether every layer takes a free mask at this length.

    It does if each layer attends to all earlier positions that a mask shows, and nothing counts
    positions.
    """
    if needs_positions(hf.module):
        return False
    if not has_attention_alone(hf.module):
        return False
    config: Any = hf.module.config.get_text_config()  # type: ignore[operator,union-attr]
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None)
    if kinds == {"full_attention"} and hasattr(config, "layer_types"):
        window = None
    return (
        bool(getattr(hf.module, "_supports_sdpa", False))
        and not getattr(config, "alibi", False)
        and kinds <= {"full_attention", "sliding_attention"}
        and (not window or longest <= window)
    )


def _can_share_prefix(hf: LoadedModel) -> bool:
    """Return whether rows may reuse the keys and values of their common beginning."""
    return not needs_positions(hf.module) and has_attention_alone(hf.module)


def has_attention_alone(module: Any) -> bool:
    """Return whether keys and values are all that each layer keeps of earlier tokens.

    A layer with a recurrent state cannot reuse the state of a shared beginning.
    """
    from transformers import DynamicCache, cache_utils

    layers = {type(layer) for layer in DynamicCache(config=module.config).layers}
    attends = {cache_utils.DynamicLayer, cache_utils.DynamicSlidingWindowLayer}
    if hasattr(cache_utils, "DummyLayer"):  # from transformers 5.23 on: it keeps nothing
        attends.add(cache_utils.DummyLayer)
    return not getattr(module, "_is_stateful", False) and layers <= attends


def _score_one_by_one(
    hf: LoadedModel, rows: Sequence[_ScoredRow], beginning: list[int]
) -> Iterator[RowScores]:
    pairs = [(beginning + row.rest, text) for row in rows for text in row.texts]
    scores: dict[int, LogProb] = {}
    for i, hidden in _iterate_hidden(hf, [p + t for p, t in pairs], [len(p) for p, _ in pairs]):
        prompt, text = pairs[i]
        targets = torch.tensor(text, dtype=torch.long, device=hf.device)
        logps = Head(hf.module).token_logps(hidden[len(prompt) - 1 : -1], targets)
        scores[i] = LogProb(float(logps.sum()), len(text))
    yield from _collect_by_row(rows, map(scores.__getitem__, range(len(pairs))))


def _collect_by_row(rows: Sequence[_ScoredRow], scores: Iterator[LogProb]) -> Iterator[RowScores]:
    """Yield (row, the scores of its texts); `scores` are those of all texts, in order."""
    for row in rows:
        yield row, tuple(islice(scores, len(row.texts)))


def compute_prefix(module: Any, ids: Sequence[int]) -> Prefix:
    """Return the keys and values (1, heads, P, head size) of each layer after these tokens."""
    if not ids:
        return []
    from transformers import DynamicCache

    device = module.get_input_embeddings().weight.device
    out = get_decoder(module)(
        input_ids=torch.tensor([list(ids)], device=device),
        use_cache=True,
        **pass_cache(DynamicCache()),
    )
    return [(layer.keys, layer.values) for layer in get_cache(out).layers]


@dataclass
class _TreeBatch:
    """Hold rows of prompts and texts, padded to one width T on the right.

    Attributes:
        ids: the tokens (B, T).
        positions: of each token in its sequence (B, T).
        parts: the part of each token (B, T): 0 for the prompt, k for text k; padding is a part for
            each token.
        reads: the flat positions whose hidden states predict tokens of texts.
        states: for each token of a text the place of its state among `reads`.
        targets: the tokens of all texts.
    """

    ids: Tensor
    positions: Tensor
    parts: Tensor
    reads: list[int]
    states: list[int]
    targets: list[int]


def _lay_out_trees(rows: Sequence[_ScoredRow], shared: int) -> _TreeBatch:
    """Return rows as one batch; `shared` tokens come before each of them."""
    width = max(row.length for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    padding = -1 - torch.arange(width).repeat(len(rows), 1)
    batch = _TreeBatch(ids, torch.zeros_like(ids), padding, [], [], [])
    for r, row in enumerate(rows):
        prompt_length = len(row.rest)
        last = len(batch.reads)  # all texts begin after the prompt's last token
        batch.reads.append(r * width + prompt_length - 1)
        start = 0
        for part, tokens in enumerate([row.rest, *(text[:-1] for text in row.texts)]):
            stop = start + len(tokens)
            batch.ids[r, start:stop] = torch.tensor(tokens, dtype=torch.long)
            batch.parts[r, start:stop] = part
            first = shared + min(start, prompt_length)
            batch.positions[r, start:stop] = torch.arange(first, first + len(tokens))
            if part and row.texts[part - 1]:
                read = len(batch.reads)
                batch.states += [last, *range(read, read + len(tokens))]
                batch.reads += [r * width + place for place in range(start, stop)]
                batch.targets += row.texts[part - 1]
            start = stop
    return batch


def _make_tree_mask(parts: Tensor, shared: int, dtype: torch.dtype) -> Tensor:
    """Return a mask that is added to the scores, because every attention takes that form.

    A token sees the shared prefix, its prompt, and the tokens of its own part up to itself.

    Shapes: parts (B, T) -> (B, 1, T, P + T).
    """
    width = parts.shape[1]
    is_visible = (parts[:, None] == 0) | (parts[:, None] == parts[:, :, None])
    is_visible &= torch.ones(width, width, dtype=torch.bool).tril()
    seen = nn.functional.pad(is_visible, (shared, 0), value=True)[:, None]
    return torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)


def _score_rows(
    hf: LoadedModel, rows: Sequence[_ScoredRow], prefix: Prefix, shared: int
) -> Iterator[RowScores]:
    batch = _lay_out_trees(rows, shared)
    with use_tree_attention(hf.module):
        out = get_decoder(hf.module)(
            input_ids=batch.ids.to(hf.device),
            position_ids=batch.positions.to(hf.device),
            attention_mask=_make_tree_mask(batch.parts, shared, hf.dtype).to(hf.device),
            use_cache=True,
            **pass_cache(repeat_prefix(prefix, len(rows))),
        )
    reads = torch.tensor(batch.reads, device=hf.device)
    hidden = out.last_hidden_state.flatten(0, 1)[reads]
    logps = _compute_token_logps(hf, hidden, batch.states, batch.targets)
    lengths = [len(text) for row in rows for text in row.texts]
    by_text = torch.split(logps, lengths)
    yield from _collect_by_row(rows, (LogProb(float(one.sum()), len(one)) for one in by_text))


def _compute_token_logps(
    hf: LoadedModel, hidden: Tensor, states: Sequence[int], targets: Sequence[int]
) -> Tensor:
    """Return log p in nats of each target after its state, (N,) float32. Shapes: hidden (S, D).

    A state that several targets follow goes through the head once.
    """
    place = torch.tensor(states, dtype=torch.long, device=hf.device)
    target = torch.tensor(targets, dtype=torch.long, device=hf.device)
    found = torch.empty(len(targets), device=hf.device)
    head = Head(hf.module)
    for start in range(0, len(hidden), HEAD_ROWS):
        logp = torch.log_softmax(head(hidden[start : start + HEAD_ROWS]).float(), -1)
        mine = ((place >= start) & (place < start + HEAD_ROWS)).nonzero()[:, 0]
        found[mine] = logp[place[mine] - start, target[mine]]
    return found.cpu()


def _require_fits(hf: LoadedModel, length_tokens: int, prompt: Prompt) -> None:
    if length_tokens > hf.context_tokens:
        raise UnfitPrompt(
            TOO_LONG_WITH_TEXT,
            f"{length_tokens} tokens do not fit into the model's context of {hf.context_tokens}",
            where=repr(get_user_text(prompt)[:60]),
            cure="Shorten the text.",
        )


@torch.inference_mode()
def compute_answer_logits(
    hf: LoadedModel, pairs: Sequence[tuple[Prompt, str]]
) -> Iterator[tuple[int, Tensor]]:
    """Yield logits as `HfModel.answer_logits`.

    Raises:
        UnfitPrompt: a prompt and its answer do not fit into the context.
    """
    encoded = [(hf.encode(prompt), hf.encode_answer(answer, end=True)) for prompt, answer in pairs]
    for (prompt, _), (ids, answer) in zip(pairs, encoded, strict=True):
        _require_fits(hf, len(ids) + len(answer), prompt)
    prompts = [ids for ids, _ in encoded]
    shared = count_shared_prefix(prompts) if prompts and _can_share_prefix(hf) else 0
    prefix = compute_prefix(hf.module, prompts[0][:shared]) if shared else []
    rows = [ids[shared:] + answer[:-1] for ids, answer in encoded]
    for i, hidden in _iterate_hidden(hf, rows, list(map(len, prompts)), prefix):
        yield i, Head(hf.module)(hidden[len(prompts[i]) - shared - 1 :]).float()


@torch.inference_mode()
def score_tokens(
    hf: LoadedModel, pairs: Sequence[tuple[list[int], list[int]]]
) -> Iterator[tuple[int, float, bool]]:
    """Yield (index of the pair, log p in nats, whether it is greedy), in any order.

    Each pair is a context and its continuation, both as tokens. A continuation is greedy if it is
    the greedy answer to its context. Pairs that differ in their last token alone are computed
    together.
    """
    alike: dict[tuple[int, ...], list[int]] = {}
    for i, (context, continuation) in enumerate(pairs):
        alike.setdefault((len(context), *context, *continuation[:-1]), []).append(i)
    rows = [list(ids) for _, *ids in alike]
    prompts = [length for length, *_ in alike]
    members = list(alike.values())
    for r, hidden in _iterate_hidden(hf, rows, prompts):
        for i in members[r]:
            logits = Head(hf.module)(hidden[prompts[r] - 1 :]).float()
            targets = torch.tensor(pairs[i][1], device=hf.device)
            logp = torch.log_softmax(logits, -1).gather(1, targets[:, None]).sum()
            yield i, float(logp), bool((logits.argmax(-1) == targets).all())


@torch.inference_mode()
def embed_all(hf: LoadedModel, prompts: Sequence[Prompt]) -> np.ndarray:
    """Return embeddings as `Scorer.embed`.

    The template's tokens are left out, because they are the same in every prompt. The common
    beginning of all prompts runs once, and its keys and values are reused. What exceeds the context
    does not count.
    """
    width: int = hf.module.config.get_text_config().hidden_size  # type: ignore[operator,union-attr]
    found = np.zeros((len(prompts), width), dtype=np.float32)
    if not prompts:
        return found
    spans = [hf.tokens.find_user_span(prompt) for prompt in prompts]
    rows = [ids[: min(stop, hf.context_tokens)] for ids, _, stop in spans]
    starts = [min(start, len(row) - 1) for (_, start, _), row in zip(spans, rows, strict=True)]
    shared = 0
    if _can_share_prefix(hf):
        shared = min(*starts, count_common_prefix(min(rows), max(rows)))
    prefix = compute_prefix(hf.module, rows[0][:shared])
    for i, hidden in _iterate_hidden(hf, [row[shared:] for row in rows], starts, prefix):
        found[i] = hidden[starts[i] - shared :].float().mean(0).cpu().numpy()
    return found


def _group_by_tokens(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield groups of indices, the shortest first, of at most BATCH_TOKENS padded tokens."""
    group: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if group and (len(group) + 1) * lengths[i] > BATCH_TOKENS:
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def _iterate_hidden(
    hf: LoadedModel, rows: Sequence[list[int]], prompts: Sequence[int], prefix: Prefix | None = None
) -> Iterator[tuple[int, Tensor]]:
    """Yield (index, last hidden states (T, D)) of each row, computed in batches."""
    for group in _group_by_tokens(list(map(len, rows))):
        pairs = [(rows[i], prompts[i]) for i in group]
        compute = partial(compute_hidden, hf.module, prefix=prefix)
        hidden = compute_in_halves(compute, pairs, "a text to score")
        for states, i in zip(hidden, group, strict=True):
            yield i, states[: len(rows[i])]


def compute_hidden(
    module: Any, pairs: Sequence[tuple[list[int], int]], prefix: Prefix | None = None
) -> Tensor:
    """Return the last hidden states (B, T, D) of rows that all follow the same prefix.

    Rows are padded on the right. A causal model does not see the padding, so no mask is needed.

    Args:
        pairs: each row, and the number of its tokens that belong to its prompt.
    """
    rows = [row for row, _ in pairs]
    prompts = [length for _, length in pairs]
    width = max(map(len, rows))
    num_virtual = get_num_virtual_tokens(module)
    device = module.get_input_embeddings().weight.device
    ids = torch.tensor(
        [[0] * num_virtual + row + [0] * (width - len(row)) for row in rows], device=device
    )
    position = torch.arange(width + num_virtual, device=device)[None]
    with at_positions(module, position, torch.tensor(prompts, device=device)[:, None]):
        found: Tensor = get_decoder(module)(
            input_ids=ids,
            use_cache=bool(prefix),
            **pass_cache(repeat_prefix(prefix, len(rows)) if prefix else None),
        ).last_hidden_state
    return found[:, num_virtual:]


def repeat_prefix(prefix: Prefix, rows: int) -> Any:
    """Return a cache in which each of the rows has the prefix's keys and values."""
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer, (keys, values) in enumerate(prefix):
        cache.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), layer)
    return cache
