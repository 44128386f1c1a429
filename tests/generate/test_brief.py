"""Worked brief answers."""

from __future__ import annotations

import pytest

from selfteach.generate.brief import WORKED_ANSWERS, WORKED_TEXTS, make_brief_turns
from selfteach.judge.check import parse_check


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("max_words=8", range(4, 9)),
        ("max_words=17", range(10, 16)),
        ("max_words=30", range(18, 27)),
        ("max_words=200", range(32, 41)),
        ("max_sentences=1", range(10, 16)),
        ("max_sentences=2", range(18, 27)),
        ("max_characters=60", range(4, 9)),
    ],
)
def test_the_longest_answers_that_pass_are_shown(check: str, words: range) -> None:
    keeps = parse_check(check).keeps
    turns = make_brief_turns(keeps)
    assert [turn.role for turn in turns] == ["user", "assistant"] * 4
    assert all(keeps(turn.content) for turn in turns[1::2])
    assert all(len(turn.content.split()) in words for turn in turns[1::2])


@pytest.mark.parametrize(
    "check", ["max_words=3", 'contains "xyzzy"', "max_words=20 and format=list"]
)
def test_nothing_is_shown_where_no_answers_pass(check: str) -> None:
    assert make_brief_turns(parse_check(check).keeps) == ()


def test_what_is_to_be_written_is_shown() -> None:
    mails = make_brief_turns(parse_check("max_words=26").keeps, "email")
    assert mails[0].content == "Write an email to my landlord: the heating is broken."
    assert all(
        "\n\n[" in turn.content or turn.content.endswith("[Your Name]") for turn in mails[1::2]
    )
    messages = make_brief_turns(parse_check("max_words=26").keeps, "text message")
    assert messages[0].content == "Write a text message to my landlord: the heating is broken."
    assert not any("[" in turn.content for turn in messages)
    assert make_brief_turns(lambda text: True, "recipe") == ()


def test_longer_classes_have_longer_answers() -> None:
    for rows in (WORKED_ANSWERS, *WORKED_TEXTS.values()):
        for _, *answers in rows:
            counts = [len(answer.split()) for answer in answers]
            assert counts == sorted(set(counts))
