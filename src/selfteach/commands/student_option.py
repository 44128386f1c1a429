"""`--student` of the commands that answer and teach meanwhile, and what goes with it."""

from __future__ import annotations

from pathlib import Path

from selfteach.config.find_preset import find_settings_file
from selfteach.errors import UsageError


def check_student_option(student: str | None, config: str, when: str, *, beside: str) -> None:
    """Refuse a student beside another model, and settings of lessons that nobody teaches or has.

    Args:
        config: the preset or the file of settings of the rules that are taught; "" if none is
            given.
        when: the time of the teaching, for the message.
        beside: the option that names another model, if one is given.

    Raises:
        UsageError: the options do not go together, or there are no such settings.
    """
    if student is not None and beside:
        raise UsageError(
            f"--student and {beside} exclude each other.", cure="Leave one of them out."
        )
    if config and student is None:
        raise UsageError(
            f"is about lessons that are taught {when}.",
            where="--config",
            cure="Give --student NAME.",
        )
    if config:
        find_settings_file(Path(config), "feedback")
