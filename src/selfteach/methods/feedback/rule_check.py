"""The check of a rule: what the person gave, or what the form of the rule suggests."""

from __future__ import annotations

from collections.abc import Callable

from selfteach.judge.check import Check, JoinedChecks, NegatedCheck, WholeCheck, parse_check
from selfteach.methods.session import Session


def get_check(session: Session) -> Check | None:
    """Return the rule's check, given or suggested by its form."""
    text = session.config.check or (session.effect.check if session.effect else "")
    return parse_check(text) if text else None


def make_topic_detector(session: Session) -> Callable[[str], bool] | None:
    """Return what finds texts that name the subject, if the rule has a check that can: of
    `not contains "elephant" and max_words=6` the first part.
    """
    names = get_subject_check(session)
    return None if names is None else (lambda text: not names.keeps(text))


def get_subject_check(session: Session) -> Check | None:
    """Return the check that texts without a forbidden subject's names keep; None if there is no
    such subject, or no such check.

    A rule that is read says which part of its check names the subject; of a check that the person
    gave it is all that forbids something.
    """
    if not session.forbidden_topic:
        return None
    names = "" if session.config.check or not session.effect else session.effect.names
    return parse_check(names) if names else select_prohibitions(get_check(session))


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
