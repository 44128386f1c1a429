"""Calibration: how well each judge separates answers that break the rule from those that keep it.

The labels come by construction: answers sampled with the opposite of the rule in the prompt, and
answers to requests of other subjects. If no candidate reaches the least AUROC, the run stops and
suggests `--check`. A candidate that cannot judge, such as an endpoint without log-probabilities, is
left out with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from selfteach.errors import DataError, TooManyFailures
from selfteach.judge import Judge, PromptAnswer, ThresholdJudge
from selfteach.models.remote.retry import NoLogprobs
from selfteach.records import JsonObject, Measure
from selfteach.statistics import auroc, best_threshold

MAX_LOST_SHARE = 0.1
"""A judge is left out if it gave no verdict on a greater share of the answers."""
NUM_EXAMPLES = 10
"""Answers that the report shows with the values of all judges."""
MAX_FALSE_POSITIVES = 0.05
"""The share of texts about something else that a judge may find."""


@dataclass(frozen=True)
class CalibratedJudge:
    """Hold the calibration of one judge."""

    judge: Judge
    auroc: Measure
    threshold: float
    values: tuple[float, ...]


def calibrate_judges(
    candidates: Sequence[Judge],
    labelled: Sequence[tuple[PromptAnswer, bool]],
    min_auroc: float,
    readable: str = "",
) -> tuple[ThresholdJudge | None, ThresholdJudge | None, JsonObject]:
    """Return the deciding judge, the best judge, and the report of all of them.

    A judge is calibrated on the answers that it gave a verdict on.

    Both judges are None if none is good enough. The judge named `readable` decides if it reaches
    `min_auroc`, because people can see what it finds. Otherwise the best one decides.
    """
    pairs = [pair for pair, _ in labelled]
    labels = [broken for _, broken in labelled]
    if len(set(labels)) < 2:
        raise DataError(
            "the judges cannot be calibrated: all answers carry one label.",
            cure='Give a check, for instance --check "not contains word".',
        )
    found = []
    left_out = []
    for judge in candidates:
        values, reason = _score_answers(judge, pairs)
        if reason:
            left_out.append({"name": judge.name, "reason": reason})
        else:
            known = [i for i, value in enumerate(values) if math.isfinite(value)]
            judged = ([labels[i] for i in known], [values[i] for i in known])
            found.append(
                CalibratedJudge(judge, auroc(*judged), best_threshold(*judged), tuple(values))
            )
    report: JsonObject = {
        "chosen": "",
        "best": "",
        "reason": "; ".join(f"{row['name']}: {row['reason']}" for row in left_out),
        "candidates": [_describe_candidate(c, min_auroc) for c in found],
        "left_out": left_out,
        "examples": [],
    }
    if not found:
        return None, None, report
    top = max(found, key=lambda c: c.auroc.value)
    chosen = next(
        (c for c in found if c.judge.name == readable and c.auroc.value >= min_auroc), top
    )
    reason = _explain_choice(chosen, top, len(found), min_auroc)
    examples = _list_examples(found, labelled)
    report |= {"best": top.judge.name, "reason": reason, "examples": examples}
    if chosen.auroc.value < min_auroc:
        return None, None, report
    report["chosen"] = chosen.judge.name
    deciding = ThresholdJudge(chosen.judge, chosen.threshold)
    return deciding, ThresholdJudge(top.judge, top.threshold), report


def _explain_choice(
    chosen: CalibratedJudge, top: CalibratedJudge, num_candidates: int, min_auroc: float
) -> str:
    """Return why a judge decides, or why none does."""
    own, best = chosen.auroc.value, top.auroc.value
    if own < min_auroc:
        return (
            f"no candidate reaches an AUROC of {min_auroc:.2f}; the best, {top.judge.name}, has "
            f"{best:.2f}"
        )
    if chosen is top:
        return f"the best of {num_candidates} candidates: AUROC {best:.2f}"
    return f"which people can read: AUROC {own:.2f}; the best, {top.judge.name}, has {best:.2f}"


def _list_examples(
    found: Sequence[CalibratedJudge], labelled: Sequence[tuple[PromptAnswer, bool]]
) -> list[JsonObject]:
    """Return some answers with their labels and the values of all judges, for the report."""
    examples: list[JsonObject] = []
    for i in _choose_spaced_indices(len(labelled), NUM_EXAMPLES):
        (_, text), label = labelled[i]
        sure = [c for c in found if math.isfinite(c.values[i])]
        by_judge = {c.judge.name: round(c.values[i], 3) for c in sure}
        examples.append({"text": text, "label": label, "values": by_judge})
    return examples


def _score_answers(judge: Judge, pairs: Sequence[PromptAnswer]) -> tuple[list[float], str]:
    """Return the judge's value of each answer, and why it cannot judge, or ""."""
    try:
        values = judge.values(pairs)
    except (NoLogprobs, TooManyFailures) as fault:
        return [], fault.what.rstrip(".")
    lost = sum(not math.isfinite(value) for value in values)
    reason = f"it gave no verdict on {lost} of {len(values)} answers"
    return values, reason if lost > MAX_LOST_SHARE * len(values) else ""


def _describe_candidate(candidate: CalibratedJudge, min_auroc: float) -> JsonObject:
    measure = candidate.auroc
    return {
        "name": candidate.judge.name,
        "auroc": {"value": measure.value, "low": measure.low, "high": measure.high, "n": measure.n},
        "threshold": candidate.threshold,
        "usable": measure.value >= min_auroc,
        "note": "at chance" if measure.low <= 0.5 <= measure.high else "",
    }


def _choose_spaced_indices(length: int, count: int) -> list[int]:
    count = min(count, length)
    return sorted({round(i * (length - 1) / max(count - 1, 1)) for i in range(count)})


def find_bound(values: Sequence[float]) -> float:
    """Return the least value that at most MAX_FALSE_POSITIVES of the values exceed.

    Args:
        values: a judge's values of texts about something else.
    """
    num_above = int(MAX_FALSE_POSITIVES * len(values))
    return sorted(values)[len(values) - 1 - num_above]
