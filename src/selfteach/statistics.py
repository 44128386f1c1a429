"""Numbers with their 95 % intervals; everything is seeded and vectorised, every degenerate case
defined.

Source: Wilson (1927) for a share; Newcombe (1998) for two shares of the same units; the percentile
bootstrap (Efron 1979) for everything else, expanded for few units (Hesterberg 2015). It resamples
whole units (prompts, answers), because several completions or tokens of one unit are not
independent. Where units go together in clusters (questions about one passage), an interval is the
wider one of two: its own, and the bootstrap of whole clusters (Miller 2024).

Departs: a bootstrap of equal values has no width, which claims certainty from, say, 12 prompts. If
the possible range is known, the interval then gets the width that Wilson's has for 0 of n; n counts
clusters of a share or a mean, where there are several, and units of a difference. If it is not
known, there is no interval (`has_interval`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfteach.records import NO_WIDTH, Measure

Z = 1.959964  # the normal deviate of 95 %, two-sided
RESAMPLES = 4000
MIN_DENOMINATOR = 0.1
_CHUNK = 1 << 21  # numbers held at once
Vector = NDArray[np.float64]
ResampleIndices = NDArray[np.int32]
Limits = tuple[float, float]


def share(
    flags: Sequence[bool] | NDArray[np.bool_], clusters: Sequence[Hashable] = (), *, seed: int = 0
) -> Measure:
    """Return the share of true flags in [0, 1], with Wilson's interval.

    With p = k/n, the interval is (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n). For 0
    of n it is [0, z^2/(n + z^2)]. Without flags the share is 0 within [0, 1], n = 0.

    Args:
        clusters: (n,) the cluster of each flag, where flags of one cluster go together, such as
            questions about one passage. The interval is then the wider one of two, as of
            `clustered_bootstrap`. Where all flags are equal, Wilson's n counts the clusters. None
            means that each flag is one.

    Raises:
        ValueError: the lengths differ.
    """
    found = np.asarray(flags, dtype=np.float64)
    n = found.size
    if n == 0:
        return Measure(0.0, 0.0, 1.0, 0)
    p = float(found.mean())
    middle = p + Z**2 / (2 * n)
    half = Z * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    alone = Measure(
        p,
        max(0.0, float((middle - half) / scale)) if p else 0.0,
        min(1.0, float((middle + half) / scale)) if p < 1 else 1.0,
        n,
    )
    return _widen_for_clusters(alone, found, clusters, seed, (0.0, 1.0)) if clusters else alone


def mean(
    values: ArrayLike,
    clusters: Sequence[Hashable] = (),
    *,
    seed: int = 0,
    limits: Limits | None = None,
) -> Measure:
    """Return the mean of one value a unit, with its bootstrap interval.

    Args:
        values: (n,) one number a unit, for instance the share of a prompt's completions that keep
            the rule.
        clusters: (n,) the cluster of each unit, as of `share`.
        limits: the least and greatest value that a unit can have, if they are known.

    Raises:
        ValueError: the lengths differ.
    """
    found = _to_vector(values)
    if found.size == 0:
        return Measure(0.0, *(limits or (0.0, 0.0)), 0)
    value = float(found.mean())
    alone = _bootstrap(lambda rows: found[rows].mean(1), value, found.size, seed, limits)
    return _widen_for_clusters(alone, found, clusters, seed, limits) if clusters else alone


def ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    *,
    seed: int = 0,
    limits: Limits | None = None,
) -> Measure:
    """Return sum over sum, with units resampled as a whole: nats over tokens, by answer.

    Args:
        numerators, denominators: (n,) of each unit; denominators are not negative. If their sum is
            0, the result is 0, n = 0. n counts units.
    """
    over = _to_vector(numerators)
    under = _to_vector(denominators)
    if under.size == 0 or under.sum() == 0:
        return Measure(0.0, *(limits or (0.0, 0.0)), 0)
    value = float(over.sum() / under.sum())

    def divide_sums(rows: ResampleIndices) -> Vector:
        below = under[rows].sum(1)
        return np.where(below > 0, over[rows].sum(1) / np.where(below > 0, below, 1.0), value)

    return _bootstrap(divide_sums, value, under.size, seed, limits)


def clustered_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    clusters: Sequence[Hashable],
    *,
    seed: int = 0,
    limits: Limits | None = None,
) -> Measure:
    """Return sum over sum as `ratio`, with clusters resampled as a whole; n counts clusters.

    Args:
        numerators, denominators: (n,) of each unit, for instance nats and tokens of an answer.
        clusters: (n,) the cluster of each unit, for instance its prompt.
        limits: the least and greatest value that a unit can have, if they are known.

    Raises:
        ValueError: the lengths differ.
    """
    over, under = _to_paired_vectors(numerators, denominators)
    rows = number_clusters(clusters, over.size)
    if not over.size:
        return ratio((), (), limits=limits)
    return ratio(np.bincount(rows, over), np.bincount(rows, under), seed=seed, limits=limits)


def paired_bootstrap(
    a: ArrayLike, b: ArrayLike, *, seed: int = 0, limits: Limits | None = (-1.0, 1.0)
) -> Measure:
    """Return mean(a) - mean(b) over the same units, the pairs resampled together.

    Args:
        a, b: (n,) values of the same unit in the same place: flags, shares, scores.
        limits: the least and greatest difference that a unit can have; (-1, 1) for shares, None
            where there is none.

    Raises:
        ValueError: the lengths differ.
    """
    left, right = _to_paired_vectors(a, b)
    return mean(left - right, seed=seed, limits=limits)


def compare_shares(a: Sequence[bool], b: Sequence[bool]) -> Measure:
    """Return the share of true flags in a minus that in b, over the same units.

    A bootstrap of a few changed flags that all point one way never reaches 0: 4 of 60 are above it,
    though chance does that in one of eight exams. This interval needs 5.

    Source: Newcombe 1998 (Statistics in Medicine 17, 2635), method 10: Wilson's intervals of both
    shares, joined with the correlation of the flags, which is corrected for continuity.

    Args:
        a, b: (n,) flags of the same unit in the same place.

    Raises:
        ValueError: the lengths differ.
    """
    left, right = _to_paired_vectors(a, b)
    n = left.size
    if n == 0:
        return Measure(0.0, -1.0, 1.0, 0)
    one, other = share(left > 0), share(right > 0)
    both = float(left @ right)
    ones, others = float(left.sum()), float(right.sum())
    excess = n * both - ones * others  # as the table's product of diagonals
    if excess > 0:
        excess = max(excess - n / 2, 0.0)
    spread = float(np.sqrt(ones * (n - ones) * others * (n - others)))
    correlation = excess / spread if spread else 0.0

    def join(first: float, second: float) -> float:
        squared = first**2 - 2 * correlation * first * second + second**2
        return float(np.sqrt(max(squared, 0.0)))

    value = (ones - others) / n
    low = value - join(one.value - one.low, other.high - other.value)
    high = value + join(one.high - one.value, other.value - other.low)
    return Measure(value, low, high, n)


def clustered_bootstrap(
    a: ArrayLike, b: ArrayLike, clusters: Sequence[Hashable], *, seed: int = 0
) -> Measure:
    """Return mean(a) - mean(b) as `paired_bootstrap`, with an interval that holds where units of
    one cluster go together, such as questions about one passage.

    It is the wider one of two: units resampled alone, and clusters resampled as a whole. With
    fewer than six clusters the second is still too narrow. A single cluster tells nothing of the
    spread between clusters: the interval is then that of the units alone.

    Source: Miller 2024 (arXiv 2411.00640): an interval that ignores clusters is too narrow.

    Args:
        clusters: (n,) the cluster of each unit.

    Raises:
        ValueError: the lengths differ.
    """
    alone = paired_bootstrap(a, b, seed=seed)
    left, right = _to_paired_vectors(a, b)
    return _widen_for_clusters(alone, left - right, clusters, seed)


def _widen_for_clusters(
    alone: Measure,
    values: Vector,
    clusters: Sequence[Hashable],
    seed: int,
    limits: Limits | None = None,
) -> Measure:
    """Return the mean of some values with the wider one of two intervals: the one of the values
    alone, and the one of clusters resampled as a whole. One cluster has only the first.

    Args:
        limits: the range of a value. It widens the second interval where all values are equal.

    Raises:
        ValueError: there is not one cluster for each value.
    """
    rows = number_clusters(clusters, values.size)
    if rows.max(initial=0) < 1:
        return alone
    alike = values.min() == values.max()
    together = ratio(
        np.bincount(rows, values),
        np.bincount(rows),
        seed=seed,
        limits=limits if alike else None,
    )
    return _widen(alone, together)


def number_clusters(clusters: Sequence[Hashable], size: int) -> NDArray[np.int64]:
    """Return the number of each unit's cluster, 0, 1, ... as they first occur.

    Raises:
        ValueError: there is not one for each unit.
    """
    if len(clusters) != size:
        raise ValueError(f"{len(clusters)} clusters for {size} units")
    place: dict[Hashable, int] = {}
    numbers = [place.setdefault(name, len(place)) for name in clusters]
    return np.array(numbers, dtype=np.int64)


def _widen(alone: Measure, together: Measure) -> Measure:
    """Return a measure with the bounds of two intervals that are the further ones."""
    low = min(alone.low, together.low)
    return Measure(alone.value, low, max(alone.high, together.high), alone.n)


def recovery(
    tuned: ArrayLike,
    prompted: ArrayLike,
    base: ArrayLike,
    clusters: Sequence[Hashable] = (),
    *,
    seed: int = 0,
) -> Measure | None:
    """Return AR = (tuned - base) / (prompted - base), the weights' part of the prompt's effect.

    AR is 1 if the weights do all that the prompt does. It is None if prompted - base < 0.1: the
    prompted model does not follow, or does worse than the base, and the quotient has no meaning. In
    resamples the denominator is at least 0.01, so that every bound is finite. It has no interval
    where every resample is equal, as of one unit, or where the weights do nothing or all.

    Args:
        tuned, prompted, base: (n,) values of the same units.
        clusters: (n,) the cluster of each unit, as of `clustered_bootstrap`; none means that each
            unit is one.

    Raises:
        ValueError: the lengths differ.
    """
    t, p, b = _to_paired_vectors(tuned, prompted, base)
    gain = t - b
    room = p - b
    under = float(room.mean()) if t.size else 0.0
    if under < MIN_DENOMINATOR - 1e-12:
        return None

    def divide_sums(over: Vector, below: Vector, sizes: Vector) -> Measure:
        """Return the quotient with units of these sums and sizes resampled."""

        def divide(rows: ResampleIndices) -> Vector:
            count = sizes[rows].sum(1)
            quotients: Vector = over[rows].sum(1) / np.maximum(below[rows].sum(1), 0.01 * count)
            return quotients

        return _bootstrap(divide, float(gain.mean() / under), over.size, seed)

    alone = divide_sums(gain, room, np.ones_like(gain))
    if not clusters:
        return alone
    rows = number_clusters(clusters, gain.size)
    if rows.max(initial=0) < 1:
        return alone
    gains, rooms, sizes = (
        _to_vector(np.bincount(rows, one)) for one in (gain, room, np.ones_like(gain))
    )
    return _widen(alone, divide_sums(gains, rooms, sizes))


def auroc(labels: Sequence[bool], values: ArrayLike, *, seed: int = 0) -> Measure:
    """Return the probability that a true item has a higher value than a false one.

    Ties count one half. The bootstrap resamples within each label. If one label is missing, the
    result is 0.5 within [0, 1]. If no resample differs (complete separation), the interval is
    Wilson's for a share of the rarer label's count.

    Args:
        labels: (n,) whether the value should rank the item high.
        values: (n,) finite numbers.

    Raises:
        ValueError: the lengths differ, or a value is not a number.
    """
    truth, scores = _check_labels(labels, values)
    high = scores[truth]
    low = scores[~truth]
    if not high.size or not low.size:
        return Measure(0.5, 0.0, 1.0, scores.size)
    pairs = high.size * low.size
    order = np.sort(low)
    wins = (np.searchsorted(order, high, "left") + np.searchsorted(order, high, "right")) / 2
    value = float(wins.sum() / pairs)
    # (positives, negatives)
    beats = (high[:, None] > low[None, :]) + 0.5 * (high[:, None] == low[None, :])
    rng = np.random.default_rng(seed)
    resampled = []
    for count in _split_resamples(scores.size):
        rows, columns = (
            rng.multinomial(k, np.full(k, 1 / k), size=count).astype(np.float64)
            for k in (high.size, low.size)
        )
        resampled.append(((rows @ beats) * columns).sum(1) / pairs)
    rarer = min(high.size, low.size)
    interval = _compute_interval(value, np.concatenate(resampled), rarer, (0.0, 1.0))
    return Measure(value, *interval, scores.size)


def best_threshold(labels: Sequence[bool], values: ArrayLike) -> float:
    """Return the threshold t of "true if value > t" with the highest balanced accuracy.

    It is the middle of the widest gap that has this accuracy. If no gap is better than "false" for
    everything, it is the greatest value, which has that effect.

    Raises:
        ValueError: the lengths differ, a value is not a number, or there is none.
    """
    truth, scores = _check_labels(labels, values)
    if not scores.size:
        raise ValueError("no values to choose a threshold from")
    cuts = np.unique(scores)
    if cuts.size == 1 or truth.all() or not truth.any():
        return float(cuts[-1])
    above = np.array([truth[scores > cut].sum() / truth.sum() for cut in cuts[:-1]])
    below = np.array([(~truth)[scores <= cut].sum() / (~truth).sum() for cut in cuts[:-1]])
    balanced = np.round((above + below) / 2, 12)
    gaps = np.diff(cuts)
    if balanced.max() <= 0.5:
        return float(cuts[-1])
    best = max(range(gaps.size), key=lambda i: (balanced[i], gaps[i]))
    return float(cuts[best] + gaps[best] / 2)


def _check_labels(labels: Sequence[bool], values: ArrayLike) -> tuple[NDArray[np.bool_], Vector]:
    truth = np.asarray(labels, dtype=bool).ravel()
    scores = _to_vector(values)
    if truth.size != scores.size:
        raise ValueError(f"{truth.size} labels for {scores.size} values")
    return truth, scores


def _to_vector(values: ArrayLike) -> Vector:
    found = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(found).all():
        raise ValueError("a value is not a finite number")
    return found


def _to_paired_vectors(*values: ArrayLike) -> list[Vector]:
    vectors = [_to_vector(one) for one in values]
    sizes = [str(vector.size) for vector in vectors]
    if len(set(sizes)) > 1:
        raise ValueError(f"paired values of {' and '.join(sizes)} units")
    return vectors


def _split_resamples(width: int) -> Iterator[int]:
    """Yield RESAMPLES in parts, so that a part times `width` fits into memory."""
    part = max(1, _CHUNK // width)
    for start in range(0, RESAMPLES, part):
        yield min(part, RESAMPLES - start)


def _bootstrap(
    statistic: Callable[[ResampleIndices], Vector],
    value: float,
    n: int,
    seed: int,
    limits: Limits | None = None,
) -> Measure:
    """Return a value with the interval of its bootstrap over n units.

    The statistic takes the units of each resample (rows, n) and returns (rows,).
    """
    rng = np.random.default_rng(seed)
    parts = [
        statistic(rng.integers(n, size=(rows, n), dtype=np.int32)) for rows in _split_resamples(n)
    ]
    return Measure(value, *_compute_interval(value, np.concatenate(parts), n, limits), n)


@cache
def compute_tail(n: int) -> float:
    """Return the share of the resamples of n units that an end of the interval leaves out: .025 of
    very many, and less of few.

    A bootstrap of n units is narrower than the truth by sqrt((n - 1) / n), and knows the spread as
    badly as n units do. With Student's t of n - 1 degrees of freedom and the normal distribution
    Phi, the share is Phi(-t sqrt(n / (n - 1))).

    Source: Hesterberg 2015 (The American Statistician 69, 371), the expanded percentile interval.
    """
    from scipy.special import ndtr, stdtrit  # it loads slowly

    if n < 2:
        return 0.0
    return float(ndtr(stdtrit(n - 1, 0.025) * np.sqrt(n / (n - 1))))


def _compute_interval(
    value: float, resampled: Vector, n: int, limits: Limits | None
) -> tuple[float, float]:
    """Return the interval, widened if it has no width and the range of a unit is known.

    Its width is then the change by an unseen share of z^2/(n + z^2) units. Without a known range
    both ends are the value, which has no interval.
    """
    tail = compute_tail(n)
    low, high = np.quantile(resampled, [tail, 1 - tail])
    if high - low > NO_WIDTH:
        return float(low), float(high)
    if limits is None:
        return value, value
    unseen = Z**2 / (n + Z**2)
    return value - unseen * (value - limits[0]), value + unseen * (limits[1] - value)
