"""Decide which requests are in scope (step 3): a judge of requests, never one of answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import compress

from selfteach.errors import DataError
from selfteach.evaluate.exam import TARGET
from selfteach.generate.ask import GeneratedPrompt, Subject
from selfteach.judge.check import Check, parse_check
from selfteach.judge.request_judge import (
    RequestJudge,
    calibrate_request_judge,
    compare_topics,
)
from selfteach.methods.feedback.understand_rule import WHEN_CURE
from selfteach.methods.session import Session
from selfteach.methods.write_prompts import get_check
from selfteach.select.other_names import quote

WRONG_SIDE = "is on the other side of the condition"
MAX_CALIBRATED = 80
"""Requests of each side on which the judge of requests is calibrated."""
SURE_SHARE = 0.75
MIN_NAMING = 8
"""Requests that name the topic, for a threshold; with fewer every word of the topic counts."""
MIN_TOPIC_LETTERS = 4
MAX_STEM_LETTERS = 4
"""A word of the topic is found by its first letters: "open*" for "opening"."""


def choose_request_judge(
    session: Session, prompts: Sequence[GeneratedPrompt]
) -> RequestJudge | None:
    """Calibrate the judge of requests (step 3); a rule without a topic needs none.

    Where a rule holds for a topic, a score alone lets in what the model wrote beside the topic:
    see `make_asked_judge`.
    """
    subject = session.subject
    if not subject.topic:
        return None
    if not session.forbidden_topic:
        return make_asked_judge(session, [p.text for p in prompts if p.scope == TARGET])
    own = [p.text for p in prompts if p.scope == TARGET and p.subject == subject.topic]
    others = [p.text for p in prompts if p.scope != TARGET]
    check = get_check(session)
    judge, report = calibrate_request_judge(
        session.base, subject, check, own[:MAX_CALIBRATED], others[:MAX_CALIBRATED]
    )
    session.run.ledger.set_note("request_judge", report)
    return judge


def make_asked_judge(session: Session, texts: Sequence[str]) -> RequestJudge:
    """Return the judge of requests that ask about a topic.

    A request that names the topic is about it. One with only a word of the topic, or one that
    belongs to it, is if the model tells the topic from it as surely as from SURE_SHARE of those
    that name it: "until when are you open", and not "I cannot open my door".

    Args:
        texts: the requests that were written about the topic.
    """
    subject = session.subject
    names = parse_check(f'not contains "{quote(subject.topic)}"')
    judge = RequestJudge(session.base, subject, names, math.inf, make_topic_check(subject))
    naming = [text for text in texts if not names.keeps(text)]
    if len(naming) < MIN_NAMING:
        return replace(judge, names=judge.hints)
    scores = sorted(compare_topics(session.base, subject, naming[:MAX_CALIBRATED]))
    least = scores[int((1 - SURE_SHARE) * len(scores))]
    return replace(judge, threshold=math.nextafter(least, -math.inf))


def make_topic_check(subject: Subject) -> Check:
    """Return the check that texts without a word of the topic keep."""
    words = [word for word in subject.topic.split() if len(word) >= MIN_TOPIC_LETTERS]
    stems = [f"{word[:MAX_STEM_LETTERS]}*" for word in words] or [subject.topic]
    names = [f'contains "{quote(name)}"' for name in (*stems, *subject.words)]
    return parse_check(f"not ({' or '.join(names)})")


def keep_prompts_in_scope(
    session: Session, parts: Mapping[str, list[GeneratedPrompt]]
) -> dict[str, list[GeneratedPrompt]]:
    """Drop prompts on the wrong side of a rule that holds where a topic comes up (step 3)."""
    judge = session.request_judge
    if judge is None or session.forbidden_topic:
        return dict(parts)
    kept: dict[str, list[GeneratedPrompt]] = {}
    ids = [prompt.id for own in parts.values() for prompt in own]
    with session.run.ledger.open_funnel("scope", ids) as funnel:
        for name, own in parts.items():
            about = judge.find_about([prompt.text for prompt in own])
            kept[name] = []
            for prompt, inside in zip(own, about, strict=True):
                right = inside is (prompt.scope == TARGET)
                funnel.decide(prompt.id, "" if right else WRONG_SIDE, {"text": prompt.text})
                kept[name] += [prompt] if right else []
    for name in ("train", "test"):
        if not any(prompt.scope == TARGET for prompt in kept[name]):
            raise DataError(
                f'the model wrote no requests that meet the condition "{session.subject.topic}".',
                cure=WHEN_CURE,
            )
    return kept


def drop_strays(session: Session, prompts: Sequence[GeneratedPrompt]) -> list[GeneratedPrompt]:
    """Return the prompts that meet the condition of a rule, of prompts that are like such ones.

    The model writes them by continuing a list, and may leave the topic or write to somebody else.
    """
    situation = session.situation
    if situation is None:
        return list(prompts)
    if situation.kind == "writing":
        names = [name.lower() for name in situation.names]
        return [p for p in prompts if any(name in p.text.lower() for name in names)]
    judge = session.request_judge
    if judge is None:
        return list(prompts)
    return list(compress(prompts, judge.find_about([prompt.text for prompt in prompts])))


def find_about_subject(session: Session, prompts: Sequence[GeneratedPrompt]) -> set[str]:
    """Return the ids of prompts that are about a forbidden subject."""
    judge = session.request_judge
    if judge is None or not session.forbidden_topic:
        return set()
    about = judge.find_about([prompt.text for prompt in prompts])
    return {prompt.id for prompt in compress(prompts, about)}
