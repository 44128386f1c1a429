"""Which messages want a yes or a no."""

from __future__ import annotations

import pytest

from selfteach.materials.rules.scopes.closed_questions import is_closed_question


@pytest.mark.parametrize(
    "message",
    [
        "Is the sky blue?",
        "can u freeze bread",
        "is rye bread healthy",
        "My tomatoes have yellow leaves. Is that dangerous?",
        "If I leave at six, will I be there by eight?",
        "You can freeze bread, right?",
        "Hey, does this bus go downtown?",
        "Should I call a doctor or not?",
        "Isn't Pluto a planet?",
        "do i need a visa for japan",
        "I have a dog, can he eat grapes?",
        "Is she really called “Ann?”",
    ],
)
def test_a_closed_question(message: str) -> None:
    assert is_closed_question(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "What is the sky?",
        "Can you tell me why cats purr?",
        "Could you please list five kinds of birds?",
        "Would you mind explaining that?",
        "Do you know what time it is?",
        "Is it a cat or a dog?",
        "Do your homework.",
        "Have a nice day",
        "Do the dishes",
        "Don't do that",
        "How do I know if it is cold?",
        "Which is louder, is it a bell?",
        "Is it safe? Tell me more about it.",
        "Why is that right, right?",
    ],
)
def test_another_message(message: str) -> None:
    assert not is_closed_question(message)
