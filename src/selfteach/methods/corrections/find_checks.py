"""Find the checks that decide whether a criticism applies to an answer."""

from __future__ import annotations

from collections.abc import Sequence

from selfteach.judge.check import keeps_check
from selfteach.materials.corrections import Edit
from selfteach.materials.criticism import make_checks


def find_checks(feedback: str, edits: Sequence[Edit], check: str) -> tuple[str, ...]:
    """Return the checks of a criticism of some answers; () where a judge must decide.

    Args:
        feedback: the words of the criticism.
        edits: the criticized answers.
        check: the check that the settings give in place of those words, or "".
    """
    if check:
        return (check,)
    return make_checks(feedback, [edit.answer or "" for edit in edits], keeps_check)
