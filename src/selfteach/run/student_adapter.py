"""A student's folder in place of a run's: how a command names it, and the check that its adapter is
that of its state.
"""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path

from selfteach.errors import IntegrityError
from selfteach.run.exports import read_usable_manifest
from selfteach.run.ledger import Ledger
from selfteach.run.lock import find_lock_owner
from selfteach.run.run_folder import DATABASE_FILE

STATE_NOTE = "state"
PARTS = "parts"
"""The key of a student's state, and of manifest.json, that says what adapter/ is made of."""


def quote_student(folder: Path) -> str:
    """Return the folder of a student as a word of a command line. A word without a slash would be
    the name of a student below students/.
    """
    path = str(folder)
    return shlex.quote(path if "/" in path else f"./{path}")


def check_student_adapter(folder: Path) -> None:
    """Refuse the adapter of a student that is not that of its state, as behind a change whose
    process was killed before it wrote the adapter. Another folder passes.

    Raises:
        IntegrityError: it is another one, or the database is damaged.
    """
    if not (folder / DATABASE_FILE).exists():
        return
    with closing(Ledger(folder / DATABASE_FILE, readonly=True)) as ledger:
        state = ledger.get_note(STATE_NOTE)
    parts = state.get(PARTS) if isinstance(state, dict) else None
    if parts is None or parts == read_usable_manifest(folder).get(PARTS):
        return
    owner = find_lock_owner(folder)
    cure = f"`selfteach student exam {quote_student(folder)}` writes it again."
    raise IntegrityError(
        "its adapter is not that of its lessons.",
        where=folder,
        cure=f"Wait for process {owner}, which changes it." if owner else cure,
    )
