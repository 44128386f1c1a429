"""The number of tokens that are computed at once: as many as the settings and the memory allow.

Before the first step the memory of the longest micro-batch is counted, and a training that cannot
fit is refused. If memory runs out later, the work is repeated in smaller parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from selfteach.errors import ResourceError, is_out_of_memory
from selfteach.models.halve_batch import release_device_cache
from selfteach.train import micro_batch_loss
from selfteach.train.activation_checkpointing import run_directly, run_layers_with
from selfteach.train.distributed import ProcessGroup, run_in_module
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.memory import ActivationCounter, MemoryEstimate
from selfteach.train.micro_batch_loss import count_units
from selfteach.train.reference import Reference

T = TypeVar("T")


@dataclass
class MicroBatchSize:
    """Hold the number of tokens that are computed at once.

    Args:
        tokens: `train.micro_batch_tokens`.
        on_halving: receives the new number of tokens.
    """

    tokens: int
    model: PackedModel
    processes: ProcessGroup
    on_halving: Callable[[int], None]
    halvings: int = 0

    def retry(self, rows: Sequence[TrainingRow], work: Callable[[], T]) -> T:
        """Do work on rows; if memory runs out, repeat it in smaller parts.

        Raises:
            ResourceError: one row alone does not fit.
        """
        while True:
            try:
                with self.model.use_attention():
                    return work()
            except (MemoryError, RuntimeError) as fault:
                if not is_out_of_memory(fault):
                    raise
            self._halve_micro_batch(rows)

    def _halve_micro_batch(self, rows: Sequence[TrainingRow]) -> None:
        longest = max(row.length for row in rows)
        if self.processes.in_step:
            raise ResourceError(
                f"{self.tokens} tokens at once do not fit into memory.",
                where="train.micro_batch_tokens",
                cure="Lower it: processes that split what they train cannot try again alone.",
            )
        if self.tokens < longest:
            raise ResourceError(
                f"one row of {longest} tokens does not fit into memory.",
                cure="Lower train.max_tokens, or use a smaller model or rank.",
            )
        self.tokens = min(self.tokens, sum(row.length for row in rows)) // 2
        self.halvings += 1
        self.on_halving(self.tokens)
        release_device_cache()


def fit_micro_batch(
    reference: Reference,
    batches: Iterable[Sequence[TrainingRow]],
    estimate: Callable[[int, int], MemoryEstimate],
    processes: ProcessGroup,
    name: str,
    recomputes: bool,
    budget: int,
) -> tuple[MemoryEstimate, int]:
    """Return the account with the longest micro-batch of these batches, and the tokens that fit at
    once: `micro_batch_tokens`, or fewer.

    Several processes count the same one, so that all make the same passes. The process with the
    least room decides for all.

    Args:
        estimate: returns the account for activations of so many bytes and tokens.

    Raises:
        ResourceError: one row alone does not fit.
    """
    every = list(batches)
    while True:
        longest = _find_longest(every, processes, budget)
        tokens = sum(row.length for row in longest)
        size = measure_activation_bytes(reference, longest, budget, processes.sharded, recomputes)
        mine = (estimate(size, tokens), len(longest) == 1)
        worst, alone = max(processes.gather([mine]), key=lambda found: found[0].missing)
        if not worst.missing:
            return worst, budget
        if alone or worst.least > worst.free:
            worst.require(name, recomputes)
        budget = worst.tokens // 2


def _find_longest(
    batches: Iterable[Sequence[TrainingRow]], processes: ProcessGroup, budget: int
) -> list[TrainingRow]:
    """Return the micro-batch with the most tokens, of those of all processes."""
    groups: list[list[TrainingRow]] = []
    for batch in batches:
        for part in processes.parts(batch, budget):
            groups += part
    return max(
        groups, key=lambda rows: (sum(row.length for row in rows), max(row.length for row in rows))
    )


def measure_activation_bytes(
    reference: Reference,
    rows: list[TrainingRow],
    budget: int,
    sharded: bool,
    recomputes: bool,
) -> int:
    """Return the bytes that these rows keep for the backward pass, from a forward pass that keeps
    nothing.
    """
    model = reference.model
    objectives = reference.objectives
    model.adapter.begin_step()
    known = reference.compute(rows, budget)
    kept = ActivationCounter(model.module, model.adapter.parameters())
    layers = (
        run_layers_with(model.module, kept.run_piece) if recomputes or sharded else nullcontext()
    )
    counts = count_units(objectives, rows)
    work = partial(micro_batch_loss.compute_loss, model, rows, objectives, counts, known)
    model.run_piece = kept.run_piece
    try:
        with model.use_attention(), layers, kept.count_saved_tensors():
            run_in_module(model.module, work)
    finally:
        model.run_piece = run_directly
    return kept.bytes(recomputes)
