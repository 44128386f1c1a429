"""One micro-batch's share of a step's loss: what each objective sees of it, added up with the rows'
weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from selfteach.train.batch import CHOSEN, REJECTED, TrainingRow
from selfteach.train.fast.forward import PackedModel
from selfteach.train.fast.packing import PackedBatch
from selfteach.train.objectives import Objective, ObjectiveInputs
from selfteach.train.reference import ReferenceFacts, concatenate_distributions

ObservedRows = dict[str, dict[int, Mapping[str, float]]]
"""For each objective, by row number, what its `watch` returned."""


def count_units(objectives: Mapping[str, Objective], rows: Sequence[TrainingRow]) -> dict[str, int]:
    """Return for each objective the pairs, or the trained tokens, of the rows that it applies to:
    what its sum is divided by.
    """
    counts = {}
    for name, objective in objectives.items():
        counts[name] = sum(_count_row_units(objective, row) for row in rows if name in row.weights)
    return counts


def _count_row_units(objective: Objective, row: TrainingRow) -> int:
    return 1 if objective.unit == "pair" else max(len(row.answers[0]) - objective.skip, 0)


def compute_loss(
    student: PackedModel,
    rows: Sequence[TrainingRow],
    objectives: Mapping[str, Objective],
    counts: Mapping[str, int],
    known: Mapping[int, ReferenceFacts],
    seen: ObservedRows | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Return sum_o sum_r w_ro L_ro / units_o, and for each objective its unweighted share.

    Args:
        counts: `count_units` of the whole step, of which these rows are a part: so the parts' gradients
            add up to that of the whole.
        seen: takes what the objectives want remembered of the rows.
    """
    batch = student.pack(rows)
    hidden = student.states(batch)
    logp = student.token_logp(hidden, batch.targets)
    total = torch.zeros((), device=student.device)
    parts = {}
    for name, objective in objectives.items():
        mine = [i for i, row in enumerate(rows) if name in row.weights]
        if not mine or not counts[name]:
            continue
        facts = [known.get(rows[i].number, ReferenceFacts()) for i in mine]
        view = _make_inputs(student, name, objective, batch, mine, hidden, logp, facts)
        terms = objective.compute_row_losses(view) / counts[name]
        weights = torch.tensor([rows[i].weights[name] for i in mine], device=student.device)
        total = total + (weights * terms).sum()
        parts[name] = float(terms.detach().sum())
        if seen is not None:
            with torch.no_grad():
                seen[name].update(objective.watch(view))
    return total, parts


def _make_inputs(
    student: PackedModel,
    name: str,
    objective: Objective,
    batch: PackedBatch,
    mine: list[int],
    hidden: Tensor,
    logp: Tensor,
    facts: list[ReferenceFacts],
) -> ObjectiveInputs:
    """Return the part of the batch that this objective trains, its rows renumbered."""
    device = student.device
    number = torch.full((len(batch.rows),), -1, dtype=torch.long, device=device)
    number[mine] = torch.arange(len(mine), device=device)
    row = number[batch.row]
    chosen = ((row >= 0) & (batch.side == CHOSEN) & (batch.place >= objective.skip)).nonzero()[:, 0]
    rejected = ((row >= 0) & (batch.side == REJECTED)).nonzero()[:, 0] if objective.pairs else None
    edited = _make_edit_mask(batch, mine, device) if objective.edits else None
    reference = torch.zeros(len(logp), device=device)
    if objective.reference:
        reference[row >= 0] = torch.cat(
            [fact.reference for fact in facts if fact.reference is not None]
        ).to(device)
    return ObjectiveInputs(
        rows=len(mine),
        logp=logp[chosen],
        row=row[chosen],
        rejected=None if rejected is None else logp[rejected],
        rejected_row=None if rejected is None else row[rejected],
        reference=reference[chosen] if objective.reference else None,
        rejected_reference=reference[rejected]
        if objective.reference and rejected is not None
        else None,
        teacher=concatenate_distributions(
            [fact.teacher[name] for fact in facts], objective.skip, device
        )
        if objective.teacher
        else None,
        apply_to_logits=lambda work: student.apply_to_logits(hidden.index_select(0, chosen), work),
        sampled=torch.tensor([batch.rows[i].sampled for i in mine], device=device),
        edited=None if edited is None else edited[chosen],
        rejected_edited=None if edited is None or rejected is None else edited[rejected],
        prior=torch.tensor([fact.prior[name] for fact in facts], device=device)
        if objective.prior
        else None,
        numbers=tuple(batch.rows[i].number for i in mine),
    )


def _make_edit_mask(batch: PackedBatch, mine: list[int], device: torch.device) -> Tensor:
    """Return flags (all answer tokens,) bool; false in rows of others, which may have no
    correction.
    """
    assert all(batch.rows[i].edited for i in mine), "rows whose edits were not looked for"
    flags = (
        row.edited or tuple((False,) * len(answer) for answer in row.answers) for row in batch.rows
    )
    return torch.tensor(
        [flag for sides in flags for side in sides for flag in side],
        dtype=torch.bool,
        device=device,
    )
