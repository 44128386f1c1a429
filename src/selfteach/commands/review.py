"""`selfteach review`: a person corrects the answers that wait in a run, in the browser or in the
terminal.
"""

from __future__ import annotations

from pathlib import Path

from selfteach.errors import UsageError
from selfteach.review import queue
from selfteach.review.serve import serve
from selfteach.review.terminal import converse
from selfteach.run.display import printable
from selfteach.run.finished import run_folder
from selfteach.run.folder import LEDGER
from selfteach.run.ledger import Ledger
from selfteach.run.lock import Lock


def review(folder: Path, port: int, *, browser: bool, terminal: bool) -> None:
    """Reviews what waits, and says how far it is."""
    lock = Lock(run_folder(folder))
    try:
        ledger = Ledger(folder / LEDGER)
        try:
            _work(ledger, folder, port, browser, terminal)
        finally:
            ledger.close()
    finally:
        lock.release()


def _work(ledger: Ledger, folder: Path, port: int, browser: bool, terminal: bool) -> None:
    if not queue.progress(ledger).total:
        raise UsageError(
            "has no answers for review.",
            where=str(folder),
            cure="`selfteach corrections --review` draws some.",
        )
    try:
        if terminal:
            converse(ledger)
        else:
            serve(
                ledger,
                name=folder.resolve().name,
                port=port,
                browser=browser,
                say=lambda line: print(printable(line), flush=True),
            )
    finally:  # after Ctrl-C too
        print(_sentence(queue.progress(ledger)))


def _sentence(found: queue.Progress) -> str:
    return (
        f"{found.done} of {found.total} reviewed: {found.edited} edited, {found.unchanged} "
        f"accepted as they are, {found.skipped} skipped."
    )
