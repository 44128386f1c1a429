"""An exam as a record: it is sat again from what the run recorded, and no step of its method is
taken again.

    describe_exam   at the end of a run: questions, prompts of each arm, limits, and what the
                    answers are graded with
    read_exam       the same exam, for another model

The answers of the run are not in the record. They are in its ledger, and a request that is the same
is never computed twice. So an answer that the run has is the run's, with its score.

A record of format 1 stays readable: tests/methods/exams_format_1.json holds some.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from selfteach.errors import IntegrityError
from selfteach.evaluate.exam import (
    Answers,
    Arm,
    Exam,
    ExamScorer,
    Measurement,
    TunedModel,
    allow_no_repeats,
)
from selfteach.models.recorded import Recorded
from selfteach.records import JsonMapping, JsonObject, Prompt, parse_messages, prompt_to_json
from selfteach.run.display import Display
from selfteach.text import clean_text

FORMAT = 1
PromptsByScope = Mapping[str, Sequence[Prompt]]


def change_nothing(answer: str) -> bool:
    """Return False: nothing else was taught."""
    return False


@dataclass(frozen=True)
class AnswerLimits:
    """Hold the limits of an answer."""

    max_tokens: int


@dataclass(frozen=True)
class SittingSettings:
    """Hold the settings of a run that its exam depends on."""

    seed: int
    smoke_test: bool
    exam: AnswerLimits


@dataclass
class ExamSetup:
    """Hold what an exam that is sat again needs: an `ExamSession` without a run.

    Attributes:
        model: the base itself.
        base: the base, with the ledger's memory.
        base_logits: logits of the base when it was loaded.
        open_teacher: opens the teacher of the run, for grading that asks it.
        may_change: see `ExamSession`; the other lessons of a student may ask for another answer.
    """

    config: SittingSettings
    display: Display
    model: Any
    base: Recorded
    base_logits: Any
    open_teacher: Callable[[], Recorded]
    may_change: Callable[[str], bool] = field(default=change_nothing)


@dataclass(frozen=True)
class Grading:
    """Hold how answers are graded: what a method adds to the questions of its exam.

    Attributes:
        measurements: those that the verdict rests on.
        drift: measured with the tuned model itself; a brief exam leaves it out.
    """

    scorer: ExamScorer
    drift: Measurement
    measurements: Sequence[Measurement] = ()
    find_allowed_repeats: Callable[[Answers], Collection[int]] = field(default=allow_no_repeats)


ReadGrading = Callable[[JsonMapping, PromptsByScope, ExamSetup], Grading]
"""Makes the grading again, from what `Exam.describe_grading` returned and the questions."""


def describe_exam(exam: Exam, settings: Any) -> JsonObject | None:
    """Return the record of an exam; None where its grading has none.

    Args:
        settings: the settings of the run.
    """
    grading = exam.describe_grading()
    if grading is None:
        return None
    arms = {}
    for name, arm in exam.arms(None).items():
        if name != "base":
            arms[name] = {"sampled": arm.sampled, "prompts": prompts_to_json(arm.prompts)}
    return {
        "format": FORMAT,
        "settings": {
            "seed": settings.seed,
            "smoke_test": settings.smoke_test,
            "max_tokens": settings.exam.max_tokens,
        },
        "questions": prompts_to_json(exam.questions),
        "arms": arms,
        "stages": {"target": exam.target_stage, "sampled": exam.sampled_stage},
        "loop_check_scopes": list(exam.loop_check_scopes),
        "taught_texts": list(dict.fromkeys(exam.taught_texts)),
        "header": dict(exam.header),
        "grading": dict(grading),
    }


def read_settings(record: JsonMapping) -> SittingSettings:
    """Return the settings of a record.

    Raises:
        IntegrityError: a newer version of selfteach wrote it, or it is damaged.
    """
    check_format(record)
    found = record["settings"]
    limits = AnswerLimits(int(found["max_tokens"]))
    return SittingSettings(int(found["seed"]), bool(found["smoke_test"]), limits)


def read_exam(record: JsonMapping, sitting: ExamSetup, read_grading: ReadGrading) -> Exam:
    """Return the exam of a record.

    Raises:
        IntegrityError: a newer version of selfteach wrote it.
        DataError, KeyError, TypeError, ValueError: it has another form.
    """
    check_format(record)
    questions = read_prompts(record["questions"])
    arms = {"base": Arm(sitting.base, questions)}
    for name, own in record["arms"].items():
        prompts = read_prompts(own["prompts"])
        arms[name] = Arm(sitting.base, prompts, sampled=bool(own["sampled"]))
    grading = read_grading(record["grading"], questions, sitting)
    return Exam(
        questions=questions,
        arms=partial(add_tuned_arm, arms),
        scorer=grading.scorer,
        taught_texts=list(map(str, record["taught_texts"])),
        header=dict(record["header"]),
        measurements=grading.measurements,
        extra_measurements=[grading.drift],
        target_stage=str(record["stages"]["target"]),
        sampled_stage=str(record["stages"]["sampled"]),
        loop_check_scopes=list(record["loop_check_scopes"]),
        find_allowed_repeats=grading.find_allowed_repeats,
    )


def check_format(record: JsonMapping) -> None:
    """Refuse a record of a format that this version does not know.

    Raises:
        IntegrityError: a newer version of selfteach wrote it.
    """
    if record.get("format") != FORMAT:
        raise IntegrityError(
            f"the record of its exam has the format {record.get('format')!r}, and this version "
            f"knows {FORMAT}.",
            cure="Use the version of selfteach that wrote it, or a newer one.",
        )


def add_tuned_arm(arms: Mapping[str, Arm], tuned: TunedModel | None) -> dict[str, Arm]:
    """Return the arms with the tuned model, which answers what the base answers."""
    if tuned is None:
        return dict(arms)
    return {**arms, "tuned": Arm(tuned.recorded, arms["base"].prompts)}


def prompts_to_json(prompts: PromptsByScope) -> JsonObject:
    """Return prompts by scope as JSON."""
    return {scope: list(map(prompt_to_json, own)) for scope, own in prompts.items()}


def read_prompts(found: JsonMapping) -> dict[str, list[Prompt]]:
    """Return prompts by scope from JSON."""
    return {scope: list(map(read_prompt, own)) for scope, own in found.items()}


def read_prompt(found: Any) -> Prompt:
    """Return a prompt from JSON: a text, or messages."""
    return clean_text(found) if isinstance(found, str) else parse_messages(found)
