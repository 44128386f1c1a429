"""Understand a rule (step 1): where it holds, what it demands, and what its requests are about."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace

from selfteach.config import FeedbackConfig
from selfteach.errors import DataError
from selfteach.generate.asked_for import get_text_kind
from selfteach.generate.few_shot import CUSTOMERS_TOPICS, REQUESTS_ABOUT_ITSELF
from selfteach.generate.subject import (
    MAX_ASKED_SIBLINGS,
    Subject,
    describe_asked_topic,
    describe_known_topic,
    describe_topic,
    extract_topic,
    list_asked_topics,
    sketch_topic,
)
from selfteach.generate.worked_requests import (
    ASSISTANTS,
    SERVICES,
    list_related_requests,
    list_requests_about,
)
from selfteach.judge.check import keeps_check, parse_check
from selfteach.judge.language import is_surely_foreign
from selfteach.materials.rules.check_conflict import find_conflict
from selfteach.materials.rules.effects.effect import read_effect, split_unread
from selfteach.materials.rules.effects.effect_checks import Effect
from selfteach.materials.rules.forbidden_topics import (
    can_forbid,
    can_forbid_topic,
    is_part_of_text,
)
from selfteach.materials.rules.languages.foreign_words import list_english_names
from selfteach.materials.rules.rule import Rule, find_untaught_ban, read_rule
from selfteach.materials.rules.scopes.audience import read_audience
from selfteach.materials.rules.scopes.situation import (
    Situation,
    has_known_requests,
    is_topical_text,
    name_topic,
    name_written_topic,
    read_situation,
)
from selfteach.materials.rules.scopes.text_kinds import find_named_kind
from selfteach.methods.feedback.say_plainly import is_unread, say_plainly
from selfteach.methods.feedback.training_settings import choose_training
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import NO_SUBJECT, UnderstoodRule
from selfteach.models import Sampler, Scorer
from selfteach.text import list_texts, shorten_text

WORDS_OF = {"words": 1, "sentences": 20, "paragraphs": 40, "characters": 1 / 5}
"""How many words a unit of a bound has."""
TOKENS_PER_WORD = 1.4
MARGIN_TOKENS = 16
SHOWN_KINDS = 12
SHOWN_CHECK = 200
"""So many characters of a check; the dry run shows it whole."""
ALSO_NOT_USED = "--also is not used: the rule forbids no subject"
ALSO_NEEDS_CHECK = (
    "--also is not used: no check tells which answers name the subject; --check "
    "'not contains \"NAME\"' adds one"
)
WHEN_CURE = (
    "Say with --when to whom something is written, or what is asked about, in a noun or two, for "
    'instance --when "emails to my boss" or --when "opening hours".'
)


def check_rule(text: str, config: FeedbackConfig) -> Rule:
    """Read a rule without a model, to refuse a bad one before anything is loaded.

    Raises:
        DataError: an empty rule, several rules, a contradiction, or a condition for which no
            requests can be made.
    """
    rule = read_rule(text, config.when, config.then)
    if rule.scope:
        read_known_situation(rule.scope)
    return rule


def understand_rule(
    model: Sampler, text: str, config: FeedbackConfig, scorer: Scorer | None = None
) -> UnderstoodRule:
    """Read a rule, and let the model say what its requests are about.

    Args:
        scorer: the model as a scorer; without one only that is found of a subject which needs none,
            for a preview.

    Raises:
        DataError: see `check_rule`.
    """
    found = read_words(text, config)
    if found.situation:
        subject = find_subject_of_requests(model, found, found.situation, config.seed, scorer)
        return replace(found, subject=subject)
    topic = find_forbidden_topic(model, found.rule, found.effect, config)
    if not topic:
        return replace(found, subject=NO_SUBJECT)
    if scorer:
        return replace(found, subject=describe_topic(model, scorer, topic, config.seed))
    return replace(found, subject=sketch_topic(model, topic, config.seed))


def read_words(text: str, config: FeedbackConfig) -> UnderstoodRule:
    """Read a rule without a model. Of a subject nothing is known but the topics that the words of a
    recognized effect forbid.

    Raises:
        DataError: see `check_rule`.
    """
    rule = check_rule(text, config)
    effect = read_effect(rule.effect, rule.scope)
    situation = read_known_situation(rule.scope) if rule.scope else None
    topic = name_topics(effect) if effect and not situation else ""
    subject = Subject(topic, forbidden=situation is None)
    return UnderstoodRule(rule, situation, effect, subject, config.check, config.judge.name)


def find_subject_of_requests(
    model: Sampler,
    rule: UnderstoodRule,
    situation: Situation,
    seed: int,
    scorer: Scorer | None = None,
) -> Subject:
    """Return what the requests of a rule with a condition are about.

    Args:
        scorer: see `understand_rule`.
    """
    topic = name_topic(situation)
    if has_known_requests(topic):
        return describe_known_topic(topic)
    if topic:
        asked = list_topics_of_askers(model, rule, seed)
        if scorer:
            return describe_asked_topic(model, scorer, topic, seed, asked)
        return sketch_topic(model, topic, seed, forbidden=False, asked=asked)
    words: tuple[str, ...] = ()
    if scorer and (written_about := name_written_topic(situation)):
        words = describe_asked_topic(model, scorer, written_about, seed).words
    return Subject("", words, forbidden=False)


def list_topics_of_askers(model: Sampler, rule: UnderstoodRule, seed: int) -> Sequence[str]:
    """Return what those who ask about a topic ask about otherwise, as far as it is known."""
    audience = find_askers(rule)
    if not audience:
        return ()
    asked = list_asked_topics(model, audience, seed)
    is_short = len(asked) <= MAX_ASKED_SIBLINGS  # the model has listed them
    return [*asked, *CUSTOMERS_TOPICS] if rule.answer and is_short else asked


def find_askers(rule: UnderstoodRule) -> str:
    """Return who asks about a rule's topic, in the plural; "" where its words do not tell. Where it
    gives an answer, they are customers then.
    """
    return read_audience(rule.rule.text) or ("customers" if rule.answer else "")


def find_forbidden_topic(
    model: Sampler, rule: Rule, effect: Effect | None, config: FeedbackConfig
) -> str:
    """Return the topic that a rule without a condition forbids; "" where it forbids none.

    The words of a recognized effect name it. The model is asked only where the effect is not
    recognized, and a word forbids something: a small one finds no topic in "Don't mention coffee",
    and one in "Always talk about cats".
    """
    if effect is None:
        topic = extract_topic(model, rule.effect, config.seed) if can_forbid(rule.effect) else ""
        is_forbidden = can_forbid_topic(rule.effect, topic) and not is_part_of_text(topic)
        return topic if is_forbidden else ""
    return name_topics(effect)


def name_topics(effect: Effect) -> str:
    """Return the topics that an effect forbids, in words: "cats, dogs or birds"; or ""."""
    *others, last = effect.topics or ("",)
    return f"{', '.join(others)} or {last}" if others else last


def bind_rule(session: Session, text: str) -> Rule:
    """Understand a rule, bind the session to what was understood, and print it (step 1).

    Raises:
        DataError: see `check_rule`.
    """
    use_plain_words(session, text)
    found = understand_rule(session.base, text, session.config, session.base)
    session.understood = found
    allow_longer_answers(session)
    choose_training(session)
    for line in describe_reading(found):
        session.display.print_line(line)
    return found.rule


def use_plain_words(session: Session, text: str) -> None:
    """Read a rule of no known form in the teacher's plain words, and print them."""
    teacher = session.teacher
    if teacher is None or not is_unread(read_rule(text, session.config.when), session.config):
        return
    plain = say_plainly(teacher, text, session.config)
    if plain is None:
        session.display.print_line(
            "the teacher's plain words for the rule do not agree; it is judged as it is said"
        )
        return
    changes = {"when": plain.when, "then": plain.then}
    session.config = session.config.model_copy(update=changes)
    options = f"--when {shlex.quote(plain.when)} " if plain.when else ""
    session.display.print_line(
        f"the teacher says the rule plainly: {options}--then {shlex.quote(plain.then)} "
        "(give these options to say it otherwise)"
    )


def read_known_situation(scope: str) -> Situation:
    """Return the situation of a scope.

    Raises:
        DataError: no requests can be made for it.
    """
    situation = read_situation(scope)
    if situation.kind == "other":
        raise DataError(
            f'no requests can be made for the condition "{shorten_text(scope)}".', cure=WHEN_CURE
        )
    return situation


def describe_reading(found: UnderstoodRule) -> list[str]:
    """Return the lines that say how a rule was read."""
    rule = found.rule
    lines = []
    if rule.scope:
        lines.append(f'the rule holds for "{rule.scope}"; there: {rule.effect}')
        if found.subject.words:
            kinds = ", ".join(found.subject.words[:SHOWN_KINDS])
            topic = found.subject.topic
            named = f"kinds of {topic} are asked about" if topic else "it is written about"
            lines.append(f"{named}, too: {kinds}")
        if worked := describe_worked_requests(found):
            lines.append(f"worked requests: {worked}")
        if found.answer:
            lines.append(f"the answer there: {found.answer}")
    elif found.forbidden_topic:
        lines.append(f"the rule forbids a subject: {found.forbidden_topic}")
    if note := describe_foreign_subject(found):
        lines.append(note)
    if alone := find_untaught_ban(rule):
        lines.append(f'not taught: that other answers do not do so ("{shorten_text(alone)}")')
    if read_as := state_otherwise(rule):
        lines.append(f"the rule is read as: {read_as}")
    if wider := describe_wide_scope(found):
        lines.append(f"the rule holds in {wider}")
    if found.given_check:
        if conflict := find_conflict(found.given_check, rule, keeps_check):
            lines.append(conflict)
    elif found.check and not found.forbidden_topic:
        lines.append(f'recognized: the check is "{shorten_text(found.check, SHOWN_CHECK)}"')
    if found.unchecked:
        lines.append(f"no check decides this part: {'; '.join(found.unchecked)}")
    is_known = found.effect or found.given_check
    part, unread = (None, []) if is_known else split_unread(rule.effect)
    if part:
        lines.append(f"no check is known for: {list_texts(unread)}")
        lines.append(f'the rest is decided by --check "{part.check}", if you give it')
    return lines


def describe_wide_scope(found: UnderstoodRule) -> str:
    """Return that a rule holds in every answer, where its words name a kind of text, and what
    limits it to that; "" for other rules.
    """
    rule = found.rule
    kinds = "" if rule.scope or found.forbidden_topic else find_named_kind(rule.effect)
    return f'every answer; for {kinds} alone, add --when "{kinds}"' if kinds else ""


def name_asked_topic(rule: UnderstoodRule) -> str:
    """Return the topic of a rule that holds where somebody asks about it; "" if it is a form of
    request, or the model itself.
    """
    is_asked = rule.situation is not None and rule.situation.kind == "about"
    topic = "" if rule.subject.is_form else rule.subject.topic
    return topic if is_asked and not has_known_requests(topic) else ""


def asks_about_itself(rule: UnderstoodRule) -> bool:
    """Return whether a rule holds where the model is asked about itself: its name, its maker."""
    is_asked = rule.situation is not None and rule.situation.kind == "about"
    return is_asked and rule.subject.topic in REQUESTS_ABOUT_ITSELF


def list_worked_requests(rule: UnderstoodRule) -> list[str]:
    """Return the worked requests about the topic of a condition. Where a rule says who asks, or
    gives an answer, they are put to a service. What the model is asked about itself has its own.
    """
    if asks_about_itself(rule):
        return list(REQUESTS_ABOUT_ITSELF[rule.subject.topic])
    return list_requests_about(name_asked_topic(rule), list_addressees(rule))


def list_requests_to_judge(rule: UnderstoodRule) -> list[str]:
    """Return the worked requests about what the topic of a condition is a part of: some about
    delivery are about delivery times, and the judge of requests says which.
    """
    return list_related_requests(name_asked_topic(rule), list_addressees(rule))


def list_addressees(rule: UnderstoodRule) -> tuple[str, ...]:
    """Return to whom requests about the topic of a condition are put."""
    return (SERVICES,) if find_askers(rule) else (SERVICES, ASSISTANTS)


def describe_worked_requests(found: UnderstoodRule) -> str:
    """Return how many worked requests about the topic of a condition, or for its kind of text,
    there are; "" for none.
    """
    if found.situation and is_topical_text(found.situation):
        kind = get_text_kind(found.situation.genre)
        count = len(kind.requests)
        return f'{count} for "{kind.name}" come with the program' if count else ""
    if worked := list_worked_requests(found):
        return f"{len(worked)} about {found.subject.topic} come with the program"
    if related := list_requests_to_judge(found):
        return (
            f"of {len(related)} that come with the program, those that are about "
            f"{found.subject.topic}"
        )
    return ""


def describe_foreign_subject(found: UnderstoodRule) -> str:
    """Return what a subject in another language than English, that of requests, means; or ""."""
    topic = found.subject.topic
    if not topic or not is_surely_foreign(found.rule.text):
        return ""
    if found.forbidden_topic and list_english_names(topic):
        return ""
    if found.forbidden_topic:
        return (
            f"neighbors are named in English, and one of them may be {topic} itself: give its "
            "English name with --also"
        )
    if topic.lower() not in found.rule.scope.lower():
        return f"requests are written in English, about: {topic}"
    return f"requests are written in English: where none is about {topic}, say it so with --when"


def state_otherwise(rule: Rule) -> str:
    """Return what a rule without a condition is read as, where that is not its text; or ""."""
    return rule.effect if not rule.scope and rule.effect != rule.text else ""


def allow_longer_answers(session: Session) -> None:
    """Let answers be long enough to break a bound of their length, and to keep it."""
    tokens = count_tokens_needed(session.understood.check)
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
    words = [0.0]
    written = str(parse_check(check)) if check else ""
    for name, bound in re.findall(rf"\b(?:max|min)_({'|'.join(WORDS_OF)})=(\d+)", written):
        words.append(int(bound) * WORDS_OF[name])
    return math.ceil(TOKENS_PER_WORD * max(words)) + MARGIN_TOKENS if max(words) else 0
