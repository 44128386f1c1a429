"""The runner: what every method has in common, from an open run to a published result.

1  open the session, unless this run is done
2  prepare: the method turns its material into a training plan
3  the base takes the exam, before anything is trained
4  train, and improve as long as the plan wants to
5  exam of the tuned model, and the questions of the run that this one continues
6  publish: adapter, examples, what was dropped, exam, report, model card
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from selfteach.errors import UsageError
from selfteach.evaluate.exam import Exam, TunedModel
from selfteach.methods.earlier_exam import EARLIER_KEY, ask_earlier_questions
from selfteach.methods.finished_result import find_result
from selfteach.methods.method import Method, TrainedPlan, TrainingPlan, TrainStage
from selfteach.methods.more_seeds import describe_seeds, train_more_seeds
from selfteach.methods.plan_parts import plan_run, plan_training
from selfteach.methods.publish import publish
from selfteach.methods.session import Session, open_session
from selfteach.methods.train_plan import train_plan
from selfteach.models.hf import HfModel
from selfteach.records import Example, JsonObject
from selfteach.registry import did_you_mean
from selfteach.run.display import Display
from selfteach.run.run_folder import Run
from selfteach.run.workload import RemainingTime
from selfteach.train.distributed import broadcast_from_first


def teach(run: Run, method: Method, material: Any, config: Any, display: Display) -> JsonObject:
    """Teach material in a run folder; return what `--json` prints.

    Raises:
        DataError: the material is empty, or too little to learn from and to be examined on.
        UsageError: settings of kinds of example that there are not.
    """
    if done := find_result(run, display):  # 1
        broadcast_from_first(False)
        return done
    refuse_unknown_kinds(method, config)
    run.work = display.work = RemainingTime(plan_run(method.plan_work, material, config))
    with run.time_stage("load"):
        rule = method.rule_of(material)
        session = open_session(
            run, config, display, rule, programs=method.allows_programs, samples=method.samples
        )
    plan = method.prepare(session, material)  # 2
    correct_planned_training(session, plan)
    correct_planned_exams(session, plan)
    with run.time_stage("exam of the base"):
        plan.exam.run_baselines(session)  # 3
    tuned = None
    broadcast_from_first(plan.trains)  # other processes of this command train too, or are done
    if plan.trains:
        plan, tuned = train_and_improve(session, plan)  # 4
    plan, exam = sit_exam(session, plan, tuned)  # 5
    others: list[JsonObject] = []
    if tuned and getattr(config, "seeds", 1) > 1:
        tuned, others = train_more_seeds(session, plan, tuned)
        plan, exam = sit_exam(session, plan, tuned)
    if others:
        exam["seeds"] = others
    exam.setdefault("method", method.name)
    plan.after(tuned, exam)
    with run.time_stage("earlier exam"):
        if earlier := ask_earlier_questions(session, tuned):
            exam[EARLIER_KEY] = earlier
    result = publish(session, plan, tuned, exam)  # 6
    for line in describe_seeds(others):
        display.print_line(line)
    return result


def refuse_unknown_kinds(method: Method, config: Any) -> None:
    """Refuse settings that name a kind of example which the method never makes: they would do
    nothing.

    Raises:
        UsageError: naming the setting, with the nearest kind.
    """
    if not method.kinds:
        return
    for key in ("weights", "min_share", "once"):
        if unknown := sorted(set(getattr(config.train, key) or ()) - set(method.kinds)):
            raise UsageError(
                f"no example of {method.name} is of the kind {unknown[0]}.",
                where=f"train.{key}",
                cure=did_you_mean(unknown[0], method.kinds),
            )


EXAM_STAGES = ("exam of the base", "exam")


def correct_planned_training(session: Session, plan: TrainingPlan) -> None:
    """Replace the plan of each training by those of the examples that were made."""
    trainings = [TrainStage("train", plan.examples)]
    if plan.stages:
        trainings = [replace(stage, name=f"train {stage.name}") for stage in plan.stages]
    for training in trainings:
        tokens = sum(count_answer_tokens(session.model, one) for one in training.examples)
        session.run.work.correct_stage(
            plan_training(training.name, tokens, len(training.examples), session.config.train)
        )


def correct_planned_exams(session: Session, plan: TrainingPlan) -> None:
    """Plan fewer answers of both exams where there are fewer questions than the settings want.

    Where settings do not count the questions of each scope, the plan has gone by the material.
    """
    if not isinstance(plan.exam, Exam):
        return
    settings = session.config.exam.model_dump()
    questions = {scope: len(own) for scope, own in plan.exam.questions.items()}
    if not settings.keys() >= questions.keys():
        return
    wanted = {scope: int(settings[scope]) for scope in questions}
    if 0 < sum(questions.values()) < sum(wanted.values()):
        share = sum(questions.values()) / sum(wanted.values())
        for stage in EXAM_STAGES:
            session.run.work.scale_stage(stage, share)


def count_answer_tokens(model: HfModel, example: Example) -> int:
    """Return the tokens of an example's answers."""
    answers = [answer for answer in (example.chosen, example.rejected) if answer is not None]
    return sum(len(model.encode_answer(answer)) for answer in answers)


def train_and_improve(session: Session, plan: TrainingPlan) -> tuple[TrainingPlan, TunedModel]:
    """Train a plan, and every better plan that it asks for; return the plan that is chosen in the
    end, and its model.
    """
    tuned = train_plan(session, plan)
    found = [TrainedPlan(plan, tuned)]
    number = 1
    while (more := plan.improve(tuned)) is not None:
        tuned.recorded.release_memory()  # no tuned model is in memory beside a training
        plan = more
        number += 1
        del found[:-1]  # each model takes memory
        start = tuned.trained if plan.goes_on_from else None
        tuned = train_plan(session, plan, str(number), start=start)
        found.append(TrainedPlan(plan, tuned))
    return plan.choose(found)


def sit_exam(
    session: Session, plan: TrainingPlan, tuned: TunedModel | None
) -> tuple[TrainingPlan, JsonObject]:
    """Return what exam.json holds, and the plan with the exam that was sat: with more questions
    where the first ones leave the verdict open.
    """
    with session.run.time_stage("exam"):
        exam = plan.exam.run(session, tuned)
    while tuned:
        tuned.recorded.release_memory()  # the base writes the further questions, and answers first
        longer = plan.lengthen_exam(exam)
        if longer is None:
            break
        with session.run.time_stage("longer exam"):
            longer.run_baselines(session)
            plan, exam = replace(plan, exam=longer), longer.run(session, tuned)
    return plan, exam
