"""Consolidate a student: one adapter, trained from the untouched base on the examples of all its
lessons.

  1  read the objectives of each lesson's kinds of examples from the record of its run
  2  join the examples breadth first: the first one of every lesson, then the second one, ...
  3  train one adapter from the base, with the settings of the first lesson
  4  sit all exams with it; keep it only if no lesson becomes worse

Rank and size stay those of one lesson, however many there are. The lessons keep their own adapters:
when one is removed or switched off, the student is their sum again.

Source: 2607.11020, where retraining from the base, breadth first, kept what one growing adapter
lost.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from selfteach.config import ResolvedConfig, TrainConfig
from selfteach.config.methods import find_settings
from selfteach.errors import IntegrityError, UsageError
from selfteach.evaluate.drift import compute_probe_logits
from selfteach.evaluate.exam import PROBE_PAIRS
from selfteach.files import hash_file, read_jsonl
from selfteach.methods.finished_result import TRAINING_FOLDER
from selfteach.methods.lesson_record import read_lesson_record
from selfteach.methods.runner import run_training
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import Example, ObjectiveWeights, digest
from selfteach.run import finished
from selfteach.run.display import Display
from selfteach.run.run_folder import Run, open_run
from selfteach.students.exam_models import DelayedSampler, OpenModels
from selfteach.students.examine import (
    ENGINE_FOLDER,
    Examine,
    find_lesson_folder,
    load_base,
    name_lesson_source,
)
from selfteach.students.folder import TENSORS_FILE, StudentFolder
from selfteach.students.gate import LessonRefused, list_objections
from selfteach.students.lessons import find_current_cells
from selfteach.students.replay import open_exam_run, prepare_again
from selfteach.students.state import CONSOLIDATED_FOLDER, Cell, Consolidated, Lesson

EXAMPLES_FILE = "examples.jsonl"


@dataclass(frozen=True)
class LessonExamples:
    """Hold the examples of one lesson, and the objectives of their kinds.

    The lesson's name stands before each kind and each id: "near" of two lessons are two kinds.
    """

    examples: Sequence[Example]
    objectives: ObjectiveWeights
    train: TrainConfig


def consolidate(
    student: StudentFolder, examine: Examine, display: Display, *, accept: bool = False
) -> dict[str, Cell]:
    """Train one adapter on all lessons that are on, and keep it if no lesson becomes worse.

    The same command goes on after an interruption.

    Raises:
        UsageError: fewer than two lessons are on.
        LessonRefused: a lesson became worse; the student is as before.
        IntegrityError: the steps of a lesson lead elsewhere today.
    """
    lessons = student.state.list_on()
    if len(lessons) < 2:
        raise UsageError(
            "fewer than two lessons are on, so there is nothing to join.",
            where=student.path,
            cure="Teach another one first.",
        )
    before = dict(find_current_cells(student.state))
    if not before:
        before = examine(student, student.state)
        student.commit(student.state.record("exams", before), "exams")
    name = digest(["consolidated", *(lesson.adapter_sum for lesson in lessons)])[:16]
    place = f"{CONSOLIDATED_FOLDER}/{name}"
    with open_training_run(student, lessons, student.path / TRAINING_RUNS / name) as run:
        adapter = train_together(student, lessons, run, display)
        with student.place_folder(f"{place}/adapter") as folder:
            shutil.copytree(adapter, folder, dirs_exist_ok=True)
    made = Consolidated(
        f"{place}/adapter",
        hash_file(student.path / place / "adapter" / TENSORS_FILE),
        tuple(lesson.name for lesson in lessons),
    )
    after = replace(student.state, consolidated=made)
    cells = examine(student, after)  # 4
    objections = list_objections(before, cells)
    if objections and not accept:
        raise LessonRefused(
            f"not consolidated: {'; '.join(objections)}.",
            where=student.path,
            cure="The student is as before. The same command with --accept keeps it all the same.",
            lesson="",
            cells=cells,
        )
    student.commit(after.record("consolidated", cells), "consolidated")
    shutil.rmtree(student.path / TRAINING_RUNS, ignore_errors=True)
    return cells


TRAINING_RUNS = "training"
"""The folder of a consolidation that is not done yet."""


def open_training_run(student: StudentFolder, lessons: Sequence[Lesson], folder: Path) -> Run:
    """Open the run of a consolidation, with the settings of the first lesson."""
    resolved = read_settings(student, lessons[0])
    material = {"lessons": [lesson.identity for lesson in lessons]}
    command = f"selfteach student consolidate {student.path}"
    return open_run(folder, "consolidate", "consolidate", resolved, material, command=command)


def train_together(
    student: StudentFolder, lessons: Sequence[Lesson], run: Run, display: Display
) -> Path:
    """Train one adapter on the examples of all lessons (steps 1 to 3), and return its folder."""
    base = load_base(student.state)
    sampler = DelayedSampler(base, "auto", student.path / ENGINE_FOLDER)
    models = OpenModels(
        base, base, sampler, sampler, compute_probe_logits(base, PROBE_PAIRS), student.path
    )
    own = [read_lesson_examples(student, lesson, models, display) for lesson in lessons]  # 1
    examples = list(join_breadth_first([part.examples for part in own]))  # 2
    objectives: dict[str, Mapping[str, float]] = {}
    for part in own:
        objectives |= part.objectives
    train = own[0].train.model_copy(update=merge_settings([part.train for part in own]))
    config = run.resolved.config.model_copy(update={"train": train})
    recorded = Recorded(run.ledger, sampler, base)
    session = Session(run, config, display, "", base, recorded, models.base_logits)
    trained = run_training(  # 3
        session, base, examples, objectives, run.path / TRAINING_FOLDER, "train"
    )
    return trained.adapter


def read_lesson_examples(
    student: StudentFolder, lesson: Lesson, models: OpenModels, display: Display
) -> LessonExamples:
    """Return the examples of a lesson, with the objectives of its plan (step 1).

    Raises:
        IntegrityError: the steps of its run lead elsewhere today.
    """
    lesson_objectives, train = read_training(student, lesson, models, display)
    examples = []
    file = find_lesson_folder(student, lesson) / EXAMPLES_FILE
    for where, row in read_jsonl(file):
        example = Example.from_json(row, where)
        examples.append(
            replace(
                example,
                id=f"{lesson.name}/{example.id}",
                kind=f"{lesson.name}/{example.kind}",
            )
        )
    objectives = {f"{lesson.name}/{kind}": named for kind, named in lesson_objectives.items()}
    unknown = {example.kind for example in examples} - objectives.keys()
    own_weights = {f"{lesson.name}/{kind}": named for kind, named in train.weights.items()}
    if unknown - own_weights.keys():
        raise IntegrityError(
            f'the lesson "{lesson.name}" has examples without an objective: {sorted(unknown)[0]}.',
            where=file,
            cure="It was taught with another version of selfteach: teach it again.",
        )
    shares = {f"{lesson.name}/{kind}": share for kind, share in train.min_share.items()}
    renamed = train.model_copy(update={"weights": own_weights, "min_share": shares})
    return LessonExamples(examples, objectives, renamed)


def read_training(
    student: StudentFolder, lesson: Lesson, models: OpenModels, display: Display
) -> tuple[ObjectiveWeights, TrainConfig]:
    """Return the objectives of a lesson and its settings of training, from the record of its run;
    without one from its steps, taken again.

    Raises:
        IntegrityError: the steps of its run lead elsewhere today.
    """
    folder = find_lesson_folder(student, lesson)
    if record := read_lesson_record(folder):
        train: TrainConfig = read_settings(student, lesson).config.train
        return record.objectives, train.model_copy(update=dict(record.train))
    source = name_lesson_source(student, lesson)
    with open_exam_run(source) as run:
        session, plan = prepare_again(source, models, run, display)
        return plan.objectives, session.config.train


def read_settings(student: StudentFolder, lesson: Lesson) -> ResolvedConfig:
    """Return the settings of the run of a lesson."""
    return finished.resolve_settings(
        find_lesson_folder(student, lesson), find_settings(lesson.kind)
    )


def merge_settings(settings: Sequence[TrainConfig]) -> dict[str, object]:
    """Return the settings that belong to kinds of examples, of all lessons.

    A least share of a lesson's examples is a share of that lesson's part of the whole.
    """
    weights: dict[str, object] = {}
    shares: dict[str, float] = {}
    for own in settings:
        weights |= own.weights
        shares |= {kind: share / len(settings) for kind, share in own.min_share.items()}
    return {"weights": weights, "min_share": shares}


def join_breadth_first(lessons: Sequence[Sequence[Example]]) -> Iterator[Example]:
    """Yield the first example of every lesson, then the second one of every lesson, ..."""
    for row in zip_longest(*lessons):
        yield from (example for example in row if example is not None)
