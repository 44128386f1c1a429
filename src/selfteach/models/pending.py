"""Completions that an engine works on: tokens of the prompt, limit and random numbers of each, and
what ends it.

No tensor is needed, so that a compiled engine answers without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

STOP_MARGIN_TOKENS = 16
"""Further tokens in which a stop text is looked for: some add no text, and several may be new."""
OnStep = Callable[[int, int], object]
"""Is called after a step of an engine, with the answers that began in it and the tokens that were
sampled in it."""


def ignore_step(begun: int, tokens: int) -> None:
    """Count nothing."""


@dataclass(slots=True)
class PendingCompletion:
    """Hold one unfinished answer: the token ids so far, and the seed of its random numbers.

    Attributes:
        drawn: the random numbers, once they are wanted.
        begun: the token ids of the answer that the prompt begins. The row's own continue them.
    """

    id: str
    sampling: SamplingParams
    prompt_ids: list[int]
    limit_tokens: int
    seed: int
    ids: list[int] = field(default_factory=list)
    drawn: np.ndarray | None = None
    begun: Sequence[int] = ()

    @property
    def uniforms(self) -> np.ndarray:
        """Return one uniform random number for each token (limit_tokens,).

        They are drawn when the first is wanted: an answer that waits needs no room for them.
        """
        if self.drawn is None:
            self.drawn = np.random.Generator(np.random.Philox(self.seed)).random(self.limit_tokens)
        return self.drawn


def prepare_request(hf: LoadedModel, request: Request) -> PendingCompletion:
    """Return a request with its tokens, its limit within the context and its seed.

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
    begun = hf.tokens.encode_begun(request.prompt)
    return PendingCompletion(id, request.sampling, ids, limit, derive_seed(id), begun=begun)


def make_completion_if_done(hf: LoadedModel, row: PendingCompletion) -> Completion | None:
    """Return the completion, if the row's last token or its text ended it."""
    done = row.ids[-1] in hf.end_ids or len(row.ids) >= row.limit_tokens
    if done or has_stop_text(hf, row):
        return make_completion(hf, row)
    return None


def has_stop_text(hf: LoadedModel, row: PendingCompletion) -> bool:
    """Return whether the last tokens of a row contain one of its stop texts."""
    if not row.sampling.stop:
        return False
    tail = hf.decode(row.ids[-count_stop_tokens(row.sampling.stop) :])
    return any(stop in tail for stop in row.sampling.stop)


def count_stop_tokens(stops: Sequence[str]) -> int:
    """Return how many of the last tokens may hold a part of a stop text.

    A token of a text has at least one byte.
    """
    return max(len(stop.encode(errors="surrogatepass")) for stop in stops) + STOP_MARGIN_TOKENS


def decode_answer(hf: LoadedModel, ids: Sequence[int], begun: Sequence[int]) -> str:
    """Return the text of an answer's tokens. What continues a begun answer keeps its first space,
    which tokenizers of SentencePiece drop from the beginning of a text.

    Args:
        begun: the token ids of the answer that the prompt begins.
    """
    if not begun:
        return hf.decode(ids)
    before = hf.decode(begun)
    whole = hf.decode([*begun, *ids])
    return whole.removeprefix(before) if whole.startswith(before) else hf.decode(ids)


def make_completion(hf: LoadedModel, row: PendingCompletion) -> Completion:
    """Return the completion of a row's tokens, without the end token, cut before a stop text."""
    ids = row.ids
    ended = bool(ids) and ids[-1] in hf.end_ids
    full = decode_answer(hf, ids[:-1] if ended else ids, row.begun)
    text = cut_at_stop(full, row.sampling.stop)
    stopped = ended or text != full
    return Completion(row.id, text, "stop" if stopped else "length", len(ids), len(row.prompt_ids))
