"""How many tokens are computed at once: as many as the settings allow and the memory holds.

Before the first step the memory of the longest micro-batch is counted, and what cannot fit is
refused. Where memory runs out all the same, the work is done again in smaller parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

import torch

from selfteach.errors import ResourceError
from selfteach.train import loss
from selfteach.train.activation_checkpointing import run_directly, run_layers_with
from selfteach.train.batch import TrainingRow
from selfteach.train.distributed import ProcessGroup, run_in_module
from selfteach.train.fast.forward import PackedModel
from selfteach.train.loss import count_units
from selfteach.train.memory import ActivationCounter, MemoryEstimate, is_out_of_memory
from selfteach.train.objectives import Objective
from selfteach.train.reference import Reference

T = TypeVar("T")


class MicroBatchSize:
    """The tokens that are computed at once, now.

    Args:
        tokens: `train.micro_batch_tokens`.
        on_halving: is told the new number of tokens.
    """

    def __init__(
        self,
        tokens: int,
        student: PackedModel,
        processes: ProcessGroup,
        on_halving: Callable[[int], None],
    ) -> None:
        self.tokens = tokens
        self.halvings = 0
        self.student = student
        self.processes = processes
        self.on_halving = on_halving

    def retry(self, rows: Sequence[TrainingRow], work: Callable[[], T]) -> T:
        """Do work on rows; where memory runs out, do it again in smaller parts.

        Raises:
            ResourceError: one row alone does not fit.
        """
        while True:
            try:
                with self.student.use_attention():
                    return work()
            except (MemoryError, RuntimeError) as fault:  # torch.OutOfMemoryError is a RuntimeError
                if not is_out_of_memory(fault):
                    raise
            self._halve_micro_batch(rows)

    def _halve_micro_batch(self, rows: Sequence[TrainingRow]) -> None:
        longest = max(row.length for row in rows)
        if self.processes.sharded:
            raise ResourceError(
                f"{self.tokens} tokens at once do not fit into memory.",
                where="train.micro_batch_tokens",
                cure="Lower it: processes that share their weights cannot try again alone.",
            )
        if self.tokens < longest:
            raise ResourceError(
                f"one row of {longest} tokens does not fit into memory.",
                cure="Lower train.max_tokens, or use a smaller model or rank.",
            )
        self.tokens = min(self.tokens, sum(row.length for row in rows)) // 2
        self.halvings += 1
        self.on_halving(self.tokens)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def fit_micro_batch(
    tuned: PackedModel,
    reference: Reference,
    objectives: Mapping[str, Objective],
    batches: Iterable[Sequence[TrainingRow]],
    estimate: Callable[[int, int], MemoryEstimate],
    processes: ProcessGroup,
    name: str,
    recomputes: bool,
    budget: int,
) -> tuple[MemoryEstimate, int]:
    """Return the account with the longest micro-batch of these batches, and the tokens that fit at
    once: `micro_batch_tokens`, or fewer.

    Several processes count the same one, so that all make the same passes; the one that lacks most
    decides for all.

    Args:
        counted: the account for activations of so many bytes and tokens.

    Raises:
        ResourceError: one row alone does not fit.
    """
    every = list(batches)
    while True:
        longest = _find_longest(every, processes, budget)
        tokens = sum(row.length for row in longest)
        size = measure_activation_bytes(
            tuned, reference, objectives, longest, budget, processes, recomputes
        )
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
    tuned: PackedModel,
    reference: Reference,
    objectives: Mapping[str, Objective],
    rows: list[TrainingRow],
    budget: int,
    processes: ProcessGroup,
    recomputes: bool,
) -> int:
    """Return the bytes that the backward pass of these rows will find kept, from a forward pass
    that keeps nothing.
    """
    tuned.adapter.begin_step()
    known = reference.learn(rows, budget)
    kept = ActivationCounter(tuned.module, tuned.adapter.parameters())
    layers = (
        run_layers_with(tuned.module, kept.run_piece)
        if recomputes or processes.sharded
        else nullcontext()
    )
    counts = count_units(objectives, rows)
    work = partial(loss.compute_loss, tuned, rows, objectives, counts, known)
    tuned.run_piece = kept.run_piece
    try:
        with tuned.use_attention(), layers, kept.count_saved_tensors():
            run_in_module(tuned.module, work)
    finally:
        tuned.run_piece = run_directly
    return kept.bytes(recomputes)
