"""The printed result: the exam's table with intervals, the cost and the place of the report, for
the terminal.

Everything is put together from `rich.text.Text`, never from markup, and passes `inert`: an answer
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

from selfteach.records import Measure, clean
from selfteach.report import view
from selfteach.report.read import at, measure
from selfteach.report.wording import heading, wording
from selfteach.report.words import (
    NONE,
    SPACE,
    count,
    decimal,
    duration,
    interval,
    megabytes,
    percent,
    short,
)

LOOKS = {"good": "bold green", "warn": "bold yellow", "bad": "bold red", "calm": "bold"}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u061c]+")


def inert(text: Any, length: int = 400) -> str:
    """One line of text that no terminal acts upon: without control characters of either set,
    without marks of direction.
    """
    return short(_CONTROL.sub(" ", clean(str(text))).strip(), length)


def result_table(exam: Mapping[str, Any], report: Path | None = None) -> Group:
    """The verdict, the table of arms, and below it what the run cost.

    Args:
        exam: the content of exam.json.
        report: the page's path, shown last.
    """
    parts: list[RenderableType] = [Text(inert(heading(exam) or "(no rule)"), "bold")]
    if at(exam, "rehearsal") is True:
        parts.append(
            Text(
                "A rehearsal: small budgets, wide intervals. Do not quote these numbers.", "yellow"
            )
        )
    parts += [_verdict(exam), _arms(exam), *(Text(line, "dim") for line in _notes(exam))]
    if report is not None:
        parts.append(Text(f"Report   {inert(report)}", overflow="fold"))
    return Group(*parts)


def _arms(exam: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("held-out prompts")
    for name in wording(exam).arms.values():
        table.add_column(Text(name), justify="right", no_wrap=True)
    for row in view.result(exam):
        table.add_row(
            Text(row["label"]),
            *(_cell(row["measures"][arm], strong=arm == "taught") for arm in view.ARMS),
        )
    return table


def _cell(found: Measure | None, *, strong: bool) -> Text:
    if found is None:
        return Text(NONE)
    return Text.assemble(
        (_spaced(percent(found.value)), "bold" if strong else ""),
        (f"  {interval(found):<7}", "dim"),
    )


def _verdict(exam: Mapping[str, Any]) -> Text:
    look = LOOKS[view.VERDICTS.get(str(at(exam, "verdict", "word")), "calm")]
    return Text(inert(at(exam, "verdict", "sentence") or "No verdict yet.", 600), look)


def _notes(exam: Mapping[str, Any]) -> Iterator[str]:
    asked, drift, cost = (
        measure(at(exam, "kept", "taught", "greedy")),
        measure(at(exam, "drift", "kl_nats")),
        at(exam, "cost"),
    )
    yield "95 % Wilson intervals" + (f"; n {asked.n} target prompts" if asked else "")
    if drift:
        same = percent(at(exam, "drift", "top1_agreement", "value"))
        where = at(exam, "drift", "on") or view.GENERAL
        yield _spaced(
            f"Drift    KL {decimal(drift.value)} nats a token on {where}, same first choice {same}"
        )
    if isinstance(cost, Mapping):
        drawn, trained = count(cost.get("drawn_tokens")), count(cost.get("trained_tokens"))
        yield _spaced(
            f"Cost     {duration(cost.get('seconds'))}, {drawn} tokens drawn, {trained} trained"
        )
        if cost.get("reused_tokens"):
            yield _spaced(
                f"Prompts  {count(cost.get('prompt_tokens'))} tokens, of which "
                f"{count(cost['reused_tokens'])} were reused"
            )
        yield (
            f"Size     adapter {megabytes(cost.get('adapter_mb'))}, peak memory "
            f"{megabytes(cost.get('peak_memory_mb'))}"
        )


def _spaced(text: str) -> str:
    """Ordinary spaces for the narrow ones of the page: a terminal's output is searched and piped."""
    return text.replace(SPACE, " ")
