"""Several datasets in one training: every epoch takes from each of them the share that is asked
for; and a kind of example that would be too rare beside the others comes more often.

Multi-task training and replay are the same thing here: replay is an old task with a small share.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from selfteach.errors import UsageError
from selfteach.records import Example
from selfteach.registry import did_you_mean
from selfteach.train.batch import TrainingRow, shuffle_into_batches

DATASET_KEY = "dataset"
"""The key of an example's `source` that says which dataset it belongs to."""


def tag_with_dataset(datasets: Mapping[str, Sequence[Example]]) -> list[Example]:
    """Return all examples, each with its dataset's name, which also keeps equal ids of two datasets
    apart.
    """
    return [
        replace(example, id=f"{name}/{example.id}", source={**example.source, DATASET_KEY: name})
        for name, examples in datasets.items()
        for example in examples
    ]


class DatasetMixture:
    """Rows of several datasets in given proportions; without proportions simply all rows, every
    epoch.

    An epoch has as many rows as there are in all. Each dataset is gone through in a shuffled order,
    over and over, and an epoch goes on where the one before stopped: a small dataset is repeated
    evenly, and of a large one nothing comes twice before all has come once. Which rows an epoch has
    depends on the seed and its number alone, so a training that is resumed sees the same.

    Args:
        shares: by dataset.
        least: by kind, its least share of an epoch, where there are no proportions: what is missing
            is taken from its rows over and over.

    Raises:
        UsageError: the proportions do not name the datasets that are there.
    """

    def __init__(
        self,
        rows: Sequence[TrainingRow],
        shares: Mapping[str, float],
        seed: int,
        least: Mapping[str, float] | None = None,
    ) -> None:
        self.rows = list(rows)
        self.seed = seed
        self.sources = {
            name: [row for row in rows if row.dataset == name]
            for name in sorted({row.dataset for row in rows})
        }
        if shares and (lost := sorted(shares.keys() ^ self.sources.keys())):
            what = (
                f"names no dataset {lost[0]!r}."
                if lost[0] in self.sources
                else f"names {lost[0]!r}, which has no rows."
            )
            raise UsageError(
                what,
                where="train.dataset_shares",
                cure=f"Name every dataset once. {did_you_mean(lost[0], self.sources)}",
            )
        self.shares = (
            {name: shares[name] / sum(shares.values()) for name in self.sources} if shares else {}
        )
        self.kinds = {kind: [row for row in rows if row.kind == kind] for kind in (least or {})}
        self.more = (
            {}
            if shares
            else count_missing_rows(
                {kind: len(of) for kind, of in self.kinds.items() if of}, len(rows), least or {}
            )
        )

    @property
    def size(self) -> int:
        """Return how many rows an epoch has."""
        return len(self.rows) + sum(self.more.values())

    def epoch(self, number: int) -> list[TrainingRow]:
        """Return the rows of an epoch, counted from 0."""
        if not self.shares:
            again = [
                self._stream(kind, self.kinds[kind], number * n, (number + 1) * n)
                for kind, n in self.more.items()
            ]
            return [*self.rows, *itertools.chain.from_iterable(again)]
        starts = self._taken(number)
        ends = self._taken(number + 1)
        return [
            row
            for name, rows in self.sources.items()
            for row in self._stream(name, rows, starts[name], ends[name])
        ]

    def _taken(self, epochs: int) -> dict[str, int]:
        """Return how many rows each dataset has given before an epoch: cumulative shares, rounded,
        so that they add up to whole epochs.
        """
        total = epochs * len(self.rows)
        edges = [0, *(round(total * share) for share in itertools.accumulate(self.shares.values()))]
        return {
            name: high - low
            for name, (low, high) in zip(self.shares, itertools.pairwise(edges), strict=True)
        }

    def _stream(
        self, name: str, rows: Sequence[TrainingRow], start: int, end: int
    ) -> list[TrainingRow]:
        """Return a part of an endless sequence of shuffled passes."""
        found: list[TrainingRow] = []
        for turn in range(start // len(rows), -(-end // len(rows))):
            shuffled = random.Random(f"{self.seed}/{name}/{turn}").sample(rows, len(rows))
            first = turn * len(rows)
            found += shuffled[max(start - first, 0) : end - first]
        return found


class Epochs:
    """The batches of all epochs, which depend on the seed and the epoch's number alone."""

    def __init__(self, mixture: DatasetMixture, batch_size: int, seed: int) -> None:
        self.mixture = mixture
        self.batch_size = batch_size
        self.seed = seed
        self.steps = math.ceil(mixture.size / batch_size)
        self._epoch_batches: dict[int, list[list[TrainingRow]]] = {}

    def batches(self, epoch: int) -> list[list[TrainingRow]]:
        """Return the batches of an epoch, counted from 0; only the last one asked for is kept."""
        if epoch not in self._epoch_batches:
            rows = self.mixture.epoch(epoch)
            self._epoch_batches = {
                epoch: shuffle_into_batches(rows, self.batch_size, self.seed, epoch)
            }
        return self._epoch_batches[epoch]

    def batch(self, step: int) -> list[TrainingRow]:
        """Return the batch of a step, counted from 0."""
        epoch, place = divmod(step, self.steps)
        return self.batches(epoch)[place]

    def used(self, steps: int) -> set[int]:
        """Return the numbers of the rows that the first steps train."""
        return {row.number for step in range(steps) for row in self.batch(step)}


def count_missing_rows(
    counts: Mapping[str, int], total: int, min_shares: Mapping[str, float]
) -> dict[str, int]:
    """Return how many more rows of each kind make its share of all at least its `least`.

    An epoch of n rows has n least_k of each kind that falls short, so n = (the rows of all other
    kinds) / (1 - the sum of these shares). Who has the most of what is asked for is left out of
    these first: n only grows by it, and never beyond what that kind has.

    Args:
        counts: the rows of each kind, at least one.
        total: the rows of all kinds, also of those that are not counted.
        least: sums to less than 1.
    """
    short = sorted(
        (kind for kind in counts if min_shares[kind]),
        key=lambda kind: counts[kind] / min_shares[kind],
    )
    while short:
        size = (total - sum(counts[kind] for kind in short)) / (
            1 - sum(min_shares[kind] for kind in short)
        )
        if counts[short[-1]] < min_shares[short[-1]] * size:
            break
        short.pop()
    return {
        kind: math.ceil(min_shares[kind] * size) - counts[kind] if kind in short else 0
        for kind in counts
    }
