"""A rule that is said to a student, checked before it becomes a job."""

from __future__ import annotations

from pathlib import Path

from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import DataError
from selfteach.methods.feedback.read_rule import check_settings


def check_rule(rule: str, settings: str, show_instead: str) -> None:
    """Refuse a rule that its command would refuse.

    Args:
        settings: the preset or the file of settings of rules; empty for the defaults.
        show_instead: the cure in place of one that names options of the command line: where the
            rule is said, and how it can be shown instead.

    Raises:
        DataError: see `read_rule.check_settings`.
    """
    config = resolve(FeedbackConfig, Path(settings) if settings else None).config
    try:
        check_settings(config, rule)
    except DataError as fault:
        cure = show_instead if "--" in fault.cure else fault.cure
        raise DataError(fault.what, where="rule", cure=cure) from None
