"""The work of a run as it is planned, and the time that is left of it.

Work is counted in sampled tokens. A request, a scored token, a trained token and a trained row cost
as much time as so many sampled ones, measured on a CPU with the default model (`python -m
bench.time_left`). The speed is that of the run so far, from the requests and tokens that it really
took, so another machine or another model changes the seconds and not the plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

REQUEST_COST = 30.0
SCORED_COST = 0.3
TRAINED_COST = 1.8
ROW_COST = 85.0
"""What a request, a scored token, a trained token and a trained row take, in sampled tokens."""
MIN_KNOWN_SHARE = 0.03
"""The share of the planned work that must have ended before the rest is estimated: how long answers
are is not known before.
"""


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
        prompt_tokens: of long prompts (with a passage), which whoever samples reads first.
        by_teacher: whether the teacher samples, where there is one.
        goes_on: whether a training goes on from the one before.
    """

    name: str
    requests: int = 0
    sampled_tokens: int = 0
    scored_tokens: int = 0
    trained_tokens: int = 0
    trained_rows: int = 0
    prompt_tokens: int = 0
    by_teacher: bool = False
    goes_on: bool = False

    @property
    def sampling_cost(self) -> float:
        """Return the cost of what is counted while it is sampled."""
        return REQUEST_COST * self.requests + self.sampled_tokens

    @property
    def other_cost(self) -> float:
        """Return the cost of what is read and trained."""
        trained = TRAINED_COST * self.trained_tokens + ROW_COST * self.trained_rows
        return SCORED_COST * (self.prompt_tokens + self.scored_tokens) + trained

    @property
    def sampler_cost(self) -> float:
        """Return the cost of all that the model does which samples."""
        return self.sampling_cost + SCORED_COST * self.prompt_tokens

    @property
    def cost(self) -> float:
        """Return all work, in sampled tokens."""
        return self.sampling_cost + self.other_cost


@dataclass
class _Current:
    """Hold the stage that runs: its work, its beginning, and what is known to be done of it.

    Attributes:
        resumed: whether earlier attempts did a part of a stage without requests, and it is not
            known how much.
        ended: requests that were answered, without those that were answered before this process.
        recorded: requests that were answered before. They are no work of this process.
        ended_cost: of the answers that have ended.
        begun: requests of which at least a token was sampled.
        begun_cost: of these requests and of all tokens that were sampled.
    """

    planned: PlannedStage
    started: float
    resumed: bool
    ended: int = 0
    recorded: int = 0
    ended_cost: float = 0.0
    begun: int = 0
    begun_cost: float = 0.0
    done_cost: float = 0.0
    done_at: float = 0.0

    @property
    def known_cost(self) -> float:
        """Return the cost of what has ended."""
        return self.ended_cost if self.planned.requests else self.done_cost

    @property
    def open_cost(self) -> float:
        """Return the cost of what is left of the stage: of each request, the planned one."""
        planned = self.planned
        if not planned.requests:
            return planned.cost - self.done_cost
        each = planned.sampling_cost / planned.requests
        under_way = min(self.begun_cost - self.ended_cost, each * (self.begun - self.ended))
        left = each * (planned.requests - self.ended - self.recorded) - max(under_way, 0.0)
        return max(left, 0.0) + planned.other_cost

    @property
    def total_cost(self) -> float:
        """Return the cost of the whole stage, once it has ended: what this process did of it."""
        planned = self.planned
        if not planned.requests:
            return planned.cost
        if not self.ended:
            return 0.0
        return self.done_cost + planned.other_cost * self.ended / (self.ended + self.recorded)


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
            spent_s: the seconds that earlier attempts took. They count where nothing is requested:
                answers of earlier attempts are recorded, and count neither as work nor as time.
        """
        if name not in self._planned:
            return
        self._left.pop(name, None)
        self._position = 1 + list(self._planned).index(name)
        planned = self._planned[name]
        started = self._clock() - (0.0 if planned.requests else spent_s)
        resumed = spent_s > 0 and not planned.requests
        self._current = _Current(planned, started, resumed, done_at=started)

    def end_stage(self, name: str) -> None:
        """End a stage: its work is done, whatever was planned."""
        current = self._current
        if current is None or current.planned.name != name:
            return
        self._current = None
        if done := current.total_cost:
            self._spent_s += self._clock() - current.started
            self._done_cost += done

    def correct_stage(self, planned: PlannedStage) -> None:
        """Replace the plan of a stage that has not begun, now that more is known of it."""
        if planned.name in self._left:
            self._planned[planned.name] = planned

    def scale_stage(self, name: str, share: float) -> None:
        """Plan a share of the work of a stage that has not begun."""
        if name in self._left:
            planned = self._planned[name]
            self._planned[name] = replace(
                planned,
                requests=int(share * planned.requests),
                sampled_tokens=int(share * planned.sampled_tokens),
                prompt_tokens=int(share * planned.prompt_tokens),
                scored_tokens=int(share * planned.scored_tokens),
            )

    def count_sampled(self, number: int, tokens: int) -> None:
        """Count requests of the current stage as done, and the tokens that were sampled for them.

        They are counted against the plan, because a stage may show several counts one after
        another.
        """
        if current := self._current:
            current.ended += number
            current.ended_cost += REQUEST_COST * number + tokens
            self._set_sampled(current)

    def count_steps(self, begun: int, tokens: int) -> None:
        """Count requests of the current stage that have begun, and the tokens that were sampled,
        since the last call.

        The answers of a batch end late and together. Until then these are the work that is done.
        """
        if current := self._current:
            current.begun += begun
            current.begun_cost += REQUEST_COST * begun + tokens
            self._set_sampled(current)

    def count_recorded(self, number: int) -> None:
        """Count requests of the current stage that were answered before this process."""
        if current := self._current:
            current.recorded += number

    def count_done(self, done: int, total: int) -> None:
        """Count a share of what the display counts as done, in a stage that samples nothing.

        Args:
            done: how many of this count are done now.
            total: of how many; 0 is unknown.
        """
        current = self._current
        if current and total and not current.planned.requests:
            self._set_done(current, current.planned.cost * min(1.0, done / total))

    def _set_sampled(self, current: _Current) -> None:
        if current.planned.requests:
            self._set_done(current, max(current.ended_cost, current.begun_cost))

    def _set_done(self, current: _Current, cost: float) -> None:
        if cost > current.done_cost:
            current.done_cost = cost
            current.done_at = self._clock()

    def estimate_left_s(self) -> float | None:
        """Return the seconds that are left of the run; None while too little is known."""
        spent_s, done = self._spent_s, self._done_cost
        later = sum(self._planned[name].cost for name in self._left)
        ended = done
        open_cost = 0.0
        waited_s = 0.0
        if current := self._current:
            if not current.resumed:
                spent_s += current.done_at - current.started
                done += current.done_cost
                ended += current.known_cost
            open_cost = current.open_cost
            waited_s = self._clock() - current.done_at
        if not ended or ended < MIN_KNOWN_SHARE * (done + open_cost + later):
            return None
        rate = spent_s / done
        return rate * later + max(rate * open_cost - waited_s, 0.0)
