"""On-policy distillation: the tuned model answers prompts between two steps, and is trained on its
own answers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from selfteach import config as settings
from selfteach.models import Sampler
from selfteach.records import Example, Prompt, Request, SamplingParams
from selfteach.train.adapters import Adapter
from selfteach.train.batch import TrainingRow
from selfteach.train.objectives import Objective

DrawStudent = Callable[[Sequence[Prompt], int], Sequence[str]]
"""Answers prompts with the tuned model as it is before a step, which is counted from 0."""


def make_on_policy_sampler(
    sampler: Sampler, sampling: SamplingParams, seed: int
) -> Callable[[Sequence[Prompt], int], list[str]]:
    """Return a `sample_tuned` for `train`, from an engine that samples with the very module that is
    trained (models/hf.py).

    A sample's seed derives from the run's seed, the step and the prompt, so that a resumed training
    samples the same answers.
    """

    def draw(prompts: Sequence[Prompt], step: int) -> list[str]:
        requests = [
            Request(f"own-{step}", prompt, sampling, number, seed)
            for number, prompt in enumerate(prompts)
        ]
        texts = {draw.id: draw.text for draw in sampler.stream(requests)}
        return [texts[request.id(sampler.fingerprint)] for request in requests]

    return draw


class OnPolicy:
    """Replace the given answers of some rows by answers of the tuned model.

    Args:
        rows: how many rows the training has; new rows are numbered after them.
    """

    def __init__(
        self,
        hf: Any,
        adapter: Adapter,
        objectives: Mapping[str, Objective],
        examples: Mapping[str, Example],
        config: settings.TrainConfig,
        seed: int,
        draw_student: DrawStudent,
        rows: int,
    ) -> None:
        self.hf = hf
        self.adapter = adapter
        self.examples = examples
        self.config = config
        self.seed = seed
        self.sample_tuned = draw_student
        self.rows = rows
        self.objectives = {name for name, its in objectives.items() if its.supports_on_policy}
        self.skip = max((objectives[name].skip for name in self.objectives), default=0)

    def sample(self, batch: Sequence[TrainingRow], step: int) -> dict[int, TrainingRow]:
        """Answer the prompts of a share of the rows (`train.on_policy`); return the new rows by the
        number of the old one.

        A new row has the objectives that can be trained on sampled answers, and no others.
        """
        dice = random.Random(f"{self.seed}/own/{step}")
        asked = [
            row
            for row in batch
            if self.objectives & row.weights.keys() and dice.random() < self.config.on_policy
        ]
        if not asked:
            return {}
        with self.adapter.merged():
            texts = self.sample_tuned([self.examples[row.id].prompt for row in asked], step)
        found = {}
        for row, text in zip(asked, texts, strict=True):
            room = self.config.max_tokens - len(row.prompt)
            answer = tuple(self.hf.encode_answer(text, end=True))[:room]
            if text.strip() and len(answer) > self.skip:
                found[row.number] = self._new_row(row, answer)
        return found

    def _new_row(self, row: TrainingRow, answer: tuple[int, ...]) -> TrainingRow:
        weights = {name: w for name, w in row.weights.items() if name in self.objectives}
        number = self.rows + row.number
        return TrainingRow(number, row.id, row.kind, row.prompt, (answer,), weights, sampled=True)

    def join(
        self, batch: Sequence[TrainingRow], sampled: Mapping[int, TrainingRow]
    ) -> list[TrainingRow]:
        """Return the batch with the new rows; an old row keeps the objectives that its new row does
        not have.
        """
        rest = [_without(row, self.objectives) if row.number in sampled else row for row in batch]
        return [row for row in rest if row.weights] + list(sampled.values())


def _without(row: TrainingRow, names: Set[str]) -> TrainingRow:
    """Return the row without some of its objectives."""
    return replace(row, weights={n: w for n, w in row.weights.items() if n not in names})
