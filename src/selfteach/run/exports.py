"""The check of a run's exported files before their use, against the sums of its manifest."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from selfteach.errors import IntegrityError, SelfteachError
from selfteach.records import JsonObject
from selfteach.run import manifest
from selfteach.run.run_folder import CONFIG_FILE, EXPORTS, LEDGER_FILE, read_notes
from selfteach.run.sums import check_files, describe_states, list_broken

RERUN_CURE = "Give the command of this run again: it writes again what is not whole."


def check_export(folder: Path, name: str) -> None:
    """Refuse a file or a folder of a run that is not as the run wrote it.

    What the run has no sum of passes.

    Raises:
        IntegrityError: it is missing, or has changed.
    """
    if broken := list_broken(check_files(folder, read_sums(folder), name)):
        raise IntegrityError(
            f"not as the run wrote it: {describe_states(broken)}.",
            where=folder,
            cure=f"{RERUN_CURE} `selfteach verify {shlex.quote(str(folder))}` shows the command.",
        )


def check_adapter_sums(adapter: Path) -> None:
    """Refuse an adapter of a run that is not as the run wrote it.

    A folder outside of a run has no sums, and passes.

    Raises:
        IntegrityError: a file of it is missing, or has changed.
    """
    place = Path(os.path.abspath(adapter))
    for folder in place.parents[:2]:  # of RUN/adapter and of RUN/adapters/NAME
        check_export(folder, str(place.relative_to(folder)))


def read_sums(folder: Path) -> JsonObject:
    """Return the sums of a run's files: those of its manifest, or else of its ledger.

    A folder that is no run has none.

    Raises:
        IntegrityError: both are damaged.
    """
    sums = get_sums(read_usable_manifest(folder))
    is_run = (folder / LEDGER_FILE).exists() and (folder / CONFIG_FILE).exists()
    if sums is None and is_run:
        (sums,) = read_notes(folder, EXPORTS)
    return sums or {}


def read_usable_manifest(folder: Path) -> JsonObject:
    """Return the manifest of a folder; empty if it is missing or damaged."""
    try:
        is_file = (folder / manifest.MANIFEST_FILE).is_file()  # a pipe never ends
        return manifest.read_manifest(folder) if is_file else {}
    except (OSError, SelfteachError):
        return {}


def get_sums(facts: JsonObject) -> JsonObject | None:
    """Return the sums of a manifest; None if it has none."""
    found = facts.get(EXPORTS)
    return found if isinstance(found, dict) else None
