"""Scoring with a causal model: log-probabilities of given texts, logits at answer positions,
embeddings of prompts.

Letters: B rows, T tokens, P tokens of the shared prefix, V vocabulary, D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from selfteach.errors import DataError, UsageError
from selfteach.models.allocator import release_freed_pages
from selfteach.models.attention import use_tree_attention
from selfteach.models.hooks import at_positions, get_num_virtual_tokens, needs_positions
from selfteach.models.loaded import LoadedModel
from selfteach.models.tokens import count_common_prefix
from selfteach.records import Continuations, LogProb, Prompt

Prefix = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, each (1, heads, P, head size)."""
BATCH_TOKENS = 2048
HEAD_ROWS = 512


class Head:
    """The language-model head as a function of hidden states, with the scalings that some families
    put after it.
    """

    def __init__(self, module: nn.Module) -> None:
        config: Any = module.config
        self._linear = module.get_output_embeddings()  # type: ignore[operator]
        if self._linear is None:
            raise UsageError(
                f"the family {config.model_type} has no language-model head.",
                cure="Give a causal language model.",
            )
        self._scale = float(getattr(config, "logit_scale", None) or 1.0) / float(
            getattr(config, "logits_scaling", None) or 1.0
        )
        self._cap = getattr(config, "final_logit_softcapping", None)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits in the weights' dtype: hidden (..., D) -> (..., V)."""
        logits: torch.Tensor = self._linear(hidden)
        logits = logits * self._scale if self._scale != 1.0 else logits
        return self._cap * torch.tanh(logits / self._cap) if self._cap else logits

    def token_logps(self, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """log p of each target in nats, float32, a few hundred rows at a time: hidden (N, D),
        targets (N,) -> (N,).
        """
        parts = []
        for start in range(0, len(targets), HEAD_ROWS):
            logits = self(hidden[start : start + HEAD_ROWS]).float()
            parts.append(
                -nn.functional.cross_entropy(
                    logits, targets[start : start + HEAD_ROWS], reduction="none"
                )
            )
        return torch.cat(parts) if parts else hidden.new_zeros(0, dtype=torch.float32)


@dataclass
class _ScoredItem:
    """One item: the tokens after the shared prefix, and those of each continuation."""

    id: str
    rest: list[int]
    texts: list[list[int]]

    @property
    def length(self) -> int:
        return len(self.rest) + sum(len(t) for t in self.texts)


@torch.inference_mode()
def score_all(
    hf: LoadedModel, items: Sequence[Continuations]
) -> Iterator[tuple[str, tuple[LogProb, ...]]]:
    """The log-probability of every text after its prompt.

    What all prompts begin with runs once and its keys and values are reused; each row then holds
    the rest of one prompt and all of its texts, where a text sees the prompt and itself but no
    other text (a tree mask). Only the positions that predict a text's tokens go through the head.
    Models whose layers take no such mask (a window shorter than the rows, no attention at all)
    score each text in a row of its own.
    """
    items = list({item.id(hf.fingerprint): item for item in items}.values())
    if not items:
        return
    prompts = [hf.encode(item.prompt) for item in items]
    shared = _count_shared_prefix(prompts)
    rows = []
    for item, ids in zip(items, prompts, strict=True):
        texts = [hf.encode_answer(text, item.end) for text in item.texts]
        _require_fits(hf, len(ids) + max(map(len, texts), default=0), item.prompt)
        rows.append(_ScoredItem(item.id(hf.fingerprint), ids[shared:], texts))
    rows.sort(key=lambda row: row.length)
    if not _supports_tree_mask(hf, shared + rows[-1].length):
        yield from _score_one_by_one(hf, rows, prompts[0][:shared])
        return
    prefix = _compute_prefix_cache(hf, prompts[0][:shared])
    for batch in _split_batches(rows, shared):
        yield from _score_rows(hf, batch, prefix, shared)
    release_freed_pages()


def _supports_tree_mask(hf: LoadedModel, longest: int) -> bool:
    """Whether every layer attends to all earlier positions that a mask shows, at this length, and
    nothing counts positions.
    """
    if needs_positions(hf.module):
        return False
    config: Any = hf.module.config.get_text_config()  # type: ignore[operator,union-attr]
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None)
    if kinds == {"full_attention"} and hasattr(config, "layer_types"):
        window = None
    return (
        bool(getattr(hf.module, "_supports_sdpa", False))
        and kinds <= {"full_attention", "sliding_attention"}
        and (not window or longest <= window)
    )


def _score_one_by_one(
    hf: LoadedModel, rows: Sequence[_ScoredItem], prefix: list[int]
) -> Iterator[tuple[str, tuple[LogProb, ...]]]:
    found: dict[str, dict[int, LogProb]] = {row.id: {} for row in rows}
    flat = [(row, k) for row in rows for k in range(len(row.texts))]
    lengths = [len(prefix) + len(row.rest) + len(row.texts[k]) for row, k in flat]
    for group in _group_by_tokens(sorted(range(len(flat)), key=lengths.__getitem__), lengths):
        rows_of = [flat[i][0] for i in group]
        prompts = [len(prefix) + len(row.rest) for row in rows_of]
        hidden = _compute_hidden(
            hf,
            [
                prefix + row.rest + row.texts[flat[i][1]]
                for row, i in zip(rows_of, group, strict=True)
            ],
            prompts,
        )
        for b, i in enumerate(group):
            (row, k), start = flat[i], len(prefix) + len(flat[i][0].rest) - 1
            text = row.texts[k]
            logps = Head(hf.module).token_logps(
                hidden[b, start : start + len(text)],
                torch.tensor(text, dtype=torch.long, device=hf.device),
            )
            found[row.id][k] = LogProb(float(logps.sum()), len(text))
    for row in rows:
        yield row.id, tuple(found[row.id][k] for k in range(len(row.texts)))


def _count_shared_prefix(prompts: Sequence[list[int]]) -> int:
    """Tokens that all prompts begin with, one short of the shortest prompt: each row needs a
    position that predicts its text.
    """
    low, high = min(prompts), max(prompts)
    return max(0, min(count_common_prefix(low, high), min(map(len, prompts)) - 1))


def _split_batches(rows: Sequence[_ScoredItem], shared: int) -> Iterator[Sequence[_ScoredItem]]:
    start = 0
    while start < len(rows):
        stop = start + 1
        while (
            stop < len(rows)
            and (stop + 1 - start) * (rows[stop].length + shared // 8) <= BATCH_TOKENS
        ):
            stop += 1
        yield rows[start:stop]
        start = stop


def _compute_prefix_cache(hf: LoadedModel, ids: list[int]) -> Prefix | None:
    """Keys and values (1, heads, P, head size) of each layer after the shared prefix."""
    if not ids:
        return None
    from transformers import DynamicCache

    out = _get_decoder(hf)(
        input_ids=torch.tensor([ids], device=hf.device),
        past_key_values=DynamicCache(),
        use_cache=True,
    )
    return [(layer.keys, layer.values) for layer in out.past_key_values.layers]


def _get_decoder(hf: LoadedModel) -> Any:
    """The layers without the head, also under a PEFT wrapper."""
    module: Any = hf.module
    return (module.get_base_model() if hasattr(module, "get_base_model") else module).base_model


def _score_rows(
    hf: LoadedModel, rows: Sequence[_ScoredItem], prefix: Prefix | None, shared: int
) -> Iterator[tuple[str, tuple[LogProb, ...]]]:
    width = max(row.length for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    positions = torch.zeros(len(rows), width, dtype=torch.long)
    seen = torch.zeros(len(rows), 1, width, shared + width, dtype=torch.bool)
    seen[..., :shared] = True
    seen[:, 0, torch.arange(width), shared + torch.arange(width)] = (
        True  # padding sees itself, so that no softmax is empty
    )
    reads: list[int] = []  # flat positions whose hidden state predicts the next token of a text
    targets: list[int] = []
    for r, row in enumerate(rows):
        n = len(row.rest)
        ids[r, : row.length] = torch.tensor(row.rest + [t for text in row.texts for t in text])
        positions[r, :n] = torch.arange(shared, shared + n)
        seen[r, 0, :n, shared : shared + n] = torch.ones(n, n, dtype=torch.bool).tril()
        start = n
        for text in row.texts:
            stop = start + len(text)
            positions[r, start:stop] = torch.arange(shared + n, shared + n + len(text))
            seen[r, 0, start:stop, shared : shared + n] = True
            seen[r, 0, start:stop, shared + start : shared + stop] = torch.ones(
                len(text), len(text), dtype=torch.bool
            ).tril()
            reads += [r * width + p for p in [n - 1, *range(start, stop - 1)]] if text else []
            targets += text
            start = stop
    mask = torch.zeros(seen.shape, dtype=hf.dtype).masked_fill_(
        ~seen, torch.finfo(hf.dtype).min
    )  # added to scores: any attention takes it
    with use_tree_attention(hf.module):
        out = _get_decoder(hf)(
            input_ids=ids.to(hf.device),
            position_ids=positions.to(hf.device),
            attention_mask=mask.to(hf.device),
            past_key_values=_repeat_prefix(prefix, len(rows)),
            use_cache=True,
        )
    hidden = out.last_hidden_state.flatten(0, 1)[torch.tensor(reads, device=hf.device)]
    logps = Head(hf.module).token_logps(hidden, torch.tensor(targets, device=hf.device)).cpu()
    taken = 0
    for row in rows:
        scores = []
        for text in row.texts:
            scores.append(LogProb(float(logps[taken : taken + len(text)].sum()), len(text)))
            taken += len(text)
        yield row.id, tuple(scores)


def _require_fits(hf: LoadedModel, length_tokens: int, prompt: Prompt) -> None:
    if length_tokens > hf.context_tokens:
        shown = prompt if isinstance(prompt, str) else prompt[-1].content
        raise DataError(
            f"{length_tokens} tokens do not fit into the model's context of {hf.context_tokens}.",
            where=repr(shown[:60]),
            cure="Shorten the text.",
        )


@torch.inference_mode()
def compute_answer_logits(
    hf: LoadedModel, pairs: Sequence[tuple[Prompt, str]]
) -> Iterator[tuple[int, torch.Tensor]]:
    """As `Hf.answer_logits`. Rows are padded on the right, which a causal model does not see: no
    mask is needed.
    """
    encoded = [(hf.encode(prompt), hf.encode_answer(answer, end=True)) for prompt, answer in pairs]
    for (prompt, _), (ids, answer) in zip(pairs, encoded, strict=True):
        _require_fits(hf, len(ids) + len(answer), prompt)
    order = sorted(range(len(pairs)), key=lambda i: len(encoded[i][0]) + len(encoded[i][1]))
    for group in _group_by_tokens(order, [len(p) + len(a) for p, a in encoded]):
        hidden = _compute_hidden(
            hf, [encoded[i][0] + encoded[i][1] for i in group], [len(encoded[i][0]) for i in group]
        )
        for row, i in enumerate(group):
            prompt_ids, answer = encoded[i]
            states = hidden[row, len(prompt_ids) - 1 : len(prompt_ids) + len(answer) - 1]
            yield i, Head(hf.module)(states).float()


@torch.inference_mode()
def score_tokens(
    hf: LoadedModel, pairs: Sequence[tuple[list[int], list[int]]]
) -> Iterator[tuple[int, float, bool]]:
    """For each context and its continuation, both as tokens, in any order: which pair it is, the
    continuation's log-probability in nats, and whether it is what a greedy answer would be. Pairs
    that differ in their last token alone are computed together.
    """
    alike: dict[tuple[int, ...], list[int]] = {}
    for i, (context, continuation) in enumerate(pairs):
        alike.setdefault((len(context), *context, *continuation[:-1]), []).append(i)
    rows = [list(ids) for _, *ids in alike]
    members = list(alike.values())
    for group in _group_by_tokens(
        sorted(range(len(rows)), key=lambda r: len(rows[r])), list(map(len, rows))
    ):
        hidden = _compute_hidden(
            hf, [rows[r] for r in group], [len(pairs[members[r][0]][0]) for r in group]
        )
        for place, r in enumerate(group):
            for i in members[r]:
                context, continuation = pairs[i]
                logits = Head(hf.module)(hidden[place, len(context) - 1 : len(rows[r])]).float()
                targets = torch.tensor(continuation, device=hf.device)
                logp = torch.log_softmax(logits, -1).gather(1, targets[:, None]).sum()
                yield i, float(logp), bool((logits.argmax(-1) == targets).all())


@torch.inference_mode()
def embed_all(hf: LoadedModel, prompts: Sequence[Prompt]) -> np.ndarray:
    """As `Scorer.embed`: the template's tokens are left out, because what is the same in every
    prompt tells none apart.

    What all prompts begin with runs once, and its keys and values are reused.
    """
    spans = [hf.tokens.find_user_span(prompt) for prompt in prompts]
    width: int = hf.module.config.get_text_config().hidden_size  # type: ignore[operator,union-attr]
    found = np.zeros((len(prompts), width), dtype=np.float32)
    rows = [ids[:stop] for ids, _, stop in spans]
    shared = 0 if needs_positions(hf.module) else min((start for _, start, _ in spans), default=0)
    shared = min(shared, count_common_prefix(min(rows), max(rows))) if rows else 0
    prefix = _compute_prefix_cache(hf, rows[0][:shared] if rows else [])
    order = sorted(range(len(prompts)), key=lambda i: len(rows[i]))
    for group in _group_by_tokens(order, [len(row) - shared for row in rows]):
        if prefix is None:
            hidden = _compute_hidden(
                hf, [rows[i] for i in group], [len(spans[i][0]) for i in group]
            )
        else:
            hidden = _compute_hidden_after(hf, prefix, [rows[i][shared:] for i in group])
        for row, i in enumerate(group):
            _, start, stop = spans[i]
            found[i] = hidden[row, start - shared : stop - shared].float().mean(0).cpu().numpy()
    return found


def _group_by_tokens(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Groups of indices, ordered by length, of at most BATCH_TOKENS padded tokens."""
    group: list[int] = []
    for i in order:
        if group and (len(group) + 1) * lengths[i] > BATCH_TOKENS:
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def _compute_hidden(
    hf: LoadedModel, rows: Sequence[list[int]], prompts: Sequence[int]
) -> torch.Tensor:
    """Last hidden states (B, T, D) of right-padded rows, whose first `prompts` tokens are their
    prompts.
    """
    width, lead = max(map(len, rows)), get_num_virtual_tokens(hf.module)
    ids = torch.tensor(
        [[0] * lead + row + [0] * (width - len(row)) for row in rows], device=hf.device
    )
    position = torch.arange(width + lead, device=hf.device)[None]
    with at_positions(hf.module, position, torch.tensor(prompts, device=hf.device)[:, None]):
        found: torch.Tensor = _get_decoder(hf)(input_ids=ids, use_cache=False).last_hidden_state
    return found[:, lead:]


def _compute_hidden_after(
    hf: LoadedModel, prefix: Prefix, rows: Sequence[list[int]]
) -> torch.Tensor:
    """Last hidden states (B, T, D) of right-padded rows that all follow the same prefix; a causal
    model does not see the padding.
    """
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=hf.device)
    found: torch.Tensor = _get_decoder(hf)(
        input_ids=ids, past_key_values=_repeat_prefix(prefix, len(rows)), use_cache=True
    ).last_hidden_state
    return found


def _repeat_prefix(prefix: Prefix | None, rows: int) -> Any:
    """A cache in which each of the rows has the prefix's keys and values."""
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer, (keys, values) in enumerate(prefix or []):
        cache.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), layer)
    return cache
