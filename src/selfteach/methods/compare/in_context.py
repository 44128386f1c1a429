"""A model that is told in its prompt, in the place of one that was taught: the instruction, and
worked examples as earlier turns.

It answers, scores and is compared with the base as a taught model is, so that every exam takes it
as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from selfteach.evaluate import corrections as paper
from selfteach.evaluate.exam import TunedModel
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.records import (
    Completion,
    Continuations,
    Example,
    LogProb,
    Message,
    Prompt,
    Request,
    digest,
    parse_messages,
    prompt_to_json,
)
from selfteach.train.train import TrainingResult

UNTRAINED = TrainingResult(Path(), 0, 0, 0.0, [], 0, {})
Turns = tuple[Message, ...]


class PromptPrefix:
    """What stands before every prompt: `instruction` in the system message, then worked turns."""

    def __init__(self, instruction: str, worked: Turns) -> None:
        self.instruction, self.worked = instruction, worked

    @property
    def id(self) -> str:
        """The hash of what it puts there."""
        return digest([self.instruction, prompt_to_json(self.worked)])

    def __call__(self, prompt: Prompt) -> Turns:
        """The prompt as the model sees it; a system message of its own comes first, the instruction
        after it.
        """
        turns = parse_messages(prompt) if isinstance(prompt, str) else prompt
        own = turns[0].content if turns[0].role == "system" else ""
        system = f"{own} {self.instruction}".strip()
        return (
            *((Message("system", system),) if system else ()),
            *self.worked,
            *turns[1 if own else 0 :],
        )


class PrefixedModel(Recorded):
    """A recorded model whose every prompt is turned by `told`. Its answers are recorded as those of
    the model itself.
    """

    def __init__(self, model: Recorded, told: PromptPrefix) -> None:
        self.model, self.told = model, told
        self.ledger, self.name, self.sampled_tokens = model.ledger, model.name, 0
        self._sampler = self._scorer = None
        self.fingerprint = digest(["told", model.fingerprint, told.id])

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """As `Recorded.stream`."""
        turned = [
            (request, replace(request, prompt=self.told(request.prompt))) for request in requests
        ]
        ids = {
            inner.id(self.model.fingerprint): outer.id(self.fingerprint) for outer, inner in turned
        }
        for draw in self.model.stream([inner for _, inner in turned]):
            yield replace(draw, id=ids[draw.id])

    def stream_scores(
        self, items: Sequence[Continuations]
    ) -> Iterator[tuple[str, tuple[LogProb, ...]]]:
        """As `Recorded.stream_scores`."""
        turned = [(item, replace(item, prompt=self.told(item.prompt))) for item in items]
        ids = {
            inner.id(self.model.fingerprint): outer.id(self.fingerprint) for outer, inner in turned
        }
        for id, scores in self.model.stream_scores([inner for _, inner in turned]):
            yield ids[id], scores

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """As `Recorded.embed`."""
        return self.model.embed([self.told(prompt) for prompt in prompts])

    def release_memory(self) -> None:
        """As `Recorded.release_memory`."""
        self.model.release_memory()


class PrefixedLogits:
    """The logits of a model whose prompts are turned, for the drift."""

    def __init__(self, hf: HfModel, told: PromptPrefix) -> None:
        self.hf, self.told, self.encode_answer = hf, told, hf.encode_answer

    def answer_logits(self, pairs: Sequence[tuple[Prompt, str]]) -> Iterator[tuple[int, Any]]:
        """As `HfModel.answer_logits`."""
        return self.hf.answer_logits([(self.told(prompt), answer) for prompt, answer in pairs])


def make_in_context_model(
    base: HfModel, student: Recorded, instruction: str, lessons: Sequence[Example], shots: int
) -> tuple[TunedModel, PromptPrefix]:
    """The base, told, with the first `shots` lessons as worked turns (as many of them as fit)."""
    told = PromptPrefix(
        instruction, paper.make_shots([(e.turns, e.chosen) for e in lessons], shots)
    )
    taught: Any = TunedModel(UNTRAINED, PrefixedLogits(base, told), PrefixedModel(student, told))  # type: ignore[arg-type]
    return taught, told
