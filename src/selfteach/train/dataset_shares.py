"""The names in `train.dataset_shares`, checked before a model is loaded and in the training."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from selfteach.errors import UsageError
from selfteach.registry import did_you_mean


def check_dataset_shares(shares: Mapping[str, float], datasets: Collection[str]) -> None:
    """Check that the shares name every dataset with examples, and no other.

    Args:
        datasets: their names; "" is that of a single one.

    Raises:
        UsageError: they do not.
    """
    if shares and not any(datasets):
        raise UsageError(
            "there is one dataset, which every row is of.",
            where="train.dataset_shares",
            cure="Give several files, or leave it out.",
        )
    lost = sorted(shares.keys() ^ set(datasets))
    if shares and lost:
        name = lost[0]
        what = f'names "{name}", which has no rows.'
        cure = f"Name every dataset once. {did_you_mean(name, datasets)}"
        if name in datasets:
            what = f'has no share for the dataset "{name}".'
            cure = "Name every dataset once."
        raise UsageError(what, where="train.dataset_shares", cure=cure)
