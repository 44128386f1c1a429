"""Make anchors: answers of the base that keep the rule already, and stay (step 4)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.scopes import GENERAL, NEAR
from selfteach.judge import ThresholdJudge
from selfteach.judge.decline import is_decline
from selfteach.methods.anchors import OwnAnswer, keep_answers, make_anchors
from selfteach.methods.feedback.probe import ProbedPrompt, truncate_answer
from selfteach.methods.feedback.prompts_in_scope import find_naming_subject
from selfteach.methods.feedback.write_more_prompts import write_more_prompts_outside
from selfteach.methods.session import Session
from selfteach.records import (
    GREEDY,
    Example,
    Message,
    digest,
    get_user_text,
    make_prompt,
    prompt_to_json,
)

NAMED_ANCHOR = "names the subject, though the base kept the rule"
BREAKS_RULE = "the base breaks the rule"
ALSO_DECLINES = "the base declines as well after a decline"
REACH_QUANTILE = 0.95
"""The share of training examples that end within an anchor's tokens."""


def make_rule_anchors(
    session: Session, probed: Sequence[ProbedPrompt], reach: int
) -> list[Example]:
    """Make an anchor of the base's own greedy answer where it keeps the rule (step 4).

    A prompt that names a forbidden subject makes none: the base may have kept the rule by chance.
    One that may be about it and does not name it ("What is ivory made of?") does: a decline would
    be needless there.

    Args:
        reach: how many tokens of an answer to keep.
    """
    kept = [p for p in probed if not p.violations]
    named = find_naming_subject(session, [p.prompt for p in kept])
    answers = []
    for p in kept:
        prompt = p.prompt
        text, cut = truncate_answer(session, p.completions[0], reach)
        kind = NEAR if prompt.scope == NEAR else GENERAL
        source = {"scope": prompt.scope}
        fault = NAMED_ANCHOR if prompt.id in named else ""
        turns = make_prompt(prompt.text)
        answers.append(OwnAnswer(prompt.id, turns, text, cut, kind, source, fault))
    return keep_answers(session, answers)


def make_short_anchors(
    session: Session, pool: OverlapIndex, judge: ThresholdJudge
) -> list[Example]:
    """Make anchors of how the base begins its answers to further prompts outside the scope of a
    forbidden subject (step 4).

    Whether an answer declines is decided by its first tokens. Many short anchors bound the declines
    better than a few long ones of as many tokens (docs/log/2026-11-rules.md).

    Args:
        judge: refuses the beginnings that break the rule.
    """
    prompts = {
        make_prompt(written.text): written.scope
        for written in write_more_prompts_outside(session, pool)
    }

    anchors: list[Example] = []
    for kind in (NEAR, GENERAL):
        anchors += make_anchors(
            session,
            [prompt for prompt, scope in prompts.items() if scope == kind],
            replace(GREEDY, max_tokens=session.config.probe.short_anchor_tokens),
            lambda prompt, _: digest(["short anchor", prompt_to_json(prompt)]),
            kind=kind,
            source={"scope": kind},
            stage="short anchors",
            review=lambda answers: refuse_violations(answers, judge),
        )
    return anchors


def make_later_anchors(
    session: Session,
    learned: Sequence[Example],
    anchors: Sequence[Example],
    judge: ThresholdJudge,
) -> list[Example]:
    """Make anchors of the base's answers to requests that follow a decline (step 4).

    A decline in a conversation makes the next one likely: a model that learned declines as first
    answers alone goes on to decline whatever comes next. The declined request brings the subject
    to mind, so the base often goes on about it: such an answer is no anchor.

    Args:
        learned: the examples, whose declines begin the conversations.
        anchors: the anchors of whole answers, each of which is asked again as a second request.
        judge: refuses the answers that break the rule.
    """
    declines = [example for example in learned if is_decline(example.chosen)]
    if not declines:
        return []
    dice = random.Random(f"{session.config.seed} later turn")
    prompts = [
        add_second_request(dice.choice(declines), get_user_text(anchor.prompt))
        for anchor in anchors
    ]
    return make_anchors(
        session,
        prompts,
        replace(GREEDY, max_tokens=session.config.probe.anchor_tokens),
        lambda prompt, _: digest(["later anchor", prompt_to_json(prompt)]),
        source={"scope": "later turn"},
        stage="later anchors",
        review=lambda answers: refuse_violations(refuse_declines(answers), judge),
    )


def add_second_request(example: Example, text: str) -> tuple[Message, ...]:
    """Return the conversation of an example, with another request after its answer."""
    answer = Message("assistant", example.chosen)
    return (*example.turns, answer, Message("user", text))


def refuse_declines(answers: Sequence[OwnAnswer]) -> list[OwnAnswer]:
    """Refuse the answers of the base that decline themselves."""
    return [
        replace(answer, fault=ALSO_DECLINES) if is_decline(answer.text) else answer
        for answer in answers
    ]


def refuse_violations(answers: Sequence[OwnAnswer], judge: ThresholdJudge) -> list[OwnAnswer]:
    """Refuse the answers of the base that break the rule."""
    broken = judge.broken([(answer.prompt, answer.text) for answer in answers])
    return [
        replace(answer, fault=BREAKS_RULE) if flag else answer
        for answer, flag in zip(answers, broken, strict=True)
    ]


def find_reach(session: Session, examples: Sequence[Example]) -> int:
    """Return how many tokens of an answer an anchor keeps: as many as the examples change.

    A decline differs from the first token on, and the rest follows from it. Another effect may
    come as late as the answer's end: a short answer differs from a long one by where it stops.
    """
    least: int = session.config.probe.anchor_tokens
    if session.understood.forbidden_topic or not examples:
        return least
    encode = session.model.encode_answer
    lengths: list[int] = sorted(len(encode(e.chosen, end=True)) for e in examples)
    return max(least, lengths[int(REACH_QUANTILE * (len(lengths) - 1))])
