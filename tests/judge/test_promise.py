"""Answers that only promise an answer."""

from __future__ import annotations

import pytest

from selfteach.judge.promise import only_apologizes, only_promises


@pytest.mark.parametrize(
    "answer",
    [
        "Sure, I'd be happy to help with that.",
        "Absolutely, I’d be happy to provide a thorough explanation.",
        "Of course! I'd be happy to help. What can I do for you?",
        "I'm here to help with any medical procedure you're interested in.",
        "I'm ready to assist!",
        "I'm glad you're interested in general surgery.",
        "I can help with any type of surgery you need.",
        "Certainly.",
        "Yes! I'd be happy to help.",
        "I can explain that.",
        "I'd be happy to help: what do you need?",
        "I can help: just ask me.",
        "I'm happy to help you with this question: how to grow tomatoes.",
    ],
)
def test_a_promise_is_no_answer(answer: str) -> None:
    assert only_promises(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Sure, a hip is replaced by an artificial joint.",
        "I'd be happy to help. Cut the lavender below a leaf.",
        "Yes, it hurts a little.",
        "Yes.",
        "No.",
        "A surgeon can help you.",
        "I am a nurse.",
        "Use a pot, and water it.",
        "I'm sorry, but I can't talk about that.",
        "Sure, here are the steps: 1. Dig. 2. Plant.",
        "I can tell you that Paris is the capital of France.",
        "Yes, I can help you with that: press the red button.",
        "I'm happy to answer: yes.",
    ],
)
def test_what_says_something_is_one(answer: str) -> None:
    assert not only_promises(answer)


@pytest.mark.parametrize(
    ("answer", "alone"),
    [
        ("I'm sorry for any misunderstanding.", True),
        ("I apologize for the confusion!", True),
        ("I am so sorry.", True),
        ("My apologies.", True),
        ("I'm sorry for any confusion, but I sow it in May.", False),
        ("Sorry, we are closed.", False),
        ("Say that you are sorry.", False),
        ("", False),
    ],
)
def test_an_apology_alone_answers_nothing(answer: str, alone: bool) -> None:
    assert only_apologizes(answer) is alone
