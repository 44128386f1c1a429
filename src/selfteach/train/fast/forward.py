"""The model while it is trained: answer states of packed rows, their log-probabilities, and what
the frozen base says of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.models.hooks import at_positions, get_active_hooks
from selfteach.models.score import HEAD_ROWS, Head
from selfteach.train.activation_checkpointing import RunPiece, run_directly
from selfteach.train.adapters import Adapter
from selfteach.train.batch import TrainingRow
from selfteach.train.distributed import has_deepspeed_weights, run_in_module
from selfteach.train.fast.attention import PackingUnsupported, use_packed_attention
from selfteach.train.fast.head import LogitsFunction, apply_to_logits, token_logp
from selfteach.train.fast.packing import PackedBatch, pack_rows

PROBE_TOLERANCE = 0.05
"""Relative; bf16 gives 0.01, a token that sees what it must not gives more than 0.2."""


class PackedModel:
    """Feed a module, with its adapter, packed rows.

    `can_pack` says whether the model computes packed rows rightly, which a probe shows; a model that
    does not (a short attention window, soft-capped scores, no attention at all) gets each prompt
    with each answer as an ordinary sequence: slower, and always right.
    """

    def __init__(self, module: Any, adapter: Adapter) -> None:
        self.module = module
        self.adapter = adapter
        self.decoder = module.get_decoder()
        self.head = Head(module)
        weight = module.get_output_embeddings().weight
        self.device = weight.device
        self.dtype = weight.dtype
        self.run_piece: RunPiece = run_directly
        # DeepSpeed gathers the head's weight for each of its passes, of which all processes need as
        # many
        self.once = has_deepspeed_weights(module)
        self.has_plain_head = (
            not weight.requires_grad
            and not self.once
            and run_in_module(module, self._has_plain_head)
        )
        self.can_pack = True
        self.can_pack = run_in_module(module, self._probe)

    @torch.no_grad()
    def _has_plain_head(self) -> bool:
        """Return whether the head is a frozen matrix and nothing else."""
        weight = self.module.get_output_embeddings().weight
        hidden = torch.linspace(
            -1, 1, 2 * weight.shape[1], dtype=self.dtype, device=self.device
        ).view(2, -1)
        return torch.equal(self.head(hidden), hidden @ weight.t())

    @torch.no_grad()
    def _probe(self) -> bool:
        """Return whether packed rows give the states of ordinary sequences."""
        limit = min(self.module.get_input_embeddings().num_embeddings, 100)

        def tokens(*numbers: int) -> tuple[int, ...]:
            return tuple(number * 7 % limit for number in numbers)

        answers = (tokens(5, 9, 2), tokens(8, 3))
        rows = [
            TrainingRow(i, "", "", tokens(1, 2, 3, *range(4 + i, 9 + 2 * i)), answers, {})
            for i in range(3)
        ]
        with self.adapter.disable():
            right = self._packs_correctly(rows)
        return right and (self.adapter.worn is None or self._packs_correctly(rows))

    def _packs_correctly(self, rows: Sequence[TrainingRow]) -> bool:
        batch = self.pack(rows)
        try:
            with use_packed_attention(self.module):
                ours = self._packed_states(batch).float()
        except (PackingUnsupported, TypeError, ValueError, RuntimeError):
            return False
        theirs = self._sequence_states(batch).float()
        return bool((ours - theirs).norm() <= PROBE_TOLERANCE * theirs.norm())

    def use_attention(self) -> AbstractContextManager[None]:
        """Return a context in which the model's attention is as `states` needs it."""
        return use_packed_attention(self.module) if self.can_pack else nullcontext()

    def pack(self, rows: Sequence[TrainingRow]) -> PackedBatch:
        """Pack rows onto this model's device."""
        mine = get_active_hooks(self.module)
        return (
            pack_rows(rows, self.device, mine.num_virtual_tokens, mine.num_edited_suffix_tokens)
            if mine
            else pack_rows(rows, self.device)
        )

    def states(self, batch: PackedBatch) -> Tensor:
        """Return the hidden state before each answer token: (N, D), contiguous, gathered before the
        head.
        """
        return self._packed_states(batch) if self.can_pack else self._sequence_states(batch)

    def _packed_states(self, batch: PackedBatch) -> Tensor:
        mine = get_active_hooks(self.module)
        with mine.at(batch.places()) if mine and mine.needs_positions else nullcontext():
            out = self.decoder(
                input_ids=batch.ids,
                position_ids=batch.positions,
                strips=batch.strips,
                use_cache=False,
            )
        return out.last_hidden_state[0].index_select(0, batch.states)  # type: ignore[no-any-return]

    def _sequence_states(self, batch: PackedBatch) -> Tensor:
        found = []
        lead = batch.lead
        for row in batch.rows:
            for answer in row.answers:
                ids = torch.tensor([[*[0] * lead, *row.prompt, *answer]], device=self.device)
                position = torch.arange(ids.shape[1], device=self.device)[None]
                with at_positions(
                    self.module, position, torch.tensor([[len(row.prompt)]], device=self.device)
                ):
                    states = self.decoder(input_ids=ids, use_cache=False).last_hidden_state[0]
                found.append(states[lead + len(row.prompt) - 1 : -1])
        return torch.cat(found)

    def token_logp(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return nats per answer token: (N,) float32."""
        if self.has_plain_head:
            return token_logp(hidden, self.module.get_output_embeddings().weight, targets)
        if self.once:
            return -nn.functional.cross_entropy(
                self.head(hidden).float(), targets, reduction="none"
            )
        pieces = zip(hidden.split(HEAD_ROWS), targets.split(HEAD_ROWS), strict=True)  # type: ignore[no-untyped-call]
        return torch.cat([self.run_piece(self.head.token_logps, *piece) for piece in pieces])

    def apply_to_logits(self, hidden: Tensor, work: LogitsFunction) -> Tensor:
        """Return `work` of the logits of all states, some positions at a time, so that they need
        not all be kept: (N, D) -> (N,) float32.
        """
        if self.has_plain_head:
            return apply_to_logits(hidden, self.module.get_output_embeddings().weight, work)
        if self.once:
            return work(self.head(hidden), slice(None))

        def piece(states: Tensor, part: slice) -> Tensor:
            return work(self.head(states), part)

        parts = [slice(start, start + HEAD_ROWS) for start in range(0, len(hidden), HEAD_ROWS)]
        return torch.cat([self.run_piece(piece, hidden[part], part) for part in parts])

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits: (N, V)."""
        return self.head(hidden)
