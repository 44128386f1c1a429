"""Several datasets in one training. Every epoch takes the configured share of each dataset, and
repeats a kind of example that would be too rare.

Multi-task training and replay are the same thing here: replay is an old task with a small share.
"""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from selfteach.errors import UsageError
from selfteach.records import Example
from selfteach.train.dataset_shares import check_dataset_shares
from selfteach.train.encode_and_batch import TrainingRow, shuffle_into_batches

DATASET_KEY = "dataset"
"""The key of an example's `source` that names its dataset."""


def tag_with_dataset(datasets: Mapping[str, Sequence[Example]]) -> list[Example]:
    """Return all examples with their dataset's name, also in the id: two datasets may have equal
    ids.
    """
    found: list[Example] = []
    for name, examples in datasets.items():
        for e in examples:
            tagged = replace(e, id=f"{name}/{e.id}", source={**e.source, DATASET_KEY: name})
            found.append(tagged)
    return found


class DatasetMixture:
    """Mix the rows of several datasets in given proportions. Without proportions every epoch has
    all rows, but for kinds that are seen once.

    An epoch has as many rows as there are in all. It repeats each dataset in shuffled passes and
    continues where the epoch before stopped. A small dataset is therefore repeated evenly, and no
    row of a large one is repeated before all have been used. The rows of an epoch depend on the
    seed and the epoch's number alone, so a resumed training has the same.

    Args:
        shares: the share of each dataset, by name. They need not sum to 1.
        min_shares: the smallest share of each kind of example in an epoch, in [0, 1]; used only
            without proportions. Missing rows are repetitions.
        once: the kinds of example that are spread over the epochs: each epoch has an equal part of
            them, rounded up, and they come around once. Where they do not divide, the last epochs
            repeat rows, so that all are as long, and each has a row of a kind that has fewer rows
            than there are epochs. Used only without proportions.
        epochs: how many epochs there will be.
        max_steps: the number of steps instead, 0 for none. No row of the kinds that are seen once
            comes twice within them. The parts stay those of the epochs where the steps are fewer: a
            trial has the mixture of the training that it stands for. Where they are more, there are
            more epochs with smaller parts.
        batch_size: the rows of a step.

    Raises:
        UsageError: the proportions do not name the datasets of the rows; or all kinds are seen
            once, and fill too few steps.
    """

    def __init__(
        self,
        rows: Sequence[TrainingRow],
        shares: Mapping[str, float],
        seed: int,
        min_shares: Mapping[str, float] | None = None,
        once: Sequence[str] = (),
        epochs: int = 1,
        max_steps: int = 0,
        batch_size: int = 1,
    ) -> None:
        self.rows = list(rows)
        self.seed = seed
        self.sources = _group_rows(rows, lambda row: row.dataset)
        check_dataset_shares(shares, self.sources)
        total = sum(shares.values())
        self.shares = {name: shares[name] / total for name in self.sources if shares}
        self._used = [dict.fromkeys(self.shares, 0)]
        self.kinds = _group_rows(rows, lambda row: row.kind)
        self._once = [kind for kind in once if kind in self.kinds and not shares]
        self._min_shares = {} if shares else min_shares or {}
        self._spread_over_epochs(epochs, repeats=not max_steps)
        if self._once and max_steps:
            self._spread_over_steps(epochs, max_steps, batch_size)

    def _spread_over_epochs(self, epochs: int, *, repeats: bool) -> None:
        """Give each epoch its part of the kinds that are seen once.

        Args:
            repeats: whether the last epochs repeat rows, so that all parts are equal.
        """
        self._edges = {
            kind: find_epoch_edges(len(self.kinds[kind]), epochs, repeats=repeats)
            for kind in self._once
        }
        self._num_other = sum(row.kind not in self._edges for row in self.rows)
        distinct = self._num_other + sum(edges[1] for edges in self._edges.values())
        counts = {kind: len(self.kinds[kind]) for kind in self._min_shares if kind in self.kinds}
        self.repetitions = count_missing_rows(counts, distinct, self._min_shares)

    def _spread_over_steps(self, epochs: int, max_steps: int, batch_size: int) -> None:
        while (steps := self._count_all_steps(epochs, batch_size)) < max_steps:
            epochs = math.ceil(epochs * max_steps / steps)
            if epochs > max_steps:  # with a row of another kind in each, there is a step for each
                raise UsageError(
                    f"the {len(self.rows)} rows that there are fill {steps} of {max_steps} steps: "
                    "each of them is seen once.",
                    where="train.max_steps",
                    cure="Lower it, or leave a kind out of train.once.",
                )
            self._spread_over_epochs(epochs, repeats=False)

    def _count_all_steps(self, epochs: int, batch_size: int) -> int:
        """Return how many steps all epochs have together."""
        return sum(math.ceil(self.count_rows(number) / batch_size) for number in range(epochs))

    @property
    def size(self) -> int:
        """Return how many rows the first epoch has; no other has more."""
        return self.count_rows(0)

    def count_rows(self, number: int) -> int:
        """Return how many rows an epoch has, counted from 0."""
        parts = sum(edges[number + 1] - edges[number] for edges in self._edges.values())
        return self._num_other + parts + sum(self.repetitions.values())

    def epoch(self, number: int) -> list[TrainingRow]:
        """Return the rows of an epoch, counted from 0."""
        if not self.shares:
            found = [row for row in self.rows if row.kind not in self._edges]
            for kind, n in self.repetitions.items():
                found += self._stream(kind, self.kinds[kind], number * n, (number + 1) * n)
            for kind, edges in self._edges.items():
                found += self._stream(kind, self.kinds[kind], edges[number], edges[number + 1])
            return found
        starts, ends = self._count_used(number), self._count_used(number + 1)
        found = []
        for name, rows in self.sources.items():
            found += self._stream(name, rows, starts[name], ends[name])
        return found

    def _count_used(self, epochs: int) -> dict[str, int]:
        """Return how many rows of each dataset come before an epoch. Each row is one of the dataset
        that lacks most of its share, so counts only grow, and add up to whole epochs.
        """
        while len(self._used) <= epochs:
            used = dict(self._used[-1])
            total = sum(used.values())
            for count in range(total + 1, total + len(self.rows) + 1):
                lacks = {name: count * share - used[name] for name, share in self.shares.items()}
                used[max(lacks, key=lambda name: lacks[name])] += 1
            self._used.append(used)
        return self._used[epochs]

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


def find_epoch_edges(count: int, epochs: int, *, repeats: bool) -> list[int]:
    """Return where each epoch's part of rows that are seen once begins, and where the last ends.

    Args:
        count: the rows.
        repeats: whether all parts are equal, so that the last ones may end beyond the rows.
    """
    if repeats:
        part = math.ceil(count / epochs)
        return [number * part for number in range(epochs + 1)]
    return [min(math.ceil(count * number / epochs), count) for number in range(epochs + 1)]


def _group_rows(
    rows: Sequence[TrainingRow], key: Callable[[TrainingRow], str]
) -> dict[str, list[TrainingRow]]:
    """Return the rows by key, the keys in sorted order."""
    found: dict[str, list[TrainingRow]] = {}
    for row in sorted(rows, key=key):
        found.setdefault(key(row), []).append(row)
    return found


class Epochs:
    """Return the batches of all epochs, which depend on the seed and the epoch's number alone."""

    def __init__(self, mixture: DatasetMixture, batch_size: int, seed: int) -> None:
        self.mixture = mixture
        self.batch_size = batch_size
        self.seed = seed
        self.steps = math.ceil(mixture.size / batch_size)
        """Of the first epoch; no other has more."""
        self._starts = [0]
        self._epoch_batches: dict[int, list[list[TrainingRow]]] = {}

    def batches(self, epoch: int) -> list[list[TrainingRow]]:
        """Return the batches of an epoch, counted from 0; only those of the last one are cached."""
        if epoch not in self._epoch_batches:
            rows = self.mixture.epoch(epoch)
            self._epoch_batches = {
                epoch: shuffle_into_batches(rows, self.batch_size, self.seed, epoch)
            }
        return self._epoch_batches[epoch]

    def batch(self, step: int) -> list[TrainingRow]:
        """Return the batch of a step, counted from 0."""
        while self._starts[-1] <= step:
            rows = self.mixture.count_rows(len(self._starts) - 1)
            self._starts.append(self._starts[-1] + math.ceil(rows / self.batch_size))
        epoch = bisect(self._starts, step) - 1
        return self.batches(epoch)[step - self._starts[epoch]]

    def used(self, steps: int) -> set[int]:
        """Return the numbers of the rows that the first steps train."""
        return {row.number for step in range(steps) for row in self.batch(step)}


def count_missing_rows(
    counts: Mapping[str, int], total: int, min_shares: Mapping[str, float]
) -> dict[str, int]:
    """Return how many more rows each kind needs to reach its smallest share of all rows.

    An epoch of n rows has n min_share_k rows of each kind that falls short, so n = (the rows of all
    other kinds) / (1 - the sum of these shares). The kind that comes nearest to its share is the
    first to be taken out of them, because n then only grows, and never beyond that kind's rows.

    Args:
        counts: the rows of each kind, at least one.
        total: the rows of all kinds in an epoch, also of those that are not counted.
        min_shares: sums to less than 1.
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
