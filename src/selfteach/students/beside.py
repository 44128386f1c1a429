"""Train a lesson beside the others of a student.

  1  the LoRAs of the lessons that are on are summed: they stay on, and stay as they are
  2  the lesson's own examples are joined with samples of theirs, which are anchors
  3  a LoRA is trained on top of them, with the lesson's own settings
  4  its place among the others is that of the adapter that was trained alone, which is kept

The reference of every loss is the student before the lesson. An anchor therefore holds what the
other lessons made of the base, also on prompts where two lessons meet. Such an adapter carries
traces of the others: when one of them is taken back, it has to be trained again, or the adapter
that was trained alone takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from selfteach.errors import UsageError
from selfteach.files import read_own_json
from selfteach.methods.anchor_weights import ANCHOR_WEIGHT
from selfteach.models.check_safety import ABOUT_FILE, write_about
from selfteach.models.hf import HfModel
from selfteach.records import HOLD, Example, digest
from selfteach.run.display import Display
from selfteach.run.student_adapter import quote_student
from selfteach.select.evenly import choose_evenly, share_out
from selfteach.students.examine import Examine
from selfteach.students.folder import StudentFolder
from selfteach.students.gate import LessonRefused, list_objections
from selfteach.students.lessons import sit_missing_exams
from selfteach.students.state import (
    BESIDE_FOLDER,
    Beside,
    Cell,
    Lesson,
    StudentState,
    Trace,
)
from selfteach.students.training import (
    LessonExamples,
    open_training_run,
    read_lesson_examples,
    train_again,
)

ANCHORS = 256
"""Examples of the other lessons, all together: the time does not grow with the lessons."""
ANCHOR_KIND = "other lessons"


def retrain_beside(
    student: StudentFolder, name: str, examine: Examine, display: Display, *, accept: bool = False
) -> dict[str, Cell]:
    """Train a lesson again, beside the other lessons that are on, and keep it if no lesson becomes
    worse. The same command goes on after an interruption.

    Raises:
        UsageError: there is no such lesson, it or all others are off, or it is consolidated.
        LessonRefused: a lesson became worse; the student is as before.
    """
    lesson = student.state.find_lesson(name)
    others = student.state.switch([name], on=False)
    if not lesson.on or not others.list_on():
        raise UsageError(
            f'"{name}" and another lesson have to be on.',
            where=student.path,
            cure="Switch them on, or use --alone.",
        )
    if others.consolidated != student.state.consolidated:
        raise UsageError(
            f'"{name}" is part of the consolidated adapter, which counts in its place.',
            where=student.path,
            cure=(
                f"selfteach student consolidate {quote_student(student.path)} trains that one "
                "again."
            ),
        )
    before = sit_missing_exams(student, examine)
    after = student.state.replace_lesson(train_beside(student, others, lesson, display=display))
    cells = examine(student, after)
    objections = list_objections(before, cells)
    if objections and not accept:
        raise LessonRefused(
            f'"{name}" was not replaced: {"; ".join(objections)}.',
            where=student.path,
            cure="The student is as before. The same command with --accept keeps it all the same.",
            lesson=name,
            cells=cells,
        )
    change = f"retrained {name}"
    student.commit(after.record(change, cells), change)
    student.remove_training_runs()
    return cells


def restore_alone(student: StudentFolder, name: str) -> None:
    """Let the adapter that was trained alone take the lesson's place. Nothing is trained.

    Raises:
        UsageError: there is no such lesson.
    """
    lesson = student.state.find_lesson(name)
    if lesson.beside:
        alone = student.state.replace_lesson(replace(lesson, beside=None))
        student.commit(alone, f"{name} alone")


def train_beside(
    student: StudentFolder, others: StudentState, lesson: Lesson, *, display: Display
) -> Lesson:
    """Return the lesson with an adapter that was trained beside others (steps 1 to 4).

    The lesson's folder is in the student already. Its new adapter is a leftover until a committed
    state names it.

    Args:
        others: the student without the lesson; those of its lessons that are on are meant.
    """
    neighbors = others.list_on()
    if not neighbors:
        display.print_line(f"no other lesson is on, so {lesson.name} stays trained alone")
        return lesson
    sums = others.list_part_sums()
    name = digest(["beside", lesson.adapter_sum, *sums])[:16]
    command = f"selfteach student retrain {quote_student(student.path)} {lesson.name}"
    with (
        open_training_run(student, "beside", name, [lesson, *neighbors], command) as run,
        student.compose(others) as adapter,  # 1
    ):
        examples = join_with_anchors(student, lesson, neighbors)  # 2
        base = HfModel.load(others.base, adapter=adapter)
        trained = train_again(run, student, base, examples, display)  # 3
        note = partial(note_base, fingerprint=others.fingerprint)
        part = student.place_adapter(trained, BESIDE_FOLDER, note)
    seen = list_seen(lesson, neighbors)
    return replace(lesson, beside=Beside(part.folder, part.adapter_sum, seen))  # 4


def list_seen(lesson: Lesson, neighbors: Sequence[Lesson]) -> tuple[Trace, ...]:
    """Return the lessons that a lesson was trained beside, and those of which they carry traces."""
    seen: dict[str, Trace] = {}
    for other in neighbors:
        seen[other.identity] = Trace(other.name, other.identity)
        for trace in other.beside.lessons if other.beside else ():
            seen.setdefault(trace.identity, trace)
    seen.pop(lesson.identity, None)
    return tuple(seen.values())


def join_with_anchors(
    student: StudentFolder, lesson: Lesson, neighbors: Sequence[Lesson]
) -> LessonExamples:
    """Return what a lesson is trained with beside others: its own examples, and anchors (step 2).

    Each of the others has the same share of the anchors.
    """
    own = read_lesson_examples(student, lesson)
    anchors: list[Example] = []
    for neighbor in neighbors:
        found = read_lesson_examples(student, neighbor)
        anchors += choose_anchors(found.examples, ANCHORS // len(neighbors))
    objectives = {**own.objectives, ANCHOR_KIND: {"anchor": ANCHOR_WEIGHT}}
    return LessonExamples([*own.examples, *anchors], objectives, own.train)


def choose_anchors(examples: Sequence[Example], count: int) -> list[Example]:
    """Return at most `count` examples as anchors, as evenly over their kinds as these allow."""
    by_kind: dict[str, list[Example]] = {}
    for example in examples:
        by_kind.setdefault(example.kind, []).append(example)
    chosen: list[Example] = []
    for own, share in zip(
        by_kind.values(), share_out([len(own) for own in by_kind.values()], count), strict=True
    ):
        chosen += choose_evenly(own, share)
    return [
        replace(example, kind=ANCHOR_KIND, role=HOLD, rejected=None, scores={})
        for example in chosen
    ]


def note_base(adapter: Path, fingerprint: str) -> None:
    """Write into an adapter's folder that it belongs to the untouched base: the others are added to
    it there.
    """
    about = read_own_json(adapter / ABOUT_FILE, "Train it again.")
    write_about(adapter, about | {"base_fingerprint": fingerprint})
