"""The watchdog of a correction: a loss that knows only differences can sink both answers, the
corrected one less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TOLERANCE_NATS = 0.01
"""Per token. Rounding alone puts half of the untrained answers below the base."""


class DisplacementMonitor:
    """Remembers which corrections stand below the base, each as it was last seen; barks once, when
    they are too many, and guards while they are.

    `share` counts among all pairs of the training: one that was not seen yet stands where the base
    left it.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self.displaced_rows: set[int] = set()
        self.tripped: dict[str, Any] | None = None

    @property
    def is_over_limit(self) -> bool:
        """Whether too many stand below the base now. The first steps of a training may sink some
        that rise by themselves.
        """
        return (
            self.tripped is not None
            and len(self.displaced_rows) > self.most * self.tripped["pairs"]
        )

    def update(self, step: int, chosen_nats: Mapping[int, float], pairs: int) -> float:
        """Takes log pi/pi0 of corrections, in nats a token, by row number; returns the share of all
        pairs that stand below the base.
        """
        for number, nats in chosen_nats.items():
            (self.displaced_rows.add if nats < -TOLERANCE_NATS else self.displaced_rows.discard)(
                number
            )
        share = len(self.displaced_rows) / pairs
        if share > self.most and self.tripped is None:
            self.tripped = {"step": step, "displaced_share": share, "pairs": pairs}
        return share
