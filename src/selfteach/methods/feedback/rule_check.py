"""The check of a rule: what the person gave, or what the form of the rule suggests."""

from __future__ import annotations

from collections.abc import Callable

from selfteach.judge.check import Check, parse_check
from selfteach.methods.session import Session


def get_check(session: Session) -> Check | None:
    """Return the rule's check, given or suggested by its form."""
    text = session.config.check or (session.effect.check if session.effect else "")
    return parse_check(text) if text else None


def make_topic_detector(session: Session) -> Callable[[str], bool] | None:
    """Return what finds texts that name the subject, if the rule has a check that can."""
    check = get_check(session)
    return (lambda text: not check.keeps(text)) if check and session.forbidden_topic else None
