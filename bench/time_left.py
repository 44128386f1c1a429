"""Replay finished runs against the plan of this version: is the time left that they show true?

    python -m bench.time_left runs/a runs/b

The seconds of each stage are those of the run, and within a stage the work is done evenly. Only the
plan before the run is used: no stage is corrected on the way.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfteach.config.methods import find_settings
from selfteach.methods.estimate_cost import find_plan
from selfteach.methods.read_again import read_again
from selfteach.run import finished
from selfteach.run.workload import PlannedStage, RemainingTime

SHARES = (0.1, 0.25, 0.5)
"""Shares of a run's time at which its estimate is read."""
ALLOWED = 0.25
TICKS = 200
"""Steps in which a stage is replayed."""


@dataclass
class ReplayClock:
    """A clock that is set by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass(frozen=True)
class Estimate:
    """Hold what the estimate said at one time, in seconds."""

    at: float
    left: float


def replay_stages(
    plan: Sequence[PlannedStage], seconds: Mapping[str, float]
) -> tuple[float, list[Estimate]]:
    """Return the seconds of all stages, and what would be shown while they pass.

    Args:
        seconds: of each stage, in the order of the run. An unplanned stage passes too.
    """
    clock = ReplayClock()
    work = RemainingTime(plan, clock)
    planned = {stage.name: stage for stage in plan}
    shown = []
    for name, total in seconds.items():
        begun = clock.now
        stage = planned.get(name, PlannedStage(name))
        counted = sampled = 0
        work.begin_stage(name)
        for tick in range(1, TICKS + 1):
            clock.now = begun + total * tick / TICKS
            due = stage.requests * tick // TICKS
            tokens = stage.sampled_tokens * tick // TICKS
            work.count_sampled(due - counted, tokens - sampled)
            work.count_done(tick, TICKS)
            counted, sampled = due, tokens
            if (left := work.estimate_left_s()) is not None:
                shown.append(Estimate(clock.now, left))
        work.end_stage(name)
    return clock.now, shown


def compare_at(share: float, total: float, shown: Sequence[Estimate]) -> float | None:
    """Return the seconds left that are shown first after a share of the time, as a share of the
    truth; None where nothing is shown any more.
    """
    for estimate in shown:
        if estimate.at >= share * total and estimate.at < total:
            return estimate.left / (total - estimate.at)
    return None


def replay_run(folder: Path) -> tuple[float, list[float | None]]:
    """Return the seconds of a finished run, and how its estimates compare with the truth at each of
    SHARES.
    """
    identity, sources = finished.find_material(folder)
    kind = str(identity["kind"])
    config = finished.resolve_settings(folder, find_settings(kind)).config
    material = read_again(kind, folder, identity["material"], sources, config)
    plan = find_plan(kind).plan_work(material.value, config)
    seconds = finished.read_exam(folder)["cost"]["stages"]
    total, shown = replay_stages(plan, seconds)
    return total, [compare_at(share, total, shown) for share in SHARES]


def main(folders: Sequence[str]) -> None:
    """Print a table of runs."""
    columns = " | ".join(f"at {share:.0%}" for share in SHARES)
    print(f"| run | seconds | {columns} |")
    print("|---|---|" + "---|" * len(SHARES))
    within = 0
    for folder in folders:
        total, found = replay_run(Path(folder))
        cells = ["-" if ratio is None else f"{ratio:.2f}" for ratio in found]
        print(f"| {Path(folder).name} | {total:.0f} | {' | '.join(cells)} |")
        first = found[0]
        within += first is not None and abs(first - 1) <= ALLOWED
    print(f"\nwithin {ALLOWED:.0%} of the truth at {SHARES[0]:.0%}: {within} of {len(folders)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    main(parser.parse_args().runs)
