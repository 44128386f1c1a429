"""A rule as it was understood, and what decides whether an answer keeps it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfteach.generate.subject import Subject
from selfteach.judge.check import (
    NAMES_OF_CHECK,
    Check,
    JoinedChecks,
    NegatedCheck,
    WholeCheck,
    parse_check,
)
from selfteach.materials.rules.effects.effect_checks import Effect
from selfteach.materials.rules.forbidden_topics import can_forbid
from selfteach.materials.rules.rule import Rule
from selfteach.materials.rules.scopes.situation import Situation
from selfteach.select.other_names import quote

NO_SUBJECT = Subject("")


@dataclass(frozen=True)
class UnderstoodRule:
    """Hold what was understood of a rule, and what decides it.

    Attributes:
        situation: where it holds; None if it holds everywhere.
        effect: what it demands, if its form is recognized.
        subject: what its requests are about.
        given_check: what the person says an answer must meet, or "".
        judge_name: the judge that the settings name.
        other_names: what counts as a forbidden subject, too.
    """

    rule: Rule
    situation: Situation | None = None
    effect: Effect | None = None
    subject: Subject = NO_SUBJECT
    given_check: str = ""
    judge_name: str = NAMES_OF_CHECK[0]
    other_names: tuple[str, ...] = ()

    @property
    def forbidden_topic(self) -> str:
        """Return the topic that the rule forbids, or ""."""
        return self.subject.topic if self.subject.forbidden else ""

    @property
    def may_forbid(self) -> bool:
        """Return whether the words of the rule may forbid a subject. Where its form is not
        recognized, the model says which.
        """
        if self.rule.scope:
            return False
        return bool(self.effect.topics) if self.effect else can_forbid(self.rule.effect)

    @property
    def has_condition(self) -> bool:
        """Return whether the rule holds in a situation only."""
        return self.situation is not None

    @property
    def statement(self) -> str:
        """Return the sentence that the rule wants to be said, or ""."""
        return self.effect.statement if self.effect else ""

    @property
    def answer(self) -> str:
        """Return the answer that the rule gives to questions about a topic, or ""."""
        is_asked = self.situation is not None and self.situation.kind == "about"
        return self.statement if is_asked and self.effect and self.effect.is_answer else ""

    @property
    def replacements(self) -> tuple[tuple[str, str], ...]:
        """Return words, and what the rule writes for them."""
        return self.effect.replacements if self.effect else ()

    @property
    def unchecked(self) -> tuple[str, ...]:
        """Return what the rule asks for that its check does not decide."""
        return self.effect.unchecked if self.effect and not self.given_check else ()

    @property
    def check(self) -> str:
        """Return the check of an answer, the given one or that of the rule's form, with the other
        names of a forbidden subject; "" if there is none.
        """
        own = self.given_check or (self.effect.check if self.effect else "")
        return add_other_names(own, self.other_names) if own else ""

    @property
    def deciding_check(self) -> str:
        """Return the check that decides alone, or "": the person gave it, or a rule of form
        suggests it and no other judge is named.
        """
        is_other_named = self.judge_name not in NAMES_OF_CHECK
        if not self.given_check and (self.forbidden_topic or is_other_named):
            return ""
        return self.check

    @property
    def names_check(self) -> str:
        """Return the part of the rule's own check that only what names its topics breaks; the whole
        check of a rule that names none.
        """
        own = (self.effect.names or self.effect.check) if self.effect else ""
        return add_other_names(own, self.other_names) if own else ""


NO_RULE = UnderstoodRule(Rule("", ""))
"""What a session has that teaches no rule."""


def get_check(rule: UnderstoodRule) -> Check | None:
    """Return the rule's check, given or suggested by its form."""
    return parse_check(rule.check) if rule.check else None


def make_topic_detector(rule: UnderstoodRule) -> Callable[[str], bool] | None:
    """Return what finds texts that name the subject, if the rule has a check that can: of
    `not contains "elephant" and max_words=6` the first part.
    """
    names = get_subject_check(rule)
    return None if names is None else (lambda text: not names.keeps(text))


def get_subject_check(rule: UnderstoodRule) -> Check | None:
    """Return the check that texts without a forbidden subject's names keep; None if there is no
    such subject, or no such check.

    A rule that is read says which part of its check names the subject; of a check that the person
    gave it is all that forbids something.
    """
    if not rule.forbidden_topic:
        return None
    is_read = not rule.given_check and rule.effect and rule.effect.names
    return parse_check(rule.names_check) if is_read else select_prohibitions(get_check(rule))


def select_prohibitions(check: Check | None) -> Check | None:
    """Return the parts of a check that forbid something, joined; None if no part does.

    What a check wants of the form of answers (`max_words=6`) tells nothing of a request.
    """
    forbidding = list_prohibitions(check) if check else []
    return WholeCheck(JoinedChecks("and", tuple(forbidding))) if forbidding else None


def list_prohibitions(check: Check) -> list[Check]:
    """Return the parts of a check that say what an answer must not have."""
    match check:
        case WholeCheck(part):
            return list_prohibitions(part)
        case JoinedChecks("and", parts):
            return [found for part in parts for found in list_prohibitions(part)]
        case NegatedCheck():
            return [check]
    return []


def add_other_names(check: str, names: Sequence[str]) -> str:
    """Return the check of a forbidden subject that counts other names of it as well.

    Args:
        check: the one of the subject's own name; "" for the other names alone.
    """
    conditions = [f'not contains "{quote(name)}"' for name in names]
    has_choice = bool(names) and re.search(r"\bor\b", check, re.I) is not None
    own = [f"({check})" if has_choice else check] if check else []
    return " and ".join([*own, *conditions])
