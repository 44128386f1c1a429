"""The paired gains that an exam recorded, as the page and the printed table show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfteach.records import JsonMapping, Measure
from selfteach.report.format_text import NO_INTERVAL, format_change
from selfteach.report.read_run import get_path, read_measure
from selfteach.report.rows import FILE_TEACHERS, PART_LABELS

GainTable = Sequence[tuple[str, str, str, str]]
"""Name, what is subtracted from what, and the paths of the gain over the base and over the prompt.
"""
BOTH_ANSWERS = "greedy and sampled answers averaged"
RULE_GAINS: GainTable = (
    (
        "rule kept",
        f"Tuned minus base, paired by prompt, {BOTH_ANSWERS}.",
        "gain.base",
        "gain.prompted",
    ),
)
MET_GAIN = (
    "criticism met",
    f"Tuned minus base, paired by prompt, {BOTH_ANSWERS}.",
    "met_gain.base",
    "met_gain.prompted",
)
CORRECTIONS_GAINS: GainTable = (
    (
        "words left as they are",
        f"Words changed, base minus tuned, paired by prompt, {BOTH_ANSWERS}.",
        "reduction.base",
        "reduction.prompted",
    ),
    MET_GAIN,
)
FILE_GAINS: GainTable = (
    (
        "words like the correction",
        f"Words unlike the correction, base minus tuned, paired by prompt, {BOTH_ANSWERS}.",
        "reduction.base",
        "reduction.prompted",
    ),
    MET_GAIN,
)
"""The gains of corrections if nobody could correct new answers."""
DOCUMENTS_GAINS: GainTable = (
    (
        "right answers contained",
        "Tuned minus base, paired by question, greedy answers.",
        "gain",
        "over_open_book",
    ),
)
TASK_GAINS: GainTable = tuple(
    (
        f"ROUGE-L, {name}",
        f"Tuned minus base, paired by question, {BOTH_ANSWERS}.",
        f"gain.{part}.base",
        f"gain.{part}.prompted",
    )
    for part, name in PART_LABELS.items()
)
"""The gain of tasks, once for each part of the exam."""
GAINS = {
    "feedback": RULE_GAINS,
    "corrections": CORRECTIONS_GAINS,
    "documents": DOCUMENTS_GAINS,
    "tasks": TASK_GAINS,
}
TASK_DECIMALS = 3


@dataclass(frozen=True)
class Gain:
    """Represent what a tuned model gained in one number.

    Attributes:
        meaning: what is subtracted from what, and how it is paired.
        over_prompt: the gain over the base with the material in its prompt; None if the exam does
            not have it.
        decimals: of a number that is no share; None for a share, whose gain is shown in points.
    """

    name: str
    meaning: str
    over_base: Measure
    over_prompt: Measure | None = None
    decimals: int | None = None


def list_gains(exam: JsonMapping) -> list[Gain]:
    """Return the paired gains that an exam recorded; an older exam has fewer, or none."""
    decimals = TASK_DECIMALS if exam.get("method") == "tasks" else None
    found = []
    for name, meaning, base, prompted in choose_gains(exam):
        over_base = read_measure(get_path(exam, *base.split(".")))
        over_prompt = read_measure(get_path(exam, *prompted.split(".")))
        if over_base and over_base.n:
            found.append(Gain(name, meaning, over_base, over_prompt, decimals))
    return found


def choose_gains(exam: JsonMapping) -> GainTable:
    """Return the table of a method; of a method of another package nothing is known."""
    method = str(exam.get("method") or "feedback")
    if method == "corrections" and exam.get("teacher") in FILE_TEACHERS:
        return FILE_GAINS
    return GAINS.get(method, ())


def describe_gain(gain: Gain, arms: Mapping[str, str]) -> str:
    """Return a gain over the base and over the prompt as one line.

    Args:
        arms: the names of the arms.
    """
    line = f"{gain.name} {write_change(gain.over_base, gain.decimals)} over {arms['base']}"
    if gain.over_prompt:
        over_prompt = write_change(gain.over_prompt, gain.decimals)
        line += f", {over_prompt} over {arms['prompted']}"
    return f"{line}, paired"


def write_change(change: Measure, decimals: int | None) -> str:
    """Write a difference with its interval: "+53 points [+40, +66]"."""
    value = format_change(change.value, decimals)
    if not change.has_interval:
        return f"{value} ({NO_INTERVAL})"
    low, high = (format_change(end, decimals, unit="") for end in (change.low, change.high))
    return f"{value} [{low}, {high}]"
