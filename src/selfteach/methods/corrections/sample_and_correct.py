"""Steps 5 and 6 of corrections: the model's answers, and the teachers that correct them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from selfteach.evaluate.corrections import CorrectAnswers, make_nearest_corrector
from selfteach.generate.correct import (
    Correctable,
    Corrector,
    PromptStyle,
    Revision,
    make_words,
)
from selfteach.judge.check import parse_check
from selfteach.judge.repair import repair_answer
from selfteach.materials.corrections import Edit
from selfteach.materials.rules.effects.effect import split_unread
from selfteach.methods.brief_answers import make_test
from selfteach.methods.corrections.length_limits import is_short_enough
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.methods.learn_mistakes import OWN_MISTAKE
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import GREEDY, Completion, Request, SamplingParams, Turns
from selfteach.run.local_paths import hide_path
from selfteach.run.stage_labels import label_stage

MAX_GROWTH = 2
"""A correction has at most so many times the tokens of the longest answer."""
EMPTY_ANSWER = "the model's own answer is empty"
WARM_SAMPLING = SamplingParams(1.0, 1.0)
"""The sampling of answers that are not greedy."""
COOL_SAMPLING = SamplingParams(0.7, 0.95)
"""The same for answers to criticise: parts of them become training examples and must make sense."""


@dataclass(frozen=True)
class FileRow:
    """Hold a row of the file with a correction, and the answer that it corrects."""

    edit: Edit
    answered: Correctable

    @property
    def correction(self) -> str:
        """Return the person's correction of the answer."""
        return self.edit.correction or ""


CorrectWithProgress = Callable[[Sequence[Correctable], Callable[[int], object]], list[Revision]]
"""Corrects answers as `CorrectAnswers` does, and calls the second with numbers of finished ones."""


@dataclass(frozen=True)
class Batch:
    """Hold answers of a model that one teacher corrects.

    Attributes:
        stage: the ledger's stage.
        source: the `from` of the examples.
        round_number: the round, from 1.
        kind: of its examples; "" is decided by each revision.
    """

    stage: str
    source: str
    round_number: int
    answers: Sequence[Correctable]
    correct: CorrectWithProgress
    kind: str = ""


def make_corrector(session: Session) -> Corrector | None:
    """Return the teacher that corrects new answers, if there is one."""
    if session.teacher is None:
        return None
    config = session.config.correct
    form: PromptStyle = "chat" if session.teacher.is_chat_model else "few-shot"
    if session.config.teacher.startswith("cmd:"):
        form = "program"
    return Corrector(
        session.teacher,
        form,
        session.config.seed,
        config.tries,
        config.max_distance,
        MAX_GROWTH * config.max_tokens,
        partial(is_short_enough, session),
        make_words(config.style),
        make_style_test(config.style),
        make_style_repair(config.style),
    )


def find_style_check(style: str) -> str:
    """Return the check of the sentences of a house style that have one; "" if none has."""
    effect, _ = split_unread(style)
    return effect.check if effect and effect.check else ""


def make_style_test(style: str) -> Callable[[str], bool]:
    """Return whether a text follows a house style, as far as a check can tell, as a function."""
    check = find_style_check(style)
    return make_test([check] if check else [])


def make_style_repair(style: str) -> Callable[[str], str]:
    """Return what puts a text into a house style by small changes, where its check knows how."""
    written = find_style_check(style)
    if not written:
        return str
    check = parse_check(written)
    return lambda text: next(iter(repair_answer(check, text)), text)


def make_self_corrector(session: Session) -> Corrector:
    """Return the base as its own teacher, for criticisms without another one."""
    return Corrector(
        session.base,
        "few-shot",
        session.config.seed,
        session.config.correct.tries,
        max_tokens=MAX_GROWTH * session.config.correct.max_tokens,
        fits=partial(is_short_enough, session),
    )


def answer_rows(session: Session, edits: Sequence[Edit]) -> list[FileRow]:
    """Return the rows of the file with the answers that they correct. The base answers where a
    correction came without an answer.
    """
    missing = [edit.prompt for edit in edits if edit.answer is None]
    seed = session.config.seed
    own = sample_completions(session, session.base, "draw missing", missing, [GREEDY], seed)
    rows = []
    for edit in edits:
        if edit.answer is None:
            answered = replace(
                to_correctable(edit.prompt, own[edit.prompt][0]), feedback=edit.feedback
            )
        else:
            answered = Correctable(edit.prompt, edit.answer, edit.feedback, edit.cut)
        rows.append(FileRow(edit, answered))
    return rows


def collect_answers(
    session: Session,
    model: Recorded,
    parts: CorrectionParts,
    teacher: Corrector | None,
    round_number: int = 1,
) -> list[Batch]:
    """Return a model's answers to training prompts: one batch for the teacher, and one for each
    criticism with the prompts like its own.

    Args:
        model: the model of this round.
        round_number: from 1. The first one leaves out prompts whose corrections the person brought;
            the later ones leave out the criticized answers.
    """
    found = []
    if teacher:
        known = {edit.prompt for edit in parts.edits} if round_number == 1 else set()
        prompts = [p for p in parts.own["train"] if p not in known]
        warm = [GREEDY, *[WARM_SAMPLING] * (session.config.correct.samples - 1)]
        answers = sample_answers(session, model, prompts, round_number, warm)
        source = hide_path(session.config.teacher)
        found.append(
            Batch(f"correct, round {round_number}", source, round_number, answers, teacher.correct)
        )
    cool = [GREEDY, *[COOL_SAMPLING] * (session.config.correct.samples - 1)]
    for number, (critic, similar) in enumerate(parts.criticised, 1):
        answers = sample_answers(session, model, similar["train"], round_number, cool)
        if round_number == 1:
            criticized = [Correctable(e.prompt, e.answer or "", cut=e.cut) for e in critic.edits]
            answers = [*dict.fromkeys(criticized), *answers]  # one of them may have two quotes
        stage = f"criticism {number}, round {round_number}"
        found.append(
            Batch(stage, critic.feedback, round_number, answers, critic.revise_for_training)
        )
    return found


def collect_own_mistakes(
    session: Session, model: Recorded, parts: CorrectionParts, round_number: int
) -> list[Batch]:
    """Return a tuned model's sampled answers to training prompts: one batch for each criticism that
    a check decides, which corrects them as little as it can.

    Args:
        round_number: of the training that learns the corrections.
    """
    samplings = [WARM_SAMPLING] * session.config.criticism.own_samples
    found = []
    for number, (critic, similar) in enumerate(parts.criticised, 1):
        if critic.checks:
            answers = sample_answers(session, model, similar["train"], round_number, samplings)
            stage = f"own mistakes, criticism {number}"
            revise = critic.revise_own_mistakes
            found.append(Batch(stage, critic.feedback, round_number, answers, revise, OWN_MISTAKE))
    return found


def sample_answers(
    session: Session,
    model: Recorded,
    prompts: Sequence[Turns],
    round_number: int,
    samplings: Sequence[SamplingParams],
) -> list[Correctable]:
    """Return the model's answers to prompts, one for each sampling, without empty ones and
    repeats.
    """
    seed = session.config.seed + round_number - 1
    sampled = sample_completions(session, model, "draw", prompts, samplings, seed)
    answers = [
        to_correctable(prompt, completion)
        for prompt, completions in sampled.items()
        for completion in completions
    ]
    return list({a.id: a for a in answers if a.answer.strip()}.values())


def sample_completions(
    session: Session,
    model: Recorded,
    stage: str,
    prompts: Sequence[Turns],
    samplings: Sequence[SamplingParams],
    seed: int,
) -> dict[Turns, list[Completion]]:
    """Return an answer to each prompt for each sampling."""
    limit = session.config.correct.max_tokens
    prompts = list(dict.fromkeys(prompts))
    requests = [
        Request(stage, prompt, replace(sampling, max_tokens=limit), k, seed)
        for prompt in prompts
        for k, sampling in enumerate(samplings)
    ]
    session.display.start_stage(label_stage(stage), len(requests))
    sampled = model.sample(requests, session.display.advance)
    count = len(samplings)
    return {p: sampled[i * count : (i + 1) * count] for i, p in enumerate(prompts)}


def to_correctables(prompts: Sequence[Turns], answers: Sequence[Completion]) -> list[Correctable]:
    """Return answers to prompts in the form that teachers take."""
    return [to_correctable(p, answer) for p, answer in zip(prompts, answers, strict=True)]


def to_correctable(prompt: Turns, answer: Completion) -> Correctable:
    """Return an answer in the form that teachers take."""
    return Correctable(prompt, answer.text, cut=answer.finish == "length")


def make_file_teacher(rows: Sequence[FileRow]) -> CorrectAnswers:
    """Return a stand-in for a teacher of new answers: it takes the nearest of the corrections (or
    approved answers) that the file has for the prompt.
    """
    references: dict[Turns, list[str]] = defaultdict(list)
    for row in rows:
        references[row.edit.prompt].append(row.correction)
    return make_nearest_corrector(references)


def route_by_prompt(parts: CorrectionParts, teacher: CorrectAnswers) -> CorrectAnswers:
    """Return a teacher for any answer: the criticism that owns the prompt, else `teacher`."""
    critics = []
    for critic, prompts in parts.criticised:
        critics.append((critic.correct, list(chain.from_iterable(prompts.values()))))
    return route_answers(critics, teacher)


def route_answers(
    critics: Sequence[tuple[CorrectAnswers, Sequence[Turns]]], teacher: CorrectAnswers
) -> CorrectAnswers:
    """Return a teacher for any answer: the critic that owns the prompt, else `teacher`.

    Args:
        critics: each with its prompts.
    """
    owners: dict[Turns, CorrectAnswers] = {}
    for critic, prompts in critics:
        owners.update(dict.fromkeys(prompts, critic))

    def correct(answers: Sequence[Correctable]) -> list[Revision]:
        found: dict[str, Revision] = {}
        for one in (*(critic for critic, _ in critics), teacher):
            mine = [a for a in answers if owners.get(a.prompt, teacher) == one]
            found |= {a.id: r for a, r in zip(mine, one(mine), strict=True)}
        return [found[a.id] for a in answers]

    return correct
