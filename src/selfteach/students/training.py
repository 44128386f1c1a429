"""What a lesson was trained with: its examples, their objectives and its settings, read again to
train another adapter. Such a training has a run of its own, so it goes on after an interruption.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from selfteach.config import TrainConfig
from selfteach.errors import IntegrityError
from selfteach.evaluate.drift import compute_probe_logits
from selfteach.evaluate.exam import PROBE_PAIRS
from selfteach.files import read_jsonl
from selfteach.methods.finished_result import TRAINING_FOLDER
from selfteach.methods.lesson_record import read_whole_record
from selfteach.methods.session import Session
from selfteach.methods.train_plan import run_training
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.records import Example, ObjectiveWeights
from selfteach.run.display import Display
from selfteach.run.run_folder import Run, open_run
from selfteach.students.exam_models import DelayedSampler
from selfteach.students.examine import ENGINE_FOLDER
from selfteach.students.folder import (
    TRAINING_RUNS,
    StudentFolder,
    find_lesson_folder,
    read_settings,
)
from selfteach.students.state import Lesson
from selfteach.train.on_policy import sample_only_for

EXAMPLES_FILE = "examples.jsonl"


@dataclass(frozen=True)
class LessonExamples:
    """Hold what an adapter is trained with: examples, the objectives of their kinds, settings.

    A lesson's name stands before each kind and each id: "near" of two lessons are two kinds.
    """

    examples: Sequence[Example]
    objectives: ObjectiveWeights
    train: TrainConfig


@contextmanager
def open_training_run(
    student: StudentFolder, kind: str, name: str, lessons: Sequence[Lesson], command: str
) -> Iterator[Run]:
    """Open the run of a training for a student, with the settings of the first lesson.

    Args:
        kind: what is trained, for people.
        name: the folder below training/.
        command: what goes on with it.
    """
    resolved = read_settings(student, lessons[0])
    material = {"lessons": [lesson.identity for lesson in lessons]}
    folder = student.path / TRAINING_RUNS / name
    with open_run(folder, kind, kind, resolved, material, command=command) as run:
        yield run


def train_again(
    run: Run, student: StudentFolder, base: HfModel, examples: LessonExamples, display: Display
) -> Path:
    """Train an adapter on a base, and return its folder. The engine of the base opens at the first
    request.
    """
    config = run.resolved.config.model_copy(update={"train": examples.train})
    sampler = DelayedSampler(base, "auto", student.path / ENGINE_FOLDER)
    recorded = Recorded(run.ledger, sampler, base)
    logits = compute_probe_logits(base, PROBE_PAIRS)
    session = Session(run, config, display, "", base, recorded, logits)
    folder = run.path / TRAINING_FOLDER
    trained = run_training(session, base, examples.examples, examples.objectives, folder, "train")
    return trained.adapter


def read_lesson_examples(student: StudentFolder, lesson: Lesson) -> LessonExamples:
    """Return the examples of a lesson, with the objectives and the settings that its run recorded.

    Raises:
        IntegrityError: its run has no such record, or it is damaged.
    """
    folder = find_lesson_folder(student, lesson)
    record = read_whole_record(folder)
    config: TrainConfig = read_settings(student, lesson).config.train
    train = config.model_copy(update=dict(record.train))

    def rename(kind: str) -> str:
        return f"{lesson.name}/{kind}"

    examples = []
    file = folder / EXAMPLES_FILE
    for where, row in read_jsonl(file):
        example = Example.from_json(row, where)
        examples.append(replace(example, id=rename(example.id), kind=rename(example.kind)))
    objectives = {rename(kind): named for kind, named in record.objectives.items()}
    weights = {rename(kind): named for kind, named in train.weights.items()}
    shares = {rename(kind): share for kind, share in train.min_share.items()}
    if unknown := {example.kind for example in examples} - objectives.keys() - weights.keys():
        raise IntegrityError(
            f'the lesson "{lesson.name}" has examples without an objective: {min(unknown)}.',
            where=file,
            cure="It was taught with another version of selfteach: teach it again.",
        )
    settings = train.model_copy(update={"weights": weights, "min_share": shares, "once": []})
    settings = sample_only_for(objectives, settings)
    return LessonExamples(examples, objectives, settings)


def join_breadth_first(lessons: Sequence[Sequence[Example]]) -> Iterator[Example]:
    """Yield the first example of every lesson, then the second one of every lesson, ..."""
    for row in zip_longest(*lessons):
        yield from (example for example in row if example is not None)
