"""Train a plan again with other seeds, and say how much the results differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from selfteach.evaluate.exam import TunedModel
from selfteach.methods.method import TrainingPlan
from selfteach.methods.session import Session
from selfteach.methods.train_plan import open_tuned, train_plan_anew
from selfteach.records import JsonMapping, JsonObject
from selfteach.report.read_run import read_measure

NO_SHARES = frozenset({"amount", "nats", "tokens"})
"""Words in the names of measures that are no shares: losses, amounts of correction, lengths."""


def train_more_seeds(
    session: Session, plan: TrainingPlan, tuned: TunedModel
) -> tuple[TunedModel, list[JsonObject]]:
    """Train the plan again with other seeds, and examine each; return the model that is kept, and a
    row for each seed.

    The best on dev is kept, or the first where the method has no score on dev. The examples are the
    same: the seeds are those of the adapter's first weights, of the order, and of the answers that
    the model samples itself (`train.on_policy`).
    """
    rows = [examine_seed(session, plan, tuned, 0)]
    best = other = tuned
    kept = 0
    for offset in range(1, session.config.seeds):
        other.recorded.release_memory()  # no tuned model is in memory beside a training
        other = train_plan_anew(session, plan, f"seed {offset}", offset)
        rows.append(examine_seed(session, plan, other, offset))
        if plan.score_on_dev and rows[-1]["dev"] > rows[kept]["dev"]:
            best, kept = other, offset
    if best is not other:
        other.recorded.release_memory()
    for place, row in enumerate(rows):
        row["kept"] = place == kept
    return (best if best is other else open_tuned(session, best.trained)), rows


def examine_seed(
    session: Session, plan: TrainingPlan, tuned: TunedModel, offset: int
) -> JsonObject:
    """Return the numbers of one seed: its score on dev, if there is one, and those of a brief
    exam.
    """
    with session.run.time_stage(f"exam of seed {offset}"):
        exam = plan.exam.run(session, tuned, brief=True)
        dev = plan.score_on_dev(tuned.recorded) if plan.score_on_dev else None
    return {
        "seed": session.config.seed + offset,
        "dev": dev,
        "verdict": exam["verdict"],
        "numbers": plan.shown(exam),
    }


def describe_seeds(rows: Sequence[JsonMapping]) -> list[str]:
    """Return the verdicts of all seeds, which one is kept, and the median and the range of each
    number of the tuned model, as lines; none without rows.
    """
    if not rows:
        return []
    words = Counter(str(row["verdict"]["word"]) for row in rows)
    kept = next(row for row in rows if row["kept"])
    reason = "the first, because this method has no score on dev"
    if kept["dev"] is not None:
        reason = "the best on dev"
    lines = [
        "seeds: " + ", ".join(f"{count} {word}" for word, count in words.most_common()),
        f"seeds: {kept['seed']} is kept, {reason}",
    ]
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in list_values(row["numbers"].get("tuned")):
            found.setdefault(name, []).append(value)
    return lines + [f"seeds: {name} {format_range(name, values)}" for name, values in found.items()]


def list_values(found: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield the name and the value of each measure of an arm, also of those within parts."""
    if measure := read_measure(found):
        yield name, measure.value
    elif isinstance(found, Mapping):
        for key, part in found.items():
            yield from list_values(part, f"{name} {key}".strip().replace("_", " "))


def format_range(name: str, values: Sequence[float]) -> str:
    """Return the median and the range of a number of several seeds: in percent if it is a share."""
    found = (median(values), min(values), max(values))
    has_unit = not NO_SHARES.isdisjoint(name.split())
    if has_unit or found[1] < 0 or found[2] > 1:
        middle, low, high = (f"{x:.3g}" for x in found)
        return f"{middle} ({low} to {high})"
    middle, low, high = (f"{100 * x:.0f}" for x in found)
    return f"{middle} % ({low} to {high})"
