"""lesson.json: what a run records to be a lesson, for every later version as well.

exam        its exam, to be sat again (evaluate/recorded_exam.py)
training    the objectives of its examples, and the settings that its method chose itself
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from selfteach.errors import IntegrityError
from selfteach.evaluate.exam import Exam, TunedModel
from selfteach.evaluate.recorded_exam import check_format, describe_exam
from selfteach.files import read_own_json
from selfteach.methods.method import TrainingPlan
from selfteach.methods.session import Session
from selfteach.records import JsonMapping, JsonObject, ObjectiveWeights
from selfteach.run.exports import RERUN_CURE, check_export
from selfteach.run.finished import LESSON_FILE, check_readable

DAMAGED_CURE = f"Restore it from a copy. {RERUN_CURE}"


@dataclass(frozen=True)
class LessonRecord:
    """Hold the record of a run.

    Attributes:
        base, tuned: the fingerprints of its models.
        exam: the record of its exam.
        objectives: those of each kind of its examples.
        train: the settings of training that its method chose.
    """

    base: str
    tuned: str
    exam: JsonMapping
    objectives: ObjectiveWeights
    train: JsonMapping


def describe_lesson(session: Session, plan: TrainingPlan, tuned: TunedModel) -> JsonObject | None:
    """Return what lesson.json holds; None where the method's exam has no record."""
    if not isinstance(plan.exam, Exam):
        return None
    exam = describe_exam(plan.exam, session.config)
    if exam is None:
        return None
    given = session.run.resolved.config.train.model_dump(mode="json")
    chosen = session.config.train.model_dump(mode="json")
    changed = {key: value for key, value in chosen.items() if value != given[key]}
    return {
        "base": session.base.fingerprint,
        "tuned": tuned.recorded.fingerprint,
        "exam": exam,
        "training": {"objectives": plan.objectives, "settings": changed},
    }


def read_whole_record(folder: Path) -> LessonRecord:
    """Return the record of a run that is a lesson.

    Raises:
        IntegrityError: there is none, or see `read_lesson_record`.
    """
    record = read_lesson_record(folder)
    if record is None:
        raise IntegrityError(
            f"there is no record of its exam ({LESSON_FILE}).",
            where=folder,
            cure="Teach it again; a method of another package needs `read_grading`.",
        )
    return record


def read_lesson_record(folder: Path) -> LessonRecord | None:
    """Return the record of a run; None if its method has none.

    Raises:
        IntegrityError: the file is not as the run wrote it, damaged, or of a newer version.
    """
    path = check_readable(folder) / LESSON_FILE
    check_export(folder, LESSON_FILE)
    if not path.exists():
        return None
    found = read_own_json(path, DAMAGED_CURE)
    try:
        check_format(found["exam"])
        training = found["training"]
        return LessonRecord(
            str(found["base"]),
            str(found["tuned"]),
            dict(found["exam"]),
            {str(kind): dict(named) for kind, named in training["objectives"].items()},
            dict(training["settings"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        raise IntegrityError(
            "has another form than a run writes.", where=path, cure=DAMAGED_CURE
        ) from fault
