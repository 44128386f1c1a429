"""On-policy distillation: the tuned model answers prompts between two steps, and is trained on its
own answers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfteach.config import TrainConfig
from selfteach.errors import UsageError
from selfteach.models import Sampler
from selfteach.models.hook_adapter import get_num_virtual_tokens
from selfteach.records import Example, ObjectiveWeights, Prompt, Request, SamplingParams
from selfteach.registry import load_registered
from selfteach.train.adapters.adapter import Adapter
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.objectives.objective import Objective
from selfteach.train.reference import encode_teacher_prompt

OnPolicySampler = Callable[[Sequence[Prompt], int], Sequence[str]]
"""Answers prompts with the tuned model as it is before a step, which is counted from 0."""


def make_on_policy_sampler(
    sampler: Sampler, sampling: SamplingParams, seed: int
) -> OnPolicySampler:
    """Return a `sample_tuned` for `train`, from an engine that samples with the module in training
    (models/hf.py).

    A sample's seed derives from the run's seed, the step and the prompt, so that a resumed training
    samples the same answers.
    """

    def sample(prompts: Sequence[Prompt], step: int) -> list[str]:
        requests = [
            Request(f"own-{step}", prompt, sampling, number, seed)
            for number, prompt in enumerate(prompts)
        ]
        texts = {completion.id: completion.text for completion in sampler.stream(requests)}
        return [texts[request.id(sampler.fingerprint)] for request in requests]

    return sample


def supports_own_answers(weights: ObjectiveWeights) -> bool:
    """Return whether an objective may be trained on answers of the tuned model."""
    names = {name for own in weights.values() for name, weight in own.items() if weight}
    return any(load_registered("objectives", name).supports_on_policy for name in names)


def refuse_idle_sampling(config: TrainConfig, weights: ObjectiveWeights) -> None:
    """Refuse `train.on_policy` beside objectives that never use it.

    Raises:
        UsageError: the tuned model would answer nothing.
    """
    if config.on_policy and not config.distill_from and not supports_own_answers(weights):
        raise UsageError(
            "no objective here learns from answers that the model samples itself.",
            where="train.on_policy",
            cure="Train `distill` (train.objective, train.weights), or set train.on_policy=0.",
        )


def sample_only_for(weights: ObjectiveWeights, train: TrainConfig) -> TrainConfig:
    """Return settings that let the model sample own answers (`train.on_policy`) only where an
    objective can be trained on them: `auto` may choose another one.
    """
    if (
        not train.on_policy
        or train.distill_from
        or supports_own_answers({**weights, **train.weights})
    ):
        return train
    return train.model_copy(update={"on_policy": 0.0})


@dataclass
class OnPolicy:
    """Replace the given answers of some rows by answers of the tuned model.

    Args:
        rows: how many rows the training has; the new rows of a batch are numbered after them.
    """

    hf: Any
    adapter: Adapter
    objectives: Mapping[str, Objective]
    examples: Mapping[str, Example]
    config: TrainConfig
    seed: int
    sample_tuned: OnPolicySampler
    rows: int

    def __post_init__(self) -> None:
        usable = {n: o for n, o in self.objectives.items() if o.supports_on_policy}
        self.skip = max((objective.skip for objective in usable.values()), default=0)
        self.names = usable.keys()

    def sample(self, batch: Sequence[TrainingRow], step: int) -> dict[int, TrainingRow]:
        """Answer the prompts of a share of the rows (`train.on_policy`); return the new rows by the
        place of the old one in the batch, because a row may come twice in it.

        A new row has the objectives that can be trained on sampled answers, and no others.
        """
        dice = random.Random(f"{self.seed}/own/{step}")
        selected = [
            (place, row)
            for place, row in enumerate(batch)
            if self.names & row.weights.keys() and dice.random() < self.config.on_policy
        ]
        if not selected:
            return {}
        with self.adapter.merged():
            prompts = [self.examples[row.id].prompt for _, row in selected]
            texts = self.sample_tuned(prompts, step)
        found: dict[int, TrainingRow] = {}
        for (place, row), prompt, text in zip(selected, prompts, texts, strict=True):
            ids = self.hf.encode_answer(text, end=True, after=prompt)
            answer = tuple(ids)[: self._count_room(row)]
            if text.strip() and len(answer) > self.skip:
                weights = {name: w for name, w in row.weights.items() if name in self.names}
                found[place] = TrainingRow(
                    self.rows + place,
                    row.id,
                    row.kind,
                    row.prompt,
                    (answer,),
                    weights,
                    sampled=True,
                )
        return found

    def _count_room(self, row: TrainingRow) -> int:
        """Return how many tokens an answer may have: as many as fit into a row, and as the teacher
        can read after its own prompt.
        """
        # The model's own count leaves out the virtual tokens, which the teacher does not have.
        context = int(self.hf.context_tokens) + get_num_virtual_tokens(self.hf.module)
        limit = min(
            self.config.max_tokens, context - self.adapter.count_virtual_tokens(self.config)
        )
        room = limit - len(row.prompt)
        teachers = {self.objectives[name].teacher for name in self.names & row.weights.keys()}
        if "prompted" in teachers and not self.config.distill_from:
            prompt = encode_teacher_prompt(self.hf, self.examples[row.id])
            room = min(room, context - len(prompt))
        return max(room, 0)

    def join(
        self, batch: Sequence[TrainingRow], sampled: Mapping[int, TrainingRow]
    ) -> list[TrainingRow]:
        """Return the batch with the new rows; an old row keeps the objectives that its new row does
        not have.
        """
        joined = []
        for place, row in enumerate(batch):
            weights = row.weights
            if place in sampled:
                weights = {name: w for name, w in weights.items() if name not in self.names}
            if weights:
                joined.append(replace(row, weights=weights))
        return joined + list(sampled.values())
