"""Two runs side by side: the settings that differ, their exams, and the answers to shared prompts.

The difference of two exams says little where the prompts differ. Prompts that both exams have are
therefore compared in pairs. Questions about one passage or one task go together, as in the exam.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from selfteach.evaluate.scopes import TARGET, find_cluster
from selfteach.records import JsonMapping, JsonObject, Measure
from selfteach.report.format_text import (
    format_count,
    format_duration,
    format_measure,
    format_percent,
)
from selfteach.report.labels import get_heading
from selfteach.report.page import render_template
from selfteach.report.read_run import clean_json, get_path, list_objects, read_number
from selfteach.report.result_table import strip_controls
from selfteach.report.rows import make_result_rows
from selfteach.run import finished
from selfteach.run.run_folder import list_changes, read_identity
from selfteach.statistics import clustered_bootstrap, compare_shares

TEMPLATE = "compare_runs.j2"
FLAGS = {"ok": "greedy", "sampled_ok": "sampled"}
"""The judged answers to a prompt of an exam, and what people call them."""
SCORES = {"rouge_l": "greedy", "sampled_rouge_l": "sampled"}
"""The same of tasks, whose flags only compare an answer with the base's."""
MIN_PAIRS = 5
"""Shared prompts below which no difference is shown."""
WITHOUT_SCORES = (
    "is of an earlier version, without scores of single answers: its tasks are not compared in "
    "pairs."
)


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
        "without_scores": [
            name for name, exam in zip(names, exams, strict=True) if lacks_scores(exam)
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


@dataclass(frozen=True)
class JudgedAnswers:
    """Hold how the tuned model's answers to one prompt were judged.

    Attributes:
        values: a flag, or a score in [0, 1], by greedy or sampled and what it says.
        cluster: what the prompt has in common with others, or "".
    """

    values: Mapping[tuple[str, str], bool | float]
    cluster: str


def pair_answers(first: JsonMapping, second: JsonMapping) -> list[JsonObject]:
    """Return for each scope how often the tuned models' answers to shared prompts are right, or
    their mean score, and the difference with its paired interval.
    """
    one, other = (index_answers(exam) for exam in (first, second))
    shared = [key for key in one if key in other]
    rows = []
    for scope in dict.fromkeys(key[0] for key in shared):
        keys = [key for key in shared if key[0] == scope]
        kinds = dict.fromkeys(chain.from_iterable(one[key].values for key in keys))
        for way, says in kinds:
            found = [key for key in keys if (way, says) in other[key].values]
            found = [key for key in found if (way, says) in one[key].values]
            if len(found) < MIN_PAIRS:
                continue
            left = [one[key].values[way, says] for key in found]
            right = [other[key].values[way, says] for key in found]
            clusters = [one[key].cluster or other[key].cluster or key[2] for key in found]
            row = describe_pairs(f"{scope}, {way}", left, right, clusters)
            rows.append(row | {"measured": says})
    return rows


def describe_pairs(
    label: str,
    left: Sequence[bool | float],
    right: Sequence[bool | float],
    clusters: Sequence[str],
) -> JsonObject:
    """Return both means and their difference, second minus first."""
    return {
        "label": label,
        "n": len(left),
        "first": sum(left) / len(left),
        "second": sum(right) / len(right),
        "difference": compare_values(right, left, clusters),
    }


def compare_values(
    a: Sequence[bool | float], b: Sequence[bool | float], clusters: Sequence[str]
) -> Measure:
    """Return the mean of a minus that of b, paired, with an interval that holds where prompts of
    one cluster go together.
    """
    together = clustered_bootstrap(a, b, clusters)
    if not all(isinstance(value, bool) for value in chain(a, b)):
        return together
    alone = compare_shares(list(map(bool, a)), list(map(bool, b)))
    if len(set(clusters)) == len(clusters):
        return alone
    low = min(alone.low, together.low)
    return replace(alone, low=low, high=max(alone.high, together.high))


def index_answers(exam: JsonMapping) -> dict[tuple[str, ...], JudgedAnswers]:
    """Return the tuned model's judged answers by scope, part, prompt and the turns before it.

    Where an exam of an earlier version does not tell conversations apart that end in one question,
    they are left out.
    """
    found: dict[tuple[str, ...], JudgedAnswers] = {}
    counts: Counter[tuple[str, ...]] = Counter()
    for row in list_objects(exam.get("answers")):
        tuned = get_path(row, "arms", "tuned")
        if isinstance(tuned, Mapping):
            scope = str(row.get("scope"))
            names = ("part", "prompt", "conversation")
            key = (scope, *(str(row.get(name, "")) for name in names))
            counts[key] += 1
            found[key] = JudgedAnswers(read_values(exam, scope, tuned), find_cluster(row))
    return {key: answers for key, answers in found.items() if counts[key] == 1}


def read_values(
    exam: JsonMapping, scope: str, tuned: JsonMapping
) -> dict[tuple[str, str], bool | float]:
    """Return the judgements of the tuned model's answers to one prompt. Target answers of tasks
    have only their scores.
    """
    if scope == TARGET and is_about_tasks(exam):
        scores = {(way, "ROUGE-L"): read_number(tuned.get(key)) for key, way in SCORES.items()}
        return {name: value for name, value in scores.items() if value is not None}
    says = "right" if scope == TARGET else "not degraded"
    flags = {(way, says): tuned.get(key) for key, way in FLAGS.items()}
    return {name: value for name, value in flags.items() if isinstance(value, bool)}


def is_about_tasks(exam: JsonMapping) -> bool:
    """Return whether a run has taught tasks."""
    return exam.get("method") == "tasks"


def lacks_scores(exam: JsonMapping) -> bool:
    """Return whether a run of tasks, of an earlier version, has no scores of single answers."""
    values = [own.values for key, own in index_answers(exam).items() if key[0] == TARGET]
    return is_about_tasks(exam) and bool(values) and not any(values)


def render_runs_page(found: JsonMapping) -> str:
    """Return the page as text."""
    return render_template(TEMPLATE, found=found, without_scores=WITHOUT_SCORES)


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
    for name in found["without_scores"]:
        parts.append(Text(f"{strip_controls(name, 60)} {WITHOUT_SCORES}", "dim"))
    if not found["paired"] and found["without_scores"]:
        return Group(*parts)
    if not found["paired"]:
        parts.append(Text("The two exams share too few prompts to be compared in pairs.", "dim"))
        return Group(*parts)
    paired = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="the same prompts", title_style="")
    for title in ("answers of the tuned model", "n", "first", "second", "second minus first"):
        paired.add_column(title)
    for row in found["paired"]:
        shares = [format_percent(row[side]) for side in ("first", "second")]
        difference = format_measure(row["difference"])
        judged = Text(f"{row['label']}: {row['measured']}")
        paired.add_row(judged, str(row["n"]), *shares, difference)
    return Group(*parts, paired)
