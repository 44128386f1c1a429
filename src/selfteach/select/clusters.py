"""Clusters of similar prompts, the quota of each, and the split into train, dev and test.

Source: ELVF's self-knowledge clustering. Departs: it clustered raw means over the whole chat,
template included, so that all prompts looked alike; here the model's mean over the prompt's own
words is whitened and scaled to unit length. Measured on 80 prompts of 10 subjects with the
embedded model: without whitening, silhouette always chooses k = 2, which agrees with the subjects
at chance; with it, k = 11.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from selfteach.dedup.overlap import OverlapIndex

SplitName = Literal["train", "dev", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "dev", "test")
SplitShares = Sequence[float] | Mapping[str, Sequence[float]]
"""Shares of train, dev and test; or these of each stratum."""
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
MAX_DIMS = 32
PROMPTS_PER_DIM = 6
PROMPTS_PER_GROUP = 4
MIN_GROUPS = 12
_ROWS = 512


@dataclass(frozen=True, slots=True, eq=False)
class PromptClusters:
    """Hold clusters of prompts.

    Shapes: labels (N,) in 0..k-1, numbered as they first occur; centers (k, dims) in the whitened
    space; xy (N, 2) for a plot.
    """

    labels: Labels
    centers: Floats
    silhouette: float
    xy: Floats

    @property
    def sizes(self) -> list[int]:
        """Return the number of prompts in each cluster."""
        return [int(count) for count in np.bincount(self.labels, minlength=len(self.centers))]


def whiten_embeddings(embeddings: NDArray[np.floating]) -> Floats:
    """Return embeddings with mean 0, variance 1 in each principal direction, and unit length.

    There is at most one direction for 6 prompts, and 32 in all. Directions without variance are
    left out; prompts that do not differ at all give one column of
    zeros.

    Shapes: (N, D) -> (N, dims).
    """
    found = np.asarray(embeddings, dtype=np.float64)
    centred = found - found.mean(0) if len(found) else found
    wanted = min(MAX_DIMS, max(2, len(found) // PROMPTS_PER_DIM), len(found) - 1, found.shape[1])
    if wanted < 1 or np.abs(centred).max() < 1e-9:
        return np.zeros((len(found), 1))
    pca = PCA(wanted, svd_solver="full").fit(centred)
    real = pca.explained_variance_ > 1e-9 * pca.explained_variance_[0]
    rows = pca.transform(centred)[:, real] / np.sqrt(pca.explained_variance_[real])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0))


def cluster_prompts(embeddings: NDArray[np.floating], max_k: int, seed: int) -> PromptClusters:
    """Cluster whitened embeddings by k-means, with the k of 2..max_k of the highest silhouette.

    Too few or equal prompts are one cluster.

    Args:
        embeddings: (N, D), from `Scorer.embed`.
    """
    rows = whiten_embeddings(embeddings)
    different = len(np.unique(rows.round(9), axis=0))
    best = (0.0, np.zeros(len(rows), dtype=np.int64))
    for k in range(2, min(max_k, different, len(rows) - 1) + 1):
        labels = KMeans(k, n_init=10, random_state=seed).fit_predict(rows)
        score = float(silhouette_score(rows, labels))
        if score > best[0]:
            best = (score, labels)
    labels = _renumber_labels(best[1])
    centers = (
        np.array([rows[labels == i].mean(0) for i in range(labels.max(initial=0) + 1)])
        if len(rows)
        else np.zeros((0, rows.shape[1]))
    )
    return PromptClusters(labels, centers, best[0], _project_to_plane(embeddings))


def _project_to_plane(embeddings: NDArray[np.floating]) -> Floats:
    """Return the two principal directions. Shapes: (N, D) -> (N, 2)."""
    found = np.asarray(embeddings, dtype=np.float64)
    if len(found) < 2 or found.shape[1] < 2 or np.ptp(found, axis=0).max() < 1e-9:
        return np.zeros((len(found), 2))
    return np.asarray(PCA(2, svd_solver="full").fit_transform(found))


def _renumber_labels(labels: NDArray[np.integer]) -> Labels:
    """Return the same grouping with labels 0, 1, ... in the order of first occurrence."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


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
    texts: Sequence[str], embeddings: NDArray[np.floating], max_overlap: float = 0.7
) -> Labels:
    """Return small groups of similar prompts, four to a group on average, for the split.

    Prompts with a ROUGE-L of `max_overlap` or more, and all that such pairs connect, are one group
    of any size. Ward's clustering of the whitened embeddings joins these groups. Small groups keep
    the shares of a split exact, and similar prompts stay together.

    Shapes: embeddings (N, D) -> (N,).
    """
    component = _connect_overlapping(texts, max_overlap)
    count = int(component.max(initial=-1)) + 1
    wanted = min(count, max(count // PROMPTS_PER_GROUP, MIN_GROUPS))
    if wanted >= count:
        return component
    rows = whiten_embeddings(embeddings)
    middles = np.array([rows[component == i].mean(0) for i in range(count)])
    return _renumber_labels(
        AgglomerativeClustering(wanted, linkage="ward").fit_predict(middles)[component]
    )


def _connect_overlapping(texts: Sequence[str], max_overlap: float) -> Labels:
    """Return labels of the groups that chains of overlapping texts connect."""
    pool = OverlapIndex(texts)
    labels = np.arange(len(texts))
    for start in range(0, len(texts), _ROWS):
        alike = pool.matrix(texts[start : start + _ROWS], cutoff=max_overlap)
        for row, column in zip(*np.nonzero(alike), strict=True):
            if labels[column] != labels[start + row]:
                labels[labels == labels[column]] = labels[start + row]
    return _renumber_labels(labels)


def split_clusters(
    labels: Sequence[int] | Labels, shares: SplitShares, seed: int, strata: Sequence[str] = ()
) -> list[SplitName]:
    """Split whole clusters into train, dev and test, near to the shares in every stratum.

    Large clusters are placed first, each so that the squared distance to the wanted counts
    decreases most. Single moves then reduce the remaining distance.

    Args:
        labels: (N,) the cluster of each prompt, from `group_prompts`.
        shares: of train, dev and test, which add up to 1; or these of each stratum.
        seed: breaks ties.
        strata: (N,) names of kinds of which each part should get its share; none means one kind.

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
    place = np.full(len(names), -1)
    have = np.zeros_like(wanted)
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
    return [SPLIT_NAMES[part] for part in place[number]]


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
) -> list[SplitName]:
    """Return train, dev or test for each prompt; similar prompts stay together.

    No two prompts of different parts reach `max_overlap` (invariant 5).
    """
    return split_clusters(group_prompts(texts, embeddings, max_overlap), shares, seed, strata)
