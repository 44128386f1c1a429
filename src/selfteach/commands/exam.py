"""`selfteach exam` and `selfteach report`: the result of a run, shown again."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfteach.commands import require
from selfteach.commands.screen import print_json
from selfteach.run import finished


def exam(folder: Path, *, as_json: bool, required: str) -> None:
    """Shows the exam of a run and compares it with what is required."""
    wanted = require.parse(required)
    found = finished.exam(folder)
    if as_json:
        print_json(finished.result(folder))
    else:
        show(found, folder / finished.REPORT if (folder / finished.REPORT).exists() else None)
    require.check(wanted, found)


def report(folder: Path, *, as_json: bool) -> None:
    """Writes the report anew from what the run folder holds."""
    from selfteach.report.page import render

    path = render(finished.run_folder(folder))
    if as_json:
        print_json({"run": str(folder), "report": str(path)})
    else:
        print(path)


def show(found: Mapping[str, Any], page: Path | None) -> None:
    """Prints the table of the exam."""
    from rich.console import Console

    from selfteach.report.table import result_table

    Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 110).print(
        result_table(found, page)
    )
