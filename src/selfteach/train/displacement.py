"""The watchdog of a correction: a loss that knows only differences can sink both answers, the
corrected one less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TOLERANCE_NATS = 0.01
"""Per token. Rounding alone puts half of the untrained answers below the base."""


class Watchdog:
    """Remembers which corrections stand below the base, each as it was last seen; barks once, when
    they are too many, and guards while they are.

    `share` counts among all pairs of the training: one that was not seen yet stands where the base
    left it.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self.below: set[int] = set()
        self.barked: dict[str, Any] | None = None

    @property
    def guards(self) -> bool:
        """Whether too many stand below the base now. The first steps of a training may sink some
        that rise by themselves.
        """
        return self.barked is not None and len(self.below) > self.most * self.barked["pairs"]

    def see(self, step: int, chosen_nats: Mapping[int, float], pairs: int) -> float:
        """Takes log pi/pi0 of corrections, in nats a token, by row number; returns the share of all
        pairs that stand below the base.
        """
        for number, nats in chosen_nats.items():
            (self.below.add if nats < -TOLERANCE_NATS else self.below.discard)(number)
        share = len(self.below) / pairs
        if share > self.most and self.barked is None:
            self.barked = {"step": step, "displaced_share": share, "pairs": pairs}
        return share
