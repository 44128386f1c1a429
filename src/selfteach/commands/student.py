"""`selfteach student` and `--student`: show a student, and change its lessons."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfteach.commands.screen import (
    Screen,
    open_console,
    open_screen,
    print_json,
    print_notice,
    print_result,
)
from selfteach.errors import Interrupted, SelfteachError
from selfteach.records import JsonObject
from selfteach.run import finished
from selfteach.run.display import replace_control_chars
from selfteach.run.signals import handle_interrupts
from selfteach.run.student_adapter import quote_student
from selfteach.students.folder import (
    StoppedAfterChange,
    StudentFolder,
    describe_student,
    find_student_folder,
    find_student_owner,
    list_students,
    open_student,
    read_student,
)
from selfteach.students.gate import LessonRefused
from selfteach.students.job_origin import describe_foreign_jobs, read_mark
from selfteach.students.jobs import JobBook, is_foreign, list_open_jobs
from selfteach.text import format_count

WIDTH = 130
AS_BEFORE = ("stopped; the student is as before.", "The same command goes on.")
"""What an interrupt says, and its cure."""
QUESTION = "Which one counts? [n]ew, [o]ld, [b]oth: "


def list_all(*, as_json: bool) -> None:
    """Print every student below students/ with its lessons; a damaged one with its fault."""
    found: list[JsonObject] = []
    lines = []
    for path in list_students():
        try:
            row = describe_student(path, read_student(path))
        except SelfteachError as fault:
            found.append({"student": str(path), "fault": str(fault)})
            lines.append(f"damaged: {replace_control_chars(str(fault))}")
        else:
            found.append(row)
            lines.append(replace_control_chars(describe_in_line(row)))
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


def add(
    name: str,
    run: Path,
    *,
    accept: bool,
    beside: bool,
    instead_of: Sequence[str],
    as_json: bool,
    debug: bool,
) -> None:
    """Make a finished run the next lesson of a student.

    Raises:
        UsageError: the run is not finished, or cannot be a lesson.
        LessonRefused: the gate refuses it; the message says what to type.
    """
    finished.read_exam(run)
    try:
        found = add_lesson(
            name,
            run,
            "",
            accept=accept,
            beside=beside,
            instead_of=instead_of,
            as_json=as_json,
            debug=debug,
        )
    except LessonRefused as refusal:
        if as_json:
            print_json({"refused": refusal.describe()})
        raise
    if as_json:
        print_json(found)


def remove(
    name: str, lesson: str, *, exam: bool, retrain: bool, as_json: bool, debug: bool
) -> None:
    """Take a lesson back; with `exam` sit the exams of the others again; with `retrain` train those
    again that carry traces of it. In a terminal a person is asked about these.
    """
    from selfteach.students.take_back import remove_lesson

    with open_for_change(name, debug=debug) as (student, screen):
        carriers = [own.name for own in student.state.list_carriers(lesson)]
        report_split(remove_lesson(student, lesson), name, screen)
        report_carriers(carriers, lesson, name, screen)
    again = retrain or (carriers and ask_to_retrain(carriers))
    if again or exam:
        words = f"stopped; {lesson} is removed."
        typed = shlex.quote(name)
        cure = f"`selfteach student exam {typed}` sits the exams."
        if again:
            lines = (f"`selfteach student retrain {typed} {own}`" for own in carriers)
            cure = f"{' and '.join(lines)} trains again what carried traces of it."
        with open_for_change(name, debug=debug, stopped=(words, cure)) as (student, screen):
            if again:
                retrain_carriers(student, carriers, screen)
            if exam and student.state.list_on():
                sit_all(student, screen)
    show(name, as_json=as_json)


def retrain(
    name: str, lesson: str, *, alone: bool, accept: bool, as_json: bool, debug: bool
) -> None:
    """Train a lesson again beside the others, or take the adapter that was trained alone."""
    from selfteach.students.beside import restore_alone, retrain_beside
    from selfteach.students.examine import examine_with

    with open_for_change(name, debug=debug) as (student, screen):
        if alone:
            restore_alone(student, lesson)
        else:
            display = screen.display
            with report_refusal(as_json=as_json):
                retrain_beside(student, lesson, examine_with(display), display, accept=accept)
    show(name, as_json=as_json)


def report_carriers(carriers: Sequence[str], gone: str, name: str, screen: Screen) -> None:
    """Name the lessons that carry traces of one that was taken back, and what to type."""
    for lesson in carriers:
        screen.print_line(
            f"{lesson} was trained beside {gone} and carries traces of it; `selfteach student "
            f"retrain {shlex.quote(name)} {lesson}` trains it beside the lessons that are left, "
            "and with --alone the adapter that was trained alone takes its place"
        )


def ask_to_retrain(carriers: Sequence[str]) -> bool:
    """Return whether the person wants these lessons trained again; False without a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"Retrain {', '.join(carriers)} now? [y]es, [n]o: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def retrain_carriers(student: StudentFolder, carriers: Sequence[str], screen: Screen) -> None:
    """Train lessons again beside those that are left. All of them are alone first, so that none
    learns the traces of another one; one that no other is on beside, or that is off, stays alone.
    """
    from selfteach.students.beside import restore_alone, retrain_beside
    from selfteach.students.examine import examine_with

    display = screen.display
    for lesson in carriers:
        restore_alone(student, lesson)
    on = [own.name for own in student.state.list_on()]
    for lesson in carriers:
        if lesson in on and len(on) > 1:
            retrain_beside(student, lesson, examine_with(display), display, accept=True)
        else:
            screen.print_line(f"{lesson} has the adapter that was trained alone")


def switch(name: str, lessons: Sequence[str], *, on: bool, as_json: bool, debug: bool) -> None:
    """Switch lessons on or off."""
    from selfteach.students.take_back import switch_lessons

    with open_for_change(name, debug=debug) as (student, screen):
        report_split(switch_lessons(student, lessons, on=on), name, screen)
    show(name, as_json=as_json)


def sit_exams(name: str, *, as_json: bool, debug: bool) -> None:
    """Sit the exams of all lessons that are on."""
    with open_for_change(name, debug=debug) as (student, screen):
        sit_all(student, screen)
    show(name, as_json=as_json)


def confirm(name: str, jobs: Sequence[str], *, as_json: bool) -> None:
    """Let jobs that came with the folder begin, and print them."""
    found = JobBook(find_student_folder(name)).confirm(jobs)
    lines = [f"job {job.id} is confirmed: {replace_control_chars(job.title)[:60]}" for job in found]
    text = "\n".join(lines) or "no job waits to be confirmed"
    print_result([job.to_json() for job in found], text, as_json=as_json)


def consolidate(name: str, *, accept: bool, as_json: bool, debug: bool) -> None:
    """Train one adapter on the examples of all lessons that are on."""
    from selfteach.students.consolidate import consolidate as work
    from selfteach.students.examine import examine_with

    with (
        open_for_change(name, debug=debug) as (student, screen),
        report_refusal(as_json=as_json),
    ):
        work(student, examine_with(screen.display), screen.display, accept=accept)
    show(name, as_json=as_json)


def add_lesson(
    student: str,
    run: Path,
    title: str,
    *,
    accept: bool,
    as_json: bool,
    debug: bool,
    beside: bool = False,
    instead_of: Sequence[str] = (),
) -> dict[str, Any]:
    """Make a run the next lesson of a student, and print the student.

    In a terminal a person decides where the lesson weakens another one. If the new one counts, the
    gate decides about all others.

    Raises:
        LessonRefused: the gate refuses it; the message says what to type.
    """
    from selfteach import api  # it loads all methods: a second that a list does not need

    off = list(instead_of)
    while True:
        try:
            with open_exam_screen(debug=debug) as screen:
                found = api.add_lesson(
                    student,
                    run,
                    screen.display,
                    title,
                    accept=accept,
                    instead_of=off,
                    beside=beside,
                )
            break
        except LessonRefused as refusal:
            if not as_json:
                print_refused_exams(refusal)
            choice = ask_which_counts(refusal)
            if choice is None:
                raise
            if choice == "new":
                off += refusal.worse
            accept = choice == "both"
    if not as_json:
        print_student(found)
    return found


def print_refused_exams(refusal: LessonRefused) -> None:
    """Print the exams that the gate has refused a change for, where they were sat."""
    from selfteach.report.student_table import make_exams_table

    if refusal.cells:
        title = f"exams with {refusal.lesson or 'the consolidated adapter'}, which is refused"
        cells = refusal.describe()["cells"]
        open_console(WIDTH).print(make_exams_table(title, cells))


@contextmanager
def report_refusal(*, as_json: bool) -> Iterator[None]:
    """Print the exams, or JSON, where the gate refuses what the block does.

    Raises:
        LessonRefused: it does.
    """
    try:
        yield
    except LessonRefused as refusal:
        if as_json:
            print_json({"refused": refusal.describe()})
        else:
            print_refused_exams(refusal)
        raise


def ask_which_counts(refusal: LessonRefused) -> str | None:
    """Ask the person which lesson counts: return "new" or "both"; None for the old one, or where
    there is no terminal or no other lesson.
    """
    if not refusal.worse or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    print_notice(refusal.what)
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
def open_exam_screen(*, debug: bool, stopped: tuple[str, str] = AS_BEFORE) -> Iterator[Screen]:
    """Show the progress of exams.

    Args:
        stopped: what an interrupt says, and its cure; by default it says whether the student is as
            before.

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
            what, cure = stopped
            if isinstance(stop, StoppedAfterChange) and stopped == AS_BEFORE:
                what, cure = f"stopped behind the change: {stop.change}.", "It stays."
            raise Interrupted(what, cure=cure) from stop


@contextmanager
def open_for_change(
    name: str, *, debug: bool, stopped: tuple[str, str] = AS_BEFORE
) -> Iterator[tuple[StudentFolder, Screen]]:
    """Open a student for changes, with a screen; `stopped` as of `open_exam_screen`."""
    folder = find_student_folder(name)
    with (
        open_exam_screen(debug=debug, stopped=stopped) as screen,
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
            f"of its lessons again; `selfteach student consolidate {shlex.quote(name)}` trains a "
            "new one"
        )


def print_student(found: Mapping[str, Any]) -> None:
    """Print a student for people."""
    from selfteach.report.student_table import make_student_tables

    print(replace_control_chars(describe_in_line(found)))
    if found["consolidated"]:
        print(f"  consolidated: {', '.join(found['consolidated'])}")
    open_console(WIDTH).print(make_student_tables(found))
    folder = Path(found["student"])
    typed = quote_student(folder)
    for lesson in found["lessons"]:
        if lesson["traces_of"]:
            gone = ", ".join(map(replace_control_chars, lesson["traces_of"]))
            retrain = f"selfteach student retrain {typed} {lesson['name']}"
            print(f"  {lesson['name']} carries traces of {gone}: {retrain}")
    if not found["examined"] and any(lesson["on"] for lesson in found["lessons"]):
        print(f"  not examined since the last change: selfteach student exam {typed}")
    jobs = list_open_jobs(folder)
    for job in jobs:
        print(f"  job {job.id} is {job.state}: {replace_control_chars(job.title)[:60]}")
    mark = read_mark(folder)
    if foreign := [job for job in jobs if is_foreign(job, mark)]:
        print(f"  {describe_foreign_jobs(folder, len(foreign))}")
    print(f"  report: {found['report']}")


def describe_in_line(found: Mapping[str, Any]) -> str:
    """Return a student in one line."""
    on = sum(lesson["on"] for lesson in found["lessons"])
    count = len(found["lessons"])
    lessons = format_count(count, "lessons")
    owner = find_student_owner(Path(found["student"]))
    busy = f", in use by process {owner}" if owner else ""
    counts = Counter(job.state for job in list_open_jobs(Path(found["student"])))
    jobs = "".join(f", jobs {state}: {count}" for state, count in sorted(counts.items()))
    return f"{found['student']}: {lessons}, {on} on, base {found['base']}{busy}{jobs}"
