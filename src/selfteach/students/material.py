"""The material of a lesson, kept in the student's folder so that the folder can be copied."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from selfteach.errors import IntegrityError
from selfteach.files import read_own_json, write_text
from selfteach.records import JsonObject
from selfteach.run.finished import find_material
from selfteach.run.run_folder import DATABASE_FILE, LEDGER_FILE

MATERIAL_FOLDER = "material"
NOTE_FILE = "material.json"
PATHS_KEY = "paths"
OWN_FILES = frozenset((LEDGER_FILE, DATABASE_FILE))
"""One of them is in the folder of every run and every student."""


def keep_material(run: Path, lesson: Path) -> None:
    """Copy the files that a run was taught with into a lesson's folder.

    material.json holds the run's note of its sources, with places below the lesson. A file that no
    longer exists stays named by its old path. A run that is a lesson of a student has kept its
    files itself.
    """
    if (run / NOTE_FILE).exists():  # the copy of its folder holds them
        return
    _, sources = find_material(run)
    if sources is None:
        return
    kept: JsonObject = {}
    for key, value in sources.items():
        if key == PATHS_KEY and isinstance(value, list):
            copied = [_keep_path(lesson, f"{key}-{i}", path) for i, path in enumerate(value)]
            kept[key] = copied
        else:
            kept[key] = _keep_path(lesson, key, value)
    write_text(lesson / NOTE_FILE, json.dumps(kept, ensure_ascii=False, indent=2) + "\n")


def read_sources(lesson: Path) -> JsonObject | None:
    """Return the note of a lesson's sources, with the places of today; None if it has none."""
    if not (lesson / NOTE_FILE).exists():
        return None
    noted = read_own_json(lesson / NOTE_FILE, "Restore it from a copy, or teach the lesson again.")
    return {key: _find_places(lesson, value) for key, value in noted.items()}


def _keep_path(lesson: Path, name: str, value: Any) -> Any:
    """Copy a file or a folder; return its place below the lesson. Other values stay."""
    if not isinstance(value, str) or not Path(value).is_absolute() or not Path(value).exists():
        return value
    source = Path(value)
    place = Path(MATERIAL_FOLDER, name, source.name)
    target = lesson / place
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        _copy_folder(source, target)
    else:
        shutil.copyfile(source, target)
    return {"kept": str(place)}


def _copy_folder(source: Path, target: Path) -> None:
    """Copy the files of a folder. The target may be in the folder, as a student is that was begun
    among its documents.
    """
    target.mkdir()
    for file in _list_files(source):
        copied = target / file.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copied)


def _list_files(folder: Path) -> list[Path]:
    """Return the files of a folder that a reader may open: none that is hidden, no pipe, no link
    that leads out of the folder, nothing of a run or a student.
    """
    root = folder.resolve()
    found = []
    for place, folders, names in os.walk(folder):
        here = Path(place)
        if here != folder and not OWN_FILES.isdisjoint(names):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in (here / name for name in names if not name.startswith(".")):
            is_readable = file.is_file() and os.access(file, os.R_OK)
            if is_readable and file.resolve().is_relative_to(root):
                found.append(file)
    return found


def _find_places(lesson: Path, value: Any) -> Any:
    if isinstance(value, list):
        return [_find_places(lesson, part) for part in value]
    if not isinstance(value, dict) or value.keys() != {"kept"}:
        return value
    try:
        place = (lesson / str(value["kept"])).resolve()
        inside = (lesson / MATERIAL_FOLDER).resolve() in place.parents
    except ValueError:  # a NUL or half a letter, which no file has in its name
        inside = False
    if not inside:
        raise IntegrityError(
            f"{value['kept']!r} leads out of the lesson.",
            where=lesson / NOTE_FILE,
            cure="Do not use this student.",
        )
    return str(place)
