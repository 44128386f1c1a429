"""Continuous batching: one thread computes, and rows of all lessons join and leave at each step.

A row's tokens depend on its prompt, its lesson and its seed. Other rows change them by rounding
alone. A cancelled row leaves at the next step. A row waits until the keys and values of its longest
answer fit into memory beside those of all others. The tokens that the chat template puts before
every conversation, such as a default system prompt, are computed once for each model.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from selfteach.errors import ResourceError, SelfteachError, is_out_of_memory
from selfteach.models.decode import DecodingBatch, PromptPrefix, count_fitting_rows
from selfteach.models.hf import HfModel
from selfteach.models.pending import PendingCompletion, prepare_request
from selfteach.records import Completion, Request
from selfteach.serve.lesson_rows import BASE, LessonRows, RowLessons
from selfteach.serve.prompt_prefixes import PromptPrefixes

MAX_ROWS = 32
"""Rows that are computed together; further ones wait in the queue."""
MAX_PREFILL_ROWS = 8
"""Rows that join at one step: running rows wait for them."""
T = TypeVar("T")


class QueueFull(ResourceError):
    """Report that more answers wait than the queue holds."""


class EngineClosed(ResourceError):
    """Report that the server is stopping."""


@dataclass(frozen=True)
class SampledToken:
    """Hold the log-probability of a sampled token, and the most probable tokens at its place."""

    token: int
    logp: float
    top: Sequence[tuple[int, float]]


@dataclass(eq=False)
class Generation:
    """Represent one answer in the making.

    Attributes:
        lessons: those of the model that answers.
        num_top: also record the log-probability of each token and of so many others; None records
            nothing.
        notify: called from the engine's thread after each new token and at the end.
        completion: the answer, once it has ended.
        fault: why it has no answer.
    """

    row: PendingCompletion
    lessons: RowLessons = BASE
    notify: Callable[[], None] = lambda: None
    num_top: int | None = None
    logps: list[SampledToken] = field(default_factory=list)
    completion: Completion | None = None
    fault: Exception | None = None
    cancelled: bool = False

    @property
    def is_done(self) -> bool:
        """Return whether nothing more will come."""
        return self.completion is not None or self.fault is not None or self.cancelled


@dataclass
class EngineCounts:
    """Hold what the engine has done since its start."""

    prompt_tokens: int = 0
    sampled_tokens: int = 0
    steps: int = 0
    cancelled: int = 0
    failed: int = 0
    step_seconds: float = 0.0


State = Literal["running", "closing"]


class BatchEngine:
    """Sample for many clients on one thread.

    Attributes:
        max_waiting: the answers that may wait for a place in the batch.
    """

    def __init__(self, hf: HfModel, lessons: LessonRows, max_waiting: int = 64) -> None:
        self.hf = hf
        self.max_waiting = max_waiting
        self.counts = EngineCounts()
        self._lessons = lessons
        self._prefixes = PromptPrefixes(hf, lessons)
        self._waiting: deque[Generation] = deque()
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._active: list[Generation] = []
        self._joining: list[Generation] = []
        self._batch: DecodingBatch | None = None
        self._changed = threading.Condition()
        self._state: State = "running"
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to compute."""
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Return whether it takes answers."""
        return self._state == "running" and self._thread.is_alive()

    @property
    def num_waiting(self) -> int:
        """Return how many answers wait for a place in the batch."""
        return len(self._waiting)

    @property
    def num_active(self) -> int:
        """Return how many answers are computed at present."""
        return len(self._active)

    def prepare(self, request: Request) -> PendingCompletion:
        """Return a request with its tokens.

        Raises:
            UnfitPrompt: the prompt does not fit, or the template refuses it.
        """
        # Keeps the tokens for the next line, or refuses many pieces before all are encoded.
        self.hf.tokens.encode(request.prompt, self.hf.context_tokens)
        return prepare_request(self.hf, request)

    def call(self, work: Callable[[], T]) -> T:
        """Return the result of work that the engine's thread does between two steps, because the
        module serves one pass at a time.

        Raises:
            EngineClosed: the server is stopping.
        """
        done: Future[T] = Future()
        with self._changed:
            self._refuse_if_closed()
            self._calls.append((work, done))
            self._changed.notify()
        return done.result()

    def _refuse_if_closed(self) -> None:
        if self._state != "running":
            raise EngineClosed("the server is stopping.")

    def add(self, generations: Sequence[Generation], *, bounded: bool = True) -> None:
        """Take answers into the queue, all or none.

        Args:
            bounded: refuse them if the queue is full; the server's own questions always wait.

        Raises:
            QueueFull: they do not fit into it.
            EngineClosed: the server is stopping.
        """
        with self._changed:
            self._refuse_if_closed()
            if bounded and len(self._waiting) + len(generations) > self.max_waiting:
                raise QueueFull(f"{len(self._waiting)} answers wait already.")
            self._waiting.extend(generations)
            self._changed.notify()

    def cancel(self, generation: Generation) -> None:
        """Stop computing an answer that nobody waits for; its place in the queue is free."""
        with self._changed:
            if not generation.is_done:
                generation.cancelled = True
                self.counts.cancelled += 1
            with suppress(ValueError):  # it does not wait
                self._waiting.remove(generation)
            self._changed.notify()

    def close(self) -> None:
        """End the thread; answers that are not finished fail."""
        with self._changed:
            self._state = "closing"
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._state == "running" and not self._has_work():
                    self._changed.wait()
                calls = list(self._calls)
                self._calls.clear()
                if self._state == "closing":
                    stopping = EngineClosed("the server is stopping.")
                    self._fail([*self._active, *self._waiting], stopping)
                    for _, done in calls:
                        done.set_exception(stopping)
                    return
            for work, done in calls:
                try:
                    done.set_result(work())
                except BaseException as fault:  # its caller gets it
                    done.set_exception(fault)
            try:
                with torch.inference_mode():
                    self._step()
            except Exception as fault:  # one bad batch must not end the server
                self._fail([*self._active, *self._joining], convert_fault(fault))
                self._active, self._joining, self._batch = [], [], None

    def _has_work(self) -> bool:
        return bool(self._waiting or self._active or self._calls)

    def _step(self) -> None:
        """Let cancelled rows leave, let waiting ones join, and give every row a token."""
        begun = time.monotonic()
        self._leave()
        self._choose_joining()
        self._join()
        batch = self._batch
        if batch is None:
            return
        finished = batch.take_tokens()
        self.counts.sampled_tokens += len(finished)
        self._record_logps(batch.logits)
        going_on = []
        for i, (generation, completion) in enumerate(zip(self._active, finished, strict=True)):
            generation.completion = completion
            if completion is None:
                going_on.append(i)
            generation.notify()
        self._keep(going_on)
        if self._batch is not None:
            with self._lessons.use([generation.lessons for generation in self._active]):
                batch.advance()
        self.counts.steps += 1
        self.counts.step_seconds += time.monotonic() - begun

    def _record_logps(self, logits: Tensor) -> None:
        """Record the log-probabilities of the new tokens for those who want them.

        They are those of the model itself, at temperature 1 and without top_p.

        Shapes: logits (B, V).
        """
        for generation, own in zip(self._active, logits, strict=True):
            if generation.num_top is None:
                continue
            logps = torch.log_softmax(own.float(), dim=-1)
            best = logps.topk(generation.num_top)
            token = generation.row.ids[-1]
            top = list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
            generation.logps.append(SampledToken(token, float(logps[token]), top))

    def _leave(self) -> None:
        staying = [i for i, generation in enumerate(self._active) if not generation.cancelled]
        self._keep(staying)

    def _keep(self, kept: Sequence[int]) -> None:
        if self._batch is None:
            return
        self._active = [self._active[i] for i in kept]
        if kept:
            self._batch.keep(kept)
        else:
            self._batch = None

    def _choose_joining(self) -> None:
        """Take the answers that join now out of the queue."""
        if self._batch is not None and not self._batch.can_join():
            return
        room = min(MAX_ROWS - len(self._active), MAX_PREFILL_ROWS)
        with self._changed:
            while self._waiting and len(self._joining) < room and self._has_memory_for_next():
                self._joining.append(self._waiting.popleft())

    def _has_memory_for_next(self) -> bool:
        """Return whether the first answer that waits fits into memory beside all others.

        One alone is always tried.
        """
        taken = [*self._active, *self._joining]
        if not taken:
            return True
        rows = [generation.row for generation in (*taken, self._waiting[0])]
        rows.sort(key=lambda row: len(row.prompt_ids), reverse=True)
        return count_fitting_rows(self.hf, rows) >= len(rows)

    def _join(self) -> None:
        """Run the prompts of new answers, those of one model together, so that equal prompts of
        different lessons stay apart.
        """
        for (lessons, prefix), generations in self._group_joining().items():
            prompts = {tuple(generation.row.prompt_ids) for generation in generations}
            try:
                with self._lessons.use([lessons] * len(prompts)):
                    fresh = DecodingBatch.start(self.hf, [g.row for g in generations], prefix)
            except Exception as fault:  # the rows that run already are not concerned
                self._fail(generations, convert_fault(fault))
                continue
            if self._batch is None:
                self._batch = fresh
            elif self._batch.can_join():
                self._batch.join(fresh)
            else:
                self._put_back(generations)
                continue
            self._active += generations
        self._joining.clear()

    def _put_back(self, generations: Sequence[Generation]) -> None:
        """Let new answers wait again, before all others."""
        self._joining = [own for own in self._joining if own not in generations]
        with self._changed:
            left = [own for own in generations if not own.cancelled]
            self._waiting.extendleft(reversed(left))

    def _group_joining(self) -> dict[tuple[RowLessons, PromptPrefix | None], list[Generation]]:
        """Return the new answers by their lessons and the prefix of their prompts."""
        groups: dict[tuple[RowLessons, PromptPrefix | None], list[Generation]] = {}
        for generation in self._joining:
            self.counts.prompt_tokens += len(generation.row.prompt_ids)
            try:
                prefix = self._prefixes.find(generation.lessons, generation.row)
            except Exception as fault:
                self._fail([generation], convert_fault(fault))
                continue
            groups.setdefault((generation.lessons, prefix), []).append(generation)
        return groups

    def _fail(self, generations: Sequence[Generation], fault: Exception) -> None:
        for generation in generations:
            if not generation.is_done:
                generation.fault = fault
                self.counts.failed += 1
            generation.notify()


def convert_fault(fault: Exception) -> Exception:
    """Return a fault of computing in the words that a client gets."""
    if isinstance(fault, SelfteachError):
        return fault
    if is_out_of_memory(fault):
        return ResourceError("the server's memory ran out.", cure="Send fewer or shorter prompts.")
    return fault


def collect(generations: Sequence[Generation], engine: BatchEngine) -> list[Completion]:
    """Run the server's own questions to their end, and return the completions.

    Raises:
        SelfteachError: the engine could not compute one.
    """
    ended = threading.Event()

    def notify() -> None:
        if all(generation.is_done for generation in generations):
            ended.set()

    for generation in generations:
        generation.notify = notify
    engine.add(generations, bounded=False)
    if generations:
        ended.wait()
    found = []
    for generation in generations:
        if generation.fault:
            raise generation.fault
        assert generation.completion is not None
        found.append(generation.completion)
    return found
