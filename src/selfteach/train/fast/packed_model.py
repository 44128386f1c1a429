"""The model in training: answer states of packed rows, their log-probabilities and logits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from selfteach.models.hook_adapter import get_active_hooks, get_decoder
from selfteach.models.score import (
    HEAD_ROWS,
    Head,
    Prefix,
    compute_hidden,
    compute_prefix,
    has_attention_alone,
)
from selfteach.train.activation_checkpointing import RunPiece, run_directly
from selfteach.train.adapters.adapter import Adapter
from selfteach.train.adapters.full import FullAdapter
from selfteach.train.distributed import run_in_module
from selfteach.train.encode_and_batch import TrainingRow, split_micro_batches
from selfteach.train.fast.frozen_layers import FrozenLayers, list_layers, watch_gradients
from selfteach.train.fast.head import LogitsFunction, apply_to_logits, compute_token_logps
from selfteach.train.fast.packed_attention import (
    PackingUnsupported,
    use_attention,
    use_packed_attention,
)
from selfteach.train.fast.packing import PackedBatch, pack_rows

PROBE_TOLERANCE = 0.05
"""Relative; bf16 gives 0.01, a token that attends to a wrong one gives more than 0.2."""

OBSTACLE = "selfteach_obstacle"
"""The attribute of a module that keeps what the probe without an adapter found."""
EAGER = "eager"
MIN_SHARE_OF_LONGEST = 0.8
"""Of a sequence in a padded batch."""


class PackedModel:
    """Feed a module, with its adapter, packed rows.

    `can_pack`: whether a probe of packed rows gives the states of ordinary sequences. A model that
    cannot (soft-capped scores, recurrent layers) gets each prompt with each answer as a sequence of
    its own, in batches that are padded on the right: slower, and always correct. `obstacle` says
    why.
    """

    def __init__(self, module: Any, adapter: Adapter) -> None:
        self.module = module
        self.adapter = adapter
        self.decoder = get_decoder(module)
        self.head = Head(module)
        weight = module.get_output_embeddings().weight
        self.device = weight.device
        self.dtype = weight.dtype
        self.run_piece: RunPiece = run_directly
        self.has_attention_alone = has_attention_alone(module)
        self.has_plain_head = not weight.requires_grad and run_in_module(
            module, self._has_plain_head
        )
        self.frozen = FrozenLayers(module, 0)
        self.obstacle = run_in_module(module, self._probe)
        self.can_pack = not self.obstacle
        self.pads_eagerly = bool(self.obstacle) and run_in_module(module, self._pads_eagerly)

    @torch.no_grad()
    def _has_plain_head(self) -> bool:
        """Return whether the head is a frozen matrix and nothing else."""
        weight = self.module.get_output_embeddings().weight
        hidden = torch.linspace(
            -1, 1, 2 * weight.shape[1], dtype=self.dtype, device=self.device
        ).view(2, -1)
        return torch.equal(self.head(hidden), hidden @ weight.t())

    @torch.no_grad()
    def _probe(self) -> str:
        """Return why packed rows do not give the states of ordinary sequences, or an empty text."""
        rows = _make_probe_rows(self.module)
        obstacle: str | None = getattr(self.module, OBSTACLE, None)
        if obstacle is None:
            with self.adapter.disable():
                obstacle = self._explain_why_not_packed(rows)
            setattr(self.module, OBSTACLE, obstacle)
        if obstacle or self.adapter.hooks is None:
            return obstacle
        return self._explain_why_not_packed(rows)

    def _explain_why_not_packed(self, rows: Sequence[TrainingRow]) -> str:
        batch = self.pack(rows)
        try:
            with use_packed_attention(self.module):
                ours = self._packed_states(batch)
        except PackingUnsupported as fault:
            return str(fault)
        except (TypeError, ValueError, RuntimeError):
            return "its layers do not take packed rows"
        same = _is_close(ours, self._sequence_states(batch))
        return "" if same else "its layers need each sequence apart"

    @torch.no_grad()
    def _pads_eagerly(self) -> bool:
        """Return whether padded rows take transformers' plain attention: where torch's fused one is
        slower (2.3 against 1.8 times the packed time), and the plain one computes the same.
        """
        if self.device.type != "cpu" or self.dtype != torch.bfloat16:
            return False
        batch = self.pack(_make_probe_rows(self.module))
        theirs = self._sequence_states(batch)
        try:
            with use_attention(self.module, EAGER):
                return _is_close(self._sequence_states(batch), theirs)
        except (TypeError, ValueError, RuntimeError, AttributeError):
            return False

    def find_frozen_layers(self) -> None:
        """Find out how many layers come before the first trained one, with a pass over a few rows.

        It is 0 where the passes without these layers would not be the same to the bit.
        """
        layers = list_layers(self.module)
        if not (self.can_pack and layers):
            return
        batch = self.pack(_make_probe_rows(self.module))
        with self.use_attention():
            with watch_gradients(layers) as trained:
                whole = self._packed_states(batch)
            count = trained.index(True) if len(trained) == len(layers) and any(trained) else 0
            self.frozen = FrozenLayers(self.module, count)
            if count and not self._passes_without_frozen_layers(batch, whole):
                self.frozen = FrozenLayers(self.module, 0)

    @torch.no_grad()
    def _passes_without_frozen_layers(self, batch: PackedBatch, whole: Tensor) -> bool:
        try:
            with self.frozen.record(batch):
                self._packed_states(batch)
            return torch.equal(self._packed_states(batch), whole)
        except (TypeError, ValueError, RuntimeError, LookupError, AttributeError):
            return False
        finally:
            self.frozen.forget()

    def count_state_bytes(self, rows: Sequence[TrainingRow]) -> int:
        """Count the bytes of a layer's states of rows."""
        width = int(self.module.get_output_embeddings().weight.shape[1])
        tokens = sum(row.length for row in rows)
        return tokens * width * int(self.dtype.itemsize)

    @torch.no_grad()
    def keep_frozen_states(self, rows: Sequence[TrainingRow], token_budget: int) -> None:
        """Compute and keep what the frozen layers make of rows. The attention must be set."""
        self.frozen.forget()
        for group in split_micro_batches(rows, token_budget):
            batch = self.pack(group)
            with self.frozen.record(batch):
                self._packed_states(batch)

    @contextmanager
    def run_all_layers(self) -> Iterator[None]:
        """Compute the frozen layers too inside the block, where another adapter may change them."""
        frozen = self.frozen
        self.frozen = FrozenLayers(self.module, 0)
        try:
            yield
        finally:
            self.frozen = frozen

    def use_attention(self) -> AbstractContextManager[None]:
        """Return a context in which the model's attention is as `states` needs it."""
        if self.can_pack:
            return use_packed_attention(self.module)
        return use_attention(self.module, EAGER) if self.pads_eagerly else nullcontext()

    def pack(self, rows: Sequence[TrainingRow]) -> PackedBatch:
        """Pack rows onto this model's device."""
        hooks = get_active_hooks(self.module)
        if hooks is None:
            return pack_rows(rows, self.device)
        return pack_rows(
            rows, self.device, hooks.num_virtual_tokens, hooks.num_edited_suffix_tokens
        )

    def states(self, batch: PackedBatch) -> Tensor:
        """Return the hidden state before each answer token: (N, D), contiguous, gathered before the
        head.
        """
        return self._packed_states(batch) if self.can_pack else self._sequence_states(batch)

    def _packed_states(self, batch: PackedBatch) -> Tensor:
        hooks = get_active_hooks(self.module)
        at = hooks.at(batch.places()) if hooks and hooks.needs_positions else nullcontext()
        with at, self.frozen.skip(batch):
            out = self.decoder(
                input_ids=batch.ids,
                position_ids=batch.positions,
                strips=batch.strips,
                use_cache=False,
            )
        return out.last_hidden_state[0].index_select(0, batch.states)  # type: ignore[no-any-return]

    def _sequence_states(self, batch: PackedBatch) -> Tensor:
        pairs: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        for row in batch.rows:
            pairs += [(row.prompt, answer) for answer in row.answers]
        prefix: Prefix = []
        shared = 0
        if self._may_share_beginning():
            shared = batch.num_shared_tokens
            prefix = compute_prefix(self.module, pairs[0][0][:shared])
        found: dict[int, Tensor] = {}
        for group in _group_by_length([len(prompt) + len(answer) for prompt, answer in pairs]):
            sequences = []
            for i in group:
                prompt, answer = pairs[i]
                sequences.append(([*prompt[shared:], *answer], len(prompt)))
            hidden = compute_hidden(self.module, sequences, prefix)
            for i, states in zip(group, hidden, strict=True):
                prompt, answer = pairs[i]
                first = len(prompt) - shared - 1
                found[i] = states[first : first + len(answer)]
        return torch.cat([found[i] for i in range(len(pairs))])

    def _may_share_beginning(self) -> bool:
        """Return whether a beginning may be read once. Hooks need every token's position, and a
        layer that is computed again for the backward pass would find its own keys in the cache.
        """
        is_hooked = get_active_hooks(self.module) is not None
        return self.has_attention_alone and not is_hooked and self.run_piece is run_directly

    def token_logp(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return nats per answer token: (N,) float32."""
        return self.token_logps(hidden, targets[:, None])[:, 0]

    def token_logps(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Return the log-probabilities of tokens in nats: (N, D), (N, K) -> (N, K) float32."""
        if self.has_plain_head:
            return compute_token_logps(hidden, self.module.get_output_embeddings().weight, ids)

        def piece(states: Tensor, tokens: Tensor) -> Tensor:
            return torch.log_softmax(self.head(states).float(), -1).gather(1, tokens)

        return torch.cat([self.run_piece(piece, hidden[p], ids[p]) for p in _split_rows(hidden)])

    def apply_to_logits(self, hidden: Tensor, work: LogitsFunction) -> Tensor:
        """Return `work` of the logits of all states: (N, D) -> (N,) float32. It takes some
        positions at a time, so that not all logits are kept.
        """
        if self.has_plain_head:
            return apply_to_logits(hidden, self.module.get_output_embeddings().weight, work)

        def piece(states: Tensor, part: slice) -> Tensor:
            return work(self.head(states), part)

        return torch.cat([self.run_piece(piece, hidden[p], p) for p in _split_rows(hidden)])


def _make_probe_rows(module: Any) -> list[TrainingRow]:
    """Return a few rows with a common beginning."""
    limit = min(module.get_input_embeddings().num_embeddings, 100)

    def tokens(*numbers: int) -> tuple[int, ...]:
        return tuple(number * 7 % limit for number in numbers)

    answers = (tokens(5, 9, 2), tokens(8, 3))
    return [
        TrainingRow(i, "", "", tokens(1, 2, 3, *range(4 + i, 9 + 2 * i)), answers, {})
        for i in range(3)
    ]


def _is_close(ours: Tensor, theirs: Tensor) -> bool:
    return bool((ours - theirs).float().norm() <= PROBE_TOLERANCE * theirs.float().norm())


def explain_why_not_packed(module: Any) -> str:
    """Return why the untouched module does not take packed rows, or an empty text."""
    nothing = FullAdapter(module, {})
    try:
        return PackedModel(module, nothing).obstacle
    finally:
        nothing.detach()


def _group_by_length(lengths: Sequence[int]) -> list[list[int]]:
    """Return groups of indices, the longest first; padding makes no sequence longer by more than a
    quarter.
    """
    groups: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if not groups or lengths[i] < MIN_SHARE_OF_LONGEST * lengths[groups[-1][0]]:
            groups.append([])
        groups[-1].append(i)
    return groups


def _split_rows(hidden: Tensor) -> list[slice]:
    """Return parts of at most HEAD_ROWS rows."""
    return [slice(start, start + HEAD_ROWS) for start in range(0, len(hidden), HEAD_ROWS)]
