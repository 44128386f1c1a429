"""Who corrects the answers of an exam, recorded and made again: the file, a teacher, criticisms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from selfteach.evaluate.corrections import CorrectAnswers, make_nearest_corrector
from selfteach.evaluate.recorded_exam import ExamSetup, read_prompt
from selfteach.generate.correct import Corrector, CorrectorWords
from selfteach.judge import ThresholdJudge
from selfteach.judge.contrast import to_messages
from selfteach.judge.recorded_judge import describe_judge, read_judge
from selfteach.materials.corrections import Edit
from selfteach.methods.corrections.critic import Critic, CriticLimits
from selfteach.methods.corrections.length_limits import is_short_enough
from selfteach.methods.corrections.sample_and_correct import (
    FileRow,
    make_style_repair,
    make_style_test,
    route_answers,
)
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.models.recorded import Recorded
from selfteach.records import JsonMapping, JsonObject, Turns, prompt_to_json


def describe_teachers(
    prompts: Sequence[Turns],
    parts: CorrectionParts,
    rows: Sequence[FileRow],
    teacher: Corrector | None,
) -> JsonObject | None:
    """Return the record of who corrects answers to the questions of an exam; None where a judge of
    a criticism has no record.
    """
    references: dict[Turns, list[str]] = {prompt: [] for prompt in prompts}
    for row in rows:
        if row.edit.prompt in references:
            references[row.edit.prompt].append(row.correction)
    critics = []
    for critic, own in parts.criticised:
        described = describe_critic(critic, own["test"])
        if described is None:
            return None
        critics.append(described)
    known = [[prompt_to_json(prompt), texts] for prompt, texts in references.items() if texts]
    return {
        "teacher": describe_corrector(teacher) if teacher else None,
        "references": known,
        "critics": critics,
    }


def describe_critic(critic: Critic, prompts: Sequence[Turns]) -> JsonObject | None:
    """Return the record of a criticism, with its prompts in the exam."""
    judge = describe_judge(critic.judge) if isinstance(critic.judge, ThresholdJudge) else None
    if judge is None:
        return None
    quoted = [edit for edit in critic.edits if edit.quote]
    return {
        "feedback": critic.feedback,
        "checks": list(critic.checks),
        "judge": judge,
        "prompts": [prompt_to_json(prompt) for prompt in prompts],
        "quotes": [[prompt_to_json(one.prompt), one.answer, one.quote] for one in quoted],
        "has_teacher": critic.has_teacher,
        "writer": describe_corrector(critic.writer),
        "max_tokens": critic.limits.max_tokens,
        "tries": critic.limits.tries,
        "min_token_logp": critic.limits.min_token_logp,
    }


def describe_corrector(corrector: Corrector) -> JsonObject:
    """Return the record of a teacher of new answers; a run has one at most."""
    names = ("form", "seed", "tries", "most", "max_tokens")
    found: JsonObject = {name: getattr(corrector, name) for name in names}
    return found | {"words": asdict(corrector.words)}


def read_teachers(record: JsonMapping, sitting: ExamSetup) -> CorrectAnswers:
    """Return who corrects answers, from its record."""
    known = {to_messages(read_prompt(prompt)): texts for prompt, texts in record["references"]}
    correct = make_nearest_corrector(known)
    if record["teacher"]:
        correct = read_corrector(record["teacher"], sitting.open_teacher(), sitting).correct
    critics = []
    for own in record["critics"]:
        prompts = [to_messages(read_prompt(prompt)) for prompt in own["prompts"]]
        critics.append((read_critic(own, sitting).correct, prompts))
    return route_answers(critics, correct)


def read_critic(record: JsonMapping, sitting: ExamSetup) -> Critic:
    """Return a criticism from its record."""
    teacher = sitting.open_teacher() if record["has_teacher"] else None
    limits = CriticLimits(
        int(sitting.config.seed),
        int(record["max_tokens"]),
        int(record["tries"]),
        float(record["min_token_logp"]),
    )
    feedback = str(record["feedback"])
    edits = []
    for prompt, answer, quote in record["quotes"]:
        turns = to_messages(read_prompt(prompt))
        edits.append(Edit("", turns, answer, feedback=feedback, quote=quote))
    return Critic(
        sitting.base,
        limits,
        feedback,
        edits,
        read_corrector(record["writer"], teacher or sitting.base, sitting),
        teacher is not None,
        tuple(map(str, record["checks"])),
        read_judge(record["judge"], sitting.base, sitting.open_teacher),
    )


def read_corrector(record: JsonMapping, model: Recorded, sitting: ExamSetup) -> Corrector:
    """Return a teacher of new answers from its record."""
    words = CorrectorWords(**record["words"])
    return Corrector(
        model,
        record["form"],
        int(record["seed"]),
        int(record["tries"]),
        float(record["most"]),
        int(record["max_tokens"]),
        partial(is_short_enough, sitting),
        words,
        make_style_test(words.style),
        make_style_repair(words.style),
    )
