"""On-policy distillation: the tuned model answers prompts between two steps, and is trained on its
own answers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from selfteach import config as settings
from selfteach.models import Drawer
from selfteach.records import Example, Prompt, Request, Sampling
from selfteach.train.adapters import Adapter
from selfteach.train.batch import Row
from selfteach.train.objectives import Objective

DrawStudent = Callable[[Sequence[Prompt], int], Sequence[str]]
"""Answers prompts with the tuned model as it is before a step, which is counted from 0."""


def draw_with(
    drawer: Drawer, sampling: Sampling, seed: int
) -> Callable[[Sequence[Prompt], int], list[str]]:
    """Return a `draw_student` for `train`, from an engine that samples with the very module that is
    trained (models/hf.py).

    A sample's seed derives from the run's seed, the step and the prompt, so that a resumed training
    samples the same answers.
    """

    def draw(prompts: Sequence[Prompt], step: int) -> list[str]:
        requests = [
            Request(f"own-{step}", prompt, sampling, number, seed)
            for number, prompt in enumerate(prompts)
        ]
        texts = {draw.id: draw.text for draw in drawer.draw(requests)}
        return [texts[request.id(drawer.fingerprint)] for request in requests]

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
        config: settings.Train,
        seed: int,
        draw_student: DrawStudent,
        rows: int,
    ) -> None:
        self.hf = hf
        self.adapter = adapter
        self.examples = examples
        self.config = config
        self.seed = seed
        self.draw_student = draw_student
        self.rows = rows
        self.objectives = {name for name, its in objectives.items() if its.own_draws}
        self.skip = max((objectives[name].skip for name in self.objectives), default=0)

    def sample(self, batch: Sequence[Row], step: int) -> dict[int, Row]:
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
            texts = self.draw_student([self.examples[row.id].prompt for row in asked], step)
        found = {}
        for row, text in zip(asked, texts, strict=True):
            room = self.config.max_tokens - len(row.prompt)
            answer = tuple(self.hf.encode_answer(text, end=True))[:room]
            if text.strip() and len(answer) > self.skip:
                found[row.number] = self._new_row(row, answer)
        return found

    def _new_row(self, row: Row, answer: tuple[int, ...]) -> Row:
        weights = {name: w for name, w in row.weights.items() if name in self.objectives}
        number = self.rows + row.number
        return Row(number, row.id, row.kind, row.prompt, (answer,), weights, drawn=True)

    def join(self, batch: Sequence[Row], sampled: Mapping[int, Row]) -> list[Row]:
        """Return the batch with the new rows; an old row keeps the objectives that its new row does
        not have.
        """
        rest = [_without(row, self.objectives) if row.number in sampled else row for row in batch]
        return [row for row in rest if row.weights] + list(sampled.values())


def _without(row: Row, names: Set[str]) -> Row:
    """Return the row without some of its objectives."""
    return replace(row, weights={n: w for n, w in row.weights.items() if n not in names})
