"""The printed result: the exam's table with intervals, the cost and the place of the report, for the terminal.

Everything is put together from `rich.text.Text`, never from markup, and passes `inert`: an answer or a rule can neither colour the
terminal nor move its cursor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from selfteach.records import Measure, clean
from selfteach.report import view
from selfteach.report.read import at, measure
from selfteach.report.words import count, decimal, duration, interval, megabytes, percent, short

LOOKS = {"good": "bold green", "warn": "bold yellow", "bad": "bold red", "calm": "bold"}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u061c]+")


def inert(text: Any, length: int = 400) -> str:
    """One line of text that no terminal acts upon: without control characters of either set, without marks of direction."""
    return short(_CONTROL.sub(" ", clean(str(text))).strip(), length)


def result_table(exam: Mapping[str, Any], report: Path | None = None) -> Group:
    """The verdict, the table of arms, and below it what the run cost.

    Args:
        exam: the content of exam.json.
        report: the page's path, shown last.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in view.ARMS.values():
        table.add_column(Text(name), justify="right", no_wrap=True)
    for row in view.result(exam):
        cells = [_cell(row["measures"][arm], strong=arm == "taught") for arm in view.ARMS]
        table.add_row(Text(row["label"]), *cells)
    parts = [Text(inert(at(exam, "rule") or "(no rule)"), "bold"), _verdict(exam), table]
    if at(exam, "rehearsal") is True:
        parts.insert(1, Text("A rehearsal: small budgets, wide intervals. Do not quote these numbers.", "yellow"))
    parts += [Text(line, "dim") for line in _lines(exam)]
    if report is not None:
        parts.append(Text(f"Report   {inert(report)}"))
    return Group(*parts)


def _cell(found: Measure | None, *, strong: bool) -> Text:
    if found is None:
        return Text("–")
    return Text.assemble((percent(found.value), "bold" if strong else ""), (f"  {interval(found)}".ljust(9), "dim"))


def _verdict(exam: Mapping[str, Any]) -> Text:
    look = LOOKS[view.VERDICTS.get(str(at(exam, "verdict", "word")), "calm")]
    return Text(inert(at(exam, "verdict", "sentence") or "No verdict yet.", 600), look)


def _lines(exam: Mapping[str, Any]) -> list[str]:
    cost, drift = exam.get("cost"), measure(at(exam, "drift", "kl_nats"))
    lines = ["95 % intervals from a paired bootstrap" + (f"; {found.n} target prompts" if (found := measure(at(exam, "kept", "taught", "greedy"))) else "")]
    if drift:
        lines.append(f"Drift    KL {decimal(drift.value)} nats a token on general answers, same first choice {percent(at(exam, 'drift', 'top1_agreement', 'value'))}")
    if isinstance(cost, Mapping):
        lines.append(f"Cost     {duration(cost.get('seconds'))} · {count(cost.get('drawn_tokens'))} tokens drawn · {count(cost.get('trained_tokens'))} trained"
                     f" · adapter {megabytes(cost.get('adapter_mb'))} · peak memory {megabytes(cost.get('peak_memory_mb'))}")  # fmt: skip
    return lines
