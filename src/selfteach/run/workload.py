"""The work of a run as it is planned, and the time that is left of it.

Work is counted in sampled tokens. A request, a scored token, a trained token and a trained row cost
as much time as so many sampled ones, measured on a CPU with the default model (`python -m
bench.time_left`). The speed is that of the run so far, from the requests and tokens that it really
took, so another machine or another model changes the seconds and not the plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

REQUEST_COST = 30.0
SCORED_COST = 0.3
TRAINED_COST = 1.8
ROW_COST = 85.0
"""What a request, a scored token, a trained token and a trained row take, in sampled tokens."""
MIN_KNOWN_SHARE = 0.03
"""The share of the planned work that must be done before the rest is estimated."""


@dataclass(frozen=True)
class PlannedStage:
    """Hold the expected work of one stage.

    Attributes:
        name: as `Run.time_stage` knows it.
        requests: answers that are sampled.
        sampled_tokens: of these answers.
        scored_tokens: tokens that a model reads without writing any.
        trained_tokens: answer tokens, over all epochs.
        trained_rows: examples, over all epochs: their prompts are read again each time.
        by_teacher: whether the teacher samples, where there is one.
    """

    name: str
    requests: int = 0
    sampled_tokens: int = 0
    scored_tokens: int = 0
    trained_tokens: int = 0
    trained_rows: int = 0
    by_teacher: bool = False

    @property
    def sampling_cost(self) -> float:
        """Return the cost of what is counted while it is sampled."""
        return REQUEST_COST * self.requests + self.sampled_tokens

    @property
    def other_cost(self) -> float:
        """Return the cost of what is read and trained."""
        trained = TRAINED_COST * self.trained_tokens + ROW_COST * self.trained_rows
        return SCORED_COST * self.scored_tokens + trained

    @property
    def cost(self) -> float:
        """Return all work, in sampled tokens."""
        return self.sampling_cost + self.other_cost


@dataclass
class _Current:
    """Hold the stage that runs: its work, its beginning, and what is known to be done of it.

    Attributes:
        resumed: whether earlier attempts did a part of it, and it is not known how much.
        counted: requests.
        tokens: sampled for them.
    """

    planned: PlannedStage
    begun: float
    resumed: bool
    counted: int = 0
    tokens: int = 0
    done_cost: float = 0.0
    done_at: float = 0.0

    @property
    def open_cost(self) -> float:
        """Return the cost of what is left of the stage: of each request, the planned one."""
        planned = self.planned
        if not planned.requests:
            return planned.cost - self.done_cost
        left = max(1 - self.counted / planned.requests, 0.0)
        return left * planned.sampling_cost + planned.other_cost


class RemainingTime:
    """Estimate the seconds that are left of a run, from its plan and its speed so far.

    Stages that are not planned are left out, and those that needed none of the planned requests:
    their seconds say nothing about the speed.
    """

    def __init__(
        self,
        stages: Iterable[PlannedStage] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._planned = {stage.name: stage for stage in stages}
        self._left = dict.fromkeys(self._planned)
        self._clock = clock
        self._spent_s = 0.0
        self._done_cost = 0.0
        self._current: _Current | None = None
        self._position = 0

    @property
    def position(self) -> str:
        """Return "3 of 10" for the third planned stage; "" before the first or without a plan."""
        return f"{self._position} of {len(self._planned)}" if self._position else ""

    def begin_stage(self, name: str, spent_s: float = 0.0) -> None:
        """Begin a stage.

        Args:
            spent_s: the seconds that earlier attempts took.
        """
        if name not in self._planned:
            return
        self._left.pop(name, None)
        self._position = 1 + list(self._planned).index(name)
        begun = self._clock() - spent_s
        self._current = _Current(self._planned[name], begun, resumed=spent_s > 0, done_at=begun)

    def end_stage(self, name: str) -> None:
        """End a stage: its work is done, whatever was planned."""
        current = self._current
        if current is None or current.planned.name != name:
            return
        self._current = None
        planned = current.planned
        done = planned.cost
        if planned.requests and not current.resumed:
            done = current.done_cost + planned.other_cost if current.counted else 0.0
        if done:
            self._spent_s += self._clock() - current.begun
            self._done_cost += done

    def correct_stage(self, planned: PlannedStage) -> None:
        """Replace the plan of a stage that has not begun, now that more is known of it."""
        if planned.name in self._left:
            self._planned[planned.name] = planned

    def count_sampled(self, number: int, tokens: int) -> None:
        """Count requests of the current stage as done, and the tokens that were sampled for them.

        They are counted against the plan, because a stage may show several counts one after
        another.
        """
        current = self._current
        if current is None:
            return
        current.counted += number
        current.tokens += tokens
        if current.planned.requests:
            self._set_done(current, REQUEST_COST * current.counted + current.tokens)

    def count_done(self, done: int, total: int) -> None:
        """Count a share of what the display counts as done, in a stage that samples nothing.

        Args:
            done: how many of this count are done now.
            total: of how many; 0 is unknown.
        """
        current = self._current
        if current and total and not current.planned.requests:
            self._set_done(current, current.planned.cost * min(1.0, done / total))

    def _set_done(self, current: _Current, cost: float) -> None:
        if cost > current.done_cost:
            current.done_cost = cost
            current.done_at = self._clock()

    def estimate_left_s(self) -> float | None:
        """Return the seconds that are left of the run; None while too little is known."""
        spent_s, done = self._spent_s, self._done_cost
        later = sum(self._planned[name].cost for name in self._left)
        open_cost = 0.0
        waited_s = 0.0
        if current := self._current:
            if not current.resumed:
                spent_s += current.done_at - current.begun
                done += current.done_cost
            open_cost = current.open_cost
            waited_s = self._clock() - current.done_at
        if not done or done < MIN_KNOWN_SHARE * (done + open_cost + later):
            return None
        rate = spent_s / done
        return rate * later + max(rate * open_cost - waited_s, 0.0)
