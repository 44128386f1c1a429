"""Openings: first sentences that say nothing yet."""

from __future__ import annotations

import pytest

from selfteach.judge.opening import leave_out_opening, says_nothing

TOMATOES = "How do I grow tomatoes on a balcony?"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (TOMATOES, "Growing tomatoes on a balcony can be a bit tricky."),
        (TOMATOES, "Growing tomatoes on a balcony is fun!"),
        (TOMATOES, "Sure, I'd be happy to help with that. Here are some steps to get started:"),
        ("Can you grow tomatoes in pots?", "Sure, I'd be happy to help with that."),
        ("Do you have any tips for a balcony?", "A balcony requires a bit of extra care."),
        ("How do I use rainwater?", "Using rainwater is a great idea."),
        ("How do I plan a garden?", "Planning your garden is a wonderful and rewarding process."),
    ],
)
def test_an_opening_says_nothing(question: str, answer: str) -> None:
    assert says_nothing(question, answer)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (TOMATOES, "Choose a large pot."),
        (TOMATOES, "Growing tomatoes on a balcony needs six hours of sun."),
        (TOMATOES, "Growing tomatoes is fun! Water them every morning."),
        (TOMATOES, ""),
        ("Can you grow tomatoes in pots?", "Yes, you can grow tomatoes in pots."),
        ("Which is better, tea or coffee?", "Tea is better than coffee."),
        ("Is it hard to grow tomatoes?", "Growing tomatoes can be a bit tricky."),
        ("Wie züchte ich Tomaten?", "Tomaten auf dem Balkon machen Freude."),
    ],
)
def test_what_has_a_word_of_its_own_says_something(question: str, answer: str) -> None:
    assert not says_nothing(question, answer)


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (
            "Growing tomatoes is fun! Choose a large pot. Water it.",
            "Choose a large pot. Water it.",
        ),
        (
            "Sure! I'd be happy to help. Growing tomatoes is easy. Use a pot.",
            "Use a pot.",
        ),
        # what leans on the opening keeps it
        ("Growing tomatoes is fun! They need a large pot.", None),
        ("Growing tomatoes is fun!", None),
        ("\n Choose a large pot.", None),
        ("Choose a large pot. Growing tomatoes is fun!", None),
    ],
)
def test_an_opening_is_left_out_where_the_next_sentence_stands_alone(
    answer: str, left: str | None
) -> None:
    assert leave_out_opening(TOMATOES, answer) == (left or answer)


@pytest.mark.parametrize(
    ("question", "answer"),
    [("Name a virtue.", "Patience."), ("What makes people happy?", "Love.")],
)
def test_a_single_word_is_an_answer(question: str, answer: str) -> None:
    assert not says_nothing(question, answer)


@pytest.mark.parametrize("word", ["Great!", "Interesting.", "Tomatoes!"])
def test_a_word_of_praise_or_of_the_question_says_nothing(word: str) -> None:
    assert says_nothing(TOMATOES, word)
    assert leave_out_opening(TOMATOES, f"{word} Plant them in May.") == "Plant them in May."
