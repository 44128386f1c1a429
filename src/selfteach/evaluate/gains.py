"""The paired gains of an exam: by how much the tuned model is better than each other arm."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial

from selfteach import statistics
from selfteach.records import Measure


def measure_gains(
    scores: Mapping[str, Sequence[float]], seed: int, clusters: Sequence[Hashable] = ()
) -> dict[str, Measure]:
    """Return the mean score of the tuned model minus that of each other arm, by the other arm;
    nothing if nothing was trained.

    Args:
        scores: by arm one number in [0, 1] for each prompt, in the same order. The answers to one
            prompt depend on each other, so they must be averaged before.
        clusters: the cluster of each prompt, such as its task. None means that each prompt is one.
    """
    if "tuned" not in scores:
        return {}
    compare: Callable[..., Measure] = statistics.paired_bootstrap
    if clusters:
        compare = partial(statistics.clustered_bootstrap, clusters=clusters)
    return {
        arm: compare(scores["tuned"], own, seed=seed)
        for arm, own in scores.items()
        if arm != "tuned"
    }
