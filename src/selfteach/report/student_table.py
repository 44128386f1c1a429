"""The printed tables of a student: its lessons and time, and the exams of one sitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from selfteach.records import JsonMapping, Measure
from selfteach.report.format_text import MISSING, format_decimal
from selfteach.report.read_run import list_objects, read_measure, read_number
from selfteach.report.result_table import strip_controls

MAX_COLUMNS = 6
"""The newest changes that are shown; the page has all of them."""
NAME_LENGTH = 40
TITLE_LENGTH = 60
EXAM_HEADERS = (
    "lesson",
    "exam",
    "score",
    "points below alone",
    "needless effects",
    "near not degraded",
    "drift, nats",
    "verdict",
)


def make_student_tables(student: JsonMapping) -> Group:
    """Return the lessons with the matrix, and the exams of the lessons that are on now.

    Args:
        student: what `selfteach student show --json` prints.
    """
    columns = list_objects(student["matrix"])
    parts: list[RenderableType] = []
    if student["lessons"]:
        parts.append(_make_matrix(list_objects(student["lessons"]), columns))
    first = max(len(columns) - MAX_COLUMNS, 0)
    for number, column in enumerate(columns[first:], start=first + 1):
        parts.append(Text(f"{number}  {_describe_change(column)}", "dim"))
    if exams := student["exams"]:
        title = f"exams after {exams['number']}. {strip_controls(exams['change'], 100)}"
        parts += ["", make_exams_table(title, exams["cells"])]
    return Group(*parts)


def make_exams_table(title: str, cells: Mapping[str, JsonMapping]) -> Group:
    """Return the exams of one sitting: one row for each lesson, each number beside that of the
    lesson alone.

    Args:
        cells: cells of the matrix as JSON, by the name of the lesson.
    """
    table = _make_table(EXAM_HEADERS, title)
    for name, cell in cells.items():
        table.add_row(
            Text(strip_controls(name, NAME_LENGTH)),
            Text(str(cell["state"])),
            Text(_format_points(read_measure(cell["score"]), " %")),
            Text(_format_points(read_measure(cell["fall"]))),
            Text(_format_pair(cell, "needless")),
            Text(_format_pair(cell, "near")),
            Text(format_decimal(read_number(cell["drift_nats"]))),
            Text(strip_controls(cell["verdict"], TITLE_LENGTH) or MISSING),
        )
    notes = [
        Text(f"{strip_controls(name, NAME_LENGTH)}: {strip_controls(cell['reason'], 300)}", "dim")
        for name, cell in cells.items()
        if cell["reason"]
    ]
    about = "brackets: 95 % intervals, paired by question; 10 -> 12 %: alone, and in the student"
    return Group(table, Text(about, "dim"), *notes)


def _make_matrix(lessons: Sequence[JsonMapping], columns: Sequence[JsonMapping]) -> Table:
    first = max(len(columns) - MAX_COLUMNS, 0)
    numbers = [str(number) for number in range(first + 1, len(columns) + 1)]
    table = _make_table(("", "lesson", *numbers, "what was taught"), "lessons and time")
    for lesson in lessons:
        cells = []
        for column in columns[first:]:
            cell = column["cells"].get(lesson["name"])
            cells.append(Text(_format_state(cell)))
        table.add_row(
            "on" if lesson["on"] else "off",
            Text(strip_controls(lesson["name"], NAME_LENGTH)),
            *cells,
            Text(strip_controls(lesson["title"], TITLE_LENGTH)),
        )
    return table


def _describe_change(column: JsonMapping) -> str:
    """Return what was done, and which of the lessons of that time were taken back since."""
    gone = [strip_controls(name, NAME_LENGTH) for name in column["removed"]]
    since = f" (removed since: {', '.join(gone)})" if gone else ""
    return strip_controls(column["change"], 100) + since


def _make_table(headers: Sequence[str], title: str) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=Text(title),
        title_justify="left",
        title_style="bold",
    )
    for header in headers:
        table.add_column(Text(header), overflow="fold")
    return table


def _format_state(cell: JsonMapping | None) -> str:
    if cell is None:
        return MISSING
    score = read_measure(cell["score"])
    return str(cell["state"]) + (f" {100 * score.value:.0f} %" if score else "")


def _format_points(found: Measure | None, unit: str = "") -> str:
    """Return a share, or a difference of shares, in percent with its interval."""
    if found is None:
        return MISSING
    value, low, high = (round(100 * number) for number in (found.value, found.low, found.high))
    return f"{value}{unit} [{low}, {high}]"


def _format_pair(cell: JsonMapping, name: str) -> str:
    """Return "10 -> 12 %": a share of the lesson alone, and in the student."""
    now = read_measure(cell[name])
    alone = read_measure(cell[f"{name}_alone"])
    if now is None:
        return MISSING
    before = f"{100 * alone.value:.0f} -> " if alone else ""
    return f"{before}{100 * now.value:.0f} %"
