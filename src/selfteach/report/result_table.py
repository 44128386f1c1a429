"""The printed result: the exam's table with intervals, the cost and the path of the report.

All output is made of `rich.text.Text`, never of markup, and passes `strip_controls`. An answer or a
rule can neither color the terminal nor move its cursor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from selfteach.records import JsonMapping, Measure
from selfteach.report import sections
from selfteach.report.documents_page import count_passages
from selfteach.report.format_text import (
    MISSING,
    NARROW_SPACE,
    format_count,
    format_decimal,
    format_duration,
    format_interval,
    format_megabytes,
    format_percent,
    shorten,
)
from selfteach.report.gains import describe_gain, list_gains
from selfteach.report.labels import get_heading, get_labels
from selfteach.report.read_run import get_path, read_measure
from selfteach.report.rows import make_result_rows
from selfteach.text import clean_text

SMOKE_TEST_NOTICE = "Smoke test: small budgets, wide intervals. Do not quote these numbers."
VERDICT_STYLES = {"good": "bold green", "warn": "bold yellow", "bad": "bold red", "calm": "bold"}
SHOWN_NAMES = 6
"""Names of a forbidden subject that the table shows; the report has all."""
WILSON_METHODS = ("feedback",)
"""Methods whose table holds shares of single answers alone. The other tables hold means too, or
shares of several answers to a prompt, with a bootstrap.
"""
OBSERVED = {
    "feedback": "target prompts",
    "corrections": "prompts",
    "tasks": "questions about held-out tasks",
    "train": "dev prompts",
}
"""What the first row of a method's table counts."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u061c]+")


def strip_controls(text: Any, length: int = 400) -> str:
    """Return one line of text without control characters and without marks of direction."""
    return shorten(_CONTROL.sub(" ", clean_text(str(text))).strip(), length)


def make_result_table(exam: JsonMapping, report: Path | None = None) -> Group:
    """Return the verdict, the table of arms, and the cost of the run.

    Args:
        exam: the content of exam.json.
        report: the path of the page, printed last.
    """
    parts: list[RenderableType] = [
        Text(strip_controls(get_heading(exam) or "(no instruction)"), "bold")
    ]
    if get_path(exam, "smoke_test") is True:
        parts.append(Text(SMOKE_TEST_NOTICE, "yellow"))
    parts += [_make_verdict(exam), _make_arms_table(exam)]
    parts += [Text(_widen_spaces(strip_controls(line)), "dim") for line in _list_notes(exam)]
    if report is not None:
        parts.append(Text(f"Report   {strip_controls(report)}", overflow="fold"))
    return Group(*parts)


def _make_arms_table(exam: JsonMapping) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("held-out prompts", overflow="fold")
    for name in get_labels(exam).arms.values():
        table.add_column(Text(name), justify="right", overflow="fold")
    for row in make_result_rows(exam):
        cells = [_make_cell(found, strong=arm == "tuned") for arm, found in row["measures"].items()]
        table.add_row(Text(strip_controls(row["label"], 80)), *cells)
    return table


def _make_cell(found: Measure | None, *, strong: bool) -> Text:
    if found is None:
        return Text(MISSING)
    return Text.assemble(
        (_widen_spaces(format_percent(found.value)), "bold" if strong else ""),
        (f"  {format_interval(found):<7}", "dim"),
    )


def _make_verdict(exam: JsonMapping) -> Text:
    look = VERDICT_STYLES[
        sections.VERDICT_LOOKS.get(str(get_path(exam, "verdict", "word")), "calm")
    ]
    return Text(
        strip_controls(get_path(exam, "verdict", "sentence") or "No verdict yet.", 600), look
    )


def _list_notes(exam: JsonMapping) -> Iterator[str]:
    drift = read_measure(get_path(exam, "drift", "kl_nats"))
    cost = get_path(exam, "cost")
    yield from _list_interval_notes(exam)
    arms = get_labels(exam).arms
    yield from (f"Gain     {describe_gain(gain, arms)}" for gain in list_gains(exam))
    if drift:
        same = format_percent(get_path(exam, "drift", "top1_agreement", "value"))
        where = get_path(exam, "drift", "on") or sections.DRIFT_PROMPTS
        kl = format_decimal(drift.value)
        yield f"Drift    KL {kl} nats a token on {where}, same top-1 token {same}"
    names = get_path(exam, "judge", "names")
    if isinstance(names, list):
        shown = strip_controls(", ".join(map(str, names[:SHOWN_NAMES])), 300)
        others = len(names) - SHOWN_NAMES
        more = f" and {others} other names" if others > 0 else ""
        yield f"Counts   {shown}{more}; --also NAME adds one"
    recovered = read_measure(get_path(exam, "recovery"))
    room = read_measure(get_path(exam, "recovery_room"))
    if recovered and room:
        yield (
            f"Recovery {format_decimal(recovered.value)} of the {100 * room.value:.0f} points that "
            "the open book adds"
        )
    for line in sections.list_changes(exam):  # what is left of the runs that this one continues
        yield f"Earlier  {strip_controls(line)}"
    if isinstance(cost, Mapping):
        sampled = format_count(cost.get("sampled_tokens"))
        trained = format_count(cost.get("trained_tokens"))
        seconds = format_duration(cost.get("seconds"))
        yield f"Cost     {seconds}, {sampled} tokens sampled, {trained} trained"
        if cost.get("reused_tokens"):
            prompts = format_count(cost.get("prompt_tokens"))
            yield f"Prompts  {prompts} tokens, {format_count(cost['reused_tokens'])} of them reused"
        yield (
            f"Size     adapter {format_megabytes(cost.get('adapter_mb'))}, peak memory "
            f"{format_megabytes(cost.get('peak_memory_mb'))}"
        )


def _list_interval_notes(exam: JsonMapping) -> Iterator[str]:
    """Say which intervals are shown, and how many observations the first row has. Questions about
    one passage alone tell no spread between passages.
    """
    method = str(get_path(exam, "method") or "feedback")
    rows = make_result_rows(exam)
    found = [measure for measure in rows[0]["measures"].values() if measure] if rows else []
    passages = count_passages(exam)
    kind = "Wilson intervals" if method in WILSON_METHODS else "intervals"
    kind += " by question alone" if passages == 1 else ""
    about = f" about {'one passage' if passages == 1 else f'{passages} passages'}"
    observed = OBSERVED.get(method, "questions") + (about if passages else "")
    count = f"; n {found[-1].n} {observed}" if found else ""
    yield f"95 % {kind}{count}"


def _widen_spaces(text: str) -> str:
    """Replace the narrow spaces of the page by ordinary ones, for searching and piping."""
    return text.replace(NARROW_SPACE, " ")
