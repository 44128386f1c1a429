"""Intervals and curves against numbers worked out by hand, scikit-learn, and what they promise:
coverage.
"""

import itertools
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from selfteach import statistics
from selfteach.records import Measure
from selfteach.statistics import (
    auroc,
    best_threshold,
    clustered_bootstrap,
    clustered_ratio,
    mean,
    paired_bootstrap,
    ratio,
    recovery,
    share,
)

finite = st.floats(-1e6, 1e6)


def test_wilson_by_hand():
    # 5 of 20: p = .25, z^2 = 3.8415; (.25 + .09604 +- 1.96 sqrt(.009375 + .0024009)) / 1.19207 =
    # (.34604 +- .21269) / 1.19207
    measure = share([True] * 5 + [False] * 15)
    assert (measure.value, measure.n) == (0.25, 20)
    assert measure.low == pytest.approx(0.11186, abs=1e-4)
    assert measure.high == pytest.approx(0.46870, abs=1e-4)


def test_none_of_n_leaves_room_for_what_was_not_seen():
    assert share([False] * 40) == Measure(0.0, 0.0, pytest.approx(3.8415 / 43.8415, abs=1e-4), 40)
    assert share([True] * 40) == Measure(1.0, pytest.approx(40 / 43.8415, abs=1e-4), 1.0, 40)
    assert share([]) == Measure(0.0, 0.0, 1.0, 0)


def test_wilson_covers():
    rng = np.random.default_rng(0)
    for p, n in [(0.05, 40), (0.5, 20), (0.9, 60)]:
        found = [share(rng.random(n) < p) for _ in range(2000)]
        assert np.mean([m.low <= p <= m.high for m in found]) > 0.92


@given(st.lists(st.booleans(), min_size=1, max_size=80))
@settings(deadline=None)
def test_a_share_lies_in_its_interval(flags):
    measure = share(flags)
    assert 0 <= measure.low <= measure.value <= measure.high <= 1
    assert measure.high - measure.low > 0


def test_mean_by_hand_and_against_the_normal_interval():
    values = np.random.default_rng(1).normal(3, 2, 400)
    measure = mean(values)
    half = 1.96 * values.std() / 20
    assert measure.value == pytest.approx(values.mean())
    assert measure.low == pytest.approx(values.mean() - half, abs=0.03)
    assert measure.high == pytest.approx(values.mean() + half, abs=0.03)


def test_same_values_have_no_width_unless_their_range_is_known():
    assert mean([2.0] * 10) == Measure(2.0, 2.0, 2.0, 10)
    unseen = 3.841459 / 13.841459
    assert mean([0.0] * 10, limits=(0, 1)) == Measure(0.0, 0.0, pytest.approx(unseen, abs=1e-6), 10)
    assert mean([], limits=(0, 1)) == Measure(0.0, 0, 1, 0)
    assert mean([]) == Measure(0, 0, 0, 0)
    assert not mean([0.1] * 10).has_interval, "0.1 cannot be added up without rounding"
    assert not mean([]).has_interval
    assert mean([0.0] * 10, limits=(0, 1)).has_interval


@pytest.mark.parametrize("tuned", [[0] * 5, [1] * 5])
@pytest.mark.parametrize("clusters", ["", "aabbc", "aaaaa"])
def test_a_recovery_of_nothing_or_all_has_no_interval(tuned: list[int], clusters: str) -> None:
    """0 of 5 right with a prompt that has 5 of 5: every resample says 0."""
    found = recovery(tuned, [1] * 5, [0] * 5, clusters)
    assert found is not None
    assert not found.has_interval
    assert found.value == found.low == found.high == tuned[0]
    assert recovery([1, 0, 1], [1] * 3, [0] * 3).has_interval


def test_a_change_of_flags_that_are_all_alike_keeps_a_width_by_passage() -> None:
    found = clustered_bootstrap([1] * 6, [0] * 6, "aabbcc")
    assert found == paired_bootstrap([1] * 6, [0] * 6)
    assert found.has_interval


def test_paired_difference():
    a = [1, 1, 1, 0]
    b = [0, 0, 1, 0]  # differences 1 1 0 0
    measure = paired_bootstrap(a, b)
    assert measure.value == 0.5
    assert (measure.low, measure.high, measure.n) == (0.0, 1.0, 4)
    same = paired_bootstrap([1, 0, 1], [1, 0, 1])
    assert same.value == 0
    assert -1 < same.low < 0 < same.high < 1
    with pytest.raises(ValueError, match="4 and 3 units"):
        paired_bootstrap(a, [1, 2, 3])


def test_pairing_narrows_the_interval():
    rng = np.random.default_rng(0)
    ease = rng.random(200)
    a = ease + 0.1 + rng.normal(0, 0.02, 200)
    b = ease
    assert paired_bootstrap(a, b).low > 0.09
    assert paired_bootstrap(a, rng.permutation(b)).low < 0.09


def test_bootstrap_covers():
    rng = np.random.default_rng(2)
    found = [
        paired_bootstrap(rng.random(60) < 0.4, rng.random(60) < 0.3, seed=i) for i in range(150)
    ]
    assert np.mean([m.low <= 0.1 <= m.high for m in found]) > 0.88


def test_seeded():
    values = np.random.default_rng(0).random(30)
    assert mean(values, seed=3) == mean(values, seed=3)
    assert mean(values, seed=3) != mean(values, seed=4)


def test_ratio_weights_units_by_their_size():
    # 2 nats over 10 tokens and 1 nat over 1 token: 3/11, not (.2 + 1) / 2
    assert ratio([2, 1], [10, 1]).value == pytest.approx(3 / 11)
    measure = ratio([2, 1], [10, 1])
    assert (measure.low, measure.high) == (pytest.approx(0.2), pytest.approx(1.0))
    assert ratio([], []) == Measure(0, 0, 0, 0)
    assert ratio([0.0], [0.0]).n == 0


def test_a_clustered_ratio_is_that_of_the_sums_of_its_clusters():
    # 1 + 1 nats over 4 + 6 tokens of one prompt, and 1 nat over 1 token of another
    found = clustered_ratio([1, 1, 1], [4, 1, 6], ["a", "b", "a"], seed=3)
    assert found == ratio([2, 1], [10, 1], seed=3)
    alone = clustered_ratio([1, 0, 1, 1], [1] * 4, range(4), limits=(0.0, 1.0))
    assert alone == mean([1, 0, 1, 1], limits=(0.0, 1.0))
    assert clustered_ratio([], [], [], limits=(0.0, 1.0)) == Measure(0, 0, 1, 0)
    with pytest.raises(ValueError, match="2 clusters for 3 units"):
        clustered_ratio([1, 1, 1], [1, 1, 1], ["a", "b"])


def test_recovery_by_hand():
    base = [0, 0, 0, 0, 1]
    prompted = [1, 1, 1, 1, 1]
    tuned = [1, 1, 1, 0, 1]
    assert recovery(tuned, prompted, base).value == pytest.approx(0.6 / 0.8)
    assert recovery(prompted, prompted, base).value == 1
    assert recovery(base, prompted, base).value == 0
    assert recovery(prompted, base, base) is None  # the prompt changes nothing
    assert recovery([1] * 100, [1] * 9 + [0] * 91, [0] * 100) is None  # .09
    assert recovery([1] * 10, [1] + [0] * 9, [0] * 10).value == pytest.approx(10)  # .1 is enough
    assert recovery([0.0, 0], [0, 0], [1, 1]) is None  # a prompt that lowers
    assert recovery([], [], []) is None


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=30))
@settings(deadline=None)
def test_recovery_has_finite_bounds(units):
    tuned, prompted, base = zip(*units, strict=True)
    measure = recovery(tuned, prompted, base)
    assert measure is None or np.isfinite([measure.value, measure.low, measure.high]).all()


@given(
    st.lists(
        st.tuples(st.booleans(), st.one_of(finite, st.integers(0, 3))), min_size=2, max_size=40
    )
)
@settings(deadline=None)
def test_auroc_equals_scikit_learn(items):
    labels, values = zip(*items, strict=True)
    measure = auroc(labels, values)
    if len(set(labels)) == 1:
        assert measure == Measure(0.5, 0, 1, len(items))
    else:
        assert measure.value == pytest.approx(roc_auc_score(labels, values))
        assert 0 <= measure.low <= measure.high <= 1


def test_auroc_by_hand():
    # pairs (2,1) (2,2) (4,1) (4,2): 1 + .5 + 1 + 1 of 4
    assert auroc([True, True, False, False], [2, 4, 1, 2]).value == 0.875
    tied = auroc(
        [True] * 30 + [False] * 30, [1] * 20 + [0] * 10 + [1] * 10 + [0] * 20
    )  # 4/9 won, 4/9 tied
    assert tied.value == pytest.approx(2 / 3)
    assert tied.low < 2 / 3 < tied.high
    perfect = auroc([True] * 12 + [False] * 30, range(42, 0, -1))
    assert (perfect.value, perfect.high) == (1, 1)
    assert perfect.low == pytest.approx(12 / 15.8415, abs=1e-4)
    with pytest.raises(ValueError, match="not a finite number"):
        auroc([True, False], [float("nan"), 1])
    with pytest.raises(ValueError, match="1 labels for 2 values"):
        auroc([True], [1, 2])


def test_auroc_interval_is_near_delong():
    rng = np.random.default_rng(0)
    labels = np.arange(200) < 80
    values = rng.normal(labels * 1.0, 1)
    measure = auroc(labels, values)
    high = values[labels]
    low = values[~labels]
    wins = (high[:, None] > low[None, :]).astype(float)
    deviation = np.sqrt(wins.mean(1).var(ddof=1) / 80 + wins.mean(0).var(ddof=1) / 120)
    assert measure.low == pytest.approx(measure.value - 1.96 * deviation, abs=0.012)
    assert measure.high == pytest.approx(measure.value + 1.96 * deviation, abs=0.012)


def test_best_threshold_by_hand():
    assert best_threshold([False, False, True, True], [1, 2, 6, 7]) == 4
    assert (
        best_threshold([False, True, False, True], [1, 2, 3, 9]) == 6
    )  # .75 at 1.5 and at 6: the wider gap
    assert best_threshold([True, False], [1, 2]) == 2  # turned round: nothing is called true
    assert best_threshold([True, False], [3, 3]) == 3
    assert best_threshold([True, True], [1, 2]) == 2
    with pytest.raises(ValueError, match="no values"):
        best_threshold([], [])


@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=30))
@settings(deadline=None)
def test_no_threshold_is_better(items):
    labels, values = map(np.array, zip(*items, strict=True))
    if len(set(labels.tolist())) == 2:
        best = balanced_accuracy_score(labels, values > best_threshold(labels, values))
        others = [balanced_accuracy_score(labels, values > t) for t in np.arange(-6.5, 6)]
        assert best == pytest.approx(max(others))


@pytest.mark.long
def test_large_inputs_stay_fast():
    flags = np.random.default_rng(0).random(20_000)
    assert mean(flags).high - mean(flags).low < 0.01


def sample_units(n, seed=0):
    """The units of 4,000 resamples, as numpy's own generator gives them."""
    return np.random.default_rng(seed).integers(n, size=(4000, n), dtype=np.int32)


def middle_95(values, n):
    """The expanded percentile interval of n units, written with the distributions themselves."""
    tail = norm.cdf(t.ppf(0.025, n - 1) * (n / (n - 1)) ** 0.5)
    return tuple(np.quantile(values, [tail, 1 - tail]))


def test_intervals_are_the_seeded_percentile_bootstrap():
    """Each interval equals one computed here from the same resamples: 4,000, seed 0 by default."""
    rng = np.random.default_rng(5)
    values = rng.random(17)
    p = rng.random(17) + 0.8
    b = rng.random(17) - 0.3
    rows = sample_units(17)

    found = mean(values)
    assert (found.low, found.high) == pytest.approx(middle_95(values[rows].mean(1), 17), abs=1e-12)
    found = mean(values, seed=7)
    assert (found.low, found.high) == pytest.approx(
        middle_95(values[sample_units(17, 7)].mean(1), 17), abs=1e-12
    )
    found = paired_bootstrap(p, b)
    assert (found.low, found.high) == pytest.approx(middle_95((p - b)[rows].mean(1), 17), abs=1e-12)
    found = ratio(values, p)
    expected = middle_95(values[rows].sum(1) / p[rows].sum(1), 17)
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)
    found = recovery(values, p, b)
    expected = middle_95((values - b)[rows].mean(1) / (p - b)[rows].mean(1), 17)
    assert found.value == pytest.approx((values - b).mean() / (p - b).mean())
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)
    assert found.n == 17


def test_resamples_without_denominator_count_as_the_whole():
    """Three units of which one has tokens: (2/3)^3 of the resamples have none, and say 1/2 too."""
    with np.errstate(all="raise"):
        assert ratio([1, 0, 0], [2, 0, 0]) == Measure(0.5, 0.5, 0.5, 3)
    unseen = 3.841459 / 6.841459
    wide = ratio([1, 0, 0], [2, 0, 0], limits=(0, 1))
    assert (wide.low, wide.high) == pytest.approx((0.5 - unseen / 2, 0.5 + unseen / 2), abs=1e-6)
    assert ratio([0.0, 0.0], [0.0, 0.0], limits=(-1, 3)) == Measure(0, -1, 3, 0)


def test_recovery_bounds_the_denominator_of_a_resample():
    """Of two units one gains nothing: a quarter of the resamples divide by .01 instead of by 0."""
    found = recovery([0.5, 0.5], [1, 0], [0, 0])
    assert (found.value, found.low, found.high) == (1.0, 0.5, pytest.approx(50.0))


def test_recovery_by_cluster_is_that_of_the_clusters_sums():
    """Two clusters, one of which gains all and one nothing: 4/8, and a resample of one of them
    alone is 1 or 0.
    """
    tuned = [1, 1, 1, 1, 0, 0, 0, 0]
    found = recovery(tuned, [1] * 8, [0] * 8, "aaaabbbb")
    assert (found.value, found.low, found.high, found.n) == (0.5, 0.0, 1.0, 8)
    assert recovery(tuned, [1] * 8, [0] * 8, "a" * 8) == recovery(tuned, [1] * 8, [0] * 8)
    with pytest.raises(ValueError, match="2 clusters for 8 units"):
        recovery(tuned, [1] * 8, [0] * 8, "ab")


def test_recovery_refuses_values_that_are_not_paired():
    for lengths in [(2, 3, 3), (3, 2, 3), (3, 3, 2)]:
        with pytest.raises(ValueError, match="paired values of"):
            recovery(*(np.ones(length) for length in lengths))


def test_auroc_resamples_within_each_label():
    """Against an independent bootstrap of the same form, to the error that 4,000 resamples have."""
    rng = np.random.default_rng(3)
    high = rng.normal(1, 1, 12)
    low = rng.normal(0, 1, 30)
    found = auroc([True] * 12 + [False] * 30, [*high, *low])
    values = []
    for _ in range(4000):
        some = rng.choice(high, 12)
        others = rng.choice(low, 30)
        values.append((some[:, None] > others[None, :]).mean())
    assert (found.low, found.high) == pytest.approx(middle_95(values, 12), abs=0.03)
    assert found.n == 42
    again = auroc([True] * 12 + [False] * 30, [*high, *low], seed=0)
    other = auroc([True] * 12 + [False] * 30, [*high, *low], seed=1)
    assert found == again
    assert (found.low, found.high) != (other.low, other.high)


def test_complete_separation_has_the_width_of_the_rarer_label():
    for many, few in [(3, 50), (50, 3)]:
        found = auroc([True] * many + [False] * few, [1.0] * many + [0.0] * few)
        assert found.low == pytest.approx(3 / (3 + 3.841459), abs=1e-6)
        assert (found.value, found.high, found.n) == (1.0, 1.0, 53)


def test_a_threshold_no_better_than_chance_calls_nothing_true():
    assert best_threshold([True, False, True, False], [1, 1, 2, 2]) == 2
    assert best_threshold([True, False, True, False, True], [1, 1, 2, 2, 3]) == 2.5
    assert best_threshold([False, False], [1, 2]) == 2
    assert best_threshold([False], [5]) == 5


@pytest.mark.parametrize("width", [1, 3, 10, 11, 5000])
def test_resamples_come_in_parts_that_fit_memory(width, monkeypatch):
    monkeypatch.setattr(statistics, "_CHUNK", 30)
    parts = list(itertools.islice(statistics._split_resamples(width), 4001))
    assert sum(parts) == 4000
    assert all(part == 1 or part * width <= 30 for part in parts)
    assert len(parts) <= -(-4000 // max(1, 30 // width))


def test_the_interval_is_95_percent():
    assert pytest.approx(1.959964, abs=5e-7) == statistics.Z
    assert statistics.RESAMPLES == 4000


def test_a_ratio_over_less_than_one_is_a_ratio():
    over = np.array([0.01, 0.05, 0.02])
    under = np.array([0.1, 0.05, 0.2])
    rows = sample_units(3)
    found = ratio(over, under)
    expected = middle_95(over[rows].sum(1) / under[rows].sum(1), 3)
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)


def test_questions_of_one_passage_go_together():
    """Four passages of ten questions, each all right or all wrong: 40 questions are four units."""
    taught = [1.0] * 20 + [0.0] * 20
    base = [0.0] * 40
    passages = [n // 10 for n in range(40)]
    alone = paired_bootstrap(taught, base)
    together = clustered_bootstrap(taught, base, passages)
    assert together.value == alone.value == 0.5
    assert together.low == 0.0
    assert together.low < alone.low < alone.high < together.high
    assert clustered_bootstrap(taught, base, [0] * 40) == alone, "one passage says nothing more"
    with pytest.raises(ValueError, match="3 clusters for 40 units"):
        clustered_bootstrap(taught, base, [1, 2, 3])


def test_shares_and_means_of_questions_of_one_passage() -> None:
    """Four passages of ten flags, two all true, two all false: of 256 resamples of four passages 16
    have none and 16 all true. Wilson's interval of 20 of 40 is .5 +- .148.
    """
    flags = [True] * 20 + [False] * 20
    passages = [n // 10 for n in range(40)]
    alone = share(flags)
    assert (alone.low, alone.high) == pytest.approx((0.352, 0.648), abs=1e-3)
    assert share(flags, passages) == Measure(0.5, 0.0, 1.0, 40)
    assert mean(flags, passages, limits=(0.0, 1.0)) == Measure(0.5, 0.0, 1.0, 40)
    assert share(flags, [0] * 40) == alone, "one passage tells no spread between passages"
    assert mean(flags, [0] * 40, seed=3) == mean(flags, seed=3)
    even = share(flags, [n % 4 for n in range(40)])
    assert even == alone, "passages that do not differ: the wider one is Wilson's"
    for measure in (share, partial(mean, limits=(0.0, 1.0))):
        none = measure([False] * 40, passages)
        assert none.n == 40
        assert none.high == pytest.approx(share([False] * 4).high), "four passages, not forty"
        assert measure([True] * 40, passages).low == pytest.approx(share([True] * 4).low)
        assert measure([False] * 40, [0] * 40) == measure([False] * 40)
    for measure in (share, mean):
        assert measure([], []).n == 0
        with pytest.raises(ValueError, match="3 clusters for 40 units"):
            measure(flags, [1, 2, 3])


@pytest.mark.long
def test_shares_cover_where_questions_of_a_passage_go_together() -> None:
    """Twelve passages of eight questions, whose difficulty differs by passage. Without the
    expansion the bootstrap of twelve passages covers 89 %.
    """
    rng = np.random.default_rng(1)
    passages = np.repeat(np.arange(12), 8).tolist()
    hits = {"share": 0, "mean": 0, "alone": 0}
    for seed in range(300):
        flags = rng.random(96) < np.repeat(rng.beta(0.6, 1.4, 12), 8)
        found = {
            "share": share(flags, passages, seed=seed),
            "mean": mean(flags, passages, seed=seed),
            "alone": share(flags),
        }
        for name, measure in found.items():
            hits[name] += measure.low <= 0.3 <= measure.high
    assert hits["alone"] < 0.75 * 300
    assert hits["share"] > 0.91 * 300
    assert hits["mean"] > 0.91 * 300


def test_the_interval_of_two_shares_is_above_zero_only_where_chance_hardly_explains_it() -> None:
    def compare(lost: int, gained: int, n: int = 60) -> Measure:
        before = [True] * (n - gained) + [False] * gained
        after = [False] * lost + [True] * (n - lost)
        return statistics.compare_shares(before, after)

    assert compare(4, 0).value == pytest.approx(4 / 60)
    assert compare(4, 0).low < 0 < compare(5, 0).low, "4 of 60: one exam in eight"
    assert compare(7, 2).low < 0 < compare(12, 2).low
    one, other = compare(3, 9), compare(9, 3)
    assert (one.value, one.low) == pytest.approx((-other.value, -other.high))
    assert compare(0, 0).low < 0 < compare(0, 0).high
    assert statistics.compare_shares([], []).n == 0
    with pytest.raises(ValueError, match="paired"):
        statistics.compare_shares([True], [])


@pytest.mark.parametrize("cells", [(0.92, 0.02, 0.02), (0.8, 0.1, 0.05), (0.4, 0.2, 0.1)])
def test_the_interval_of_two_shares_holds_the_truth_in_95_of_100_exams(
    cells: tuple[float, float, float],
) -> None:
    rng = np.random.default_rng(0)
    exams, truth = 400, cells[1] - cells[2]
    hits = 0
    for _ in range(exams):
        drawn = rng.choice(4, size=60, p=[*cells, 1 - sum(cells)])
        found = statistics.compare_shares(list(drawn <= 1), list(drawn % 2 == 0))
        hits += found.low <= truth <= found.high
    assert hits >= 0.93 * exams
