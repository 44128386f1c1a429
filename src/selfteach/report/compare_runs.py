"""Two runs side by side: the settings that differ, their exams, and the answers to shared prompts.

The difference of two exams says little where the prompts differ. Prompts that both exams have are
therefore compared in pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from selfteach.records import JsonMapping, JsonObject, Measure
from selfteach.report.format_text import (
    format_count,
    format_duration,
    format_measure,
    format_percent,
)
from selfteach.report.labels import get_heading
from selfteach.report.page import render_template
from selfteach.report.read_run import clean_json, get_path, list_objects
from selfteach.report.result_table import strip_controls
from selfteach.report.rows import make_result_rows
from selfteach.run import finished
from selfteach.run.run_folder import list_changes, read_identity
from selfteach.statistics import compare_shares

TEMPLATE = "compare_runs.j2"
FLAGS = {"ok": "greedy", "sampled_ok": "sampled"}
"""The judged answers to a prompt of an exam, and what people call them."""
MIN_PAIRS = 5
"""Shared prompts below which no difference is shown."""


def compare_runs(first: Path, second: Path) -> JsonObject:
    """Return two finished runs side by side, as JSON, without paths of this machine.

    Of runs without a record, whose ledger is missing, no settings are compared.

    Raises:
        UsageError: a folder is no run, or has no exam yet.
    """
    exams = [clean_json(finished.read_exam(folder)) for folder in (first, second)]
    names = [folder.resolve().name for folder in (first, second)]
    identities = [read_identity(folder) for folder in (first, second)]
    first_identity, second_identity = identities
    changes = []
    if first_identity and second_identity:
        changes = list_changes(first_identity, second_identity, hide=True)
    return {
        "runs": [describe_run(*pair) for pair in zip(names, exams, strict=True)],
        "settings": [
            {"key": key, "first": first_value, "second": second_value}
            for key, first_value, second_value in changes
        ],
        "without_record": [
            name for name, identity in zip(names, identities, strict=True) if not identity
        ],
        "rows": pair_rows(*exams),
        "paired": pair_answers(*exams),
    }


def describe_run(name: str, exam: JsonMapping) -> JsonObject:
    """Return what stands at the head of a run's column."""
    return {
        "name": name,
        "heading": get_heading(exam) or "",
        "verdict": get_path(exam, "verdict", "word") or "",
        "seconds": get_path(exam, "cost", "seconds"),
        "trained_tokens": get_path(exam, "cost", "trained_tokens"),
    }


def pair_rows(first: JsonMapping, second: JsonMapping) -> list[JsonObject]:
    """Return the rows of both exams for the tuned model; None where an exam has no such row."""
    one, other = list_tuned_measures(first), list_tuned_measures(second)
    labels = dict.fromkeys([*one, *other])
    return [
        {"label": label, "first": one.get(label), "second": other.get(label)} for label in labels
    ]


def list_tuned_measures(exam: JsonMapping) -> dict[str, JsonObject | None]:
    """Return the tuned model's measure of each row of an exam, by label."""
    return {str(row["label"]): row["measures"].get("tuned") for row in make_result_rows(exam)}


def pair_answers(first: JsonMapping, second: JsonMapping) -> list[JsonObject]:
    """Return for each scope how often the tuned models' answers to shared prompts are right, and
    the difference with its paired interval.
    """
    answers = [index_answers(exam) for exam in (first, second)]
    shared = [key for key in answers[0] if key in answers[1]]
    rows = []
    for scope in dict.fromkeys(scope for scope, _, _ in shared):
        for flag, label in FLAGS.items():
            pairs = []
            for key in shared:
                judged = [found[key].get(flag) for found in answers]
                if key[0] == scope and all(isinstance(value, bool) for value in judged):
                    pairs.append(judged)
            if len(pairs) >= MIN_PAIRS:
                rows.append(describe_pairs(f"{scope}, {label}", pairs))
    return rows


def describe_pairs(label: str, pairs: list[list[Any]]) -> JsonObject:
    """Return both shares and their difference, second minus first."""
    left = [pair[0] for pair in pairs]
    right = [pair[1] for pair in pairs]
    return {
        "label": label,
        "n": len(pairs),
        "first": sum(left) / len(left),
        "second": sum(right) / len(right),
        "difference": compare_shares(right, left),
    }


def index_answers(exam: JsonMapping) -> dict[tuple[str, str, str], JsonMapping]:
    """Return the tuned model's judged answers by scope, part and prompt."""
    found: dict[tuple[str, str, str], JsonMapping] = {}
    for row in list_objects(exam.get("answers")):
        tuned = get_path(row, "arms", "tuned")
        if isinstance(tuned, Mapping):
            key = (str(row.get("scope")), str(row.get("part", "")), str(row.get("prompt")))
            found[key] = tuned
    return found


def make_json(value: Any) -> Any:
    """Return a comparison with its measures as JSON objects."""
    if isinstance(value, Measure):
        return asdict(value)
    if isinstance(value, Mapping):
        return {key: make_json(inner) for key, inner in value.items()}
    return [make_json(inner) for inner in value] if isinstance(value, list) else value


def render_runs_page(found: JsonMapping) -> str:
    """Return the page as text."""
    return render_template(TEMPLATE, found=found)


def make_runs_table(found: JsonMapping) -> Group:
    """Return the comparison as printed tables."""
    first, second = found["runs"]
    parts: list[RenderableType] = []
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("", strip_controls(first["name"], 60), strip_controls(second["name"], 60)):
        table.add_column(Text(title))
    for label, key in (("teaches", "heading"), ("verdict", "verdict")):
        cells = [Text(strip_controls(run[key], 80)) for run in (first, second)]
        table.add_row(Text(label), *cells)
    times = [format_duration(run["seconds"]) for run in (first, second)]
    trained = [format_count(run["trained_tokens"]) for run in (first, second)]
    table.add_row("time", *times)
    table.add_row("trained tokens", *trained)
    for change in found["settings"]:
        cells = [Text(strip_controls(change[side], 60)) for side in ("first", "second")]
        table.add_row(Text(strip_controls(change["key"], 60)), *cells)
    for row in found["rows"]:
        cells = [Text(format_measure(row[side])) for side in ("first", "second")]
        table.add_row(Text(row["label"]), *cells)
    parts.append(table)
    for name in found["without_record"]:
        line = f"{strip_controls(name, 60)} has no run.db, so its settings are not known."
        parts.append(Text(line, "dim"))
    if not found["paired"]:
        parts.append(Text("The two exams share too few prompts to be compared in pairs.", "dim"))
        return Group(*parts)
    paired = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="the same prompts", title_style="")
    for title in ("tuned answers that are right", "n", "first", "second", "second minus first"):
        paired.add_column(title)
    for row in found["paired"]:
        shares = [format_percent(row[side]) for side in ("first", "second")]
        difference = format_measure(row["difference"])
        paired.add_row(Text(row["label"]), str(row["n"]), *shares, difference)
    return Group(*parts, paired)
