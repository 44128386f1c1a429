"""One micro-batch's share of a step's loss: what each objective sees of it, added up with the rows'
weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from selfteach.train.batch import CHOSEN, REJECTED, Row
from selfteach.train.fast.forward import Student
from selfteach.train.fast.packing import Packed
from selfteach.train.objectives import Objective, View
from selfteach.train.reference import ReferenceFacts, joined

Seen = dict[str, dict[int, Mapping[str, float]]]
"""For each objective, by row number, what its `watch` returned."""


def units(objectives: Mapping[str, Objective], rows: Sequence[Row]) -> dict[str, int]:
    """Return for each objective the pairs, or the trained tokens, of the rows that it applies to:
    what its sum is divided by.
    """
    counts = {}
    for name, objective in objectives.items():
        counts[name] = sum(_units(objective, row) for row in rows if name in row.weights)
    return counts


def _units(objective: Objective, row: Row) -> int:
    return 1 if objective.unit == "pair" else max(len(row.answers[0]) - objective.skip, 0)


def compute_loss(
    student: Student,
    rows: Sequence[Row],
    objectives: Mapping[str, Objective],
    counts: Mapping[str, int],
    known: Mapping[int, ReferenceFacts],
    seen: Seen | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Return sum_o sum_r w_ro L_ro / units_o, and for each objective its unweighted share.

    Args:
        counts: `units` of the whole step, of which these rows are a part: so the parts' gradients
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
        view = _view(student, name, objective, batch, mine, hidden, logp, facts)
        terms = objective.terms(view) / counts[name]
        weights = torch.tensor([rows[i].weights[name] for i in mine], device=student.device)
        total = total + (weights * terms).sum()
        parts[name] = float(terms.detach().sum())
        if seen is not None:
            with torch.no_grad():
                seen[name].update(objective.watch(view))
    return total, parts


def _view(
    student: Student,
    name: str,
    objective: Objective,
    batch: Packed,
    mine: list[int],
    hidden: Tensor,
    logp: Tensor,
    facts: list[ReferenceFacts],
) -> View:
    """Return the part of the batch that this objective trains, its rows renumbered."""
    device = student.device
    number = torch.full((len(batch.rows),), -1, dtype=torch.long, device=device)
    number[mine] = torch.arange(len(mine), device=device)
    row = number[batch.row]
    chosen = ((row >= 0) & (batch.side == CHOSEN) & (batch.place >= objective.skip)).nonzero()[:, 0]
    rejected = ((row >= 0) & (batch.side == REJECTED)).nonzero()[:, 0] if objective.pairs else None
    edited = _edited(batch, mine, device) if objective.edits else None
    reference = torch.zeros(len(logp), device=device)
    if objective.reference:
        reference[row >= 0] = torch.cat(
            [fact.reference for fact in facts if fact.reference is not None]
        ).to(device)
    return View(
        rows=len(mine),
        logp=logp[chosen],
        row=row[chosen],
        rejected=None if rejected is None else logp[rejected],
        rejected_row=None if rejected is None else row[rejected],
        reference=reference[chosen] if objective.reference else None,
        rejected_reference=reference[rejected]
        if objective.reference and rejected is not None
        else None,
        teacher=joined([fact.teacher[name] for fact in facts], objective.skip, device)
        if objective.teacher
        else None,
        at_logits=lambda work: student.at_logits(hidden.index_select(0, chosen), work),
        drawn=torch.tensor([batch.rows[i].drawn for i in mine], device=device),
        edited=None if edited is None else edited[chosen],
        rejected_edited=None if edited is None or rejected is None else edited[rejected],
        prior=torch.tensor([fact.prior[name] for fact in facts], device=device)
        if objective.prior
        else None,
        numbers=tuple(batch.rows[i].number for i in mine),
    )


def _edited(batch: Packed, mine: list[int], device: torch.device) -> Tensor:
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
