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


@pytest.mark.parametrize("answer", ["🙂", "-->", "", "π"])
def test_a_sign_is_an_answer(answer: str) -> None:
    assert not says_nothing("What do you feel?", answer)


@pytest.mark.parametrize("praise", ["Great!", "Wonderful."])
def test_a_word_of_praise_is_an_opening(praise: str) -> None:
    assert says_nothing(TOMATOES, praise)
    assert leave_out_opening(TOMATOES, f"{praise} Use a pot.") == "Use a pot."
    assert not says_nothing("How was the movie?", praise)


@pytest.mark.parametrize("word", ["Great!", "Interesting.", "Tomatoes!"])
def test_a_word_of_praise_or_of_the_question_says_nothing(word: str) -> None:
    assert says_nothing(TOMATOES, word)
    assert leave_out_opening(TOMATOES, f"{word} Plant them in May.") == "Plant them in May."


@pytest.mark.parametrize("opening", ["Patience!", "Tomatoes."])
def test_a_single_word_before_others_is_an_opening(opening: str) -> None:
    assert leave_out_opening(TOMATOES, f"{opening} Use a pot.") == "Use a pot."


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Shorten this: I am writing to say that the meeting is moved.", "The meeting is moved."),
        ('What is the verb in "She runs fast"?', 'It is "runs".'),
        ("Sort these words: pear, apple", "apple, pear"),
        ("Say thank you to my team.", "Thank you, team."),
        ("What is the opposite of difficult?", "It is easy."),
        ("How hard is chess to learn?", "Quite hard."),
        ("How was the movie?", "It was amazing."),
        ("How is the weather today?", "It is beautiful today."),
        ("What do you think of Paris?", "It is beautiful."),
    ],
)
def test_where_its_own_words_or_praise_answer_a_request(question: str, answer: str) -> None:
    assert not says_nothing(question, answer)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How is the cake made?", "Making a cake is fun."),
        ("How are the tomatoes planted?", "Planting tomatoes is a wonderful challenge."),
        ("What's the craziest movie ever?", "The craziest movie ever?"),
        ("How do I say no?", "Saying no is hard."),
    ],
)
def test_other_requests_with_like_words_need_more(question: str, answer: str) -> None:
    assert says_nothing(question, answer)
