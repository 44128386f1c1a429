"""Criticisms: corrections are made from comments on answers ("too long, and no emoji").

  1  extend: let the model write prompts like the criticized ones; the split divides them
  2  recognize: turn the criticism's words into checks; where they name no check, calibrate a judge
     on prompts to learn from
  3  revise: a critic finds what meets the criticism (`critic`)

Our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfteach.config import CorrectionsConfig
from selfteach.errors import DataError
from selfteach.generate.ask import SIMILAR, GeneratedPrompt, Scope, generate_similar_prompts
from selfteach.generate.correct import Corrector
from selfteach.generate.listing import to_one_line
from selfteach.generate.subject import extract_subject
from selfteach.judge import PromptAnswer, ThresholdJudge, ViolationJudge
from selfteach.judge.calibrate import calibrate_judges
from selfteach.judge.check import CheckJudge
from selfteach.judge.contrast import append_words
from selfteach.judge.request_judge import LikenessJudge, calibrate_likeness
from selfteach.judge.setup import JudgeSetup, find_judges
from selfteach.materials.corrections import Corrections, Edit
from selfteach.materials.rules.rule import Rule
from selfteach.methods.calibrate_rule_judges import choose_judges, note_calibration
from selfteach.methods.corrections.amounts import count_similar_prompts
from selfteach.methods.corrections.critic import Critic, CriticLimits
from selfteach.methods.corrections.find_checks import find_checks
from selfteach.methods.corrections.prompt_novelty import NoveltyCheck
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import UnderstoodRule
from selfteach.models.ordered import sample_in_order
from selfteach.models.recorded import Recorded
from selfteach.records import (
    Request,
    SamplingParams,
    Turns,
    get_user_text,
    make_prompt,
)
from selfteach.run.stage_labels import label_stage
from selfteach.select.task_filter import MORE_THAN_ASKED

SIMILAR_STAGE = "ask similar"
NOT_LIKE = "is not like what was criticized"
MIN_LIKE = 0.25
"""The least share of prompts that were written to be like the criticized ones, and are found to be:
the judge of likeness tells nothing below it.
"""
LIST_LENGTH = 3


def make_critic(session: Session, edits: list[Edit], writer: Corrector) -> Critic:
    """Return a criticism of answers, with the limits of the session and without prompts."""
    limits = read_limits(session.config)
    has_teacher = session.teacher is not None
    return Critic(session.base, limits, edits[0].feedback, edits, writer, has_teacher)


def read_limits(config: CorrectionsConfig) -> CriticLimits:
    """Return the limits of a critic that the settings give, once `set_answer_lengths` has set what
    they leave open.
    """
    own = config.correct
    assert own.max_tokens is not None
    return CriticLimits(config.seed, own.max_tokens, own.tries, config.criticism.min_token_logp)


def make_critics(
    session: Session, material: Corrections, writer: Corrector, newness: NoveltyCheck
) -> list[Critic]:
    """Return the criticisms, each with prompts like the criticized ones (step 1). None has a judge
    yet: the prompts of the exam choose none, so it is chosen after the split.
    """
    groups = material.group_by_feedback(session.config.check)
    share = count_similar_prompts(session.config.criticism.similar, len(groups))
    found = []
    for number, edits in enumerate(groups):
        critic = make_critic(session, edits, writer)
        critic.similar = write_criticism_prompts(session, critic, newness, number, share)
        found.append(critic)
    return found


def choose_critics_judges(session: Session, material: Corrections, parts: CorrectionParts) -> None:
    """Give each criticism its checks or its judge, calibrated on its training prompts (step 2).
    Drop a criticism without a usable judge where there is something else to learn.

    Raises:
        DataError: there is nothing else.
    """
    other_material = material.edits or (session.teacher and material.prompts)
    found = []
    with session.run.ledger.open_funnel("criticisms") as funnel:
        for number, (critic, prompts) in enumerate(parts.criticised, 1):
            reason = ""
            try:
                choose_judge(session, critic, prompts["train"])
                found.append((critic, prompts))
            except DataError as fault:
                is_last = number == len(parts.criticised)
                if is_last and not (found or other_material):
                    raise
                reason = "no judge can tell whether it applies"
                session.display.print_line(f"put aside: {fault.what}")
            for edit in critic.edits:
                funnel.decide(edit.where, reason, edit.to_json())
    parts.criticised = found


def write_criticism_prompts(
    session: Session, critic: Critic, newness: NoveltyCheck, criticism_number: int, count: int
) -> list[Turns]:
    """Return `count` new prompts like the criticized ones (step 1); the critic gets the judge that
    tells them from others, if it tells anything.

    Args:
        criticism_number: from 0; each criticism has rounds of its own.
    """
    rounds = session.config.criticism.rounds
    criticised = [" ".join(get_user_text(e.prompt).split()) for e in critic.edits]
    label = label_stage(SIMILAR_STAGE)
    session.display.start_stage(label, count, "prompts")
    found: list[Turns] = []
    judge: LikenessJudge | None = calibrate_likeness(session.base, criticised)
    first = criticism_number * rounds
    with session.run.ledger.open_funnel(f"{label} {criticism_number + 1}") as funnel:
        for number in range(first, first + rounds):
            lists = [rotate(criticised, i) for i in range(2 * (count - len(found)))]
            written = list(
                generate_similar_prompts(
                    session.base, SIMILAR_STAGE, lists, newness, session.config.seed, number
                )
            )
            usable = [prompt.text for prompt, fault in written if not fault]
            alike = find_alike(judge, usable)
            if not found and len(alike) < MIN_LIKE * len(usable):
                judge = None  # it finds nearly nothing alike, so its scores tell nothing
                alike = find_alike(judge, usable)
            for prompt, fault in written:
                reason = fault or ("" if prompt.text in alike else NOT_LIKE)
                if not reason and len(found) == count:
                    reason = MORE_THAN_ASKED
                funnel.decide(prompt.id, reason, {"text": prompt.text})
                if not reason:
                    found.append(make_prompt(prompt.text))
                    session.display.advance()
    critic.likeness = judge
    return found


def find_alike(judge: LikenessJudge | None, texts: Sequence[str]) -> set[str]:
    """Return the texts that are like the criticized prompts; without a judge all of them."""
    flags = judge.find_like(texts) if judge else [True] * len(texts)
    return {text for text, is_like in zip(texts, flags, strict=True) if is_like}


def rotate(texts: Sequence[str], start: int) -> list[str]:
    """Return up to LIST_LENGTH texts from a place on, in a circle."""
    return [texts[(start + k) % len(texts)] for k in range(min(LIST_LENGTH, len(texts)))]


def choose_judge(session: Session, critic: Critic, prompts: Sequence[Turns]) -> None:
    """Choose the checks or the judge that decide whether the criticism applies (step 2).

    Args:
        prompts: prompts like the criticized ones, none of them for the exam.

    Raises:
        DataError: its words name no check, and no judge is good enough.
    """
    check = session.config.check
    critic.checks = find_checks(critic.feedback, critic.edits, check)
    if critic.checks:
        joined = check or " and ".join(f"({one})" for one in critic.checks)
        critic.judge = ThresholdJudge(CheckJudge(joined), 0.5)
        session.display.print_line(
            f'"{critic.feedback}" is checked with {" and ".join(critic.checks)}'
        )
        return
    try:
        critic.judge = calibrate_judge(session, critic, prompts)
    except DataError as fault:
        reason = fault.what.removesuffix(".")
        raise DataError(
            f'no judge can tell whether "{critic.feedback}" applies to an answer: {reason}.',
            cure=(
                'Say how to check it, for instance --set check="max_words=50", or write '
                "some corrections."
            ),
        ) from fault


def calibrate_judge(session: Session, critic: Critic, prompts: Sequence[Turns]) -> ViolationJudge:
    """Return the best judge of a criticism whose words name no check. One about a subject is judged
    as a rule is.

    Raises:
        DataError: no judge is good enough.
    """
    words = to_one_line(critic.feedback)  # as a rule in the lists that a model continues
    subject = extract_subject(session.base, session.base, words, session.config.seed)
    teacher = session.teacher if critic.writer.form == "chat" else None
    if not subject.topic:
        return calibrate_criticism_judge(session, critic, teacher, prompts)
    scopes: tuple[Scope, ...] = ("target", "general")
    asked = [
        GeneratedPrompt(get_user_text(prompt), scope, SIMILAR, "")
        for scope in scopes
        for prompt in prompts
    ]
    rule = UnderstoodRule(Rule(words, ""), subject=subject)
    of_rule = replace(session, rule=words, understood=rule, teacher=teacher)
    return choose_judges(of_rule, asked).exam


def calibrate_criticism_judge(
    session: Session, critic: Critic, teacher: Recorded | None, prompts: Sequence[Turns]
) -> ThresholdJudge:
    """Return the best judge of a criticism that names no check.

    It is calibrated on the base's answers, which stand for the criticized ones, and on answers with
    the criticism in the prompt, of the teacher or else of the base.

    Raises:
        DataError: no judge can tell them apart.
        UsageError: the settings name a judge that there is not.
    """
    words = to_one_line(critic.feedback)
    setup = JudgeSetup(session.base, words, "criticism", teacher=teacher)
    candidates = find_judges(setup, session.config.judge.name)
    prompts = prompts[: session.config.judge.pairs]
    informed = [append_words(prompt, words) for prompt in prompts]
    bad = zip(prompts, sample_texts(session, session.base, prompts), strict=True)
    good = zip(prompts, sample_texts(session, teacher or session.base, informed), strict=True)
    labelled: list[tuple[PromptAnswer, bool]] = [
        (pair, broken)
        for pairs, broken in ((bad, True), (good, False))
        for pair in pairs
        if pair[1].strip()
    ]
    session.display.start_stage("judge")
    judge, _, report = calibrate_judges(candidates, labelled, session.config.judge.min_auroc)
    note_calibration(session, words, report)
    if judge is None:
        raise DataError(f"{report['reason']}.")
    session.display.print_line(f'"{words}" is judged by {judge.name}, {report["reason"]}')
    return judge


def sample_texts(session: Session, model: Recorded, prompts: Sequence[Turns]) -> list[str]:
    """Return an answer to each prompt; "" where an endpoint lost the request."""
    sampling = SamplingParams(0.7, 0.95, session.config.correct.max_tokens)
    requests = [Request("calibrate", p, sampling, 0, session.config.seed) for p in prompts]
    answers = sample_in_order(model, requests)
    return [answer.text if answer else "" for answer in answers]
