"""The check that the adapter of a student is that of its state, for what takes a student's folder
in place of a run's.
"""

from __future__ import annotations

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
    cure = f"`selfteach student exam {folder}` writes it again."
    raise IntegrityError(
        "its adapter is not that of its lessons.",
        where=folder,
        cure=f"Wait for process {owner}, which changes it." if owner else cure,
    )
