"""A model whose recorded answers are not computed again (invariant 2).

Resuming is therefore safe and simple: the method runs from its beginning, and every finished
request is a lookup in the ledger.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import Any, Protocol, TypeVar

import numpy as np

from selfteach.errors import DataError
from selfteach.models import Sampler, Scorer
from selfteach.models.tokens import NO_TOKENS, PLAIN_NAME, TOO_LONG, TOO_LONG_WITH_TEXT, UnfitPrompt
from selfteach.records import (
    Completion,
    Continuations,
    ItemScores,
    LogProb,
    Prompt,
    Request,
    digest,
    fields_to_json,
    get_user_text,
    prompt_to_json,
)
from selfteach.run.ledger import Ledger

COMMIT_EVERY_S = 0.5
FAILURES_NOTE = "given up"
EMBEDDING_DTYPE = np.dtype("<f4")
T = TypeVar("T")
Item = TypeVar("Item", Request, Continuations)


class Watch(Protocol):
    """Receives what a model does, such as a display."""

    def count_answers(self, n: int, *, sampled: bool, tokens: int = 0) -> object:
        """Count `n` more answers, and the tokens that were sampled for them."""
        ...

    def count_steps(self, begun: int, tokens: int) -> object:
        """Count the answers that a model has begun since the last call, and the tokens that it has
        sampled since, whether their answers have ended or not.
        """
        ...

    def count_recorded(self, n: int) -> object:
        """Count `n` sampled answers that were there before this process."""
        ...


class NoWatch:
    """A `Watch` that counts nothing."""

    def count_answers(self, n: int, *, sampled: bool, tokens: int = 0) -> None:
        """Count nothing."""

    def count_steps(self, begun: int, tokens: int) -> None:
        """Count nothing."""

    def count_recorded(self, n: int) -> None:
        """Count nothing."""


class Recorded:
    """Wrap a sampler and a scorer of one model; send them only what the ledger does not hold.

    Args:
        fingerprint: stands in the ids of the requests; by default that of the model.

    Attributes:
        limit: shortens a completion that is too long to be used; the ledger holds it as it came.
        watch: hears how many answers the model has written, and of how many tokens, or only read
            (`sampled=False`), after each group of them; and of each step of an engine that tells.
    """

    def __init__(
        self,
        ledger: Ledger,
        sampler: Sampler | None = None,
        scorer: Scorer | None = None,
        watch: Watch | None = None,
        *,
        fingerprint: str = "",
    ) -> None:
        model: Any = sampler or scorer
        self.ledger = ledger
        self.name: str = model.name
        self.fingerprint: str = fingerprint or model.fingerprint
        self.sampled_tokens = 0
        self.watch = watch or NoWatch()
        self.limit: Callable[[Completion], Completion] = lambda completion: completion
        self._sampler = sampler
        self._scorer = scorer
        self._failures_note = f"{FAILURES_NOTE} {self.fingerprint}"
        self._frozen_failures: dict[str, str] = ledger.get_note(self._failures_note) or {}
        self._unfit: dict[str, str] = {}
        self._asked: set[str] = set()

    @property
    def failures(self) -> Sequence[tuple[str, str]]:
        """Return (id, reason) of each request without a completion, and item without a score.

        An endpoint or a program loses single requests; a model does not take every prompt.
        """
        lost = dict(getattr(self._sampler, "failures", ()))
        lost |= dict(getattr(self._scorer, "failures", ()))
        return list((self._frozen_failures | self._unfit | lost).items())

    @property
    def is_chat_model(self) -> bool:
        """Return whether the model has a chat template of its own. What stands behind an address is
        taken for a chat model.
        """
        tokens = getattr(self._sampler, "tokens", None)
        return tokens is None or tokens.template != PLAIN_NAME

    def freeze_failures(self) -> None:
        """Send no request again that has failed until now, also in a resumed run.

        The results of the other requests thereby stay as they are.
        """
        if lost := dict(self.failures):
            self._frozen_failures = lost
            self.ledger.set_note(self._failures_note, lost)

    def room_tokens(self, prompt: Prompt) -> float:
        """Return how many tokens the context holds after a prompt; infinite for an endpoint."""
        model = self._find_local_model()
        return model.room_tokens(prompt) if model else math.inf

    def _find_local_model(self) -> Any:
        """Return the model that counts tokens itself; None for an endpoint."""
        local = (m for m in (self._scorer, self._sampler) if hasattr(m, "room_tokens"))
        return next(local, None)

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield as `Sampler.stream`: recorded completions first, then the missing ones.

        Each missing one is recorded before it is yielded. A request whose prompt the model cannot
        take goes into `failures`, as one that an endpoint lost.
        """
        by_id = {request.id(self.fingerprint): request for request in requests}
        known = self.ledger.get_answers(list(by_id))
        yield from (self.limit(Completion(**body)) for body in known.values())
        self.watch.count_recorded(len(known.keys() - self._asked))
        self._asked |= by_id.keys()
        done = known.keys() | self._frozen_failures.keys()
        missing = {id: request for id, request in by_id.items() if id not in done}
        for stage in dict.fromkeys(r.stage for r in missing.values()):
            bodies = []
            for id, request in missing.items():
                if request.stage == stage:
                    body = {
                        "prompt": prompt_to_json(request.prompt),
                        "sampling": fields_to_json(request.sampling),
                        "draw": request.draw,
                        "seed": request.seed,
                    }
                    bodies.append((id, body))
            self.ledger.record_requests(stage, bodies)
        if missing:
            assert self._sampler is not None, "this model does not sample"
            self._count_recorded(len(known))
            engine: Any = self._sampler
            if tells_steps := hasattr(engine, "on_step"):
                engine.on_step = self.watch.count_steps
            for group in _group_by_time(self._stream_fitting(self._sampler.stream, missing)):
                self.ledger.record_answers((found.id, fields_to_json(found)) for found in group)
                tokens = sum(found.tokens for found in group)
                self.sampled_tokens += tokens
                yield from map(self.limit, group)
                if not tells_steps:
                    self.watch.count_steps(len(group), tokens)
                self.watch.count_answers(len(group), sampled=True, tokens=tokens)

    def sample(
        self, requests: Sequence[Request], on_sample: Callable[[int], object] = lambda count: None
    ) -> list[Completion]:
        """Sample one completion for each request, in the order of the requests.

        Args:
            on_sample: called with 1 for each completion, as it arrives.

        Raises:
            DataError: a request has no completion; use `stream` where that may happen.
        """
        found: dict[str, Completion] = {}
        for completion in self.stream(requests):
            found[completion.id] = completion
            on_sample(1)
        return self._list_in_order(found, requests)

    def score(self, items: Sequence[Continuations]) -> list[tuple[LogProb, ...]]:
        """Return the log-probabilities of the texts of each item, in the order of the items.

        Raises:
            DataError: an item has no score; use `stream_scores` where that may happen.
        """
        return self._list_in_order(dict(self.stream_scores(items)), items)

    def _list_in_order(self, found: Mapping[str, T], asked: Sequence[Item]) -> list[T]:
        for one in asked:
            id = one.id(self.fingerprint)
            if id not in found:
                raise DataError(
                    f"{dict(self.failures).get(id, 'no answer came')}.",
                    where=repr(get_user_text(one.prompt)[:60]),
                    cure="Shorten the text.",
                )
        return [found[one.id(self.fingerprint)] for one in asked]

    def release_memory(self) -> None:
        """Free the memory of an engine that can do so, and of weights that are loaded on demand,
        until the next request.
        """
        for model in (self._sampler, self._scorer):
            getattr(model, "release_memory", lambda: None)()

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """Yield as `Scorer.stream_scores`, from the ledger where it can. An item whose failure is
        frozen is not asked again.
        """
        by_id = {item.id(self.fingerprint): item for item in items}
        known = self.ledger.get_answers(list(by_id))
        for id, body in known.items():
            yield id, tuple(LogProb(*pair) for pair in body)
        done = known.keys() | self._frozen_failures.keys()
        missing = {id: item for id, item in by_id.items() if id not in done}
        if missing:
            assert self._scorer is not None, "this model does not score"
            self._count_recorded(len(known), scores=True)
            scored = self._stream_fitting(self._scorer.stream_scores, missing)
            for group in _group_by_time(scored):
                self.ledger.record_answers((id, list(map(astuple, scores))) for id, scores in group)
                yield from group
                self.watch.count_answers(len(group), sampled=False)

    def _stream_fitting(
        self, stream: Callable[[Sequence[Item]], Iterator[T]], asked: Mapping[str, Item]
    ) -> Iterator[T]:
        """Yield what the engine yields, for the prompts that it takes; set the others aside."""
        try:
            yield from stream(list(asked.values()))
            return
        except UnfitPrompt:  # raised before any other prompt was computed
            reasons = {id: self.explain_misfit(one) for id, one in asked.items()}
        for id, reason in reasons.items():
            if reason:
                self._unfit[id] = reason
                shown = get_user_text(asked[id].prompt)[:60]
                self.ledger.record_event("set aside", {"id": id, "reason": reason, "text": shown})
        yield from stream([one for id, one in asked.items() if not reasons[id]])

    def explain_misfit(self, asked: Request | Continuations) -> str:
        """Return why the model cannot take a prompt and the texts after it, or ""."""
        model = self._find_local_model()
        if model is None:
            return ""
        try:
            room = model.room_tokens(asked.prompt)
        except UnfitPrompt as fault:
            return fault.reason
        if not model.encode(asked.prompt):
            return NO_TOKENS
        if isinstance(asked, Request):
            return "" if room >= 1 else TOO_LONG
        longest = max(
            len(model.encode_answer(text, asked.end, asked.prompt)) for text in asked.texts
        )
        return "" if longest <= room else TOO_LONG_WITH_TEXT

    def _count_recorded(self, count: int, scores: bool = False) -> None:
        """Tell an endpoint how many answers the ledger holds already."""
        source = self._scorer if scores else self._sampler
        getattr(source, "count_recorded", lambda count, scores: None)(count, scores and count > 0)

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """Return as `Scorer.embed`, with each row recorded as float32."""
        ids = [digest(["embed", self.fingerprint, prompt_to_json(p)]) for p in prompts]
        by_id = dict(zip(ids, prompts, strict=True))
        places = {id: place for place, id in enumerate(by_id)}
        rows = np.zeros((0, 0), np.float32)
        missing = dict(by_id)
        for id, body in self.ledger.iterate_embeddings(list(by_id)):
            row = np.frombuffer(body, EMBEDDING_DTYPE)
            if not rows.size:
                rows = np.empty((len(by_id), len(row)), np.float32)
            rows[places[id]] = row
            del missing[id]
        if missing:
            found = self._embed_missing(missing)
            if len(missing) == len(by_id):
                rows = found
            else:
                rows[[places[id] for id in missing]] = found
        return rows if len(by_id) == len(ids) else rows[[places[id] for id in ids]]

    def _embed_missing(self, missing: Mapping[str, Prompt]) -> np.ndarray:
        """Embed and record prompts. Shapes: float32 (len(missing), D)."""
        assert self._scorer is not None, "this model does not embed"
        rows = np.asarray(self._scorer.embed(list(missing.values())), dtype=np.float32)
        if len(rows) != len(missing):
            raise ValueError(f"{len(rows)} embeddings came for {len(missing)} prompts")
        recorded = rows.astype(EMBEDDING_DTYPE, copy=False)
        self.ledger.record_embeddings(
            (id, row.tobytes()) for id, row in zip(missing, recorded, strict=True)
        )
        return rows


def _group_by_time(items: Iterator[T]) -> Iterator[list[T]]:
    """Yield groups of the items that arrive within COMMIT_EVERY_S.

    Fast answers then need few commits, and slow answers are recorded at once. Items that arrived
    before a fault (also before Ctrl-C) are yielded before the fault is raised, because they are
    paid for.
    """
    while True:
        group: list[T] = []
        fault: BaseException | None = None
        exhausted = False
        due = time.monotonic() + COMMIT_EVERY_S
        try:
            for item in items:
                group.append(item)
                if time.monotonic() >= due:
                    break
            else:
                exhausted = True
        except BaseException as stopped:
            fault = stopped
        if group:
            yield group
        if fault is not None:
            raise fault
        if exhausted:
            return
