"""What the frozen base knows about the answers: computed once, with the adapter off and without
gradients, before the first step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfteach import config
from selfteach.errors import DataError
from selfteach.models.load_adapter import use_adapter
from selfteach.records import Example, parse_messages
from selfteach.train.batch import TrainingRow, split_micro_batches
from selfteach.train.distributed import run_in_module
from selfteach.train.fast.forward import PackedModel
from selfteach.train.fast.packing import PackedBatch
from selfteach.train.objectives import Distribution, Objective

CHUNK_POSITIONS = 256


@dataclass(frozen=True, slots=True)
class ReferenceFacts:
    """Hold facts about one row. Shapes: reference (tokens of all its answers,); for each objective
    a teacher over the chosen tokens, and the domain prior's log l(chosen) - log l(rejected), nats.
    """

    reference: Tensor | None = None
    teacher: Mapping[str, Distribution] = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)


class Reference:
    """Ask the base, with or without more in its prompt, or with a `fast` adapter that learned the
    same before.
    """

    def __init__(
        self,
        hf: Any,
        student: PackedModel,
        objectives: Mapping[str, Objective],
        examples: Mapping[str, Example],
        settings: config.TrainConfig,
        fast: Path | None = None,
    ) -> None:
        self.hf = hf
        self.student = student
        self.objectives = objectives
        self.examples = examples
        self.settings = settings
        self.fast = fast

    @torch.no_grad()
    def learn(self, rows: Sequence[TrainingRow], token_budget: int) -> dict[int, ReferenceFacts]:
        """Return what the objectives of these rows need to know, by row number."""
        needing = {name for name, objective in self.objectives.items() if objective.reference}
        asked = [row for row in rows if needing & row.weights.keys()]
        reference = self._measure(
            asked,
            token_budget,
            lambda batch, hidden: self.student.token_logp(hidden, batch.targets),
        )
        teachers: dict[int, dict[str, Distribution]] = {row.number: {} for row in rows}
        for name, objective in self.objectives.items():
            asked = [
                self.seen(row, objective.teacher)
                for row in rows
                if objective.teacher and name in row.weights
            ]
            fast = self.fast if objective.teacher == "prompted" else None
            for number, values in self._measure(
                asked, token_budget, self._distributions, fast
            ).items():
                teachers[number][name] = _make_distribution(values, bool(self.settings.top_k))
        return {
            row.number: ReferenceFacts(
                reference.get(row.number), teachers[row.number], self._priors(row)
            )
            for row in rows
        }

    def kept_bytes(self, rows: Sequence[TrainingRow]) -> int:
        """Count what `learn` keeps of the teachers of these rows: V float32 a token, or K with
        their ids in 8 bytes.
        """
        most = int(self.student.module.get_output_embeddings().weight.shape[0])
        each = 3 * 4 * min(self.settings.top_k, most) if self.settings.top_k else 4 * most
        teachers = [name for name, objective in self.objectives.items() if objective.teacher]
        tokens = 0
        for name in teachers:
            tokens += sum(len(row.answers[0]) for row in rows if name in row.weights)
        return each * tokens

    def _priors(self, row: TrainingRow) -> dict[str, float]:
        """Return by how many nats each objective's domain prior likes the chosen answer better than
        the rejected one.
        """
        found = {}
        for name in row.weights:
            if prior := self.objectives[name].prior:
                example = self.examples[row.id]
                texts = (example.chosen, str(example.rejected))
                liked = [
                    prior.logp(example.prompt, text, len(answer))
                    for text, answer in zip(texts, row.answers, strict=True)
                ]
                found[name] = liked[0] - liked[1]
        return found

    def seen(self, row: TrainingRow, teacher: str) -> TrainingRow:
        """Return the row as the teacher sees it: its own prompt, the chosen answer alone.

        Raises:
            DataError: the example has no prompt for the teacher, or one that gives the answer away.
        """
        prompt = row.prompt
        if teacher == "prompted" and self.fast is None:
            example = self.examples[row.id]
            where = f"example {row.id}"
            given = example.source.get("teacher_prompt")
            if not given:
                raise DataError(
                    'has no source["teacher_prompt"], which distill needs.',
                    where=where,
                    cure="Give it as messages.",
                )
            turns = parse_messages(given, where)
            if not example.source.get("teacher_sees_answer") and any(
                example.chosen.strip() in turn.content for turn in turns
            ):
                cure = 'Take it out, or say so with source["teacher_sees_answer"].'
                raise DataError(
                    "the teacher's prompt contains the answer it is to teach.",
                    where=where,
                    cure=cure,
                )
            prompt = tuple(self.hf.encode(turns))
        return replace(row, prompt=prompt, answers=row.answers[:1])

    def _distributions(self, _: PackedBatch, hidden: Tensor) -> Tensor:
        """Return (N, 2, K) log-probabilities and ids of the likeliest tokens, or (N, 1, V) of all;
        float32 holds ids below 2^24 exactly.
        """
        parts = []
        for part in torch.split(hidden, CHUNK_POSITIONS):  # type: ignore[no-untyped-call]
            logp = torch.log_softmax(
                self.student.logits(part).float() / self.settings.temperature, -1
            )
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
        fast: Path | None = None,
    ) -> dict[int, Tensor]:
        found: dict[int, Tensor] = {}
        taught = use_adapter(self.student.module, fast) if fast else nullcontext()
        with self.student.adapter.disable(), taught, self.student.use_attention():
            for group in split_micro_batches(rows, token_budget):
                batch = self.student.pack(group)
                work = partial(self._measured, batch, measure)
                values = run_in_module(self.student.module, work).cpu()
                owner = batch.row.cpu()
                found |= {row.number: values[owner == i] for i, row in enumerate(group)}
        return found

    def _measured(
        self, batch: PackedBatch, measure: Callable[[PackedBatch, Tensor], Tensor]
    ) -> Tensor:
        return measure(batch, self.student.states(batch))


def compute_top_k_mass(facts: Mapping[int, ReferenceFacts]) -> float | None:
    """Return the mean probability that the kept tokens hold, over all teachers' positions; None
    where there is no teacher.
    """
    masses: list[Tensor] = []
    for fact in facts.values():
        masses += [teacher.logp.exp().sum(-1) for teacher in fact.teacher.values()]
    return float(torch.cat(masses).mean()) if masses else None


def _make_distribution(values: Tensor, top: bool) -> Distribution:
    return Distribution(
        values[:, 1].long() if top else torch.empty(0, dtype=torch.long),
        values[:, 0].clone(),
        not top,
    )


def concatenate_distributions(
    parts: Sequence[Distribution], skip: int, device: torch.device
) -> Distribution:
    """Join the rows' distributions, without the first `skip` positions of each."""
    full = parts[0].full
    ids = parts[0].ids if full else torch.cat([part.ids[skip:] for part in parts])
    return Distribution(
        ids.to(device), torch.cat([part.logp[skip:] for part in parts]).to(device), full
    )
