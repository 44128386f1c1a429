"""`selfteach exam` and `selfteach report`: the result of a run, shown again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from selfteach.commands import require
from selfteach.commands.screen import open_console, print_json, print_result
from selfteach.records import JsonMapping
from selfteach.run import finished


def show_exam(folder: Path, *, as_json: bool, required: str | None) -> None:
    """Print the exam of a run and compare it with the requirements."""
    exam = finished.read_exam(folder)
    wanted = require.parse_requirements(required, measured=require.list_measured(exam))
    page = folder / finished.REPORT_FILE
    with suppress(BrokenPipeError):  # it may be read in part
        if as_json:
            print_json(finished.read_result(folder))
        else:
            print_exam(exam, page if page.exists() else None)
    require.check_requirements(wanted, exam)


def rewrite_report(folder: Path, *, as_json: bool) -> None:
    """Write the report of a run again and print its path."""
    from selfteach.report.page import write_report

    path = write_report(finished.check_readable(folder))
    print_result({"run": str(folder), "report": str(path)}, path, as_json=as_json)


def print_exam(exam: JsonMapping, page: Path | None) -> None:
    """Print the table of an exam."""
    from selfteach.report.result_table import make_result_table

    open_console(110).print(make_result_table(exam, page))
