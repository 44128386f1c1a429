"""One micro-batch's share of a step's loss: the objectives' losses, added up with the rows'
weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from selfteach.train.encode_and_batch import CHOSEN, REJECTED, TrainingRow
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.fast.packing import PackedBatch
from selfteach.train.objectives.objective import Objective, ObjectiveInputs
from selfteach.train.reference import ReferenceOutputs, concatenate_distributions

ObservedRows = dict[str, dict[int, Mapping[str, float]]]
"""For each objective, the figures that its `observe` returned, by row number."""


def count_units(objectives: Mapping[str, Objective], rows: Sequence[TrainingRow]) -> dict[str, int]:
    """Count for each objective the pairs, or the trained tokens, of the rows that it applies to.
    Its sum is divided by this count.
    """
    counts = {}
    for name, objective in objectives.items():
        counts[name] = sum(_count_row_units(objective, row) for row in rows if name in row.weights)
    return counts


def _count_row_units(objective: Objective, row: TrainingRow) -> int:
    return 1 if objective.unit == "pair" else max(len(row.answers[0]) - objective.skip, 0)


def compute_loss(
    model: PackedModel,
    rows: Sequence[TrainingRow],
    objectives: Mapping[str, Objective],
    counts: Mapping[str, int],
    known: Mapping[int, ReferenceOutputs],
    seen: ObservedRows | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Return sum_o sum_r w_ro L_ro / units_o, and for each objective its unweighted share.

    Args:
        counts: `count_units` of the whole step, so that the gradients of its parts add up.
        seen: receives the figures that the objectives observe of the rows.
    """
    batch = model.pack(rows)
    hidden = model.states(batch)
    logp = _compute_logp(model, rows, objectives, batch, hidden)
    total = torch.zeros((), device=model.device)
    parts = {}
    for name, objective in objectives.items():
        mine = [i for i, row in enumerate(rows) if name in row.weights]
        if not mine or not counts[name]:
            continue
        facts = [known.get(rows[i].number, ReferenceOutputs()) for i in mine]
        inputs = _make_inputs(model, name, objective, batch, mine, hidden, logp, facts)
        terms = objective.compute_row_losses(inputs) / counts[name]
        weights = torch.tensor([rows[i].weights[name] for i in mine], device=model.device)
        total = total + (weights * terms).sum()
        parts[name] = float(terms.detach().sum())
        if seen is not None:
            with torch.no_grad():
                seen[name].update(objective.observe(inputs))
    return total, parts


def _compute_logp(
    model: PackedModel,
    rows: Sequence[TrainingRow],
    objectives: Mapping[str, Objective],
    batch: PackedBatch,
    hidden: Tensor,
) -> Tensor:
    """Return nats per answer token, (N,) float32: 0 in rows whose objectives do not need them."""
    reading = {name for name, objective in objectives.items() if objective.needs_logp}
    needed = [not reading.isdisjoint(row.weights) for row in rows]
    if all(needed):
        return model.token_logp(hidden, batch.targets)
    places = torch.tensor(needed, device=model.device)[batch.row].nonzero()[:, 0]
    logp = torch.zeros(len(batch.targets), device=model.device)
    if len(places):
        found = model.token_logp(hidden.index_select(0, places), batch.targets[places])
        logp = logp.index_put((places,), found)
    return logp


def _make_inputs(
    model: PackedModel,
    name: str,
    objective: Objective,
    batch: PackedBatch,
    mine: list[int],
    hidden: Tensor,
    logp: Tensor,
    facts: list[ReferenceOutputs],
) -> ObjectiveInputs:
    """Return the part of the batch that this objective trains, with its rows numbered anew."""
    device = model.device
    number = torch.full((len(batch.rows),), -1, dtype=torch.long, device=device)
    number[mine] = torch.arange(len(mine), device=device)
    row = number[batch.row]
    chosen = ((row >= 0) & (batch.side == CHOSEN) & (batch.place >= objective.skip)).nonzero()[:, 0]
    rejected = None
    if objective.needs_rejected():
        rejected = ((row >= 0) & (batch.side == REJECTED)).nonzero()[:, 0]
    edited = _make_edit_mask(batch, mine, device) if objective.edits else None
    forbidden = _make_forbidden_mask(batch, device) if objective.forbidding else None
    reference = None
    if objective.reference:
        reference = torch.zeros(len(logp), device=device)
        parts = [fact.reference for fact in facts if fact.reference is not None]
        reference[row >= 0] = torch.cat(parts).to(device)
    inputs = ObjectiveInputs(
        rows=len(mine),
        logp=logp[chosen],
        row=row[chosen],
        rejected=_select(logp, rejected),
        rejected_row=_select(row, rejected),
        reference=_select(reference, chosen),
        rejected_reference=_select(reference, rejected),
        token_logps=lambda ids: model.token_logps(hidden.index_select(0, chosen), ids),
        apply_to_logits=lambda work: model.apply_to_logits(hidden.index_select(0, chosen), work),
        sampled=torch.tensor([batch.rows[i].sampled for i in mine], device=device),
        edited=_select(edited, chosen),
        rejected_edited=_select(edited, rejected),
        rejected_forbidden=_select(forbidden, rejected),
        numbers=tuple(batch.rows[i].number for i in mine),
    )
    if objective.teacher:
        distributions = [fact.teacher[name] for fact in facts]
        teacher = concatenate_distributions(distributions, objective.skip, device)
        inputs = replace(inputs, teacher=teacher)
    if objective.prior:
        prior = torch.tensor([fact.prior[name] for fact in facts], device=device)
        inputs = replace(inputs, prior=prior)
    return inputs


def _select(values: Tensor | None, positions: Tensor | None) -> Tensor | None:
    return None if values is None or positions is None else values[positions]


def _make_edit_mask(batch: PackedBatch, mine: list[int], device: torch.device) -> Tensor:
    """Return flags (all answer tokens,) bool. They are false in rows of other objectives, which may
    have no correction.
    """
    assert all(batch.rows[i].edited for i in mine), "rows without an edit mask"
    flags: list[bool] = []
    for row in batch.rows:
        for number, answer in enumerate(row.answers):
            flags += row.edited[number] if row.edited else [False] * len(answer)
    return torch.tensor(flags, dtype=torch.bool, device=device)


def _make_forbidden_mask(batch: PackedBatch, device: torch.device) -> Tensor:
    """Return flags (all answer tokens,) bool. They are false in rows of other objectives."""
    flags: list[bool] = []
    for row in batch.rows:
        for side, answer in enumerate(row.answers):
            is_marked = row.forbidden and side == REJECTED
            flags += row.forbidden if is_marked else [False] * len(answer)
    return torch.tensor(flags, dtype=torch.bool, device=device)
