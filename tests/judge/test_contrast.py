"""The `contrast` judge: a likelihood ratio between the prompt with the words and without."""

from __future__ import annotations

import pytest

from scripted import Scripted
from selfteach.judge.contrast import ContrastJudge, append_words
from selfteach.records import Prompt, make_prompt

WORDS = "Talk like a friend."


def score(prompt: Prompt, text: str) -> float:
    """Two nats for each word that fits, four for one that does not: with the words in the prompt
    "hey" fits.
    """
    friendly = not isinstance(prompt, str) and prompt[-1].content.endswith(f"({WORDS})")
    return -sum(2.0 if (word == "hey") is friendly else 4.0 for word in text.split())


def test_the_value_is_the_gap_a_token_between_unprompted_and_prompted() -> None:
    judge = ContrastJudge(Scripted({}, score=score), WORDS)
    stiff, warm, nothing = judge.values(
        [
            (make_prompt("Tea?"), "tea tea"),
            (make_prompt("Tea?"), "hey hey"),
            (make_prompt("Tea?"), " "),
        ]
    )
    assert stiff == -warm > 0
    assert nothing == 0
    assert judge.values([("Tea?", "tea tea")]) == [pytest.approx(stiff)]


def test_the_words_stand_after_the_question() -> None:
    assert [m.content for m in append_words(make_prompt("Tea?", system="Be brief."), WORDS)] == [
        "Be brief.",
        f"Tea? ({WORDS})",
    ]
    assert append_words("Tea?", WORDS) == make_prompt(f"Tea? ({WORDS})")
