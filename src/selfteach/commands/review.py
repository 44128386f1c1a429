"""`selfteach review`: a person corrects a run's waiting answers, in the browser or the terminal."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from selfteach.errors import UsageError
from selfteach.review import queue
from selfteach.review.serve import serve_review
from selfteach.review.terminal import review_in_terminal
from selfteach.run.display import replace_control_chars
from selfteach.run.finished import check_ledger, check_readable
from selfteach.run.ledger import Ledger
from selfteach.run.lock import RunLock
from selfteach.run.run_folder import LEDGER_FILE


def review_answers(folder: Path, port: int, *, browser: bool, terminal: bool) -> None:
    """Review the waiting answers, and print the progress."""
    lock = RunLock(check_readable(check_ledger(folder)))
    try:
        with closing(Ledger(folder / LEDGER_FILE)) as ledger:
            _review(ledger, folder, port, browser, terminal)
    finally:
        lock.release()


def _review(ledger: Ledger, folder: Path, port: int, browser: bool, terminal: bool) -> None:
    if not queue.count_progress(ledger).total:
        raise UsageError(
            "has no answers for review.",
            where=str(folder),
            cure="`selfteach corrections --review` generates some.",
        )
    try:
        if terminal:
            review_in_terminal(ledger)
        else:
            serve_review(
                ledger,
                name=folder.resolve().name,
                port=port,
                browser=browser,
                say=lambda line: print(replace_control_chars(line), flush=True),
            )
    finally:  # after Ctrl-C too
        print(_describe_progress(queue.count_progress(ledger)))


def _describe_progress(found: queue.ReviewProgress) -> str:
    return (
        f"{found.done} of {found.total} reviewed: {found.edited} edited, {found.unchanged} "
        f"accepted as they are, {found.skipped} skipped."
    )
