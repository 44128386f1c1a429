"""The page of a student: its lessons, and the matrix of lessons and time."""

from __future__ import annotations

from pathlib import Path

from selfteach.files import write_text
from selfteach.records import JsonMapping, JsonObject
from selfteach.report.page import render_template
from selfteach.report.read_run import clean_json, get_path, list_objects, read_measure, read_number
from selfteach.text import clean_text

TEMPLATE = "student.j2"
SHARES = {"needless": "needless effects", "near": "near answers not degraded"}
"""The shares of a cell that are shown alone and in the student."""


def write_student_page(folder: Path, student: JsonMapping, typed: str) -> Path:
    """Write report.html into a student's folder, and return its path.

    Args:
        student: what `selfteach student show --json` prints.
        typed: the student as a word of a command line.
    """
    page = folder / "report.html"
    write_text(page, render_student_page(clean_text(folder.name), student, clean_text(typed)))
    return page


def render_student_page(name: str, student: JsonMapping, typed: str) -> str:
    """Return the page as text."""
    found: JsonObject = clean_json(student)
    columns = list_objects(found.get("matrix"))
    rows = [make_row(lesson, columns) for lesson in list_objects(found.get("lessons"))]
    return render_template(
        TEMPLATE, name=name, typed=typed, student=found, columns=columns, rows=rows
    )


def make_row(lesson: JsonMapping, columns: list[JsonObject]) -> JsonObject:
    """Return a lesson with one cell for each sitting; None where it was not part of it."""
    cells: list[JsonObject | None] = []
    for column in columns:
        cell = get_path(column, "cells", str(lesson.get("name")))
        if not isinstance(cell, dict):
            cells.append(None)
            continue
        cells.append(
            {
                "state": str(cell.get("state")),
                "score": read_measure(cell.get("score")),
                "fall": read_measure(cell.get("fall")),
                "drift": read_number(cell.get("drift_nats")),
                "reason": str(cell.get("reason") or ""),
                "shares": [
                    (label, read_measure(cell.get(f"{name}_alone")), read_measure(cell.get(name)))
                    for name, label in SHARES.items()
                    if read_measure(cell.get(name))
                ],
            }
        )
    return {**lesson, "cells": cells}
