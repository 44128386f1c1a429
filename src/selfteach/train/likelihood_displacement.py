"""Displacement: a loss of differences can make both answers less likely, the corrected one less
so.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfteach.records import JsonObject

TOLERANCE_NATS = 0.01
"""A correction may become less likely by this many nats a token: rounding alone puts half of the
untrained answers below the base. The exam has the same tolerance.
"""


class DisplacementMonitor:
    """Record which corrections are less likely than in the base, each as it was last measured.

    Their share is taken of all pairs of the training. A pair that was not measured yet does not
    count as displaced. `tripped` holds the facts of the first step with too many of them.
    """

    def __init__(self, max_share: float) -> None:
        self.max_share = max_share
        self.displaced_rows: set[int] = set()
        self.tripped: JsonObject | None = None

    @property
    def is_over_limit(self) -> bool:
        """Return whether too many corrections are displaced now. Some recover by themselves after
        the first steps of a training.
        """
        tripped = self.tripped
        return tripped is not None and len(self.displaced_rows) > self.max_share * tripped["pairs"]

    def update(self, step: int, chosen_nats: Mapping[int, float], pairs: int) -> float:
        """Record log pi/pi0 of corrections, in nats a token, by row number.

        Returns:
            The share of all pairs that are displaced.
        """
        self.displaced_rows -= chosen_nats.keys()
        self.displaced_rows |= {n for n, nats in chosen_nats.items() if nats < -TOLERANCE_NATS}
        share = len(self.displaced_rows) / pairs
        if share > self.max_share and self.tripped is None:
            self.tripped = {"step": step, "displaced_share": share, "pairs": pairs}
        return share
