"""The names in `train.dataset_shares`, checked before a model is loaded and in the training."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from selfteach.errors import UsageError
from selfteach.registry import did_you_mean


def check_dataset_shares(shares: Mapping[str, float], datasets: Collection[str]) -> None:
    """Check that the shares name every dataset with examples, and no other.

    Raises:
        UsageError: they do not.
    """
    lost = sorted(shares.keys() ^ set(datasets))
    if shares and lost:
        known = lost[0] in datasets
        what = f"no dataset {lost[0]!r}." if known else f"{lost[0]!r}, which has no rows."
        raise UsageError(
            f"names {what}",
            where="train.dataset_shares",
            cure=f"Name every dataset once. {did_you_mean(lost[0], datasets)}",
        )
