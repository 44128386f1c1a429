"""The result of a run that is done. No library of a model is loaded for it."""

from __future__ import annotations

import shutil

from selfteach.records import JsonObject
from selfteach.run.display import Display
from selfteach.run.finished import REPORT_FILE, RESULT
from selfteach.run.run_folder import FINISHED, Run
from selfteach.run.verify import restore_exports

TRAINING_FOLDER = "checkpoints"
ENGINE_FOLDER = "engine"
"""These folders exist only while a run works: checkpoints, and tuned weights for sampling."""


def find_result(run: Run, display: Display) -> JsonObject | None:
    """Return the result of a run that is done, and remove what was there only while it worked.

    Files that are not as the run wrote them are written again. Where the ledger has no copy of one
    (the adapter), the run is not done any more.
    """
    done = run.ledger.get_note(RESULT)
    if not done:
        return None
    if not restore_exports(run, display.print_line):
        run.ledger.set_note(RESULT, None)
        run.ledger.set_note(FINISHED, None)
        return None
    remove_scratch(run)
    if not (run.path / REPORT_FILE).exists():
        from selfteach.report.page import write_report

        write_report(run.path)
        display.print_line(f"{REPORT_FILE} was missing: it is written again")
    display.print_line("this run is done: here is its result again")
    return dict(done)


def remove_scratch(run: Run) -> None:
    """Remove what exists only while a run works."""
    for scratch in (TRAINING_FOLDER, ENGINE_FOLDER):
        shutil.rmtree(run.path / scratch, ignore_errors=True)
