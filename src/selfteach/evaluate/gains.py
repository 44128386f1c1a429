"""The paired gains of an exam: by how much the tuned model is better than each other arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfteach import statistics
from selfteach.records import Measure


def measure_gains(scores: Mapping[str, Sequence[float]], seed: int) -> dict[str, Measure]:
    """Return the mean score of the tuned model minus that of each other arm, by the other arm;
    nothing if nothing was trained.

    Args:
        scores: by arm one number in [0, 1] for each prompt, in the same order. The answers to one
            prompt depend on each other, so they must be averaged before.
    """
    if "tuned" not in scores:
        return {}
    return {
        arm: statistics.paired_bootstrap(scores["tuned"], own, seed=seed)
        for arm, own in scores.items()
        if arm != "tuned"
    }
