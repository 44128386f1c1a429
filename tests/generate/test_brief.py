"""Prompts that get brief answers."""

from __future__ import annotations

import pytest

from selfteach.generate.brief import (
    WORKED_TEXTS,
    add_instruction,
    choose_instructions,
    make_brief_turns,
)
from selfteach.judge.check import parse_check
from selfteach.records import Message


@pytest.mark.parametrize(
    ("check", "numbers"),
    [
        ("max_words=5", ["five"]),
        ("max_words=13", ["one", "five"]),
        ("max_words=40", ["two", "one"]),
        ("max_sentences=1", ["one", "five"]),
        ("max_sentences=3", ["two", "one"]),
        ("max_words=3", []),
        ('max_words=40 and contains "xyzzy"', []),
    ],
)
def test_the_loosest_instructions_that_fit_a_check_are_given(
    check: str, numbers: list[str]
) -> None:
    chosen = choose_instructions(parse_check(check).keeps)
    assert [instruction.split()[2] for instruction in chosen] == numbers


def test_an_instruction_stands_right_before_the_last_message() -> None:
    earlier = (
        Message("system", "Be kind."),
        Message("user", "Hi."),
        Message("assistant", "Hello."),
    )
    asked = add_instruction((*earlier, Message("user", "Why?")), "Answer in one sentence.")
    assert asked == (*earlier, Message("user", "Answer in one sentence.\n\nWhy?"))


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
    for rows in WORKED_TEXTS.values():
        for _, *answers in rows:
            counts = [len(answer.split()) for answer in answers]
            assert counts == sorted(set(counts))
