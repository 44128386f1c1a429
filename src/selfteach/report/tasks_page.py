"""The page of tasks: numbers that are no shares, and the statistics of the invented tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfteach.records import JsonMapping, Measure
from selfteach.report.figures import make_bars
from selfteach.report.read_run import (
    get_path,
    list_objects,
    list_values,
    read_measure,
    read_number,
)
from selfteach.report.rows import RowTable, fill_parts, read_arms

MEASURE_KEYS = ("value", "low", "high", "n")
NUMBER_ROWS: RowTable = (
    (
        "Loss on people's answers, {name}",
        "Nats a token; lower is better.",
        "loss_nats.{part}.*.value",
    ),
    (
        "BLEU, {name}",
        "Greedy answers, from 0 to 100, computed as sacrebleu does.",
        "bleu.{part}.*.value",
    ),
    (
        "F1 of labels, {name}",
        "Classifications: the mean over people's labels (macro). Another answer predicts no label.",
        "labels.{part}.*.macro.f1",
    ),
)
"""Numbers that are no shares: label, meaning, and the path in exam.json."""


def make_number_rows(exam: JsonMapping) -> list[tuple[str, str, dict[str, float | None]]]:
    """Return label, meaning and each arm's number of the rows that were measured."""
    rows = []
    for label, meaning, path in fill_parts(NUMBER_ROWS):
        numbers = {arm: read_number(value) for arm, value in read_arms(exam, path).items()}
        if any(number is not None for number in numbers.values()):
            rows.append((label, meaning, numbers))
    return rows


RECOGNIZERS = {"model": "the model", "model and words": "model and words", "never": "always no"}
"""Ways to tell classifications from other tasks, as the note "classification" names them."""


def describe_classification(note: Any) -> JsonMapping | None:
    """Return how classifications were recognized and how often each way is right on the seeds, from
    the note "classification"; None where no seed told.
    """
    rows = []
    for key, name in RECOGNIZERS.items():
        measure = _read_row(get_path(note, "accuracy", key))
        if measure and measure.n:
            rows.append((name, measure))
    used = "model and words" if get_path(note, "by_words") is True else "the model"
    return {"rows": rows, "used": used} if rows else None


def _read_row(values: Any) -> Measure | None:
    """Return the measure that a list of value, low, high and n holds."""
    if not isinstance(values, Sequence) or len(values) != len(MEASURE_KEYS):
        return None
    return read_measure(dict(zip(MEASURE_KEYS, values, strict=True)))


def describe_inspection(note: Any) -> JsonMapping | None:
    """Return the note "inspection" with the widths of its bars, or None."""
    if not isinstance(note, Mapping) or not note.get("tasks"):
        return None
    verbs = [
        row | {"nouns": list_values(row.get("nouns"))} for row in list_objects(note.get("verbs"))
    ]
    bars = make_bars({str(row.get("verb")): row.get("count") for row in verbs})
    tenths = enumerate(list_values(get_path(note, "nearest_seed", "histogram")))
    labels = note.get("labels")
    named = labels.items() if isinstance(labels, Mapping) else ()
    return {
        **note,
        "near": make_bars({f"{k / 10:.1f} to {(k + 1) / 10:.1f}": count for k, count in tenths}),
        "verb_bars": [(row, bar[2]) for row, bar in zip(verbs, bars, strict=False)],
        "length_bars": {
            name: _make_length_bars(get_path(note, "lengths", name))
            for name in ("instruction", "input", "output")
        },
        "label_bars": make_bars({key.replace("_", " "): n for key, n in named}),
        "twins": list_objects(note.get("twins")),
        "read": list_objects(note.get("read")),
    }


def _make_length_bars(found: Any) -> list[tuple[str, float, float]]:
    counts = list_values(get_path(found, "histogram"))
    width = int(read_number(get_path(found, "width")) or 1)
    num_bins = int(read_number(get_path(found, "bins")) or 0)
    names = [
        f"{k * width + 1} to {(k + 1) * width}" if width > 1 else str(k + 1)
        for k in range(len(counts))
    ]
    if names and len(names) == num_bins:
        names[-1] = f"{(num_bins - 1) * width + 1} or more"
    return make_bars(dict(zip(names, counts, strict=True)))
