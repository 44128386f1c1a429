"""A model with a memory: what the ledger already answers is not computed again (invariant 2). This
is what makes resuming safe and
simple: the method runs from its beginning, and every finished request is a lookup."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np

from selfteach.models import Sampler, Scorer
from selfteach.records import (
    Completion,
    Continuations,
    ItemScores,
    LogProb,
    Prompt,
    Request,
    digest,
    prompt_to_json,
)
from selfteach.run.ledger import Ledger

COMMIT_EVERY_S = 0.5
GIVEN_UP = "given up"
T = TypeVar("T")


class Recorded:
    """Wraps a drawer and a scorer of one model; asks them only for what the ledger does not hold."""

    def __init__(
        self, ledger: Ledger, drawer: Sampler | None = None, scorer: Scorer | None = None
    ) -> None:
        self.ledger, self._sampler, self._scorer = ledger, drawer, scorer
        self.name = (drawer or scorer).name  # type: ignore[union-attr]
        self.fingerprint = (drawer or scorer).fingerprint  # type: ignore[union-attr]
        self.sampled_tokens = 0
        self._given_up: dict[str, str] = ledger.get_note(f"{GIVEN_UP} {self.fingerprint}") or {}

    @property
    def failures(self) -> Sequence[tuple[str, str]]:
        """(request id, reason) of each request that got no draw. Only an endpoint loses single
        requests.
        """
        return list((self._given_up | dict(getattr(self._sampler, "failures", ()))).items())

    def freeze_failures(self) -> None:
        """What got no draw until now gets none any more, also in a resumed run: what was made of
        the others stays as it is.
        """
        if lost := dict(self.failures):
            self._given_up = lost
            self.ledger.set_note(f"{GIVEN_UP} {self.fingerprint}", lost)

    def room_tokens(self, prompt: Prompt) -> float:
        """How many tokens the context holds behind a prompt; without bound where only the other
        side knows, as with an endpoint.
        """
        room = getattr(self._scorer, "room_tokens", None) or getattr(
            self._sampler, "room_tokens", None
        )
        return room(prompt) if room else math.inf

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """As `Drawer.draw`: recorded answers first, then the missing ones, each recorded before it
        is given out.
        """
        by_id = {request.id(self.fingerprint): request for request in requests}
        known = self.ledger.get_answers(list(by_id))
        yield from (Completion(**body) for body in known.values())
        missing = {
            id: request
            for id, request in by_id.items()
            if id not in known and id not in self._given_up
        }
        for stage in dict.fromkeys(r.stage for r in missing.values()):
            self.ledger.record_requests(
                stage,
                [(id, _make_request_body(r)) for id, r in missing.items() if r.stage == stage],
            )
        if missing:
            assert self._sampler is not None, "this model does not draw"
            for group in _group_by_time(self._sampler.stream(list(missing.values()))):
                self.ledger.record_answers((draw.id, asdict(draw)) for draw in group)
                self.sampled_tokens += sum(draw.tokens for draw in group)
                yield from group

    def sample(
        self, requests: Sequence[Request], on_sample: Callable[[int], object] = lambda count: None
    ) -> list[Completion]:
        """Sample one completion for each request, in the order of the requests.

        Args:
            on_sample: called with 1 for each completion, as it arrives.

        Raises:
            KeyError: an endpoint lost a request; use `draw` where that may happen.
        """
        found: dict[str, Completion] = {}
        for draw in self.stream(requests):
            found[draw.id] = draw
            on_sample(1)
        return [found[request.id(self.fingerprint)] for request in requests]

    def score(self, items: Sequence[Continuations]) -> list[tuple[LogProb, ...]]:
        """Score texts after their prompts: one tuple of log-probabilities for each item, in order."""
        found = dict(self.stream_scores(items))
        return [found[item.id(self.fingerprint)] for item in items]

    def release_memory(self) -> None:
        """Lets an engine that can give its memory back do so until the next draw."""
        getattr(self._sampler, "release_memory", lambda: None)()

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """As `Scorer.logp`, with the same memory."""
        by_id = {item.id(self.fingerprint): item for item in items}
        known = self.ledger.get_answers(list(by_id))
        for id, body in known.items():
            yield id, tuple(LogProb(*pair) for pair in body)
        missing = [item for id, item in by_id.items() if id not in known]
        if missing:
            assert self._scorer is not None, "this model does not score"
            for group in _group_by_time(self._scorer.stream_scores(missing)):
                self.ledger.record_answers(
                    (id, [[p.logp, p.tokens] for p in scores]) for id, scores in group
                )
                yield from group

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """As `Scorer.embed`, remembered row by row."""
        ids = [digest(["embed", self.fingerprint, prompt_to_json(p)]) for p in prompts]
        known = self.ledger.get_answers(ids)
        missing = list(
            {id: p for id, p in zip(ids, prompts, strict=True) if id not in known}.items()
        )
        if missing:
            assert self._scorer is not None, "this model does not embed"
            rows = self._scorer.embed([p for _, p in missing])
            found = [
                (id, [float(x) for x in row]) for (id, _), row in zip(missing, rows, strict=True)
            ]
            self.ledger.record_answers(found)
            known |= dict(found)
        return np.array([known[id] for id in ids], dtype=np.float32)


def _make_request_body(request: Request) -> dict[str, Any]:
    return {
        "prompt": prompt_to_json(request.prompt),
        "sampling": asdict(request.sampling),
        "draw": request.draw,
        "seed": request.seed,
    }


def _group_by_time(items: Iterator[T]) -> Iterator[list[T]]:
    """Items in groups of what arrives within COMMIT_EVERY_S: few commits when answers come fast,
    each at once when they come slowly.

    What came before a fault (also before Ctrl-C) is given out before the fault is raised: it is
    paid for.
    """
    while True:
        group: list[T] = []
        fault: BaseException | None = None
        due = time.monotonic() + COMMIT_EVERY_S
        try:
            for item in items:
                group.append(item)
                if time.monotonic() >= due:
                    break
            else:
                due = 0.0
        except BaseException as stopped:
            fault = stopped
        if group:
            yield group
        if fault is not None:
            raise fault
        if not due:
            return
