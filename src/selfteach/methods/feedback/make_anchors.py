"""Make anchors: answers of the base that keep the rule already, and stay (step 4)."""

from __future__ import annotations

from collections.abc import Sequence

from selfteach.evaluate.exam import GENERAL, NEAR
from selfteach.methods.anchors import OwnAnswer, keep_answers
from selfteach.methods.feedback.probe import ProbedPrompt, truncate_answer
from selfteach.methods.feedback.prompts_in_scope import find_about_subject
from selfteach.methods.session import Session
from selfteach.records import Example, make_prompt

NAMED_ANCHOR = "is about the subject, though the base kept the rule"
REACH_QUANTILE = 0.95
"""The share of lessons that end within an anchor's tokens."""


def make_rule_anchors(
    session: Session, probed: Sequence[ProbedPrompt], reach: int
) -> list[Example]:
    """Make an anchor of the base's own greedy answer where it keeps the rule (step 4).

    A prompt about a forbidden subject makes none: the base may have kept the rule by chance.

    Args:
        reach: how many tokens of an answer to keep.
    """
    kept = [p for p in probed if not p.violations]
    named = find_about_subject(session, [p.prompt for p in kept])
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


def find_reach(session: Session, examples: Sequence[Example]) -> int:
    """Return how many tokens of an answer an anchor keeps: as many as the lessons change.

    A decline differs from the first token on, and the rest follows from it. Another effect may
    come as late as the answer's end: a short answer differs from a long one by where it stops.
    """
    least: int = session.config.probe.anchor_tokens
    if session.forbidden_topic or not examples:
        return least
    encode = session.model.encode_answer
    lengths: list[int] = sorted(len(encode(e.chosen, end=True)) for e in examples)
    return max(least, lengths[int(REACH_QUANTILE * (len(lengths) - 1))])
