"""The printed result: the exam's table with intervals, the cost and the place of the report, for
the terminal.

Everything is put together from `rich.text.Text`, never from markup, and passes `strip_controls`: an answer
or a rule can neither colour the terminal nor move its cursor.
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

from selfteach.records import Measure
from selfteach.report import sections
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
from selfteach.report.labels import get_heading, get_labels
from selfteach.report.read_run import get_path, read_measure
from selfteach.text import clean_text

VERDICT_STYLES = {"good": "bold green", "warn": "bold yellow", "bad": "bold red", "calm": "bold"}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u061c]+")


def strip_controls(text: Any, length: int = 400) -> str:
    """One line of text that no terminal acts upon: without control characters of either set,
    without marks of direction.
    """
    return shorten(_CONTROL.sub(" ", clean_text(str(text))).strip(), length)


def make_result_table(exam: Mapping[str, Any], report: Path | None = None) -> Group:
    """The verdict, the table of arms, and below it what the run cost.

    Args:
        exam: the content of exam.json.
        report: the page's path, shown last.
    """
    parts: list[RenderableType] = [Text(strip_controls(get_heading(exam) or "(no rule)"), "bold")]
    if get_path(exam, "smoke_test") is True:
        parts.append(
            Text(
                "A rehearsal: small budgets, wide intervals. Do not quote these numbers.", "yellow"
            )
        )
    parts += [
        _make_verdict(exam),
        _make_arms_table(exam),
        *(Text(line, "dim") for line in _list_notes(exam)),
    ]
    if report is not None:
        parts.append(Text(f"Report   {strip_controls(report)}", overflow="fold"))
    return Group(*parts)


def _make_arms_table(exam: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("held-out prompts")
    for name in get_labels(exam).arms.values():
        table.add_column(Text(name), justify="right", no_wrap=True)
    for row in sections.make_result_rows(exam):
        table.add_row(
            Text(row["label"]),
            *(_make_cell(row["measures"][arm], strong=arm == "taught") for arm in sections.ARMS),
        )
    return table


def _make_cell(found: Measure | None, *, strong: bool) -> Text:
    if found is None:
        return Text(MISSING)
    return Text.assemble(
        (_widen_spaces(format_percent(found.value)), "bold" if strong else ""),
        (f"  {format_interval(found):<7}", "dim"),
    )


def _make_verdict(exam: Mapping[str, Any]) -> Text:
    look = VERDICT_STYLES[
        sections.VERDICT_LOOKS.get(str(get_path(exam, "verdict", "word")), "calm")
    ]
    return Text(
        strip_controls(get_path(exam, "verdict", "sentence") or "No verdict yet.", 600), look
    )


def _list_notes(exam: Mapping[str, Any]) -> Iterator[str]:
    asked, drift, cost = (
        read_measure(get_path(exam, "kept", "taught", "greedy")),
        read_measure(get_path(exam, "drift", "kl_nats")),
        get_path(exam, "cost"),
    )
    yield "95 % Wilson intervals" + (f"; n {asked.n} target prompts" if asked else "")
    if drift:
        same = format_percent(get_path(exam, "drift", "top1_agreement", "value"))
        where = get_path(exam, "drift", "on") or sections.DRIFT_PROMPTS
        yield _widen_spaces(
            f"Drift    KL {format_decimal(drift.value)} nats a token on {where}, same first choice {same}"
        )
    if isinstance(cost, Mapping):
        drawn, trained = (
            format_count(cost.get("sampled_tokens")),
            format_count(cost.get("trained_tokens")),
        )
        yield _widen_spaces(
            f"Cost     {format_duration(cost.get('seconds'))}, {drawn} tokens drawn, {trained} trained"
        )
        if cost.get("reused_tokens"):
            yield _widen_spaces(
                f"Prompts  {format_count(cost.get('prompt_tokens'))} tokens, of which "
                f"{format_count(cost['reused_tokens'])} were reused"
            )
        yield (
            f"Size     adapter {format_megabytes(cost.get('adapter_mb'))}, peak memory "
            f"{format_megabytes(cost.get('peak_memory_mb'))}"
        )


def _widen_spaces(text: str) -> str:
    """Ordinary spaces for the narrow ones of the page: a terminal's output is searched and piped."""
    return text.replace(NARROW_SPACE, " ")
