"""The frozen base's log-probabilities and distributions of the answers. They are computed once
before the first step, with the adapter off and without gradients.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import regex
import torch
from torch import Tensor

from selfteach.config import TrainConfig
from selfteach.errors import DataError
from selfteach.models.load_adapter import use_adapter
from selfteach.records import Example, parse_messages
from selfteach.text import UNSPACED
from selfteach.train.distributed import run_in_module
from selfteach.train.encode_and_batch import TrainingRow, split_micro_batches
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.fast.packing import PackedBatch
from selfteach.train.objectives.objective import Distribution, Objective

TEACHER_CHUNK_POSITIONS = 256
"""Positions whose teacher's logits exist at once."""
SAY_EVERY_S = 5.0
MIN_LEAKED_WORDS = 3
"""Words of an answer that a prompt can give away. A label or a name ("No", "New York") may be part
of any question.
"""
_WORD = regex.compile(rf"{UNSPACED}|(?:(?!{UNSPACED})\w)+")
"""A word; in scripts without spaces each letter counts."""


@dataclass(frozen=True, slots=True)
class ReferenceOutputs:
    """Hold facts about one row. Shapes: reference (tokens of all its answers,); for each objective
    a teacher over the chosen tokens, and the domain prior's log l(chosen) - log l(rejected), nats.
    """

    reference: Tensor | None = None
    teacher: Mapping[str, Distribution] = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Reference:
    """Evaluate the base: as it is, with the teacher's prompt, or with the adapter in the folder
    `distill_teacher`, which was trained on the same examples before (`train.distill_from`).

    Attributes:
        say: receives a line about the progress every few seconds, because no step shows any.
    """

    hf: Any
    model: PackedModel
    objectives: Mapping[str, Objective]
    examples: Mapping[str, Example]
    settings: TrainConfig
    distill_teacher: Path | None = None
    say: Callable[[str], None] | None = None

    @torch.no_grad()
    def compute(
        self, rows: Sequence[TrainingRow], token_budget: int
    ) -> dict[int, ReferenceOutputs]:
        """Return what the objectives of these rows need to know, by row number."""
        needing = {name for name, objective in self.objectives.items() if objective.reference}
        reference = self._measure(
            [row for row in rows if needing & row.weights.keys()],
            token_budget,
            lambda batch, hidden: self.model.token_logp(hidden, batch.targets),
        )
        teachers: dict[int, dict[str, Distribution]] = {row.number: {} for row in rows}
        for name, objective in self.objectives.items():
            if not objective.teacher:
                continue
            prompted = objective.teacher == "prompted"
            adapter = self.distill_teacher if prompted else None
            taught = [
                self._make_teacher_row(row, prompted and not adapter)
                for row in rows
                if name in row.weights
            ]
            found = self._measure(taught, token_budget, self._compute_distributions, adapter)
            for number, values in found.items():
                teachers[number][name] = self._make_distribution(values)
        return {
            row.number: ReferenceOutputs(
                reference.get(row.number), teachers[row.number], self._compare_priors(row)
            )
            for row in rows
        }

    def kept_bytes(self, rows: Sequence[TrainingRow]) -> int:
        """Count the bytes that `compute` keeps of the teachers of these rows. A token has V
        log-probabilities in float32, or K of them with their ids (8 bytes each).
        """
        vocabulary = int(self.model.module.get_output_embeddings().weight.shape[0])
        top_k = self.settings.top_k
        each = 3 * 4 * min(top_k, vocabulary) if top_k else 4 * vocabulary
        tokens = 0
        for name, objective in self.objectives.items():
            if objective.teacher:
                tokens += sum(len(row.answers[0]) for row in rows if name in row.weights)
        return each * tokens

    def _compare_priors(self, row: TrainingRow) -> dict[str, float]:
        """Return by how many nats each objective's domain prior prefers the chosen answer to the
        rejected one.
        """
        found = {}
        for name in row.weights:
            if prior := self.objectives[name].prior:
                example = self.examples[row.id]
                chosen, rejected = map(len, row.answers)
                found[name] = prior.logp(example.prompt, example.chosen, chosen) - prior.logp(
                    example.prompt, str(example.rejected), rejected
                )
        return found

    def _make_teacher_row(self, row: TrainingRow, prompted: bool) -> TrainingRow:
        """Return the row for the teacher: its own prompt, the chosen answer alone."""
        prompt = row.prompt
        if prompted:
            prompt = encode_teacher_prompt(self.hf, self.examples[row.id])
        return replace(row, prompt=prompt, answers=row.answers[:1])

    def _compute_distributions(self, _: PackedBatch, hidden: Tensor) -> Tensor:
        """Return (N, 2, K) log-probabilities and ids of the likeliest tokens, or (N, 1, V) of all;
        float32 holds ids below 2^24 exactly.
        """
        parts = []
        for part in torch.split(hidden, TEACHER_CHUNK_POSITIONS):  # type: ignore[no-untyped-call]
            logits = self.model.head(part).float()
            if self.settings.temperature != 1:
                logits /= self.settings.temperature
            logp = torch.log_softmax(logits, -1)
            if self.settings.top_k:
                best = logp.topk(min(self.settings.top_k, logp.shape[-1]))
                parts.append(torch.stack([best.values, best.indices.float()], 1))
            else:
                parts.append(logp[:, None])
        return torch.cat(parts)

    def _measure(
        self,
        rows: Sequence[TrainingRow],
        token_budget: int,
        measure: Callable[[PackedBatch, Tensor], Tensor],
        adapter: Path | None = None,
    ) -> dict[int, Tensor]:
        found: dict[int, Tensor] = {}
        model = self.model
        said = time.monotonic()

        def compute() -> Tensor:
            return measure(batch, model.states(batch))

        with ExitStack() as contexts:
            contexts.enter_context(model.adapter.disable())
            if adapter:
                contexts.enter_context(use_adapter(model.module, adapter))
                contexts.enter_context(model.run_all_layers())
            contexts.enter_context(model.use_attention())
            for group in split_micro_batches(rows, token_budget):
                batch = model.pack(group)
                values = run_in_module(model.module, compute).cpu()
                owner = batch.row.cpu()
                found |= {row.number: values[owner == i] for i, row in enumerate(group)}
                if self.say and time.monotonic() - said >= SAY_EVERY_S:
                    said = time.monotonic()
                    self.say(f"before the first step: the base has read {len(found)}/{len(rows)}")
        return found

    def _make_distribution(self, values: Tensor) -> Distribution:
        if not self.settings.top_k:
            return Distribution(torch.empty(0, dtype=torch.long), values[:, 0].clone(), True)
        return Distribution(values[:, 1].long(), values[:, 0].clone(), False)


def encode_teacher_prompt(hf: Any, example: Example) -> tuple[int, ...]:
    """Return the tokens of the prompt that the teacher of `distill` gets.

    Raises:
        DataError: the example has none, or one that gives the answer away.
    """
    where = example.place
    given = example.source.get("teacher_prompt")
    if not given:
        raise DataError(
            'has no source["teacher_prompt"], which distill needs.',
            where=where,
            cure="Give it as messages.",
        )
    turns = parse_messages(given, where)
    leaks = any(gives_away(turn.content, example.chosen) for turn in turns)
    if leaks and not example.source.get("teacher_sees_answer"):
        raise DataError(
            "the teacher's prompt contains the answer it is to teach.",
            where=where,
            cure='Take it out, or say so with source["teacher_sees_answer"].',
        )
    return tuple(hf.encode(turns))


def gives_away(text: str, answer: str) -> bool:
    """Return whether a text contains the words of an answer in a row.

    Answers of one or two words are not looked for.
    """
    words = _WORD.findall(answer)
    if len(words) < MIN_LEAKED_WORDS:
        return False
    return f" {' '.join(words)} " in f" {' '.join(_WORD.findall(text))} "


def compute_top_k_mass(facts: Mapping[int, ReferenceOutputs]) -> float | None:
    """Return the mean probability of the kept tokens over all teachers' positions; None without a
    teacher.
    """
    masses: list[Tensor] = []
    for fact in facts.values():
        masses += [teacher.logp.exp().sum(-1) for teacher in fact.teacher.values()]
    return float(torch.cat(masses).mean()) if masses else None


def concatenate_distributions(
    parts: Sequence[Distribution], skip: int, device: torch.device
) -> Distribution:
    """Join the rows' distributions, without the first `skip` positions of each."""
    full = parts[0].full
    ids = parts[0].ids if full else torch.cat([part.ids[skip:] for part in parts])
    logp = torch.cat([part.logp[skip:] for part in parts])
    return Distribution(ids.to(device), logp.to(device), full)
