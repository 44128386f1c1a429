"""The exam of a run without a record (lesson.json): the steps of its method are taken again.

An earlier version made such a run, or a method that does not record its exams. The steps only look
requests up, and may not ask the base anything new. So it works as long as they lead to the same
requests: with the version that taught the run.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial

from selfteach.config.methods import find_settings
from selfteach.errors import DataError, IntegrityError, UsageError
from selfteach.methods.method import TrainingPlan
from selfteach.methods.read_again import read_again
from selfteach.methods.session import Session, cut_long_answer, open_teacher
from selfteach.models.recorded import Recorded
from selfteach.run import finished
from selfteach.run.display import Display
from selfteach.run.run_folder import Run, open_run
from selfteach.students.exam_models import NO_RECORD_CURE, ExamSource, OpenModels, find_method

COPIED_NOTE = "answers of the lesson"
TAKEN_OVER = ("objective",)
"""Notes of a lesson's run that its steps read."""


def prepare_again(
    source: ExamSource, models: OpenModels, run: Run, display: Display
) -> tuple[Session, TrainingPlan]:
    """Take the steps of a run again, up to its training plan.

    Raises:
        UsageError: a person corrected its answers, or its method cannot be examined again.
        DataError, IntegrityError: the steps lead elsewhere today.
    """
    config = run.resolved.config
    method = find_method(source.kind)
    if getattr(config, "review", False):
        raise UsageError(
            "a person corrected its answers, and nobody corrects new ones.", cure="Teach it again."
        )
    identity, _ = finished.find_material(source.folder)
    material = read_again(source.kind, source.folder, identity["material"], source.sources, config)
    run.bind("base", models.base.fingerprint)
    base = Recorded(run.ledger, models.base_sampler, models.base)
    teacher = None
    teacher_name = str(getattr(config, "teacher", ""))
    if teacher_name and method.samples:
        teacher = open_teacher(run.ledger, config, display, method.allows_programs)
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
    except DataError as fault:
        raise IntegrityError(
            f"its steps lead elsewhere today ({fault.what.rstrip('.')}).", cure=NO_RECORD_CURE
        ) from fault
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
