"""The plain path: the losses of a training step, computed as a textbook writes them.

It trains nobody. A test holds every piece of fast/ to it: packed rows, attention in strips, the
head in chunks, the fused LoRA layer and the frozen norms give these losses and these gradients.
Read this file to know what a step computes, and fast/ to know how it is computed quickly.

1  each answer is a sequence of its own, padded on the right to the longest one
2  an ordinary forward pass of the module gives the logits of all positions
3  log_softmax over the whole vocabulary; the logits at position t predict token t + 1
4  each objective gets its tokens, and the total is sum_o sum_r w_ro L_ro / units_o
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.train.encode_and_batch import CHOSEN, REJECTED, TrainingRow
from selfteach.train.objectives.objective import Distribution, Objective, ObjectiveInputs
from selfteach.train.reference import ReferenceOutputs


class PlainLora(nn.Module):
    """Compute y = W x + b + s B (A x), equation 3 of Hu et al. 2021 (arXiv 2106.09685).

    Shapes: x (..., in), a (r, in), b (out, r), y (..., out).
    """

    def __init__(self, base: nn.Linear, a: Tensor, b: Tensor, scale: float) -> None:
        super().__init__()
        self.base = base
        self.a = nn.Parameter(a.detach().clone())
        self.b = nn.Parameter(b.detach().clone())
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        thin = x @ self.a.to(x.dtype).t()
        update = thin @ self.b.to(x.dtype).t()
        return self.base(x) + self.scale * update  # type: ignore[no-any-return]


@dataclass(frozen=True)
class AnswerTokens:
    """Hold the tokens of one answer. Shapes: logits (T, V), logp (T,) nats."""

    logits: Tensor
    logp: Tensor


def score_answers(module: Any, rows: Sequence[TrainingRow]) -> list[list[AnswerTokens]]:
    """Return, for each row, the tokens of its answers: steps 1 to 3."""
    sequences: list[list[int]] = []
    for row in rows:
        sequences += [[*row.prompt, *answer] for answer in row.answers]
    longest = max(map(len, sequences))
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros(len(sequences), longest, dtype=torch.long)
    for number, sequence in enumerate(sequences):
        ids[number, : len(sequence)] = torch.tensor(sequence)
        mask[number, : len(sequence)] = 1
    logits = module(input_ids=ids, attention_mask=mask, use_cache=False).logits
    found = []
    number = 0
    for row in rows:
        mine = []
        for answer in row.answers:
            first = len(row.prompt) - 1
            predicting = logits[number, first : first + len(answer)]
            targets = torch.tensor(answer)[:, None]
            logp = torch.log_softmax(predicting, -1).gather(1, targets)[:, 0]
            mine.append(AnswerTokens(predicting, logp))
            number += 1
        found.append(mine)
    return found


def compute_plain_loss(
    module: Any,
    rows: Sequence[TrainingRow],
    objectives: Mapping[str, Objective],
    counts: Mapping[str, int],
    known: Mapping[int, ReferenceOutputs],
) -> tuple[Tensor, dict[str, float]]:
    """Return the total and each objective's unweighted share, as `loss.compute_loss` does: step 4.

    Args:
        counts: the units of each objective, by which its sum is divided.
        known: what the base says of each row, by the row's number.
    """
    answers = score_answers(module, rows)
    total = torch.zeros(())
    parts = {}
    for name, objective in objectives.items():
        mine = [place for place, row in enumerate(rows) if name in row.weights]
        if not mine:
            continue
        view = _make_view(name, objective, mine, rows, answers, known)
        terms = objective.compute_row_losses(view) / counts[name]
        weights = torch.tensor([rows[place].weights[name] for place in mine])
        total = total + (weights * terms).sum()
        parts[name] = float(terms.detach().sum())
    return total, parts


def _make_view(
    name: str,
    objective: Objective,
    mine: Sequence[int],
    rows: Sequence[TrainingRow],
    answers: Sequence[Sequence[AnswerTokens]],
    known: Mapping[int, ReferenceOutputs],
) -> ObjectiveInputs:
    """Return what an objective sees of its rows, which are renumbered from 0."""
    facts = [known.get(rows[place].number, ReferenceOutputs()) for place in mine]
    skip = objective.skip
    chosen = _Side(mine, rows, answers, facts, CHOSEN, skip)
    rejected = _Side(mine, rows, answers, facts, REJECTED, 0) if objective.pairs else None
    logits = chosen.logits
    return ObjectiveInputs(
        rows=len(mine),
        logp=chosen.logp,
        row=chosen.row,
        rejected=rejected.logp if rejected else None,
        rejected_row=rejected.row if rejected else None,
        reference=chosen.reference if objective.reference else None,
        rejected_reference=rejected.reference if rejected and objective.reference else None,
        teacher=_join([fact.teacher[name] for fact in facts], skip) if objective.teacher else None,
        apply_to_logits=lambda work: work(logits, slice(None)),
        sampled=torch.tensor([rows[place].sampled for place in mine]),
        edited=chosen.edited if objective.edits else None,
        rejected_edited=rejected.edited if rejected and objective.edits else None,
        rejected_forbidden=rejected.forbidden if rejected and objective.forbidding else None,
        prior=torch.tensor([fact.prior[name] for fact in facts]) if objective.prior else None,
        numbers=tuple(rows[place].number for place in mine),
    )


class _Side:
    """The chosen or the rejected answers of some rows, one after another, without the first `skip`
    tokens of each.
    """

    def __init__(
        self,
        mine: Sequence[int],
        rows: Sequence[TrainingRow],
        answers: Sequence[Sequence[AnswerTokens]],
        facts: Sequence[ReferenceOutputs],
        side: int,
        skip: int,
    ) -> None:
        tokens = [answers[place][side] for place in mine]
        lengths = torch.tensor([len(answer.logp) - skip for answer in tokens])
        self.logits = torch.cat([answer.logits[skip:] for answer in tokens])
        self.logp = torch.cat([answer.logp[skip:] for answer in tokens]).float()
        self.row = torch.repeat_interleave(torch.arange(len(mine)), lengths)
        self.reference: Tensor | None = None
        self.edited: Tensor | None = None
        self.forbidden: Tensor | None = None
        if all(fact.reference is not None for fact in facts):
            self.reference = torch.cat(
                [
                    _cut(fact.reference, rows[place], side)[skip:]
                    for fact, place in zip(facts, mine, strict=True)
                    if fact.reference is not None
                ]
            )
        if all(rows[place].edited for place in mine):
            flags: list[bool] = []
            for place in mine:
                flags += rows[place].edited[side][skip:]
            self.edited = torch.tensor(flags)
        if side == REJECTED and all(rows[place].forbidden for place in mine):
            self.forbidden = torch.tensor(
                [flag for place in mine for flag in rows[place].forbidden]
            )


def _cut(values: Tensor, row: TrainingRow, side: int) -> Tensor:
    """Return the part of a row's values (tokens of all its answers,) that is of one answer."""
    first = len(row.answers[CHOSEN])
    return values[:first] if side == CHOSEN else values[first:]


def _join(parts: Sequence[Distribution], skip: int) -> Distribution:
    """Return the rows' distributions one after another, without each row's first positions."""
    full = parts[0].full
    ids = parts[0].ids if full else torch.cat([part.ids[skip:] for part in parts])
    return Distribution(ids, torch.cat([part.logp[skip:] for part in parts]), full)
