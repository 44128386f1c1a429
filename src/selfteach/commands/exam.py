"""`selfteach exam` and `selfteach report`: the result of a run, shown again."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfteach.commands import require
from selfteach.commands.screen import print_json
from selfteach.run import finished


def show_exam(folder: Path, *, as_json: bool, required: str) -> None:
    """Shows the exam of a run and compares it with what is required."""
    wanted = require.parse_requirements(required)
    found = finished.read_exam(folder)
    if as_json:
        print_json(finished.read_result(folder))
    else:
        print_exam(
            found,
            folder / finished.REPORT_FILE if (folder / finished.REPORT_FILE).exists() else None,
        )
    require.check_requirements(wanted, found)


def rewrite_report(folder: Path, *, as_json: bool) -> None:
    """Writes the report anew from what the run folder holds."""
    from selfteach.report.page import write_report

    path = write_report(finished.check_run_folder(folder))
    if as_json:
        print_json({"run": str(folder), "report": str(path)})
    else:
        print(path)


def print_exam(found: Mapping[str, Any], page: Path | None) -> None:
    """Prints the table of the exam."""
    from rich.console import Console

    from selfteach.report.result_table import make_result_table

    Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 110).print(
        make_result_table(found, page)
    )
