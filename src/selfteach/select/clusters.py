"""Clusters of similar prompts, the quota of each, and the split into train, dev and test.

Source: ELVF's self-knowledge clustering. Departs: it clustered raw means over the whole chat,
template included, so that all prompts looked alike; here the model's mean over the prompt's own
words is whitened and scaled to unit length. Measured on 80 prompts of 10 subjects with the
embedded model: without whitening, silhouette always chooses k = 2, which agrees with the subjects
at chance; with it, k = 11.

Up to `EXACT` prompts every step takes all of them. Above that, the steps whose time or memory grows
with the square of their number take evenly spaced ones (principal directions, the choice of k) or
parts of at most so many (Ward's clustering).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from selfteach.dedup.connect import connect_groups, connect_overlapping, renumber_groups
from selfteach.select.evenly import choose_evenly

SplitName = Literal["train", "dev", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "dev", "test")
TRAIN, TEST = 0, 2
"""The places of train and test among the names."""
SplitShares = Sequence[float] | Mapping[str, Sequence[float]]
"""Shares of train, dev and test; or these of each stratum."""
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
MAX_DIMS = 32
PROMPTS_PER_DIM = 6
PROMPTS_PER_GROUP = 4
MIN_GROUPS = 12
EXACT = 4096
"""Prompts up to which no step is approximate: Ward's clustering then needs 130 MB."""
SMALLEST_SIDE = 8
"""A part is cut so that each side has at least one in so many of its prompts."""
ROWS = 4096
"""Embeddings that are projected at once."""


@dataclass(frozen=True, slots=True, eq=False)
class PromptClusters:
    """Hold clusters of prompts.

    Shapes: labels (N,) in 0..k-1, numbered as they first occur; xy (N, 2) for a plot.
    """

    labels: Labels
    silhouette: float
    xy: Floats

    @property
    def sizes(self) -> list[int]:
        """Return the number of prompts in each cluster."""
        return [int(count) for count in np.bincount(self.labels)]


def whiten_embeddings(embeddings: NDArray[np.floating]) -> Floats:
    """Return embeddings with mean 0, variance 1 in each principal direction, and unit length.

    There is at most one direction for 6 prompts, and 32 in all. Directions without variance are
    left out; prompts that do not differ at all give one column of zeros.

    Shapes: (N, D) -> (N, dims).
    """
    count, dims = embeddings.shape
    wanted = min(MAX_DIMS, max(2, count // PROMPTS_PER_DIM), count - 1, dims)
    sample = np.asarray(embeddings[choose_sample(count)], dtype=np.float64)
    centred = sample - sample.mean(0) if len(sample) else sample
    if wanted < 1 or np.abs(centred).max() < 1e-9:
        return np.zeros((count, 1))
    pca = _fit_directions(centred, wanted, count)
    real = pca.explained_variance_ > 1e-9 * pca.explained_variance_[0]
    middle = sample.mean(0)
    parts = []
    for start in range(0, count, ROWS):
        part = np.asarray(embeddings[start : start + ROWS], dtype=np.float64) - middle
        parts.append(pca.transform(part)[:, real] / np.sqrt(pca.explained_variance_[real]))
    rows = np.concatenate(parts)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0))


def choose_sample(count: int) -> slice | list[int]:
    """Return which of so many prompts the costly steps take: all, or `EXACT` evenly spaced ones."""
    return slice(None) if count <= EXACT else choose_evenly(range(count), EXACT)


def _fit_directions(rows: Floats, wanted: int, count: int) -> PCA:
    """Return the principal directions of the sampled rows of `count` prompts."""
    if count <= EXACT:
        return PCA(wanted, svd_solver="full").fit(rows)
    return PCA(wanted, svd_solver="randomized", random_state=0).fit(rows)


def cluster_prompts(embeddings: NDArray[np.floating], max_k: int, seed: int) -> PromptClusters:
    """Cluster whitened embeddings by k-means, with the k of 2..max_k of the highest silhouette.

    Too few or equal prompts are one cluster.

    Args:
        embeddings: (N, D), from `Scorer.embed`.
    """
    rows = whiten_embeddings(embeddings)
    sample = rows[choose_sample(len(rows))]
    different = len(np.unique(sample.round(9), axis=0))
    best = (0.0, np.zeros(len(rows), dtype=np.int64))
    for k in range(2, min(max_k, different, len(sample) - 1) + 1):
        means = KMeans(k, n_init=10, random_state=seed).fit(sample)
        score = float(silhouette_score(sample, means.labels_))
        if score > best[0]:
            is_whole = len(sample) == len(rows)
            best = (score, means.labels_ if is_whole else means.predict(rows))
    labels = renumber_groups(best[1])
    return PromptClusters(labels, best[0], _project_to_plane(embeddings))


def _project_to_plane(embeddings: NDArray[np.floating]) -> Floats:
    """Return the two principal directions. Shapes: (N, D) -> (N, 2)."""
    sample = np.asarray(embeddings[choose_sample(len(embeddings))], dtype=np.float64)
    if len(sample) < 2 or sample.shape[1] < 2 or np.ptp(sample, axis=0).max() < 1e-9:
        return np.zeros((len(embeddings), 2))
    if len(sample) == len(embeddings):
        return np.asarray(PCA(2, svd_solver="full").fit_transform(sample))
    pca = _fit_directions(sample, 2, len(embeddings))
    starts = range(0, len(embeddings), ROWS)
    return np.concatenate([pca.transform(embeddings[start : start + ROWS]) for start in starts])


def compute_quotas(sizes: Sequence[int], failure_rates: Sequence[float], total: int) -> list[int]:
    """Return how many new prompts each cluster gets, exactly `total` together.

    They are in proportion to failure rate x sqrt(size); the largest remainders get the rest. If
    nothing fails, sqrt(size) alone decides; if all clusters are empty, all get the same number.

    Args:
        sizes: prompts in each cluster.
        failure_rates: share in [0, 1] of dev answers in each cluster that break the rule.

    Raises:
        ValueError: the lengths differ, or there is no cluster to give to.
    """
    if len(sizes) != len(failure_rates) or (not sizes and total):
        raise ValueError(
            f"{len(sizes)} sizes and {len(failure_rates)} failure rates for {total} prompts"
        )
    roots = np.sqrt(np.asarray(sizes, dtype=np.float64))
    weights = roots * np.asarray(failure_rates, dtype=np.float64)
    weights = next((w for w in (weights, roots) if w.sum() > 0), np.ones(len(sizes)))
    exact = weights / weights.sum() * total if len(sizes) else weights
    found = np.floor(exact).astype(int)
    for i in sorted(range(len(sizes)), key=lambda i: (found[i] - exact[i], i))[
        : total - int(found.sum())
    ]:
        found[i] += 1
    return [int(count) for count in found]


def group_prompts(
    texts: Sequence[str],
    embeddings: NDArray[np.floating],
    max_overlap: float = 0.7,
    *,
    together: Sequence[int] = (),
    alone: Sequence[int] = (),
) -> Labels:
    """Return small groups of similar prompts, four to a group on average, for the split.

    Prompts with a ROUGE-L of `max_overlap` or more, those of one conversation, and all that such
    pairs connect, are one group of any size. Ward's clustering of the whitened embeddings joins
    these groups. Small groups keep the shares of a split exact, and similar prompts stay together.

    Args:
        together: (N,) equal numbers stay together, as turns of a conversation; none means that
            nothing does but what is similar.
        alone: the places of prompts whose groups Ward's clustering does not join to others.

    Shapes: embeddings (N, D) -> (N,).
    """
    component = connect_overlapping(texts, max_overlap)
    if together:
        component = connect_groups(component, together)
    labels = component.copy()
    free = ~np.isin(component, component[list(alone)])
    joined = _join_similar_groups(renumber_groups(component[free]), embeddings[free])
    labels[free] = joined + len(labels)
    return renumber_groups(labels)


def _join_similar_groups(component: Labels, embeddings: NDArray[np.floating]) -> Labels:
    """Return groups of about four prompts, each of whole components with similar embeddings."""
    count = int(component.max(initial=-1)) + 1
    wanted = min(count, max(count // PROMPTS_PER_GROUP, MIN_GROUPS))
    if wanted >= count:
        return component
    middles = _average_groups(whiten_embeddings(embeddings), component)
    joined = np.empty(count, dtype=np.int64)
    found = 0
    for part in _cut_into_parts(middles):
        groups = wanted if len(part) == count else max(1, len(part) // PROMPTS_PER_GROUP)
        ward = AgglomerativeClustering(groups, linkage="ward")
        joined[part] = (ward.fit_predict(middles[part]) if len(part) > 1 else 0) + found
        found += groups
    return joined[component]


def _average_groups(rows: Floats, group: Labels) -> Floats:
    """Return the mean of the rows of each group. Shapes: (N, dims), (N,) -> (groups, dims)."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order])) + 1
    return np.array([part.mean(0) for part in np.split(rows[order], starts)])


def _cut_into_parts(rows: Floats) -> list[Labels]:
    """Return the places of the rows in parts of at most `EXACT` similar ones.

    A larger part is cut in two between the centers of 2-means. No side gets less than an eighth, so
    that a few outliers do not make the parts many.
    """
    parts = []
    waiting = [np.arange(len(rows))]
    while waiting:
        part = waiting.pop()
        if len(part) <= EXACT:
            parts.append(part)
            continue
        if np.ptp(rows[part], axis=0).max() == 0:
            parts += np.array_split(part, -(-len(part) // EXACT))
            continue
        means = KMeans(2, n_init=1, random_state=0).fit(rows[part])
        along = rows[part] @ (means.cluster_centers_[1] - means.cluster_centers_[0])
        least = len(part) // SMALLEST_SIDE
        cut = int(np.clip((means.labels_ == 0).sum(), least, len(part) - least))
        order = part[np.argsort(along, kind="stable")]
        waiting += [order[cut:], order[:cut]]
    return parts


def split_clusters(
    labels: Sequence[int] | Labels,
    shares: SplitShares,
    seed: int,
    strata: Sequence[str] = (),
    learned: Collection[int] = (),
) -> list[SplitName]:
    """Split whole clusters into train, dev and test, near to the shares in every stratum.

    Large clusters are placed first, each so that the squared distance to the wanted counts
    decreases most. Single moves then reduce the remaining distance. A stratum of which train or
    test would have no prompt gives it one of its clusters, if it has two.

    Args:
        labels: (N,) the cluster of each prompt, from `group_prompts`.
        shares: of train, dev and test, which add up to 1; or these of each stratum.
        seed: breaks ties.
        strata: (N,) names of kinds of which each part should get its share; none means one kind.
        learned: the clusters that are in train, whatever the shares.

    Raises:
        ValueError: the shares do not add up, or the lengths differ.
    """
    if strata and len(strata) != len(labels):
        raise ValueError(f"{len(strata)} strata for {len(labels)} labels")
    if not len(labels):
        return []
    names, number = np.unique(np.asarray(labels), return_inverse=True)
    kinds, kind = np.unique(np.asarray(strata or ["all"] * len(labels)), return_inverse=True)
    counts = np.zeros((len(names), len(kinds)))  # (groups, strata)
    np.add.at(counts, (number, kind), 1)
    by_kind = [shares[kind] if isinstance(shares, Mapping) else shares for kind in kinds]
    wanted = _check_shares(by_kind).T * counts.sum(0)  # (parts, strata)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    fixed = np.isin(names, list(learned))
    order = order[~fixed[order]]
    place = np.where(fixed, TRAIN, -1)
    have = np.zeros_like(wanted)
    have[TRAIN] = counts[fixed].sum(0)
    for _ in range(20):
        before = place.copy()
        for group in order:
            if place[group] >= 0:
                have[place[group]] -= counts[group]
            # The increase of each part's squared distance.
            cost = (counts[group] * (2 * (have - wanted) + counts[group])).sum(1)
            cost[(wanted == 0).all(1)] = np.inf
            place[group] = int(np.argmin(cost))
            have[place[group]] += counts[group]
        if (before == place).all():
            break
    _fill_empty_parts(place, order, counts, wanted)
    return [SPLIT_NAMES[part] for part in place[number]]


def _fill_empty_parts(place: Labels, free: Labels, counts: Floats, wanted: Floats) -> None:
    """Move a small cluster into train, and into test, for each stratum that has none there.

    It comes from the part with most prompts of the stratum, which keeps some of every stratum.

    Shapes: place (groups,), changed in place; free (some groups,), the largest first; counts
    (groups, strata); wanted (parts, strata).
    """
    for kind in range(counts.shape[1]):
        for part in (TRAIN, TEST):
            have = np.array([counts[place == p].sum(0) for p in range(len(SPLIT_NAMES))])
            if have[part, kind] or not wanted[part, kind]:
                continue
            donor = int(np.argmax(have[:, kind]))
            for group in free[::-1]:
                is_there = place[group] == donor and counts[group, kind]
                if is_there and (have[donor] > counts[group])[counts[group] > 0].all():
                    place[group] = part
                    break


def _check_shares(by_kind: Sequence[Sequence[float]]) -> Floats:
    """Return the shares (strata, parts).

    Raises:
        ValueError: those of a stratum do not add up.
    """
    for shares in by_kind:
        adds_up = math.isclose(sum(shares), 1, abs_tol=1e-6)
        if len(shares) != len(SPLIT_NAMES) or min(shares) < 0 or not adds_up:
            raise ValueError(f"shares of train, dev and test must add up to 1, not {tuple(shares)}")
    return np.array(by_kind, dtype=np.float64)


def split_prompts(
    texts: Sequence[str],
    embeddings: NDArray[np.floating],
    shares: SplitShares,
    seed: int,
    *,
    strata: Sequence[str] = (),
    max_overlap: float = 0.7,
    together: Sequence[int] = (),
    learned: Sequence[int] = (),
) -> list[SplitName]:
    """Return train, dev or test for each prompt; similar prompts stay together.

    No two prompts of different parts reach `max_overlap` (invariant 5), or are turns of one
    conversation. Of a stratum with few prompts each is by itself, as in a split of these alone.

    Args:
        together: (N,) equal numbers stay together, as those of `find_conversations`.
        learned: the places of prompts that are in train, with all that stay together with them.
            Their groups are not joined to others, which can then be held out.
    """
    sizes = Counter(strata)
    few = [place for place, stratum in enumerate(strata) if sizes[stratum] <= MIN_GROUPS]
    alone = [*learned, *few]
    labels = group_prompts(texts, embeddings, max_overlap, together=together, alone=alone)
    return split_clusters(labels, shares, seed, strata, set(labels[list(learned)].tolist()))
