"""`selfteach export`: the tuned model for another program, which answers the exam again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from selfteach.commands.options import DEFAULT_PROMPTS, DEFAULT_QUANT
from selfteach.commands.screen import Screen, open_screen, print_result
from selfteach.errors import RequirementNotMet, UsageError
from selfteach.export.forms import GGUF_FORMS, HUB, check_form, check_quant
from selfteach.export.output_folder import check_unused, open_atomic_folder
from selfteach.export.unpushed import read_unpushed
from selfteach.run import finished
from selfteach.run.exports import check_export
from selfteach.run.signals import handle_interrupts
from selfteach.students.folder import (
    describe_student,
    find_student_folder,
    is_student,
    read_student,
)
from selfteach.students.state import LESSONS_FOLDER, Cell, StudentState

if TYPE_CHECKING:
    from selfteach.students.exam_models import ExamSource

EXPORTS_FOLDER = "exports"
INSPECT = "inspect"
"""The form that holds exams and no model."""


def run_export(
    run: Path | None,
    student: str | None,
    name: str,
    form: str,
    quant: str,
    out: Path | None,
    count: int,
    *,
    exam: bool,
    public: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Write the export and print its folder.

    Raises:
        UsageError: both a run and a student, or neither; or options that the form does not have.
        IntegrityError: the adapter, or what the card shows, is not as the run wrote it.
        RequirementNotMet: the export answers otherwise than the run's adapter; it is kept, and
            marked as failed.
    """
    if (run is None) == (student is None):
        raise UsageError(
            "give either --run DIR or --student NAME.",
            cure="--student exports the sum of its lessons that are on.",
        )
    check_form(form)
    folder = run if run is not None else find_student_folder(student or "")
    is_run = run is not None and not is_student(folder)
    state = None if is_run else read_student(folder)
    lessons = [folder] if state is None else list_lesson_folders(folder, state)
    if form == INSPECT:
        refuse_model_options(name, quant, count, public=public, exam=exam)
        export_exams(folder, lessons, out, is_run=is_run, as_json=as_json)
        return
    check_quant(form, quant)
    adapter = finished.find_adapter(folder, name)
    for lesson in lessons:
        finished.check_shown_numbers(lesson)
        if form.startswith(HUB):  # the examples are pushed as a dataset
            check_export(lesson, finished.EXAMPLES_FILE)
    base = finished.read_base_name(folder)
    kind = form.partition(":")[0]
    place = out or folder / EXPORTS_FOLDER / (f"{kind}-{quant}" if kind in GGUF_FORMS else kind)
    if read_unpushed(place, form, folder, adapter) is None:
        check_unused(place)
    with (
        open_screen(None, debug=debug) as screen,
        handle_interrupts(screen.print_line),
        TemporaryDirectory(prefix="selfteach-") as scratch,
    ):
        screen.display.print_line("loading the libraries and the model")
        from selfteach.export.export_run import ExportJob, export_run

        exams = list_exams(state, lessons, Path(scratch)) if exam else []
        job = ExportJob(folder, base, adapter, form, quant, place, count, public, lessons, exams)
        found = export_run(job, partial(make_export_card, folder, state), screen.display)
        print_check(found, screen)
    with suppress(BrokenPipeError):  # it may be read in part
        print_result({"out": str(place), **found}, place, as_json=as_json)
    refuse_failed(found, place)


def refuse_model_options(name: str, quant: str, count: int, *, public: bool, exam: bool) -> None:
    """Refuse options about a model where an exam alone is written.

    Raises:
        UsageError: there is one.
    """
    given = {
        "--adapter": bool(name),
        "--quant": quant != DEFAULT_QUANT,
        "--prompts": count != DEFAULT_PROMPTS,
        "--public": public,
        "--exam": exam,
    }
    if wrong := [option for option, is_given in given.items() if is_given]:
        raise UsageError(
            f"--to {INSPECT} writes the exam and no model.",
            where=", ".join(wrong),
            cure="Leave it out, or choose another form.",
        )


def export_exams(
    folder: Path, lessons: Sequence[Path], out: Path | None, *, is_run: bool, as_json: bool
) -> None:
    """Write the exam of a run, or those of a student's lessons, as logs of inspect_ai, and beside
    them what `selfteach benchmark` has found of the run or the student.
    """
    from selfteach.commands.benchmark import RESULTS_FILE, read_benchmark
    from selfteach.export.inspect_log import write_inspect_logs

    place = out or folder / EXPORTS_FOLDER / INSPECT
    check_unused(place)
    benchmark = read_benchmark(folder)
    with open_atomic_folder(place) as fresh:
        for lesson in lessons:
            own = fresh if is_run else fresh / lesson.name
            own.mkdir(parents=True)
            write_inspect_logs(lesson, own, benchmark, folder.resolve().name)
        if benchmark:
            shutil.copy(folder / RESULTS_FILE, fresh)
    files = sorted(str(file.relative_to(place)) for file in place.rglob("*.json"))
    print_result({"out": str(place), "form": INSPECT, "files": files}, place, as_json=as_json)


def list_lesson_folders(folder: Path, state: StudentState) -> list[Path]:
    """Return the folders of a student's lessons that are on.

    Raises:
        UsageError: none is on: the student is nothing but its base.
    """
    if not state.list_on():
        raise UsageError("no lesson is on.", where=folder, cure="Teach one, or switch one on.")
    return [folder / LESSONS_FOLDER / own.name for own in state.list_on()]


def list_exams(
    state: StudentState | None, lessons: Sequence[Path], scratch: Path
) -> list[tuple[ExamSource, Cell | None]]:
    """Return the exams of lessons, each with what it shows in the student's newest exams; None
    where there are none, or of a run.
    """
    from selfteach.students.examine import name_run_source

    cells: Mapping[str, Cell] = {}
    if state and (sitting := state.find_sitting()):
        cells = sitting.cells
    found = []
    for number, lesson in enumerate(lessons):
        source = name_run_source(lesson, scratch / f"exam-{number}")
        found.append((source, cells.get(lesson.name)))
    return found


def make_export_card(folder: Path, state: StudentState | None, usage: str, library: str) -> str:
    """Return the card of a run, or of a student as it was at the start, with a section on the
    export.

    Raises:
        UsageError: the student is another one by now: what was written may be that of either.
    """
    if state is not None:
        from selfteach.report.student_card import make_student_card

        if read_student(folder).list_part_sums() != state.list_part_sums():
            raise UsageError(
                "the student has changed while it was exported.",
                where=folder,
                cure="Export it again.",
            )
        return make_student_card(describe_student(folder, state), usage, library)
    from selfteach.report.card import make_card

    return make_card(folder, usage, library)


def print_check(found: Mapping[str, Any], screen: Screen) -> None:
    """Print how the export answers."""
    from selfteach.export.export_run import NO_VERDICT, describe_gaps

    say = screen.display.print_line
    checked = found["check"]
    if not checked["prompts"]:
        say(f"not checked: {checked['reason']}")
    else:
        say(
            f"{checked['engine']} gave {checked['equal']} of {checked['prompts']} greedy answers "
            "exactly as the run's adapter does"
        )
        if checked["gaps_nats"]:
            say(describe_gaps(checked["gaps_nats"]))
    if not found["exams"]:
        say(NO_VERDICT)
    for exam in found["exams"]:
        word = exam["verdict"] or f"not examined: {exam['reason']}"
        say(f"exam of {exam['name']}: {word}; before: {exam['expected']}")


def refuse_failed(found: Mapping[str, Any], place: Path) -> None:
    """Refuse an export that answers otherwise.

    Raises:
        RequirementNotMet: too many answers differ, or a verdict is another one.
    """
    checked = found["check"]
    if checked["passed"] is False:
        raise RequirementNotMet(
            f"this export is marked as failed: {checked['equal']:,} of {checked['prompts']:,} "
            f"answers are those of the run, and {checked['needed']:.0%} are needed.",
            where=place,
            cure="export.json lists where it differs.",
        )
    for exam in found["exams"]:
        if not exam["same"]:
            word = exam["verdict"] or f"not examined ({exam['reason']})"
            ending = f'ends with "{word}", and before with "{exam["expected"]}"'
            if word == exam["expected"]:
                ending = f"is {exam['state']}: its score is more than 5 points lower"
            raise RequirementNotMet(
                f'this export is marked as failed: the exam of "{exam["name"]}" {ending}.',
                where=place,
                cure="export.json has both.",
            )
