"""Choose the prompts of the exam (step 8): enough target prompts must show what a rule changes, and
enough others that nothing else is harmed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import compress

from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.exam import Arm, plan_second_sample
from selfteach.evaluate.scopes import TARGET
from selfteach.generate.ask import GeneratedPrompt, Scope
from selfteach.judge import ThresholdJudge
from selfteach.methods.feedback.prompts_in_scope import drop_insiders, drop_strays
from selfteach.methods.feedback.write_more_prompts import (
    LIST_LENGTH,
    write_exam_prompts_outside,
    write_similar_prompts,
)
from selfteach.methods.session import Session
from selfteach.records import make_prompt

BROKEN_SHARE = 0.7
"""The share of the exam's target prompts on which the base should break the rule. The others show
whether right answers are spoilt."""
ASKED_PER_PROMPT = 2
"""Requests for one more prompt that the base breaks."""
MAX_ROUNDS = 3
"""How often more prompts are written: each round is like more of those that are broken."""


def choose_exam_prompts(
    session: Session,
    written: Sequence[GeneratedPrompt],
    judge: ThresholdJudge,
    pool: OverlapIndex,
) -> list[GeneratedPrompt]:
    """Return the test prompts with enough target prompts on which the base breaks the rule, as far
    as the model writes them.

    The exam counts only these prompts, and a score on 19 of them cannot tell nine in ten. More are
    written like those that the base breaks, and new to the pool, which holds the training prompts.
    They are chosen by a sample that measures nothing else. Of the new ones the others are left out:
    they may have left the subject.

    The chosen ones come first, up to BROKEN_SHARE of `exam.target`; the others fill it up.

    Args:
        written: the test prompts of all scopes.
    """
    targets = [prompt for prompt in written if prompt.scope == TARGET]
    others = [prompt for prompt in written if prompt.scope != TARGET]
    wanted = round(BROKEN_SHARE * session.config.exam.target)
    broken = find_broken(session, targets, judge)
    counted = list(compress(targets, broken))
    right = [prompt for prompt in targets if prompt not in counted]
    for turn in range(MAX_ROUNDS):
        lack = wanted - len(counted)
        if lack <= 0 or len(counted) < LIST_LENGTH:
            break
        shown = [prompt.text for prompt in counted]
        more = write_similar_prompts(
            session, shown, ASKED_PER_PROMPT * lack, pool, turn, stage="ask exam"
        )
        more = drop_strays(session, more)
        counted += compress(more, find_broken(session, more, judge))
    return [*counted[:wanted], *right, *counted[wanted:], *others]


def add_prompts_outside(
    session: Session,
    written: Sequence[GeneratedPrompt],
    pool: OverlapIndex,
    scopes: Collection[Scope],
    turn: int,
) -> list[GeneratedPrompt]:
    """Return the exam's prompts and up to `exam.more_outside` further ones of each of the scopes
    outside the rule.

    They are new to the pool, and come after the others of their scope. A scope without prompts gets
    none.

    Args:
        written: the prompts of the exam so far, of all scopes.
        turn: 1, 2, ... in each call of a run.
    """
    known = {prompt.scope for prompt in written}
    asked = [scope for scope in scopes if scope in known]
    more = write_exam_prompts_outside(session, written, asked, pool, turn) if asked else []
    return [*written, *drop_insiders(session, more)]


def find_broken(
    session: Session, prompts: Sequence[GeneratedPrompt], judge: ThresholdJudge
) -> list[bool]:
    """Return for each prompt whether the base breaks the rule in the second sample.

    The exam asks for the same answers later; the ledger keeps them.
    """
    if not prompts:
        return []
    turns = [make_prompt(prompt.text) for prompt in prompts]
    _, requests = plan_second_sample(session, Arm(session.base, {TARGET: turns}))
    session.display.start_stage("exam prompts", len(requests))
    completions = session.base.sample(requests, session.display.advance)
    pairs = [(turn, c.text) for turn, c in zip(turns, completions, strict=True)]
    return judge.broken(pairs)
