"""Completions that an engine works on: tokens of the prompt, limit and random numbers of each, and
what ends it.

No tensor is needed, so that a compiled engine answers without torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from selfteach.models.tokens import NO_TOKENS, TOO_LONG, UnfitPrompt
from selfteach.records import (
    Completion,
    Request,
    SamplingParams,
    derive_seed,
    get_user_text,
)
from selfteach.text import cut_at_stop

if TYPE_CHECKING:
    from selfteach.models.loaded_model import LoadedModel

STOP_WINDOW_TOKENS = 16


@dataclass(slots=True)
class PendingCompletion:
    """Hold one unfinished answer: token ids so far, and uniform random numbers (max_tokens,)."""

    id: str
    sampling: SamplingParams
    prompt_ids: list[int]
    limit_tokens: int
    uniforms: np.ndarray
    ids: list[int] = field(default_factory=list)


def prepare_request(hf: LoadedModel, request: Request) -> PendingCompletion:
    """Return a request with its tokens, its limit within the context and its random numbers.

    Raises:
        UnfitPrompt: the prompt is empty, or leaves no room for an answer.
    """
    ids = hf.encode(request.prompt)
    if not ids:
        raise UnfitPrompt(
            NO_TOKENS, "the model has nothing to go on from", cure="Give a prompt with a word."
        )
    room = hf.context_tokens - len(ids)
    if room < 1:
        raise UnfitPrompt(
            TOO_LONG,
            f"{len(ids)} tokens, and the model takes {hf.context_tokens} with the answer",
            where=repr(get_user_text(request.prompt)[:60]),
            cure="Shorten it; prompts are never cut in silence.",
        )
    id = request.id(hf.fingerprint)
    limit = min(request.sampling.max_tokens, room)
    uniforms = np.random.Generator(np.random.Philox(derive_seed(id))).random(limit)
    return PendingCompletion(id, request.sampling, ids, limit, uniforms)


def make_completion_if_done(hf: LoadedModel, row: PendingCompletion) -> Completion | None:
    """Return the completion, if the row's last token or its text ended it."""
    done = row.ids[-1] in hf.end_ids or len(row.ids) >= row.limit_tokens
    if done or has_stop_text(hf, row):
        return make_completion(hf, row.id, row.ids, row.sampling, len(row.prompt_ids))
    return None


def has_stop_text(hf: LoadedModel, row: PendingCompletion) -> bool:
    """Return whether the last tokens of a row contain one of its stop texts."""
    if not row.sampling.stop:
        return False
    tail = hf.decode(row.ids[-STOP_WINDOW_TOKENS:])
    return any(stop in tail for stop in row.sampling.stop)


def make_completion(
    hf: LoadedModel, id: str, ids: Sequence[int], sampling: SamplingParams, prompt_tokens: int
) -> Completion:
    """Return the completion of these tokens, without the end token, cut before a stop text."""
    ended = bool(ids) and ids[-1] in hf.end_ids
    full = hf.decode(ids[:-1] if ended else ids)
    text = cut_at_stop(full, sampling.stop)
    stopped = ended or text != full
    return Completion(id, text, "stop" if stopped else "length", len(ids), prompt_tokens)
