"""Measure a model on dev prompts: what objectives, rates and balance rounds are chosen by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from statistics import mean
from typing import cast

from selfteach.evaluate.exam import Arm, Exam, answer_all, make_requests
from selfteach.evaluate.scopes import TARGET
from selfteach.evaluate.side_effects import find_side_effects
from selfteach.generate.ask import GeneratedPrompt
from selfteach.judge import ViolationJudge
from selfteach.judge.decline import is_decline
from selfteach.methods.feedback.exam import RuleScorer, declines_alone
from selfteach.methods.feedback.needless_effects import flag_needless
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import Prompt, make_prompt

DEV = {"target": 24, "near": 12, "general": 12}
"""How many dev prompts of each scope a learning rate is chosen on."""


def score_dev_exam(session: Session, exam: Exam, model: Recorded) -> float:
    """Return the share of dev answers in scope that keep the rule, plus the share of other dev
    answers that are not degraded, minus that of needless declines and effects beyond the base's.
    """
    arms = {
        "base": Arm(session.base, exam.questions),
        "tuned": Arm(model, exam.questions),
    }
    answers = answer_all(session, arms, exam)
    scorer = cast(RuleScorer, exam.scorer)
    kept = scorer.score(answers[TARGET]).both("tuned")
    effects = find_side_effects(answers, exam.taught_texts, exam.find_allowed_repeats)
    intact = [flag for own in effects.intact.values() for flag in own["tuned"]]
    harm = scorer.compare_needless(answers).value
    return (mean(kept) if kept else 0.0) + (mean(intact) if intact else 1.0) - harm


def find_dev_failures(
    session: Session,
    model: Recorded,
    write_prompt: Callable[[str], Prompt],
    dev: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> dict[str, bool]:
    """Return for each dev prompt, by its text, whether a model breaks the rule on it, greedy or
    sampled. Where the rule forbids no subject, a decline breaks it, as in the exam
    (`RuleScorer.keeps_by_answering`), unless the base declines the bare request too.

    Args:
        write_prompt: returns what the model is asked, in place of the bare text.
    """
    session.display.start_stage("dev answers", 2 * len(dev))
    texts = [prompt.text for prompt in dev]
    prompts = [write_prompt(text) for text in texts]
    requests = make_requests(session, "dev", prompts, 0.0)
    requests += make_requests(session, "dev", prompts, 1.0)
    completions = model.sample(requests, session.display.advance)
    asked = 2 * texts
    pairs = [(make_prompt(t), c.text) for t, c in zip(asked, completions, strict=True)]
    broken = judge.broken(pairs)
    statement = session.understood.statement
    if not (session.understood.forbidden_topic or is_decline(statement)):
        bare = [make_prompt(text) for text in texts]
        plain = make_requests(session, "dev", bare, 0.0) + make_requests(session, "dev", bare, 1.0)
        before = session.base.sample(plain)
        declined = map(declines_alone, completions, before)
        broken = [bad or alone for bad, alone in zip(broken, declined, strict=True)]
    failed = dict.fromkeys(texts, False)
    for text in compress(asked, broken):
        failed[text] = True
    return failed


def measure_kept(
    session: Session,
    model: Recorded,
    write_prompt: Callable[[str], Prompt],
    targets: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> float:
    """Return the share of target prompts of dev on which a model keeps the rule, greedy and sampled
    (`find_dev_failures`).

    Raises:
        StatisticsError: there is no such prompt; `check_dev_part` refuses such a run before.
    """
    failed = find_dev_failures(session, model, write_prompt, targets, judge)
    return 1 - mean(failed.values())


def measure_needless(
    session: Session, model: Recorded, prompts: Sequence[GeneratedPrompt], judge: ViolationJudge
) -> float:
    """Return the share of dev prompts outside the scope that a model declines, and the base does
    not. Where the rule has a condition, an answer that shows its effect counts too.
    """
    if not prompts:
        return 0.0
    written = [make_prompt(prompt.text) for prompt in prompts]
    requests = make_requests(session, "dev", written, 0.0)
    session.display.start_stage("dev answers", len(requests))
    before = session.base.sample(requests)
    after = model.sample(requests, session.display.advance)
    of_effects = judge if session.understood.situation else None
    return mean(flag_needless(written, before, after, of_effects))
