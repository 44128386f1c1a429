"""`selfteach student` and `--student`: show a student, and change its lessons."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfteach import api
from selfteach.commands.screen import Screen, open_screen, print_json, print_result
from selfteach.errors import Interrupted
from selfteach.run import finished
from selfteach.run.display import replace_control_chars
from selfteach.run.signals import handle_interrupts
from selfteach.students.folder import (
    StudentFolder,
    describe_student,
    find_student_folder,
    find_student_owner,
    list_students,
    open_student,
    read_student,
)
from selfteach.students.gate import LessonRefused
from selfteach.students.jobs import list_open_jobs

QUESTION = "Which one counts? [n]ew, [o]ld, [b]oth: "


def list_all(*, as_json: bool) -> None:
    """Print every student below students/ with its lessons."""
    found = [describe_student(path, read_student(path)) for path in list_students()]
    lines = [describe_in_line(row) for row in found]
    none = 'no students; teach one: selfteach feedback "Answer in one sentence." --student NAME'
    print_result(found, "\n".join(lines) or none, as_json=as_json)


def show(name: str, *, as_json: bool) -> None:
    """Print a student: its lessons, and the matrix of lessons and time."""
    folder = find_student_folder(name)
    found = describe_student(folder, read_student(folder))
    if as_json:
        print_json(found)
    else:
        print_student(found)


def add(name: str, run: Path, *, accept: bool, as_json: bool, debug: bool) -> None:
    """Make a finished run the next lesson of a student.

    Raises:
        UsageError: the run is not finished, or cannot be a lesson.
        LessonRefused: the gate refuses it; the message says what to type.
    """
    finished.read_exam(run)
    found = add_lesson(name, run, "", accept=accept, as_json=as_json, debug=debug)
    if as_json:
        print_json(found)


def remove(name: str, lesson: str, *, exam: bool, as_json: bool, debug: bool) -> None:
    """Take a lesson back; with `exam` sit the exams of the others again."""
    from selfteach.students.lessons import remove_lesson

    with open_for_change(name, debug=debug) as (student, screen):
        report_split(remove_lesson(student, lesson), name, screen)
        if exam and student.state.list_on():
            sit_all(student, screen)
    print_changed(name, as_json=as_json)


def switch(name: str, lessons: Sequence[str], *, on: bool, as_json: bool, debug: bool) -> None:
    """Switch lessons on or off."""
    from selfteach.students.lessons import switch_lessons

    with open_for_change(name, debug=debug) as (student, screen):
        report_split(switch_lessons(student, lessons, on=on), name, screen)
    print_changed(name, as_json=as_json)


def sit_exams(name: str, *, as_json: bool, debug: bool) -> None:
    """Sit the exams of all lessons that are on."""
    with open_for_change(name, debug=debug) as (student, screen):
        sit_all(student, screen)
    print_changed(name, as_json=as_json)


def consolidate(name: str, *, accept: bool, as_json: bool, debug: bool) -> None:
    """Train one adapter on the examples of all lessons that are on."""
    from selfteach.students.consolidate import consolidate as work
    from selfteach.students.examine import examine_with

    with open_for_change(name, debug=debug) as (student, screen):
        work(student, examine_with(screen.display), screen.display, accept=accept)
    print_changed(name, as_json=as_json)


def add_lesson(
    student: str, run: Path, title: str, *, accept: bool, as_json: bool, debug: bool
) -> dict[str, Any]:
    """Make a run the next lesson of a student, and print the student.

    In a terminal a person decides where the lesson weakens another one.

    Raises:
        LessonRefused: the gate refuses it; the message says what to type.
    """
    try:
        found = add_on_screen(student, run, title, accept=accept, instead_of=(), debug=debug)
    except LessonRefused as refusal:
        choice = ask_which_counts(refusal)
        if choice is None:
            raise
        instead_of = refusal.worse if choice == "new" else ()
        found = add_on_screen(student, run, title, accept=True, instead_of=instead_of, debug=debug)
    if not as_json:
        print_student(found)
    return found


def add_on_screen(
    student: str, run: Path, title: str, *, accept: bool, instead_of: Sequence[str], debug: bool
) -> dict[str, Any]:
    """Make a run a lesson, with the progress on the screen."""
    with open_exam_screen(debug=debug) as screen:
        return api.add_lesson(
            student, run, screen.display, title, accept=accept, instead_of=instead_of
        )


def ask_which_counts(refusal: LessonRefused) -> str | None:
    """Ask the person which lesson counts: return "new" or "both"; None for the old one, or where
    there is no terminal or no other lesson.
    """
    if not refusal.worse or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    print(f"selfteach: {replace_control_chars(refusal.what)}", file=sys.stderr)
    while True:
        print(QUESTION, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        word = line.strip().lower()
        if not line or word in ("o", "old"):
            return None
        if word in ("n", "new"):
            return "new"
        if word in ("b", "both"):
            return "both"


@contextmanager
def open_exam_screen(*, debug: bool) -> Iterator[Screen]:
    """Show the progress of exams.

    Raises:
        Interrupted: the user or the system stopped them.
    """
    with (
        open_screen(None, debug=debug) as screen,
        handle_interrupts(screen.print_line),
    ):
        try:
            yield screen
        except KeyboardInterrupt as stop:
            raise Interrupted(
                "stopped; the student is as before.", cure="The same command goes on."
            ) from stop


@contextmanager
def open_for_change(name: str, *, debug: bool) -> Iterator[tuple[StudentFolder, Screen]]:
    """Open a student for changes, with a screen."""
    folder = find_student_folder(name)
    with (
        open_exam_screen(debug=debug) as screen,
        open_student(folder, say=screen.print_line) as student,
    ):
        yield student, screen


def sit_all(student: StudentFolder, screen: Screen) -> None:
    """Sit all exams, with their progress on the screen."""
    from selfteach.students.examine import examine_with
    from selfteach.students.lessons import sit_exams as sit

    sit(student, examine_with(screen.display))


def report_split(lessons: Sequence[str], name: str, screen: Screen) -> None:
    """Say that a consolidated adapter no longer counts, because a lesson of it is gone or off."""
    if lessons:
        screen.print_line(
            f"the consolidated adapter held traces of it and no longer counts: {name} is the sum "
            f"of its lessons again; `selfteach student consolidate {name}` trains a new one"
        )


def print_changed(name: str, *, as_json: bool) -> None:
    """Print a student after a change."""
    show(name, as_json=as_json)


def print_student(found: Mapping[str, Any]) -> None:
    """Print a student for people."""
    print(replace_control_chars(describe_in_line(found)))
    if found["consolidated"]:
        print(f"  consolidated: {', '.join(found['consolidated'])}")
    columns = found["matrix"]
    for lesson in found["lessons"]:
        cells = []
        for column in columns[-6:]:
            cells.append(format_cell(column["cells"].get(lesson["name"])))
        state = "on " if lesson["on"] else "off"
        title = replace_control_chars(lesson["title"])[:60]
        print(f"  {state} {lesson['name']:32} {' '.join(cells)}  {title}")
    if not found["examined"] and any(lesson["on"] for lesson in found["lessons"]):
        print(f"  not examined since the last change: selfteach student exam {found['student']}")
    for job in list_open_jobs(Path(found["student"])):
        print(f"  job {job.id} is {job.state}: {replace_control_chars(job.title)[:60]}")
    print(f"  report: {found['report']}")


def format_cell(cell: Mapping[str, Any] | None) -> str:
    """Return a cell of the matrix as text of a fixed width."""
    text = "-"
    if cell is not None:
        score = f" {100 * cell['score']['value']:.0f} %" if cell["score"] else ""
        text = cell["state"] + score
    return f"{text:14}"


def describe_in_line(found: Mapping[str, Any]) -> str:
    """Return a student in one line."""
    on = sum(lesson["on"] for lesson in found["lessons"])
    count = len(found["lessons"])
    lessons = "1 lesson" if count == 1 else f"{count} lessons"
    owner = find_student_owner(Path(found["student"]))
    busy = f", in use by process {owner}" if owner else ""
    counts = Counter(job.state for job in list_open_jobs(Path(found["student"])))
    jobs = "".join(f", jobs {state}: {count}" for state, count in sorted(counts.items()))
    return f"{found['student']}: {lessons}, {on} on, base {found['base']}{busy}{jobs}"
