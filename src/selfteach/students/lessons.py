"""Add a finished run to a student as a lesson.

  1  copy the run into the student's folder; train it beside the others, if that is wanted
  2  sit the exams of all lessons that are on, with the new one among them
  3  the gate: refuse the lesson if it weakens another one, or if the general drift is too large
  4  commit: one row of the database, and then the student's adapter

A process that is killed before step 4 leaves the student as it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from selfteach.errors import UsageError
from selfteach.files import hash_file
from selfteach.models.check_safety import LOAD_IN_4BIT, TENSORS_FILE
from selfteach.models.four_bit_files import refuse_4bit_base
from selfteach.records import JsonMapping, digest
from selfteach.run import finished
from selfteach.run.lock import LOCK_FILE, RunLock
from selfteach.run.run_folder import make_slug
from selfteach.run.student_adapter import quote_student
from selfteach.students.exam_models import find_method
from selfteach.students.examine import Examine
from selfteach.students.folder import StudentFolder, choose_base, describe_off, name_base
from selfteach.students.gate import (
    IN_PART,
    NOT_LEARNED,
    LessonRefused,
    find_worse,
    list_objections,
)
from selfteach.students.state import LESSONS_FOLDER, SCORING, Cell, Lesson, StudentState
from selfteach.train.adapters.adapter import can_join
from selfteach.train.adapters.join_loras import EXPERTS_STAY_ALONE, explain_why_not_joined

TrainBeside = Callable[[StudentFolder, StudentState, Lesson], Lesson]
"""Returns a lesson with an adapter that was trained beside the lessons of a state."""
NAME_LENGTH = 32
TITLE_LENGTH = 300
NOT_COPIED = (LOCK_FILE, finished.COMPARISON_FOLDER, "checkpoints", "engine", "gguf", "damaged")
"""What a run's folder holds beside the run."""


def check_before_run(folder: Path, kind: str, config: Any) -> None:
    """Refuse a run that could not become a lesson, before anything is paid for.

    Raises:
        UsageError: another base, an adapter that cannot be stacked, or a run without an exam.
    """
    find_method(kind)
    if getattr(config, LOAD_IN_4BIT, False):
        raise UsageError(
            "lessons on a base in 4 bits cannot be stacked.",
            where=LOAD_IN_4BIT,
            cure="Teach on the base in 16 bits, or without --student.",
        )
    refuse_4bit_base(config.model, "the base of a student")
    adapter = getattr(getattr(config, "train", None), "adapter", "lora")
    if not can_join(adapter):
        raise UsageError(
            f"lessons of the adapter {adapter} cannot be stacked.",
            where="train.adapter",
            cure="Use lora, or teach without --student.",
        )
    if config.train.lora.experts:
        raise UsageError(
            f"cannot be a lesson: {EXPERTS_STAY_ALONE}.",
            where="train.lora.experts",
            cure="Leave it out, or teach without --student.",
        )
    choose_base(folder, config.model)


def begin_state(run: Path) -> StudentState:
    """Return the state of a new student with the base of a run."""
    return StudentState(name_base(finished.read_base_name(run)), read_base_fingerprint(run))


def read_base_fingerprint(run: Path) -> str:
    """Return the fingerprint of the base that a run began with."""
    return str(finished.read_models(run).get("base", ""))


def find_lesson_of_run(state: StudentState, run: Path) -> Lesson | None:
    """Return the lesson that a run has become, or None."""
    identity = identify_run(run)
    return next((own for own in state.lessons if own.identity == identity), None)


def identify_run(run: Path) -> str:
    """Return the hash of a run's settings and material."""
    identity, _ = finished.find_material(run)
    return digest(["lesson", identity])


def add_lesson(
    student: StudentFolder,
    run: Path,
    examine: Examine,
    *,
    title: str = "",
    accept: bool = False,
    instead_of: Sequence[str] = (),
    beside: TrainBeside | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Lesson:
    """Make a finished run a lesson, if it passes the gate. A run that is a lesson already stays it.

    Args:
        title: what was taught, for people.
        accept: add it, whatever the gate says.
        instead_of: lessons to switch off, because this one counts in their place.
        beside: trains it beside the others that are on; None keeps it alone.
        say: receives a line when the exams begin, one about a lesson that is added although it is
            learned in part, and one about what does not happen because it is there already.

    Raises:
        LessonRefused: the gate refuses it; the student is as before.
        UsageError: another base, or an adapter that cannot be stacked.
        ResourceError: the disk is full; the student is as before, or the message says that the
            lesson is added.
    """
    instead_of = list(dict.fromkeys(instead_of))
    if known := find_lesson_of_run(student.state, run):
        refuse_other_base(student, run)
        report_known(student, known, run, instead_of, say, beside=beside is not None)
        return known
    lesson = make_lesson(student.state, run, title)
    refuse_4bit_base(student.state.base, "the base of a student", finished.find_adapter(run))
    refuse_other_base(student, run)
    exam = finished.read_exam(run)
    refuse_unlearned(student, lesson, exam, accept=accept)
    say("adding the lesson: the exams of all lessons are sat")
    was_consolidated = student.state.consolidated is not None
    copy_run(student, run, lesson)  # 1
    before = student.state.switch(instead_of, on=False)
    if beside:
        lesson = beside(student, before, lesson)
    after = before.add(lesson)
    cells = examine(student, after)  # 2
    earlier = find_current_cells(student.state)
    if find_worse(earlier, cells) and not earlier and not accept:
        earlier = examine(student, student.state)  # who made them worse?
    check_gate(student, lesson, earlier, cells, accept=accept, instead_of=instead_of)  # 3
    change = f"added {lesson.name}"
    if instead_of:
        change += f", {', '.join(instead_of)} off"
    student.commit(after.record(change, cells), change)  # 4
    if student.state.consolidated is None and was_consolidated:
        say("the consolidated adapter held traces of what is off now, and no longer counts")
    student.remove_training_runs()
    if exam["verdict"]["word"] in IN_PART:
        say(f"{lesson.name} is added as it is. {exam['verdict']['sentence']}")
    return lesson


def report_known(
    student: StudentFolder,
    known: Lesson,
    run: Path,
    instead_of: Sequence[str],
    say: Callable[[str], object],
    *,
    beside: bool,
) -> None:
    """Say what is not done for a run that is a lesson already, and the command that does it."""
    path = quote_student(student.path)
    if beside and not known.beside:
        command = f"selfteach student retrain {path} {known.name}"
        say(
            f"{known.name} is a lesson already, trained alone; `{command}` trains it beside the "
            "others"
        )
    adapters = finished.list_adapters(run)
    if adapters and hash_file(finished.find_adapter(run) / TENSORS_FILE) != known.adapter_sum:
        command = f"selfteach student remove {path} {known.name}"
        say(
            f"{known.name} is a lesson already, with other weights than those of {run}, and stays "
            f"as it is; `{command}` takes it back, so that this run can be added"
        )
    if line := describe_off(student.path, known.name):
        say(line)
    on = [lesson.name for lesson in student.state.list_on()]
    for name in instead_of:
        if name in on:
            command = f"selfteach student off {path} {name}"
            say(f"{known.name} is a lesson already, and {name} stays on; `{command}` ends that")


def read_kind(run: Path) -> str:
    """Return the method of a run that can become a lesson.

    Raises:
        UsageError: a run of this kind has no exam that can be sat again.
    """
    identity, _ = finished.find_material(run)
    kind = str(identity["kind"])
    find_method(kind)
    return kind


def make_lesson(state: StudentState, run: Path, title: str) -> Lesson:
    """Return the lesson that a finished run becomes.

    Raises:
        UsageError: it has no adapter that can be stacked.
    """
    identity, _ = finished.find_material(run)
    kind = read_kind(run)
    if not finished.list_adapters(run):
        exam = finished.read_exam(run)
        raise LessonRefused(
            f"there is nothing to add: {exam['verdict']['sentence']}",
            where=run,
            cure="The student is as before.",
            lesson=run.name,
            acceptable=False,
        )
    adapter = finished.find_adapter(run)
    if reason := explain_why_not_joined(adapter):
        raise UsageError(f"cannot be a lesson: {reason}.", where=run, cure="Use lora.")
    title = title or str(identity["material"].get("rule") or run.name)
    return Lesson(
        choose_name(state, title),
        kind,
        title[:TITLE_LENGTH],
        identify_run(run),
        hash_file(adapter / TENSORS_FILE),
        str(run),
    )


def choose_name(state: StudentState, title: str) -> str:
    """Return a short name that no lesson of the student has or had: the exams of one that was
    removed stay in its history.
    """
    known = {lesson.name for lesson in state.lessons}
    known |= {name for sitting in state.sittings for name in sitting.cells}
    slug = make_slug(title)
    short = slug[:NAME_LENGTH].strip("-")
    if len(slug) > NAME_LENGTH and "-" in short:  # whole words
        short = short.rpartition("-")[0]
    numbered = (short if number == 1 else f"{short}-{number}" for number in count(1))
    return next(name for name in numbered if name not in known)


def refuse_other_base(student: StudentFolder, run: Path) -> None:
    """Refuse a run of another base.

    Raises:
        UsageError: its base is not the student's.
    """
    found = read_base_fingerprint(run)
    if found != student.state.fingerprint:
        raise UsageError(
            f"was taught to another base (fingerprint {found[:12]}, the student's is "
            f"{student.state.fingerprint[:12]}).",
            where=run,
            cure=f"Teach it with --model {student.state.base}, or to another student.",
        )


def refuse_unlearned(
    student: StudentFolder, lesson: Lesson, exam: JsonMapping, *, accept: bool
) -> None:
    """Refuse a lesson that is not learned, or that certainly degrades other answers.

    Raises:
        LessonRefused: the verdict of its exam says so.
    """
    verdict = exam["verdict"]
    is_poor = verdict["word"] in NOT_LEARNED or verdict.get("harm") == "certain"
    if is_poor and not accept:
        raise LessonRefused(
            f'"{lesson.name}" was not added: {verdict["sentence"]}',
            where=student.path,
            cure="The same command with --accept adds it.",
            lesson=lesson.name,
        )


def copy_run(student: StudentFolder, run: Path, lesson: Lesson) -> None:
    """Copy a run into the student's folder (step 1), while no process changes it.

    Raises:
        UsageError: a process works in the run.
    """
    lock = RunLock(run)
    try:
        with student.place_folder(f"{LESSONS_FOLDER}/{lesson.name}") as folder:
            ignore = shutil.ignore_patterns(*NOT_COPIED, ".*")
            shutil.copytree(run, folder, dirs_exist_ok=True, ignore=ignore)
    finally:
        lock.release()


def check_gate(
    student: StudentFolder,
    lesson: Lesson,
    before: Mapping[str, Cell],
    cells: Mapping[str, Cell],
    *,
    accept: bool,
    instead_of: Sequence[str] = (),
) -> None:
    """Refuse a lesson that weakens another one, or with which the general drift is too large
    (step 3).

    Args:
        before: the exams without it.
        cells: the exams with it.
        instead_of: lessons that it counts instead of already.

    Raises:
        LessonRefused: the message says what was found and what to type.
    """
    objections = list_objections(before, cells)
    if not objections or accept:
        return
    worse = [name for name in find_worse(before, cells) if name != lesson.name]
    accepted = " ".join([*name_options(instead_of), "--accept"])
    cure = f"The same command with {accepted} adds it all the same."
    if worse:
        instead = " ".join(name_options([*instead_of, *worse]))
        cure = (
            f"Which one counts? The new one: the same command with {instead}. Both, as they are "
            f"now: the same command with {accepted}. The old one: leave it."
        )
    raise LessonRefused(
        f'"{lesson.name}" was not added: {"; ".join(objections)}.',
        where=student.path,
        cure=cure,
        lesson=lesson.name,
        worse=worse,
        cells=cells,
    )


def name_options(instead_of: Sequence[str]) -> list[str]:
    """Return the options of a command with which a new lesson counts instead of these."""
    return [f"--instead-of {name}" for name in instead_of]


def find_current_cells(state: StudentState) -> Mapping[str, Cell]:
    """Return the exams of the student as it is; {} if they were not sat, or an earlier version
    scored them otherwise.
    """
    sitting = state.find_sitting()
    return sitting.cells if sitting and sitting.scoring == SCORING else {}


def sit_missing_exams(student: StudentFolder, examine: Examine) -> Mapping[str, Cell]:
    """Return the exams of the student as it is. They are sat where they were not.

    Raises:
        UsageError: no lesson is on.
    """
    return find_current_cells(student.state) or sit_exams(student, examine)


def sit_exams(student: StudentFolder, examine: Examine) -> dict[str, Cell]:
    """Sit the exams of all lessons that are on, and record them.

    Raises:
        UsageError: no lesson is on.
    """
    if not student.state.list_on():
        raise UsageError(
            "no lesson is on.", where=student.path, cure="Teach one, or switch one on."
        )
    cells = examine(student, student.state)
    student.commit(student.state.record("exams", cells), "exams")
    return cells
