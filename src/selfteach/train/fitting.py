"""How much of a batch is computed at once: as much as the settings allow and the memory holds. What
cannot fit is refused beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial

from selfteach.train import lesson
from selfteach.train.batch import Row
from selfteach.train.lesson import units
from selfteach.train.memory import Account, Kept
from selfteach.train.objectives import Objective
from selfteach.train.parallel import Processes
from selfteach.train.recompute import at_once, layers_through
from selfteach.train.shards import here
from selfteach.train.student import Student
from selfteach.train.teacher import Teacher


def fit(
    student: Student,
    teacher: Teacher,
    objectives: Mapping[str, Objective],
    batches: Iterable[Sequence[Row]],
    counted: Callable[[int, int], Account],
    processes: Processes,
    name: str,
    recomputes: bool,
    budget: int,
) -> tuple[Account, int]:
    """The account with the longest micro-batch of these batches, and the tokens that fit at once:
    `budget`, or less.

    Several processes count the same one, so that all make the same passes; the one that lacks most
    decides for all.

    Args:
        counted: the account for activations of so many bytes and tokens.

    Raises:
        ResourceError: one row alone does not fit.
    """
    every = list(batches)
    while True:
        groups = (
            group for batch in every for part in processes.parts(batch, budget) for group in part
        )
        longest = max(
            groups,
            key=lambda rows: (sum(row.length for row in rows), max(row.length for row in rows)),
        )
        tokens = sum(row.length for row in longest)
        account = counted(
            activations(student, teacher, objectives, longest, budget, processes, recomputes),
            tokens,
        )
        worst, alone = max(
            processes.gather([(account, len(longest) == 1)]), key=lambda found: found[0].missing
        )
        if not worst.missing:
            return worst, budget
        if alone or worst.least > worst.free:
            worst.require(name, recomputes)
        budget = worst.tokens // 2


def activations(
    student: Student,
    teacher: Teacher,
    objectives: Mapping[str, Objective],
    rows: list[Row],
    budget: int,
    processes: Processes,
    recomputes: bool,
) -> int:
    """Bytes that the backward pass of these rows will find kept, from a forward pass that keeps
    nothing.
    """
    student.adapter.begin_step()
    known = teacher.learn(rows, budget)
    kept = Kept(student.module, student.adapter.parameters())
    layers = (
        layers_through(student.module, kept.apart)
        if recomputes or processes.sharded
        else nullcontext()
    )
    student.apart = kept.apart
    try:
        with student.ready(), layers, kept.counting():
            here(
                student.module,
                partial(lesson.loss, student, rows, objectives, units(objectives, rows), known),
            )
    finally:
        student.apart = at_once
    return kept.bytes(recomputes)
