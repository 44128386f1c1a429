"""The beginning of an answer that an anchor keeps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from selfteach.methods.feedback.probe import truncate_answer


def test_a_character_that_is_torn_by_the_cut_is_left_out() -> None:
    """A token is a byte here."""
    model = SimpleNamespace(
        encode_answer=lambda text, end: list(text.encode()),
        decode=lambda ids: bytes(ids).decode(errors="replace"),
    )
    session: Any = SimpleNamespace(model=model)
    answer: Any = SimpleNamespace(text="大象是动物。", finish="stop")
    assert truncate_answer(session, answer, 7) == ("大象", True)
    assert truncate_answer(session, answer, 100) == (answer.text, False)
