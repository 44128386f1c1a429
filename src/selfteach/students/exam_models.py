"""The models of an exam that is sat again, and the run whose exam it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from selfteach import registry
from selfteach.errors import IntegrityError, UsageError
from selfteach.evaluate.exam import TunedModel
from selfteach.methods.method import Method
from selfteach.models import Sampler
from selfteach.models.engines import choose_sampler
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.models.remote.endpoint import ServerSettings
from selfteach.records import (
    Completion,
    Continuations,
    ItemScores,
    Prompt,
    Request,
)
from selfteach.run.ledger import Ledger
from selfteach.train.train import TrainingResult


@dataclass(frozen=True)
class ExamSource:
    """Name a finished run whose exam is sat again.

    Attributes:
        folder: the run's.
        scratch: where the answers are recorded.
    """

    name: str
    kind: str
    folder: Path
    scratch: Path


class TunedSampler(Sampler, Protocol):
    """Define a sampler of a tuned model, whose memory can be freed between requests."""

    def release_memory(self) -> None:
        """Free the memory until the next request, where that is possible."""
        ...


class DelayedSampler:
    """Open a model's engine at the first request.

    Args:
        adapter: what the model has beside the base; servers load it.
        server: how servers are asked, where the engine is the address of one.
    """

    def __init__(
        self,
        model: HfModel,
        engine: str,
        folder: Path,
        *,
        adapter: Path | None = None,
        server: ServerSettings | None = None,
    ) -> None:
        self.name = model.name
        self.fingerprint = model.fingerprint
        self._model = model
        self._engine = engine
        self._folder = folder
        self._adapter = adapter
        self._server = server
        self._sampler: Sampler | None = None

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield as `Sampler.stream`."""
        if self._sampler is None:
            opened = choose_sampler(
                self._model,
                self._engine,
                self._folder,
                adapter=self._adapter,
                server=self._server,
            )
            self._sampler = opened.sampler
        yield from self._sampler.stream(requests)

    def release_memory(self) -> None:
        """Free the memory of the engine until its next request, where it can."""
        getattr(self._sampler, "release_memory", lambda: None)()


class AnswersMissing(IntegrityError):
    """Report that something is asked of a model of which only the answers are there."""


class RecordedModel:
    """Stand for a model of which only the answers are there. A new request is an error."""

    def __init__(self, name: str, fingerprint: str) -> None:
        self.name = name
        self.fingerprint = fingerprint

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Refuse to answer."""
        raise self._make_error()

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """Refuse to score."""
        raise self._make_error()

    def embed(self, prompts: Sequence[Prompt]) -> Any:
        """Refuse to embed."""
        raise self._make_error()

    def _make_error(self) -> AnswersMissing:
        return AnswersMissing(
            f"the ledger of {self.name} lacks what this version asks of its tuned model."
        )


@dataclass
class OpenModels:
    """Hold the models of an examination: the base, and the student as it would be.

    Attributes:
        adapter: the folder of the student's adapter.
    """

    base: HfModel
    tuned: HfModel
    base_sampler: DelayedSampler
    tuned_sampler: TunedSampler
    base_logits: Any
    adapter: Path


def make_tuned(models: OpenModels, ledger: Ledger) -> TunedModel:
    """Return the student as the tuned model of an exam."""
    recorded = Recorded(ledger, models.tuned_sampler, models.tuned)
    return TunedModel(make_no_training(models.adapter), models.tuned, recorded)


def make_no_training(adapter: Path) -> TrainingResult:
    """Return the result of no training, for an adapter that is there already."""
    return TrainingResult(adapter, 0, 0, 0.0, [], 0, {})


def find_method(kind: str) -> Method:
    """Return the method of a lesson.

    Raises:
        UsageError: a run of this kind has no exam that can be sat again.
    """
    found = registry.load_registered("methods", kind)
    if not isinstance(found, Method) or found.read_grading is None:
        raise UsageError(
            f"a run of `{kind}` has no exam that can be sat again, so it is no lesson.",
            cure="Teach a rule, corrections, documents or tasks.",
        )
    return found
