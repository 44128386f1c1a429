"""An export for a hub that was written and checked, and has not arrived there yet."""

from __future__ import annotations

import filecmp
import json
from pathlib import Path

from selfteach.export.forms import HUB
from selfteach.records import JsonMapping, JsonObject
from selfteach.run.finished import EXAM_FILE

CARD_FILE = "README.md"
EXPORT_REPORT_FILE = "export.json"
PUSHED = "pushed"
"""The key of export.json with the addresses, once it has arrived there."""


def read_unpushed(out: Path, form: str, run: Path, adapter: Path) -> JsonObject | None:
    """Return what export.json holds of an export that is written, checked and not pushed yet; None
    where the place holds anything else.

    All of the folder is pushed, so it must hold the files of this very adapter as they are, what
    an export adds to them, and nothing more.
    """
    if not form.startswith(HUB) or not _holds_only(out, run, adapter):
        return None
    try:
        found = json.loads((out / EXPORT_REPORT_FILE).read_bytes())
        waits = found["form"] == form and not found.get(PUSHED) and not has_failed(found)
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError):
        return None
    return found if waits else None


def has_failed(found: JsonMapping) -> bool:
    """Return whether an export is marked as failed, from what export.json holds."""
    return found["check"]["passed"] is False or not all(exam["same"] for exam in found["exams"])


def _holds_only(out: Path, run: Path, adapter: Path) -> bool:
    """Return whether a folder holds an adapter as it is, what an export adds, and no link."""
    sources = {file.relative_to(adapter): file for file in adapter.rglob("*") if file.is_file()}
    if (run / EXAM_FILE).exists():
        sources[Path(EXAM_FILE)] = run / EXAM_FILE
    own = {Path(CARD_FILE), Path(EXPORT_REPORT_FILE)}
    there = {path.relative_to(out) for path in out.rglob("*") if not path.is_dir()}
    if there != sources.keys() | own or any(path.is_symlink() for path in (out, *out.rglob("*"))):
        return False
    return all(
        filecmp.cmp(source, out / name, shallow=False)
        for name, source in sources.items()
        if name not in own
    )
