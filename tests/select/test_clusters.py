"""Clusters, quotas and the split: by hand, and what holds for any input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from selfteach.dedup import connect
from selfteach.dedup.connect import connect_overlapping, renumber_groups
from selfteach.dedup.overlap import OverlapIndex, rouge_l
from selfteach.select import clusters
from selfteach.select.clusters import (
    SPLIT_NAMES,
    cluster_prompts,
    compute_quotas,
    group_prompts,
    split_clusters,
    split_prompts,
    whiten_embeddings,
)

SHARES = (0.6, 0.15, 0.25)


def clouds(k=4, n=30, dims=40, seed=0):
    """k clouds of n points, and one large direction without information (as of a chat header)."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(k), n)
    points = rng.normal(0, 6, (k, dims))[truth] + rng.normal(0, 0.5, (k * n, dims))
    return points + rng.normal(0, 200, (k * n, 1)) * np.eye(dims)[0] + 1000, truth


def test_whitening_makes_directions_count_alike_and_rows_unit_long():
    rows = whiten_embeddings(clouds()[0])
    assert rows.shape == (120, 20)  # one direction for 6 prompts
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1)
    assert whiten_embeddings(np.ones((5, 8))).tolist() == [[0.0]] * 5
    assert whiten_embeddings(np.zeros((0, 8))).shape[0] == 0


def test_clusters_are_found_beside_a_large_direction_that_tells_nothing():
    points, truth = clouds()
    found = cluster_prompts(points, 8, seed=0)
    assert adjusted_rand_score(truth, found.labels) == 1
    assert found.sizes == [30] * 4
    assert found.labels[0] == 0  # numbered as they occur
    assert found.silhouette > 0.05  # 16 of the 20 whitened directions are noise
    assert found.xy.shape == (120, 2)


def test_clusters_are_the_same_for_the_same_seed():
    points, _ = clouds(seed=3)
    one = cluster_prompts(points, 6, 1)
    other = cluster_prompts(points, 6, 1)
    assert (one.labels == other.labels).all()
    assert (one.xy == other.xy).all()


@pytest.mark.parametrize(
    "points", [np.ones((6, 4)), np.zeros((0, 4)), np.ones((1, 4)), np.array([[1.0, 2], [3, 4]])]
)
def test_too_little_to_cluster_is_one_cluster(points):
    found = cluster_prompts(points, 5, 0)
    assert set(found.labels.tolist()) <= {0}
    assert len(found.xy) == len(points)
    assert sum(found.sizes) == len(points)


def test_quotas_by_hand():
    # weights .5 x 4 = 2, .25 x 4 = 1, 0: two thirds and one third
    assert compute_quotas([16, 16, 9], [0.5, 0.25, 0.0], 12) == [8, 4, 0]
    assert compute_quotas([16, 4], [0.5, 0.5], 9) == [6, 3]  # by the root of the size
    assert compute_quotas([9, 9, 9], [1, 1, 1], 4) == [2, 1, 1]
    assert compute_quotas([1, 1], [0.28, 0.72], 5) == [
        1,
        4,
    ]  # 1.4 and 3.6: the larger remainder gets the fifth
    assert compute_quotas([16, 4], [0, 0], 9) == [6, 3]  # nothing fails
    assert compute_quotas([0, 0], [1, 1], 3) == [2, 1]
    assert compute_quotas([5], [0.1], 7) == [7]
    assert compute_quotas([], [], 0) == []
    with pytest.raises(ValueError, match="0 sizes"):
        compute_quotas([], [], 3)


@given(
    st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1)), min_size=1, max_size=12),
    st.integers(0, 300),
)
@settings(deadline=None)
def test_quotas_add_up_and_follow_need(clusters, total):
    sizes, rates = zip(*clusters, strict=True)
    found = compute_quotas(sizes, rates, total)
    assert sum(found) == total
    assert min(found) >= 0
    weights = np.sqrt(sizes) * rates
    if weights.sum() > 0:
        assert np.abs(np.array(found) - weights / weights.sum() * total).max() < 1 + 1e-9


@given(st.lists(st.integers(1, 8), min_size=15, max_size=50), st.integers(0, 5))
@settings(deadline=None)
def test_whole_clusters_and_shares_within_a_few_percent(sizes, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    parts = np.array(split_clusters(labels, SHARES, seed))
    for label in range(len(sizes)):
        assert len(set(parts[labels == label])) == 1
    for part, wanted in zip(SPLIT_NAMES, SHARES, strict=True):
        assert abs((parts == part).sum() - wanted * len(labels)) <= max(
            0.03 * len(labels), max(sizes) / 2 + 1
        )


def test_every_stratum_gets_its_shares():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 50, 200)
    strata = ["target"] * 100 + ["near"] * 40 + ["general"] * 60
    parts = split_clusters(labels, SHARES, 0, strata)
    for name in ("target", "near", "general"):
        mine = [part for part, stratum in zip(parts, strata, strict=True) if stratum == name]
        for part, wanted in zip(SPLIT_NAMES, SHARES, strict=True):
            assert abs(mine.count(part) / len(mine) - wanted) < 0.08


def test_split_by_cluster_edges():
    assert split_clusters([], SHARES, 0) == []
    assert split_clusters([0, 1, 2, 3], (1, 0, 0), 0) == ["train"] * 4
    assert split_clusters([0, 0, 0], SHARES, 0) == ["train"] * 3
    assert split_clusters(range(20), (0.5, 0.25, 0.25), 7) == split_clusters(
        range(20), (0.5, 0.25, 0.25), 7
    )
    assert split_clusters(range(20), (0.5, 0.25, 0.25), 7) != split_clusters(
        range(20), (0.5, 0.25, 0.25), 8
    )
    with pytest.raises(ValueError, match="add up to 1"):
        split_clusters([0], (0.5, 0.2, 0.2), 0)
    with pytest.raises(ValueError, match="1 strata for 2 labels"):
        split_clusters([0, 1], SHARES, 0, ["a"])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [2, 3, 4, 12])
def test_few_prompts_beside_many_are_learned_and_asked(count, seed):
    texts = [f"word{i} other{i} third{i}" for i in range(count + 100)]
    points = np.random.default_rng(seed).normal(size=(count + 100, 32))
    strata = ["own"] * count + ["general"] * 100
    sides = split_prompts(texts, points, (0.7, 0.1, 0.2), seed, strata=strata)
    tested = sides[:count].count("test")
    assert 1 <= tested <= max(1, count // 4)
    assert sides[:count].count("train") >= count / 2
    assert sides[count:].count("test") == pytest.approx(20, abs=2)


def test_a_part_without_prompts_gets_a_cluster_of_a_stratum_that_has_two():
    shares = (0.9, 0.05, 0.05)
    assert sorted(split_clusters([0, 1], shares, 0)) == ["test", "train"]
    assert sorted(split_clusters([0, 0, 0, 1], shares, 0)) == ["test", "train", "train", "train"]
    assert sorted(split_clusters([0, 1], (0.05, 0.05, 0.9), 0)) == ["test", "train"]
    assert split_clusters([0, 1, 2], (0.95, 0.05, 0), 0) == ["train"] * 3
    assert split_clusters([0, 1], shares, 0, learned=[0, 1]) == ["train"] * 2
    # the cluster that both strata share is all of "b" that train has
    sides = split_clusters([0, 1, 1], shares, 0, ["a", "a", "b"])
    assert sides == ["test", "train", "train"]


WORDS = ["what", "is", "the", "a", "car", "whale", "how", "big", "tell", "me"]


@given(
    st.lists(
        st.lists(st.sampled_from(WORDS), min_size=3, max_size=8).map(" ".join),
        min_size=1,
        max_size=40,
    ),
    st.integers(0, 3),
)
@settings(deadline=None)
def test_no_text_of_one_part_is_too_like_one_of_another(texts, seed):
    embeddings = np.random.default_rng(seed).normal(size=(len(texts), 16))
    parts = split_prompts(texts, embeddings, SHARES, seed)
    for one, part in zip(texts, parts, strict=True):
        for other, place in zip(texts, parts, strict=True):
            assert part == place or rouge_l(one, other) < 0.7


def test_chains_of_like_texts_are_one_group():
    texts = [
        "a b c d e f",
        "a b c d e x",
        "a b c d y x",
        "p q r s t u",
    ]  # neighbours share 5 of 6, the ends 4 of 6
    labels = group_prompts(texts, np.eye(4))
    assert labels.tolist() == [0, 0, 0, 1]


def group_clouds(k):
    """Group and split five prompts in each of k clouds; return the number of groups and the share
    of clouds that stay whole.
    """
    points, truth = clouds(k=k, n=5, dims=60)
    texts = [f"word{i}" for i in range(len(points))]
    labels = group_prompts(texts, points)
    whole = [len(set(labels[truth == cloud].tolist())) == 1 for cloud in range(k)]
    parts = split_prompts(texts, points, SHARES, 0)
    shares = [parts.count(part) / len(points) for part in SPLIT_NAMES]
    assert shares == pytest.approx(SHARES, abs=0.03)
    return len(set(labels.tolist())), np.mean(whole)


def test_like_embeddings_go_to_the_same_side():
    groups, whole = group_clouds(30)
    assert 30 <= groups <= 40
    assert whole > 0.7


def connect_all_pairs(texts, min_overlap):
    """The plain way: every pair, and one pass over all labels for each pair found."""
    labels = np.arange(len(texts))
    for one, other in zip(*np.nonzero(OverlapIndex(texts).matrix(texts, min_overlap)), strict=True):
        labels[labels == labels[other]] = labels[one]
    return renumber_groups(labels)


def test_what_must_be_learned_is_in_train_and_the_shares_hold_for_the_others():
    texts = [f"word{i} other{i} third{i}" for i in range(40)]
    texts.append("word0 other0 third0 fourth")  # overlaps with the first
    points = np.random.default_rng(0).normal(size=(41, 8))
    sides = split_prompts(texts, points, (0.6, 0.15, 0.25), 0, learned=range(10))
    assert sides[:10] == ["train"] * 10
    assert sides[40] == "train"
    assert sides.count("test") == 10
    everything = split_prompts(texts, points, (0.6, 0.15, 0.25), 0, learned=range(41))
    assert set(everything) == {"train"}


def test_conversations_stay_together():
    texts = [f"word{i} other{i} third{i}" for i in range(40)]
    points = np.random.default_rng(0).normal(size=(40, 8))
    sides = split_prompts(texts, points, SHARES, 0, together=[i // 2 for i in range(40)])
    assert sides[::2] == sides[1::2]
    assert set(sides) == set(SPLIT_NAMES)


def test_two_groupings_are_joined_by_hand():
    """0-1 are one group and 1-3 one conversation; 2 and 4 are alone."""
    assert connect.connect_groups(np.array([0, 0, 1, 2, 3]), [0, 1, 2, 1, 4]).tolist() == [
        0,
        0,
        1,
        0,
        2,
    ]
    assert connect.connect_groups(np.zeros(0, np.int64), []).tolist() == []


@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.33, 0.5, 2 / 3, 0.7, 0.75, 1.0]),
)
@settings(deadline=None)
def test_groups_of_overlapping_texts_are_those_of_all_pairs(texts, min_overlap):
    expected = connect_all_pairs(texts, min_overlap).tolist()
    assert connect_overlapping(texts, min_overlap).tolist() == expected


def test_groups_do_not_depend_on_the_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, rng.integers(2, 9))) for _ in range(200)]
    expected = connect_all_pairs(texts, 0.7).tolist()
    monkeypatch.setattr(connect, "FIRST_BLOCK", 3)
    monkeypatch.setattr(connect, "MAX_BLOCK", 7)
    assert connect_overlapping(texts, 0.7).tolist() == expected
    monkeypatch.setattr(connect, "PAIRS_PER_BLOCK", 1)
    assert connect_overlapping(texts, 0.7).tolist() == expected


def test_many_prompts_are_clustered_by_a_sample_of_them(monkeypatch):
    monkeypatch.setattr(clusters, "EXACT", 120)
    monkeypatch.setattr(clusters, "ROWS", 50)
    points, truth = clouds(k=24, n=25)
    rows = whiten_embeddings(points)
    assert rows.shape == (600, 32)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1)
    found = cluster_prompts(points, 25, seed=0)
    assert adjusted_rand_score(truth, found.labels) == 1
    assert found.sizes == [25] * 24
    assert found.xy.shape == (600, 2)


def test_many_prompts_are_grouped_in_parts(monkeypatch):
    monkeypatch.setattr(clusters, "EXACT", 100)
    groups, whole = group_clouds(100)
    assert 100 <= groups <= 130
    assert whole > 0.5


@pytest.mark.parametrize("rows", ["equal", "outliers", "cloud"])
def test_parts_are_small_and_hold_every_row_once(monkeypatch, rows):
    monkeypatch.setattr(clusters, "EXACT", 50)
    points = np.ones((400, 4))
    if rows == "outliers":
        points[:3] = -1e6 * np.arange(12).reshape(3, 4)
    if rows == "cloud":
        points = np.random.default_rng(0).normal(size=(400, 4))
    parts = clusters._cut_into_parts(points)
    assert sorted(np.concatenate(parts).tolist()) == list(range(400))
    assert max(map(len, parts)) <= 50
    assert len(parts) <= 8 * 400 / 50
