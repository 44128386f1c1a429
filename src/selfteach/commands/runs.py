"""`selfteach runs compare`: two runs side by side."""

from __future__ import annotations

from pathlib import Path

from selfteach.commands.output_file import refuse_existing
from selfteach.commands.screen import open_console, print_json
from selfteach.files import write_text
from selfteach.records import measures_to_json

WIDTH = 110


def compare(first: Path, second: Path, out: Path | None, *, force: bool, as_json: bool) -> None:
    """Print two runs side by side; write the page too if a file is named.

    Raises:
        UsageError: a folder is no run, it has no exam yet, or the file exists.
    """
    from selfteach.report.compare_runs import compare_runs, make_runs_table, render_runs_page

    if out:
        refuse_existing(out, force=force)
    found = compare_runs(first, second)
    if out:
        write_text(out, render_runs_page(found))
    if as_json:
        print_json(measures_to_json(found))
    else:
        open_console(WIDTH).print(make_runs_table(found))
        if out:
            print(out)
