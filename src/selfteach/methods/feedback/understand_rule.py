"""Understand a rule (step 1): where it holds, what it demands, and what its requests are about."""

from __future__ import annotations

import math
import re

from selfteach.errors import DataError
from selfteach.generate.ask import Subject, describe_topic, extract_subject
from selfteach.materials.effect import read_effect
from selfteach.materials.rule import Rule, find_conflict, read_rule
from selfteach.materials.situation import Situation, read_situation
from selfteach.methods.session import Session

WORDS_PER_SENTENCE = 20
TOKENS_PER_WORD = 1.4
MARGIN_TOKENS = 16
WHEN_CURE = (
    "Say with --when to whom something is written, or what is asked about, for instance "
    '--when "emails to my boss" or --when "opening hours".'
)


def understand_rule(session: Session, text: str) -> Rule:
    """Read a rule, and bind the session to its situation, effect and subject; print what was read.

    Raises:
        DataError: an empty rule, several rules, or a condition for which no requests can be made.
    """
    config = session.config
    rule = read_rule(text, config.when, config.then)
    session.effect = read_effect(rule.effect)
    if rule.scope:
        session.situation = read_known_situation(rule.scope)
        session.subject = describe_situation(session, session.situation)
    else:
        session.subject = extract_subject(session.base, session.base, rule.effect, config.seed)
    allow_longer_answers(session)
    for line in describe_reading(session, rule):
        session.display.print_line(line)
    return rule


def read_known_situation(scope: str) -> Situation:
    """Return the situation of a scope.

    Raises:
        DataError: no requests can be made for it.
    """
    situation = read_situation(scope)
    if situation.kind == "other":
        raise DataError(f'no requests can be made for "when {scope}".', cure=WHEN_CURE)
    return situation


def describe_situation(session: Session, situation: Situation) -> Subject:
    """Return what the requests in a situation are about, "" where somebody is written to."""
    if situation.kind == "writing":
        return Subject("", forbidden=False)
    topic = situation.topic or f"{situation.genre}s"
    return describe_topic(session.base, session.base, topic, session.config.seed, forbidden=False)


def describe_reading(session: Session, rule: Rule) -> list[str]:
    """Return the lines that say how the rule was read."""
    lines = []
    if rule.scope:
        lines.append(f"the rule holds: {rule.scope}; there an answer must: {rule.effect}")
    elif topic := session.forbidden_topic:
        lines.append(f"the rule forbids: {topic}")
    check = session.config.check
    suggested = session.effect.check if session.effect else ""
    if check:
        if conflict := find_conflict(check, rule):
            lines.append(conflict)
    elif suggested and not session.forbidden_topic:
        lines.append(f'recognized: the check is "{suggested}"')
    return lines


def allow_longer_answers(session: Session) -> None:
    """Let answers be long enough to break a bound of words or sentences, and to keep it."""
    check = session.config.check or (session.effect.check if session.effect else "")
    tokens = count_tokens_needed(check)
    config = session.config
    changes = {}
    for name in ("probe", "search", "exam"):
        section = getattr(config, name)
        if section.max_tokens < tokens:
            changes[name] = section.model_copy(update={"max_tokens": tokens})
    if changes:
        session.config = config.model_copy(update=changes)
        session.display.print_line(f"answers may have {tokens} tokens: the check needs as many")


def count_tokens_needed(check: str) -> int:
    """Return how many tokens an answer needs to break, or to keep, the bounds of a check."""
    words = [0]
    for name, bound in re.findall(r"\b(?:max|min)_(words|sentences)=(\d+)", check):
        words.append(int(bound) * (1 if name == "words" else WORDS_PER_SENTENCE))
    return math.ceil(TOKENS_PER_WORD * max(words)) + MARGIN_TOKENS if max(words) else 0
