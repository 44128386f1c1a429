"""Whether an answer says something of what a message is about."""

from __future__ import annotations

import pytest

from selfteach.judge.occasion import names_occasion


@pytest.mark.parametrize(
    ("text", "occasion", "named"),
    [
        ("Dear boss, I am traveling by air.", "I travel by air", True),
        ("Dear boss, I hope this finds you well.", "I travel by air", False),
        ("Can you lend me the LADDER?", "borrow a ladder", True),
        ("Can you help me with this?", "ask for help with this", True),
        ("All is well.", "tell them that I will not", True),
        ("", "borrow a ladder", False),
    ],
)
def test_one_content_word_is_enough(text: str, occasion: str, named: bool) -> None:
    assert names_occasion(text, occasion) is named
