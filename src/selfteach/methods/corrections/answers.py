"""Steps 2 and 3 of corrections: the student's answers, and who corrects them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from selfteach.evaluate.corrections import CorrectAnswers, correct_answers, make_nearest_corrector
from selfteach.generate.correct import Correctable, Corrector, PromptStyle, Revision, Turns
from selfteach.materials.corrections import Edit
from selfteach.methods.corrections.answer_lengths import is_short_enough
from selfteach.methods.corrections.criticism import Critic
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import GREEDY, Completion, Request, SamplingParams

EMPTY_ANSWER = "the model's own answer is empty"
WARM_SAMPLING, COOL_SAMPLING = SamplingParams(1.0, 1.0), SamplingParams(0.7, 0.95)
"""How answers are sampled beside the greedy one. What is left of a criticised one becomes a lesson,
so it should make sense.
"""


@dataclass(frozen=True)
class FileRow:
    """A row of the file that holds a correction, with the answer that it corrects."""

    edit: Edit
    answered: Correctable

    @property
    def correction(self) -> str:
        """What the person made of the answer."""
        return self.edit.correction or ""


@dataclass(frozen=True)
class Batch:
    """Answers of a student that one teacher corrects.

    Attributes:
        stage: the stage of the funnel.
        source: what the examples name as their source.
        turn: the round, from 1.
    """

    stage: str
    source: str
    turn: int
    answers: Sequence[Correctable]
    correct: CorrectAnswers


def make_corrector(session: Session) -> Corrector | None:
    """Return the living teacher, if there is one."""
    if session.teacher is None:
        return None
    address = session.config.teacher
    config = session.config.correct
    form: PromptStyle = "few-shot"
    if address.startswith("cmd:"):
        form = "program"
    elif "#" in address or "://" in address:
        form = "chat"
    return Corrector(
        session.teacher,
        form,
        session.config.seed,
        config.tries,
        config.max_distance,
        2 * config.max_tokens,
        partial(is_short_enough, session),
    )


def make_self_corrector(session: Session) -> Corrector:
    """Return the student, who revises by a criticism where no teacher does."""
    return Corrector(
        session.base,
        "few-shot",
        session.config.seed,
        session.config.correct.tries,
        fits=partial(is_short_enough, session),
    )


def answer_rows(session: Session, edits: Sequence[Edit]) -> list[FileRow]:
    """Return the rows of the file with the answers that they correct. The student answers where a
    correction came without one.
    """
    missing = [edit.prompt for edit in edits if edit.answer is None]
    seed = session.config.seed
    own = sample_completions(session, session.base, "draw missing", missing, 1, seed)
    return [FileRow(edit, get_answer(edit, own)) for edit in edits]


def get_answer(edit: Edit, own: Mapping[Turns, Sequence[Completion]]) -> Correctable:
    """Return the answer that a person corrected, or the student's own."""
    if edit.answer is not None:
        return Correctable(edit.prompt, edit.answer, edit.feedback, edit.cut)
    (draw,) = own[edit.prompt]
    return Correctable(edit.prompt, draw.text, edit.feedback, draw.finish == "length")


def collect_answers(
    session: Session,
    model: Recorded,
    parts: CorrectionParts,
    teacher: Corrector | None,
    turn: int = 1,
) -> list[Batch]:
    """Return a student's answers to training prompts: those that the living teacher corrects, and
    for each criticism those to prompts like its own.

    Args:
        model: the student of this round.
        turn: the round. Prompts whose corrections the person brought are not answered in the
            first one, nor criticised answers again in later ones.
    """
    found: list[Batch] = []
    if teacher:
        known = {edit.prompt for edit in parts.edits} if turn == 1 else set()
        prompts = [p for p in parts.own["train"] if p not in known]
        answers = sample_answers(session, model, prompts, turn)
        source = session.config.teacher
        found.append(Batch(f"correct {turn}", source, turn, answers, teacher.correct))
    for number, (critic, similar) in enumerate(parts.criticised, 1):
        answers = sample_answers(session, model, similar["train"], turn, COOL_SAMPLING)
        if turn == 1:
            answers = [Correctable(e.prompt, e.answer or "") for e in critic.edits] + answers
        stage = f"criticism {number}, round {turn}"
        found.append(Batch(stage, critic.feedback, turn, answers, critic.lessons))
    return found


def sample_answers(
    session: Session,
    model: Recorded,
    prompts: Sequence[Turns],
    turn: int,
    warm: SamplingParams = WARM_SAMPLING,
) -> list[Correctable]:
    """Return the student's answers to prompts, without empty ones and repeats."""
    count = session.config.correct.samples
    seed = session.config.seed + turn - 1
    sampled = sample_completions(session, model, "draw", prompts, count, seed, warm)
    found: dict[str, Correctable] = {}
    for prompt in prompts:
        for draw in sampled[prompt]:
            answered = Correctable(prompt, draw.text, cut=draw.finish == "length")
            if answered.answer.strip():
                found[answered.id] = answered
    return list(found.values())


def sample_completions(
    session: Session,
    model: Recorded,
    stage: str,
    prompts: Sequence[Turns],
    count: int,
    seed: int,
    warm: SamplingParams = WARM_SAMPLING,
) -> dict[Turns, list[Completion]]:
    """Return `count` answers to each prompt, the first one greedy."""
    limit = session.config.correct.max_tokens
    prompts = list(dict.fromkeys(prompts))
    requests = []
    for prompt in prompts:
        for k in range(count):
            sampling = replace(warm if k else GREEDY, max_tokens=limit)
            requests.append(Request(stage, prompt, sampling, k, seed))
    session.display.start_stage(stage, len(requests))
    draws = model.sample(requests, session.display.advance)
    return {p: draws[i * count : (i + 1) * count] for i, p in enumerate(prompts)}


def correct_new_answers(
    model: Recorded,
    prompts: Sequence[Turns],
    correct: CorrectAnswers,
    sampling: SamplingParams,
    seed: int,
    progress: Callable[[int], object],
) -> list[Revision]:
    """Return what a teacher makes of a model's new answers to prompts, in their order."""
    requests = [Request("exam", prompt, sampling, 0, seed) for prompt in prompts]
    draws = model.sample(requests, progress)
    return correct_answers(correct, to_answered(prompts, draws))


def to_answered(prompts: Sequence[Turns], draws: Sequence[Completion]) -> list[Correctable]:
    """Return answers as something that can be corrected."""
    return [
        Correctable(prompt, draw.text, cut=draw.finish == "length")
        for prompt, draw in zip(prompts, draws, strict=True)
    ]


def make_file_teacher(rows: Sequence[FileRow]) -> CorrectAnswers:
    """Return the stand-in where no one can correct new answers: the nearest of the corrections (or
    approved answers) that the file has for the prompt.
    """
    references: dict[Turns, list[str]] = {}
    for row in rows:
        references.setdefault(row.edit.prompt, []).append(row.correction)
    return make_nearest_corrector(references)


def route_by_prompt(parts: CorrectionParts, otherwise: CorrectAnswers) -> CorrectAnswers:
    """Return who corrects an answer: the criticism that its prompt was asked for, else the
    teacher.
    """
    owner: dict[Turns, Critic] = {}
    for critic, prompts in parts.criticised:
        for part in prompts.values():
            owner.update(dict.fromkeys(part, critic))

    def correct(asked: Sequence[Correctable]) -> list[Revision]:
        found: dict[str, Revision] = {}
        for critic, _ in parts.criticised:
            mine = [a for a in asked if owner.get(a.prompt) is critic]
            found |= {a.id: r for a, r in zip(mine, critic.correct(mine), strict=True)}
        rest = [a for a in asked if a.prompt not in owner]
        found |= {a.id: r for a, r in zip(rest, otherwise(rest), strict=True)}
        return [found[a.id] for a in asked]

    return correct
