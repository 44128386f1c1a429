"""The exams of a student's lessons, sat again.

  1  open the base, and the base with the student's adapter
  2  for each lesson: read its exam from the record of its run (lesson.json)
  3  let the student answer it: the same questions, prompts, judge and limits; the drift leaves out
     what the base answers against a rule that holds for every answer
  4  compare each score with that of the lesson alone

The answers are recorded in exams/, so an exam that was stopped goes on, and the same student is
not asked twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from selfteach.errors import (
    EndpointError,
    Interrupted,
    ResourceError,
    SelfteachError,
    TooManyFailures,
)
from selfteach.evaluate.drift import compute_probe_logits
from selfteach.evaluate.exam import PROBE_PAIRS
from selfteach.models.hf import HfModel
from selfteach.models.remote.endpoint import ServerSettings
from selfteach.run import finished
from selfteach.run.display import Display
from selfteach.students.demands import Demand, breaks_any, list_demands
from selfteach.students.exam_models import DelayedSampler, ExamSource, OpenModels
from selfteach.students.folder import (
    EXAMS_FOLDER,
    StudentFolder,
    find_lesson_folder,
    read_settings,
)
from selfteach.students.gate import compare_exams, read_exam_scores
from selfteach.students.sit_again import sit_exam_again
from selfteach.students.state import Cell, Lesson, StudentState

ENGINE_FOLDER = ".engine.new"
NOT_OF_A_LESSON = (EndpointError, Interrupted, ResourceError, TooManyFailures)
"""Faults that belong to no lesson: they end the examination, and the same command goes on."""
Examine = Callable[[StudentFolder, StudentState], dict[str, Cell]]
"""Sits the exams of all lessons that are on in a state of a student."""


def name_lesson_source(student: StudentFolder, lesson: Lesson) -> ExamSource:
    """Return where the exam of a lesson comes from."""
    return ExamSource(
        lesson.name,
        lesson.kind,
        find_lesson_folder(student, lesson),
        student.path / EXAMS_FOLDER / lesson.identity,
    )


def name_run_source(run: Path, scratch: Path) -> ExamSource:
    """Return where the exam of a run comes from, or of a copy of it in a student's folder."""
    identity, _ = finished.find_material(run)
    return ExamSource(run.resolve().name, str(identity["kind"]), run, scratch)


def examine_with(display: Display) -> Examine:
    """Return `examine` with a display."""
    return partial(examine, display=display)


def examine(student: StudentFolder, state: StudentState, *, display: Display) -> dict[str, Cell]:
    """Sit the exams of all lessons that are on in a state of a student.

    A student of one lesson that was trained alone is that lesson, so its cell is the exam of the
    lesson's own run.

    Raises:
        IntegrityError: the base or an adapter has changed.
    """
    lessons = state.list_on()
    if len(lessons) == 1 and state.list_part_sums() == (lessons[0].adapter_sum,):
        return {lessons[0].name: read_alone_cell(student, lessons[0])}
    with student.compose(state) as adapter:
        models = open_models(student, state, lessons, adapter)  # 1
        try:
            cells = {}
            demands = list_demands(student, lessons)
            for lesson in lessons:
                cells[lesson.name] = examine_lesson(student, lesson, models, display, demands)
        finally:
            models.base_sampler.release_memory()
            models.tuned_sampler.release_memory()
            shutil.rmtree(student.path / ENGINE_FOLDER, ignore_errors=True)
    return cells


def read_alone_cell(student: StudentFolder, lesson: Lesson) -> Cell:
    """Return the cell of a lesson from the exam of its own run."""
    alone = read_exam_scores(lesson.kind, finished.read_exam(find_lesson_folder(student, lesson)))
    return compare_exams(alone, alone)


def load_base(state: StudentState) -> HfModel:
    """Load the base of a student.

    Raises:
        IntegrityError: it is another model now.
    """
    base = HfModel.load(state.base)
    state.check_base(base.fingerprint)
    return base


def open_models(
    student: StudentFolder, state: StudentState, lessons: Sequence[Lesson], adapter: Path
) -> OpenModels:
    """Load the base and the student; engines open at the first request (step 1)."""
    base = load_base(state)
    tuned = base.with_adapter(adapter)
    config = read_settings(student, lessons[0]).config
    how = config.endpoint
    server = ServerSettings(how.key_env, how.concurrency, how.timeout_s, how.max_wait_s)
    engine = config.engine
    folder = student.path / ENGINE_FOLDER
    return OpenModels(
        base,
        tuned,
        DelayedSampler(base, engine, folder / "base", server=server),
        DelayedSampler(tuned, engine, folder / "tuned", adapter=adapter, server=server),
        compute_probe_logits(base, PROBE_PAIRS),
        adapter,
    )


def examine_lesson(
    student: StudentFolder,
    lesson: Lesson,
    models: OpenModels,
    display: Display,
    demands: Sequence[Demand] = (),
) -> Cell:
    """Sit the exam of one lesson (steps 2 to 4). A lesson whose exam cannot be sat says why.

    Args:
        demands: what the rules of all lessons demand of every answer. What the base answers
            otherwise is to change, so it counts as no drift.
    """
    display.print_line(f"exam of {lesson.name}")
    source = name_lesson_source(student, lesson)
    try:
        alone, now = sit_exam_again(source, models, display, partial(breaks_any, demands))
    except NOT_OF_A_LESSON:
        raise
    except (SelfteachError, OSError) as fault:
        return Cell("not examined", reason=str(fault))
    before = read_exam_scores(lesson.kind, alone, asked=now)
    return compare_exams(before, read_exam_scores(lesson.kind, now))  # 4
