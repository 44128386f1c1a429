"""The check of a whole run: every file against the sum that the run recorded when it wrote it.

A finished run makes this check when its command is given again, and writes from the ledger what can
be written again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach.errors import IntegrityError
from selfteach.run.exports import get_sums, read_usable_manifest
from selfteach.run.finished import COMPARISON_FOLDER, REPORT_FILE, RESULT, check_own_run
from selfteach.run.manifest import MANIFEST_FILE
from selfteach.run.run_folder import (
    COMMAND,
    EXPORTS,
    FINISHED,
    IDENTITY,
    LEDGER_FILE,
    Run,
    read_notes,
)
from selfteach.run.sums import FileState, check_files, describe_states, list_broken

LOST_CURE = f"Restore {LEDGER_FILE} from a copy; without it the run cannot go on."


@dataclass(frozen=True)
class VerifiedRun:
    """Hold the state of each file of a run.

    Attributes:
        finished: whether the run is done.
        files: the state of each file, by its name; the ledger is among them.
        faults: what is wrong with a ledger, and the cure.
        command: the command of the run, if the manifest has it.
        lost: whether the ledger is missing or empty.
    """

    finished: bool
    files: Mapping[str, FileState]
    faults: tuple[str, ...]
    command: str
    lost: bool

    @property
    def broken(self) -> dict[str, FileState]:
        """Return the files that are not whole."""
        return list_broken(self.files)


def verify_run(folder: Path) -> VerifiedRun:
    """Compare every file of a run, and of its comparison, with its sum. Nothing is changed.

    Raises:
        UsageError: the folder is not a run's, or its ledger cannot be opened.
    """
    facts = read_usable_manifest(check_own_run(folder))
    written = get_sums(facts)
    noted: list[Any] = [None] * 5
    faults = []
    state: FileState = "whole"
    lost = not (folder / LEDGER_FILE).exists()
    if lost:
        state = "missing"
    else:
        try:
            noted = read_notes(folder, IDENTITY, FINISHED, RESULT, EXPORTS, COMMAND)
            lost = noted[0] is None and bool(written)
            if lost:
                state = "changed"
                faults.append(f"{folder / LEDGER_FILE}: the ledger is empty.")
        except IntegrityError as fault:
            state = "changed"
            faults.append(str(fault))
    files: dict[str, FileState] = {LEDGER_FILE: state}
    _, finished, result, recorded, command = noted
    sums = recorded or written or {}
    files[MANIFEST_FILE] = "whole" if written == sums else "changed"
    if not (folder / MANIFEST_FILE).exists():
        files[MANIFEST_FILE] = "missing"
    files |= check_files(folder, sums)
    if result:  # the report has no sum, because `selfteach report` writes it anew
        files[REPORT_FILE] = "present" if (folder / REPORT_FILE).exists() else "missing"
    comparison = folder / COMPARISON_FOLDER
    if (comparison / LEDGER_FILE).exists():
        inner = verify_run(comparison)
        files |= {f"{COMPARISON_FOLDER}/{name}": state for name, state in inner.files.items()}
        faults += inner.faults
    command = str(command or facts.get("command") or "")
    return VerifiedRun(bool(finished), files, tuple(faults), command, lost)


def restore_exports(run: Run, say: Callable[[str], object]) -> bool:
    """Write the files of a finished run that are not whole again, from the ledger.

    Args:
        say: receives a line about each file.

    Returns:
        Whether all files are whole now. If not, the steps of the run must be taken again.
    """
    broken = list_broken(check_files(run.path, run.exports))
    lost = {}
    for name, state in broken.items():
        data = run.read_copy(name)
        if data is None:
            lost[name] = state
        else:
            run.export(name, data)
            say(f"{name} was {state}: it is written again from the ledger")
    if broken:
        run.ledger.record_event("restored", {"files": broken, "not from the ledger": list(lost)})
    if lost:
        say(
            f"{describe_states(lost)}: the run takes its steps again with the recorded answers, "
            "and repeats the training"
        )
    return not lost
