"""The model while it is taught: answer states of packed rows, their log-probabilities, and what the frozen base says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from selfteach.train.adapters import Adapter
from selfteach.train.attention import packed
from selfteach.train.batch import CHOSEN, REJECTED, Row, micro_batches
from selfteach.train.head import token_logp
from selfteach.train.objectives import Distribution, Objective, View
from selfteach.train.packing import Packed, pack


@dataclass(slots=True)
class Known:
    """What is computed once about a row, with the adapter off. Shapes: reference (tokens,); teacher over the chosen tokens."""

    reference: Tensor | None = None
    teacher: Mapping[str, Distribution] | None = None


class Student:
    """A module with its adapter, fed with packed rows."""

    def __init__(self, module: Any, adapter: Adapter) -> None:
        self.module, self.adapter = module, adapter
        self.decoder = module.get_decoder()
        self.head: Tensor = module.get_output_embeddings().weight
        self.device, self.dtype = self.head.device, self.head.dtype

    def pack(self, rows: Sequence[Row]) -> Packed:
        """Rows on this model's device."""
        return pack(rows, self.device)

    def states(self, batch: Packed) -> Tensor:
        """The hidden state before each answer token: (N, D), contiguous, gathered before the head."""
        out = self.decoder(input_ids=batch.ids, position_ids=batch.positions, strips=batch.strips, use_cache=False)
        return out.last_hidden_state[0].index_select(0, batch.states)  # type: ignore[no-any-return]

    def token_logp(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Nats per answer token: (N,) float32."""
        return token_logp(hidden, self.head, targets)

    def logits(self, hidden: Tensor) -> Tensor:
        """(N, V)."""
        return hidden @ self.head.t()

    def loss(
        self, rows: Sequence[Row], objectives: Mapping[str, Objective], units: Mapping[str, int], known: Mapping[int, Known]
    ) -> tuple[Tensor, dict[str, float]]:
        """The micro-batch's share of the step's loss, and of each objective's unweighted mean.

        Args:
            units: for each objective, its tokens or pairs in the whole step.
        """
        batch = self.pack(rows)
        hidden = self.states(batch)
        logp = self.token_logp(hidden, batch.targets)
        total, parts = torch.zeros((), device=self.device), {}
        for name, objective in objectives.items():
            mine = [i for i, row in enumerate(rows) if name in row.weights]
            if not mine or not units[name]:
                continue
            terms = objective.terms(self._view(name, objective, batch, mine, hidden, logp, known)) / units[name]
            weights = torch.tensor([rows[i].weights[name] for i in mine], device=self.device)
            total = total + (weights * terms).sum()
            parts[name] = float(terms.detach().sum())
        return total, parts

    def _view(
        self, name: str, objective: Objective, batch: Packed, mine: list[int], hidden: Tensor, logp: Tensor, known: Mapping[int, Known]
    ) -> View:
        """The part of the batch that this objective trains, its rows renumbered."""
        number = torch.full((len(batch.rows),), -1, dtype=torch.long, device=self.device)
        number[mine] = torch.arange(len(mine), device=self.device)
        row = number[batch.row]
        chosen = ((row >= 0) & (batch.side == CHOSEN) & (batch.place >= objective.skip)).nonzero()[:, 0]
        rejected = ((row >= 0) & (batch.side == REJECTED)).nonzero()[:, 0] if objective.pairs else None
        facts = [known[batch.rows[i].number] for i in mine] if objective.reference or objective.teacher else []
        reference = None
        if objective.reference:
            reference = torch.zeros_like(logp, requires_grad=False)
            whole = (row >= 0).nonzero()[:, 0]
            reference[whole] = torch.cat([fact.reference for fact in facts if fact.reference is not None]).to(self.device)
        teacher = None
        if objective.teacher:
            teacher = joined([fact.teacher[name] for fact in facts if fact.teacher is not None], objective.skip, self.device)
        return View(
            rows=len(mine), logp=logp[chosen], row=row[chosen],
            rejected=None if rejected is None else logp[rejected], rejected_row=None if rejected is None else row[rejected],
            reference=None if reference is None else reference[chosen],
            rejected_reference=None if reference is None or rejected is None else reference[rejected],
            teacher=teacher, logits=lambda: self.logits(hidden.index_select(0, chosen)),
        )  # fmt: skip

    @torch.no_grad()
    def reference(self, rows: Sequence[Row], token_budget: int) -> dict[int, Tensor]:
        """The base's log-probability of each answer token (chosen, then rejected), by row number."""
        return self._base(rows, token_budget, lambda batch, hidden: self.token_logp(hidden, batch.targets))

    @torch.no_grad()
    def teach(self, rows: Sequence[Row], token_budget: int, top_k: int, temperature: float) -> dict[int, Distribution]:
        """The base's distributions at each answer token, by row number; a row's prompt is what the teacher sees."""

        def top(batch: Packed, hidden: Tensor) -> Tensor:
            parts = []
            for part in hidden.split(256):
                logp = torch.log_softmax(self.logits(part).float() / temperature, -1)
                best = logp.topk(min(top_k, logp.shape[-1])) if top_k else None
                parts.append(torch.stack([best.values, best.indices.to(logp.dtype)]) if best else logp[None])
            return torch.cat(parts, 1).transpose(0, 1)

        found = self._base(rows, token_budget, top)
        return {n: distribution(values, bool(top_k)) for n, values in found.items()}

    def _base(self, rows: Sequence[Row], token_budget: int, measure: Callable[[Packed, Tensor], Tensor]) -> dict[int, Tensor]:
        found: dict[int, Tensor] = {}
        with self.adapter.off(), packed(self.module):
            for group in micro_batches(rows, token_budget):
                batch = self.pack(group)
                values = measure(batch, self.states(batch)).cpu()
                owner = batch.row.cpu()
                found |= {row.number: values[owner == i] for i, row in enumerate(group)}
        return found


def distribution(values: Tensor, top: bool) -> Distribution:
    """(N, 2, K) values and ids, or (N, 1, V), as a `Distribution`; float32 holds every id below 2^24 exactly."""
    return Distribution(values[:, 1].long() if top else torch.empty(0, dtype=torch.long), values[:, 0], not top)


def joined(parts: Sequence[Distribution], skip: int, device: torch.device) -> Distribution:
    """The rows' distributions one after another, without each row's first `skip` positions."""
    full = parts[0].full
    ids = parts[0].ids if full else torch.cat([part.ids[skip:] for part in parts])
    return Distribution(ids.to(device), torch.cat([part.logp[skip:] for part in parts]).to(device), full)
