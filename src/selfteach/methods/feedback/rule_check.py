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
    """Return what finds texts that name the subject, if the rule has a check that can.

    Only what the check forbids can name it: of `not contains "elephant" and max_words=6` the first
    part.
    """
    check = get_check(session)
    if check is None or not session.forbidden_topic:
        return None
    forbidding = list_prohibitions(check)
    return (lambda text: not all(one.keeps(text) for one in forbidding)) if forbidding else None


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
