"""A clock that runs with the work of a run instead of the machine's time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from selfteach.methods import runner
from selfteach.run.workload import REQUEST_COST, PlannedStage, RemainingTime


class SimulatedTime(RemainingTime):
    """Estimate as a run does, where a request and each of its tokens take as many seconds as they
    cost; note every estimate with its time.
    """

    def __init__(self, stages: Iterable[PlannedStage]) -> None:
        self.now = 0.0
        self.estimates: list[tuple[float, float]] = []
        super().__init__(stages, lambda: self.now)

    def count_steps(self, begun: int, tokens: int) -> None:
        """Let the time pass that these requests and tokens take."""
        self.now += REQUEST_COST * begun + tokens
        super().count_steps(begun, tokens)

    def count_sampled(self, number: int, tokens: int) -> None:
        """Note the estimate."""
        super().count_sampled(number, tokens)
        if (left := self.estimate_left_s()) is not None:
            self.estimates.append((self.now, left))

    def end_stage(self, name: str) -> None:
        """Let the time pass that scoring and training take."""
        if stage := self._planned.get(name):
            self.now += stage.other_cost
        super().end_stage(name)

    def estimate_at(self, share: float) -> float:
        """Return what the first estimate after a share of the time says of the whole run, as a
        share of the truth.
        """
        due = share * self.now
        at, left = next(pair for pair in self.estimates if pair[0] >= due)
        return (at + left) / self.now


@contextmanager
def simulate_time() -> Iterator[list[SimulatedTime]]:
    """Yield the clocks of the runs inside the block."""
    clocks: list[SimulatedTime] = []

    def make(stages: Iterable[PlannedStage]) -> SimulatedTime:
        clocks.append(SimulatedTime(stages))
        return clocks[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "RemainingTime", make)
        yield clocks
