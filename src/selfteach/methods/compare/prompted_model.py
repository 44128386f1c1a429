"""A model with the instruction and worked examples in its prompt, in place of a tuned model.

It answers and scores as a tuned model does, so every exam can take it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from selfteach.evaluate.exam import TunedModel
from selfteach.judge import PromptAnswer
from selfteach.methods.worked_turns import choose_worked_examples
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
    Turns,
    digest,
    parse_messages,
    prompt_to_json,
)
from selfteach.train.train import TrainingResult

UNTRAINED = TrainingResult(Path(), 0, 0, 0.0, [], 0, {})
T = TypeVar("T", Request, Continuations)


@dataclass(frozen=True)
class InContextPrefix:
    """Put an instruction into the system message of every prompt, then worked examples.

    Attributes:
        examples: the turns of each.
    """

    instruction: str
    examples: Sequence[Turns] = ()

    @property
    def worked(self) -> Turns:
        """Return the turns of all examples."""
        return tuple(chain.from_iterable(self.examples))

    @property
    def id(self) -> str:
        """Return the hash of instruction and turns."""
        return digest([self.instruction, prompt_to_json(self.worked)])

    def __call__(self, prompt: Prompt) -> Turns:
        """Return the prompt as the model sees it; its own system message precedes the
        instruction.
        """
        turns = parse_messages(prompt) if isinstance(prompt, str) else prompt
        own = turns[:1] if turns[0].role == "system" else ()
        words = " ".join(filter(None, [*(turn.content for turn in own), self.instruction]))
        system = (Message("system", words),) if own or words else ()
        return (*system, *self.worked, *turns[len(own) :])


class PrefixedModel(Recorded):
    """Add a prefix to every prompt of a recorded model. The ledger records the answers as those of
    the model itself.
    """

    def __init__(self, model: Recorded, prefix: InContextPrefix) -> None:
        fingerprint = digest(["told", model.fingerprint, prefix.id])
        super().__init__(model.ledger, model, model, fingerprint=fingerprint)
        self._model = model
        self._prefix = prefix
        self._own_ids: dict[str, str] = {}

    @property
    def failures(self) -> Sequence[tuple[str, str]]:
        """Return as `Recorded.failures`: what the model itself does not answer, with its reason."""
        reasons = dict(self._model.failures)
        return [(own, reasons[id]) for id, own in self._own_ids.items() if id in reasons]

    def room_tokens(self, prompt: Prompt) -> float:
        """Return as `Recorded.room_tokens`; the prefix takes its part of the context."""
        return self._model.room_tokens(self._prefix(prompt))

    def explain_misfit(self, asked: Request | Continuations) -> str:
        """Return as `Recorded.explain_misfit`, of the prompt with the prefix."""
        return self._model.explain_misfit(replace(asked, prompt=self._prefix(asked.prompt)))

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Sample as `Recorded.stream` does."""
        for completion in self._model.stream(self._add_prefix(requests)):
            yield replace(completion, id=self._own_ids[completion.id])

    def stream_scores(
        self, items: Sequence[Continuations]
    ) -> Iterator[tuple[str, tuple[LogProb, ...]]]:
        """Score as `Recorded.stream_scores` does."""
        for id, scores in self._model.stream_scores(self._add_prefix(items)):
            yield self._own_ids[id], scores

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """Embed as `Recorded.embed` does."""
        return self._model.embed([self._prefix(prompt) for prompt in prompts])

    def _add_prefix(self, items: Sequence[T]) -> list[T]:
        """Return the items with the prefix, and note whose copy each is."""
        copies = [replace(item, prompt=self._prefix(item.prompt)) for item in items]
        for copy, item in zip(copies, items, strict=True):
            self._own_ids[copy.id(self._model.fingerprint)] = item.id(self.fingerprint)
        return copies


class PrefixedLogits:
    """Give the logits of a model behind a prefix, for the drift."""

    def __init__(self, hf: HfModel, prefix: InContextPrefix) -> None:
        self.hf = hf
        self.prefix = prefix
        self.encode_answer = hf.encode_answer

    def answer_logits(self, pairs: Sequence[PromptAnswer]) -> Iterator[tuple[int, Any]]:
        """Return logits as `HfModel.answer_logits` does."""
        return self.hf.answer_logits([(self.prefix(prompt), answer) for prompt, answer in pairs])


def make_in_context_model(
    hf: HfModel, base: Recorded, instruction: str, examples: Sequence[Example], shots: int
) -> tuple[TunedModel, InContextPrefix]:
    """Return the base with the instruction and worked turns in its prompt, and this prefix.

    Args:
        hf: the base, for logits.
        base: the same, for answers.
        shots: the number of examples to show: the first ones, as many as fit.
    """
    shown = choose_worked_examples([(e.turns, e.chosen) for e in examples], shots)
    prefix = InContextPrefix(instruction, shown)
    logits = PrefixedLogits(hf, prefix)
    return TunedModel(UNTRAINED, logits, PrefixedModel(base, prefix)), prefix
