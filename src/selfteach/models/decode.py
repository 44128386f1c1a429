"""Drawing with transformers: batches sorted by length, one prefill a prompt, finished rows leave
the batch.

Each row's randomness comes from its request's id alone, one uniform number a token, so that a draw
does not depend on what is drawn with it. (In float32 that holds to rounding. In bfloat16 a
product's rounding depends on the batch's shape: a near tie may fall the other way.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from selfteach.errors import DataError
from selfteach.models.hooks import PADDING_POSITION, at_positions, get_num_virtual_tokens
from selfteach.models.loaded import LoadedModel
from selfteach.records import (
    Completion,
    Prompt,
    Request,
    SamplingParams,
    derive_seed,
    get_user_text,
)

MAX_ROWS = {"cpu": 64, "cuda": 256}
STOP_WINDOW_TOKENS = 16
TOO_LONG = "prompt longer than the context"


@dataclass(slots=True)
class PendingCompletion:
    """One answer under way."""

    id: str
    sampling: SamplingParams
    prompt_ids: list[int]
    limit_tokens: int
    uniforms: np.ndarray
    ids: list[int] = field(default_factory=list)


def sample_all(hf: LoadedModel, requests: Sequence[Request]) -> Iterator[Completion]:
    """One draw for each request, the longest prompts first, each as it is finished.

    Raises:
        DataError: a prompt fills the model's context; raised before anything is drawn.
    """
    yield from sample_pending(
        hf,
        [
            prepare_request(hf, request)
            for request in {r.id(hf.fingerprint): r for r in requests}.values()
        ],
    )


def sample_pending(hf: LoadedModel, rows: Sequence[PendingCompletion]) -> Iterator[Completion]:
    """One draw for each row, as `sample_all`; prompts and limits must fit into the context."""
    rows = sorted(rows, key=lambda row: (-len(row.prompt_ids), row.prompt_ids, row.id))
    step = MAX_ROWS.get(hf.device.type, 64)
    for start in range(0, len(rows), step):
        yield from _sample_batch(hf, rows[start : start + step])


def count_max_answer_tokens(hf: LoadedModel, prompt: Prompt) -> int:
    """How long an answer to this prompt can be at most within the model's context; not positive
    where the prompt fills it.

    The policy for a prompt without room is named `TOO_LONG`: whoever holds candidates drops it for
    this reason and counts it. A drawer never cuts a prompt in silence; given one, it raises before
    it draws anything.
    """
    return hf.context_tokens - len(hf.encode(prompt))


def prepare_request(hf: LoadedModel, request: Request) -> PendingCompletion:
    """A request made ready: its tokens, its limit within the context, its random numbers.

    Raises:
        DataError: the prompt leaves no room for an answer.
    """
    ids = hf.encode(request.prompt)
    room = hf.context_tokens - len(ids)
    if room < 1:
        raise DataError(
            (
                f"{TOO_LONG}: {len(ids)} tokens, and the model takes {hf.context_tokens} "
                "with the answer."
            ),
            where=repr(get_user_text(request.prompt)[:60]),
            cure="Shorten it; prompts are never cut in silence.",
        )
    id = request.id(hf.fingerprint)
    limit = min(request.sampling.max_tokens, room)
    return PendingCompletion(
        id,
        request.sampling,
        ids,
        limit,
        np.random.Generator(np.random.Philox(derive_seed(id))).random(limit),
    )


@torch.inference_mode()
def _sample_batch(hf: LoadedModel, rows: list[PendingCompletion]) -> Iterator[Completion]:
    logits, cache, lengths = _prefill(hf, rows)
    mask = (
        torch.arange(int(lengths.max()), device=hf.device)[None]
        >= (lengths.max() - lengths)[:, None]
    )  # padding is on the left
    while True:
        for row, token in zip(rows, pick_next_tokens(logits, rows), strict=True):
            row.ids.append(token)
        draws = [make_completion_if_done(hf, row) for row in rows]
        yield from (draw for draw in draws if draw)
        keep = [i for i, draw in enumerate(draws) if draw is None]
        if not keep:
            return
        if len(keep) < len(rows):
            rows, index = [rows[i] for i in keep], torch.tensor(keep, device=hf.device)
            cache.batch_select_indices(index)
            mask, lengths = mask[index], lengths[index]
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        prompts = torch.tensor([[len(row.prompt_ids)] for row in rows], device=hf.device)
        with at_positions(hf.module, lengths[:, None], prompts):
            out = hf.module(
                input_ids=torch.tensor([[row.ids[-1]] for row in rows], device=hf.device),
                attention_mask=mask,
                position_ids=lengths[:, None],
                past_key_values=cache,
                use_cache=True,
            )
        logits, lengths = out.logits[:, -1], lengths + 1


def _prefill(
    hf: LoadedModel, rows: Sequence[PendingCompletion]
) -> tuple[torch.Tensor, Any, torch.Tensor]:
    """One forward over the distinct prompts; its last logits and its cache are then repeated for
    each row.
    """
    from transformers import DynamicCache

    distinct = list(dict.fromkeys(tuple(row.prompt_ids) for row in rows))
    lead = get_num_virtual_tokens(hf.module)
    width = max(map(len, distinct)) + lead
    ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in distinct], device=hf.device)
    lengths = torch.tensor([len(p) + lead for p in distinct], device=hf.device)
    mask = torch.arange(width, device=hf.device)[None] >= (width - lengths)[:, None]
    counted = torch.arange(width, device=hf.device)[None] - (width - lengths)[:, None]
    positions, cache = counted.clamp(min=0), DynamicCache()
    with at_positions(
        hf.module, torch.where(mask, counted, PADDING_POSITION), (lengths - lead)[:, None]
    ):
        out = hf.module(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
    place = {prompt: i for i, prompt in enumerate(distinct)}
    index = torch.tensor([place[tuple(row.prompt_ids)] for row in rows], device=hf.device)
    cache.batch_select_indices(index)
    return out.logits[:, -1][index], cache, lengths[index]


def pick_next_tokens(logits: torch.Tensor, rows: Sequence[PendingCompletion]) -> list[int]:
    """The next token of each row: the likeliest at temperature 0, else the one where the row's
    uniform number falls.

    Shapes: logits (B, V).
    """
    chosen = logits.argmax(-1)
    warm = [i for i, row in enumerate(rows) if row.sampling.temperature > 0]
    if warm:
        index = torch.tensor(warm, device=logits.device)
        heat = torch.tensor([rows[i].sampling.temperature for i in warm], device=logits.device)[
            :, None
        ]
        share = torch.softmax(logits[index].float() / heat, dim=-1)
        top_p = torch.tensor([rows[i].sampling.top_p for i in warm], device=logits.device)
        if bool((top_p < 1).any()):
            share = filter_top_p(share, top_p)
        ladder = share.double().cumsum(-1)
        draw = torch.tensor(
            [float(rows[i].uniforms[len(rows[i].ids)]) for i in warm],
            dtype=torch.float64,
            device=logits.device,
        )
        picked = torch.searchsorted(ladder, (draw * ladder[:, -1])[:, None], right=True).squeeze(1)
        chosen[index] = picked.clamp(max=logits.shape[-1] - 1)
    found: list[int] = chosen.tolist()
    return found


def filter_top_p(share: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Keeps the likeliest tokens whose shares first reach top_p, and no others.

    Shapes: share (B, V), top_p (B,).
    """
    ranked, order = share.sort(dim=-1, descending=True, stable=True)
    before = ranked.cumsum(-1) - ranked
    return torch.zeros_like(share).scatter(-1, order, ranked * (before < top_p[:, None]))


def make_completion_if_done(hf: LoadedModel, row: PendingCompletion) -> Completion | None:
    """The draw, if its last token or its text ended it."""
    ended = row.ids[-1] in hf.end_ids
    full = len(row.ids) >= row.limit_tokens
    stopped = (
        not ended
        and bool(row.sampling.stop)
        and any(stop in hf.decode(row.ids[-STOP_WINDOW_TOKENS:]) for stop in row.sampling.stop)
    )
    if not (ended or full or stopped):
        return None
    return make_completion(hf, row.id, row.ids, row.sampling, len(row.prompt_ids))


def make_completion(
    hf: LoadedModel, id: str, ids: Sequence[int], sampling: SamplingParams, prompt_tokens: int
) -> Completion:
    """Tokens to a draw: without the token that ended it, cut before the first stop text."""
    ended = bool(ids) and ids[-1] in hf.end_ids
    text = hf.decode(ids[:-1] if ended else ids)
    cut = min((at for stop in sampling.stop if (at := text.find(stop)) >= 0), default=-1)
    if cut >= 0:
        text = text[:cut]
    return Completion(id, text, "stop" if ended or cut >= 0 else "length", len(ids), prompt_tokens)
