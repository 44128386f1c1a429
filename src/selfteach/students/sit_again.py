"""An exam is sat again: the questions, prompts, judge and limits are those that the run recorded.

The answers of the run are copied from its ledger, so only the new model is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache, partial

from selfteach.errors import DataError, IntegrityError
from selfteach.evaluate.exam import Exam, TunedModel
from selfteach.evaluate.recorded_exam import (
    ExamSetup,
    change_nothing,
    read_exam,
    read_settings,
)
from selfteach.files import make_folder
from selfteach.methods.lesson_record import DAMAGED_CURE, LessonRecord, read_whole_record
from selfteach.methods.session import cut_long_answer, open_teacher
from selfteach.models.recorded import Recorded
from selfteach.records import JsonMapping, JsonObject
from selfteach.run import finished
from selfteach.run.display import Display
from selfteach.run.ledger import Ledger
from selfteach.students.exam_models import (
    AnswersMissing,
    ExamSource,
    OpenModels,
    RecordedModel,
    find_method,
    make_no_training,
    make_tuned,
)

ANSWERS_FILE = "answers.db"
COPIED_NOTE = "answers of the lesson"


def sit_exam_again(
    source: ExamSource,
    models: OpenModels,
    display: Display,
    may_change: Callable[[str], bool] = change_nothing,
) -> tuple[JsonObject, JsonObject]:
    """Return the exam of a run, and the same exam sat with other answers.

    Both are graded by this version, with the judge of the run.

    Args:
        may_change: which answers of the base the other models may change; they count as no drift.

    Raises:
        SelfteachError: the exam cannot be sat again.
    """
    find_method(source.kind)
    record = read_whole_record(source.folder)
    with open_answers(source) as ledger:
        sitting = open_sitting(source, record, models, ledger, display, may_change)
        exam = read_recorded_exam(source, record, sitting)
        alone = grade_own_answers(source, record, exam, sitting)
        now = exam.run(sitting, make_tuned(models, ledger))
    if _list_questions(alone) != _list_questions(now):
        raise IntegrityError(
            "its exam has other questions now.",
            cure="Sit it with the version that taught it, or teach it again.",
        )
    return alone, now


def read_recorded_exam(source: ExamSource, record: LessonRecord, sitting: ExamSetup) -> Exam:
    """Return the exam of a lesson from its record.

    Raises:
        UsageError: the installed method does not read the records of its exams.
        IntegrityError: the record has another form.
    """
    read_grading = find_method(source.kind).read_grading
    assert read_grading is not None
    try:
        return read_exam(record.exam, sitting, read_grading)
    except (AttributeError, DataError, LookupError, TypeError, ValueError) as fault:
        raise IntegrityError(
            f"is not a record of an exam ({type(fault).__name__}: {str(fault)[:80]}).",
            where=source.folder / finished.LESSON_FILE,
            cure=DAMAGED_CURE,
        ) from fault


def open_sitting(
    source: ExamSource,
    record: LessonRecord,
    models: OpenModels,
    ledger: Ledger,
    display: Display,
    may_change: Callable[[str], bool] = change_nothing,
) -> ExamSetup:
    """Return what the exam of a lesson needs, with the settings of its run.

    Raises:
        IntegrityError: the base is not that of the run.
    """
    if record.base != models.base.fingerprint:
        raise IntegrityError(
            f"it was taught to another base (fingerprint {record.base[:12]}, this one has "
            f"{models.base.fingerprint[:12]}).",
            where=source.folder,
            cure="A run that continues another one (--from) has no exam of its own base.",
        )

    @cache
    def open_own_teacher() -> Recorded:
        method = find_method(source.kind)
        config = finished.resolve_settings(source.folder, method.settings).config
        teacher = open_teacher(ledger, config, display, method.allows_programs)
        teacher.limit = partial(cut_long_answer, models.base)
        return teacher

    return ExamSetup(
        read_settings(record.exam),
        display,
        models.base,
        Recorded(ledger, models.base_sampler, models.base),
        models.base_logits,
        open_own_teacher,
        may_change,
    )


@contextmanager
def open_answers(source: ExamSource) -> Iterator[Ledger]:
    """Open the answers of an exam that is sat again, with all answers of its run among them."""
    make_folder(source.scratch)
    path = source.scratch / ANSWERS_FILE
    cure = "Remove it: the answers are then asked for again."
    with closing(Ledger(path, cure=cure)) as ledger:
        if not ledger.get_note(COPIED_NOTE):
            with closing(finished.open_ledger(source.folder)) as before:
                ledger.copy_answers(before, list(before.count_requests()))
            ledger.set_note(COPIED_NOTE, True)
        yield ledger


def grade_own_answers(
    source: ExamSource, record: LessonRecord, exam: Exam, sitting: ExamSetup
) -> JsonObject:
    """Return the exam of a run with the run's own answers, graded by this version.

    So a change of how answers are graded is never taken for a change of the answers. The drift is
    that of the run, since the tuned model itself is not there. Where this version grades what the
    run did not record, exam.json counts.
    """
    written = finished.read_exam(source.folder)
    model = RecordedModel(source.name, record.tuned)
    recorded = Recorded(sitting.base.ledger, model, model)
    tuned = TunedModel(make_no_training(source.folder), model, recorded)
    try:
        found = exam.run(sitting, tuned, brief=True)
    except AnswersMissing as missing:
        sitting.display.print_line(f"{missing} It is compared with its exam.json.")
        return written
    return {key: written[key] for key in ("drift",) if key in written} | found


def _list_questions(exam: JsonMapping) -> list[str]:
    return [row["prompt"] for row in exam["answers"] if row["scope"] == "target"]
