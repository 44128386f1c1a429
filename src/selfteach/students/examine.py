"""The exams of a student's lessons, sat again.

  1  open the base, and the base with the student's adapter
  2  for each lesson: take the run's own steps again, which only looks its requests up
  3  let the student answer the exam of that run: the same questions, judge and numbers
  4  compare each score with that of the lesson alone

The answers are recorded in exams/, so an exam that was stopped goes on, and the same student is
not asked twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from selfteach import registry
from selfteach.config.methods import find_settings
from selfteach.errors import IntegrityError, SelfteachError, UsageError
from selfteach.evaluate.drift import compute_probe_logits
from selfteach.evaluate.exam import PROBE_PAIRS, TunedModel
from selfteach.methods.method import Method, TrainingPlan
from selfteach.methods.read_again import read_again
from selfteach.methods.session import Session, cut_long_answer, open_teacher
from selfteach.models import Sampler
from selfteach.models.engines import choose_sampler
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, JsonMapping, JsonObject, Request
from selfteach.run import finished
from selfteach.run.display import Display
from selfteach.run.run_folder import Run, open_run
from selfteach.students.folder import EXAMS_FOLDER, StudentFolder
from selfteach.students.gate import compare_exams, read_exam_scores
from selfteach.students.material import read_sources
from selfteach.students.state import LESSONS_FOLDER, Cell, Lesson, StudentState
from selfteach.train.train import TrainingResult

ENGINE_FOLDER = ".engine.new"
COPIED_NOTE = "answers of the lesson"
TAKEN_OVER = ("objective",)
"""Notes of a lesson's run that its steps read."""
Examine = Callable[[StudentFolder, StudentState], dict[str, Cell]]
"""Sits the exams of all lessons that are on in a state of a student."""


class TunedSampler(Sampler, Protocol):
    """Define a sampler of a tuned model, whose memory can be freed between requests."""

    def release_memory(self) -> None:
        """Free the memory until the next request, where that is possible."""
        ...


class DelayedSampler:
    """Open a model's engine at the first request. While it is `locked`, a request is an error: all
    answers have to be in the ledger.
    """

    def __init__(self, model: HfModel, engine: str, folder: Path) -> None:
        self.name = model.name
        self.fingerprint = model.fingerprint
        self.locked = False
        self._model = model
        self._engine = engine
        self._folder = folder
        self._sampler: Sampler | None = None

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield as `Sampler.stream`."""
        if self.locked:
            raise IntegrityError(
                "its steps no longer lead to the answers that it recorded, so its exam cannot be "
                "sat again.",
                cure="Another version of selfteach taught it: remove it and teach it again.",
            )
        if self._sampler is None:
            self._sampler = choose_sampler(self._model, self._engine, self._folder).sampler
        yield from self._sampler.stream(requests)

    def release_memory(self) -> None:
        """Free the memory of the engine until its next request, where it can."""
        getattr(self._sampler, "release_memory", lambda: None)()


@dataclass(frozen=True)
class ExamSource:
    """Name a finished run whose exam is sat again.

    Attributes:
        folder: the run's.
        sources: the places of its material today; None for a rule.
        scratch: where the answers are recorded.
        command: what sits the exam again, for messages.
    """

    name: str
    kind: str
    folder: Path
    sources: JsonObject | None
    scratch: Path
    command: str


def name_lesson_source(student: StudentFolder, lesson: Lesson) -> ExamSource:
    """Return where the exam of a lesson comes from."""
    folder = find_lesson_folder(student, lesson)
    return ExamSource(
        lesson.name,
        lesson.kind,
        folder,
        read_sources(folder),
        student.path / EXAMS_FOLDER / lesson.identity,
        f"selfteach student exam {student.path}",
    )


def name_run_source(run: Path, scratch: Path, command: str) -> ExamSource:
    """Return where the exam of a run comes from, or of a copy of it in a student's folder."""
    identity, sources = finished.find_material(run)
    kept = read_sources(run) or sources
    return ExamSource(run.resolve().name, str(identity["kind"]), run, kept, scratch, command)


@dataclass
class OpenModels:
    """Hold the models of an examination: the base, and the student as it would be.

    Attributes:
        adapter: the folder of the student's adapter.
    """

    base: HfModel
    tuned: HfModel
    base_sampler: DelayedSampler
    tuned_sampler: TunedSampler
    base_logits: Any
    adapter: Path


def examine_with(display: Display) -> Examine:
    """Return `examine` with a display."""
    return partial(examine, display=display)


def examine(student: StudentFolder, state: StudentState, *, display: Display) -> dict[str, Cell]:
    """Sit the exams of all lessons that are on in a state of a student.

    A student of a single part is that lesson, so its cell is the exam of the lesson's own run.

    Raises:
        IntegrityError: the base or an adapter has changed.
    """
    lessons = state.list_on()
    if len(state.list_parts()) == 1 and len(lessons) == 1:
        return {lessons[0].name: read_alone_cell(student, lessons[0])}
    with student.compose(state) as adapter:
        models = open_models(student, state, lessons, adapter)  # 1
        try:
            cells = {}
            for lesson in lessons:
                cells[lesson.name] = examine_lesson(student, lesson, models, display)
        finally:
            models.base_sampler.release_memory()
            models.tuned_sampler.release_memory()
            shutil.rmtree(student.path / ENGINE_FOLDER, ignore_errors=True)
    return cells


def read_alone_cell(student: StudentFolder, lesson: Lesson) -> Cell:
    """Return the cell of a lesson from the exam of its own run."""
    alone = read_exam_scores(lesson.kind, finished.read_exam(find_lesson_folder(student, lesson)))
    return compare_exams(alone, alone)


def find_lesson_folder(student: StudentFolder, lesson: Lesson) -> Path:
    """Return the folder of a lesson."""
    return student.path / LESSONS_FOLDER / lesson.name


def load_base(state: StudentState) -> HfModel:
    """Load the base of a student.

    Raises:
        IntegrityError: it is another model now.
    """
    base = HfModel.load(state.base)
    if base.fingerprint != state.fingerprint:
        raise IntegrityError(
            f"the base {state.base} has changed since the student began (fingerprint "
            f"{state.fingerprint[:12]}, now {base.fingerprint[:12]}).",
            cure="Bring the old base back; a new base needs a new student.",
        )
    return base


def open_models(
    student: StudentFolder, state: StudentState, lessons: Sequence[Lesson], adapter: Path
) -> OpenModels:
    """Load the base and the student; engines open at the first request (step 1)."""
    base = load_base(state)
    tuned = HfModel.load(state.base, adapter=adapter)
    engine = _read_config(student, lessons[0]).engine
    folder = student.path / ENGINE_FOLDER
    return OpenModels(
        base,
        tuned,
        DelayedSampler(base, engine, folder / "base"),
        DelayedSampler(tuned, engine, folder / "tuned"),
        compute_probe_logits(base, PROBE_PAIRS),
        adapter,
    )


def examine_lesson(
    student: StudentFolder, lesson: Lesson, models: OpenModels, display: Display
) -> Cell:
    """Sit the exam of one lesson (steps 2 to 4). A lesson whose exam cannot be sat says why."""
    display.print_line(f"exam of {lesson.name}")
    try:
        alone, now = sit_exam_again(name_lesson_source(student, lesson), models, display)
    except (SelfteachError, OSError) as fault:
        if getattr(fault, "exit_code", 0) in (4, 5, 7, 130):
            raise  # a disk, an endpoint: nothing that belongs to this lesson
        return Cell("not examined", reason=str(fault))
    before = read_exam_scores(lesson.kind, alone)
    return compare_exams(before, read_exam_scores(lesson.kind, now))  # 4


def sit_exam_again(
    source: ExamSource, models: OpenModels, display: Display
) -> tuple[JsonObject, JsonObject]:
    """Return the exam of a run, and the same exam sat with other answers (steps 2 and 3).

    Raises:
        SelfteachError: the steps of the run lead elsewhere today, or the exam cannot be sat again.
    """
    alone = finished.read_exam(source.folder)
    with open_exam_run(source) as run:
        session, plan = prepare_again(source, models, run, display)  # 2
        recorded = Recorded(run.ledger, models.tuned_sampler, models.tuned)
        trained = TrainingResult(models.adapter, 0, 0, 0.0, [], 0, {})
        tuned = TunedModel(trained, models.tuned, recorded)
        now = plan.exam.run(session, tuned, brief=True)  # 3
    if _list_questions(alone) != _list_questions(now):
        raise IntegrityError("its exam has other questions now.")
    return alone, now


def prepare_again(
    source: ExamSource, models: OpenModels, run: Run, display: Display
) -> tuple[Session, TrainingPlan]:
    """Take the steps of a run again, up to its training plan (step 2).

    Raises:
        UsageError: a person corrected its answers, or its method cannot be examined again.
        DataError, IntegrityError: the steps lead elsewhere today.
    """
    config = run.resolved.config
    method = find_method(source.kind)
    if getattr(config, "review", False):
        raise UsageError("a person corrected its answers, and nobody corrects new ones.")
    identity, _ = finished.find_material(source.folder)
    material = read_again(source.kind, source.folder, identity["material"], source.sources, config)
    run.bind("base", models.base.fingerprint)
    base = Recorded(run.ledger, models.base_sampler, models.base)
    teacher = None
    teacher_name = str(getattr(config, "teacher", ""))
    if teacher_name and method.samples:
        teacher = open_teacher(run, config, display, method.allows_programs)
        teacher.limit = partial(cut_long_answer, models.base)
    session = Session(
        run,
        config,
        display,
        method.rule_of(material.value),
        models.base,
        base,
        models.base_logits,
        teacher,
        samples=method.samples,
    )
    models.base_sampler.locked = True
    try:
        return session, method.prepare(session, material.value)
    finally:
        models.base_sampler.locked = False


def open_exam_run(source: ExamSource) -> Run:
    """Open the folder in which the exam of a run is sat again, with all answers of the run.

    Raises:
        UsageError: it is not a run of this version.
        IntegrityError: the run is damaged.
    """
    identity, _ = finished.find_material(source.folder)
    resolved = finished.resolve_settings(source.folder, find_settings(source.kind))
    run = open_run(
        source.scratch,
        source.name,
        "exam",
        resolved,
        {"lesson": source.scratch.name, "material": identity["material"]},
        command=source.command,
    )
    if not run.ledger.get_note(COPIED_NOTE):
        with closing(finished.open_ledger(source.folder)) as before:
            run.ledger.copy_answers(before, list(before.count_requests()))
            for name in TAKEN_OVER:
                if (note := before.get_note(name)) is not None:
                    run.ledger.set_note(name, note)
        run.ledger.set_note(COPIED_NOTE, True)
    return run


def find_method(kind: str) -> Method:
    """Return the method of a lesson.

    Raises:
        UsageError: a run of this kind has no exam that can be sat again.
    """
    found = registry.load_registered("methods", kind)
    if kind == "train" or not isinstance(found, Method):
        raise UsageError(
            f"a run of `{kind}` has no exam that can be sat again, so it is no lesson.",
            cure="Teach a rule, corrections, documents or tasks.",
        )
    return found


def _read_config(student: StudentFolder, lesson: Lesson) -> Any:
    folder = find_lesson_folder(student, lesson)
    return finished.resolve_settings(folder, find_settings(lesson.kind)).config


def _list_questions(exam: JsonMapping) -> list[str]:
    return [row["prompt"] for row in exam["answers"] if row["scope"] == "target"]
