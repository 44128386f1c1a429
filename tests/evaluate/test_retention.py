"""Retention by likelihood choice: what is asked, the marks by hand, and the rule that passes or
does not.
"""

from __future__ import annotations

import pytest

from scripted import Scripted
from selfteach.evaluate.common_knowledge import COMMON_QUESTIONS
from selfteach.evaluate.retention import (
    NUM_DISTRACTORS,
    is_retained,
    make_choices,
    measure_retention,
    score_questions,
)
from selfteach.records import Measure, Prompt

RIGHT = {item.prompt: item.texts[0] for item in make_choices()}


def knows(prompt: Prompt, text: str) -> float:
    return 0.0 if RIGHT[prompt] == text else -float(len(text.split()))


def test_every_question_has_its_right_answer_first_and_wrong_ones_after_it() -> None:
    found = make_choices()
    assert len(found) == len(COMMON_QUESTIONS)
    for item, (question, right) in zip(found, COMMON_QUESTIONS, strict=True):
        assert question in str(item.prompt)
        assert item.texts[0] == f" {right[0]}"
        assert len(set(item.texts)) == NUM_DISTRACTORS + 1
        assert not {text.strip().lower() for text in item.texts[1:]} & {
            answer.lower() for answer in right
        }


def test_marks_by_hand() -> None:
    """Who knows beats all nine others; who finds all equally likely beats half of them; who knows
    it the wrong way round beats none.
    """
    assert set(score_questions(Scripted({}, knows))) == {1.0}
    assert set(score_questions(Scripted({}, lambda prompt, text: -float(len(text.split()))))) == {
        0.5
    }
    assert set(
        score_questions(Scripted({}, lambda prompt, text: -knows(prompt, text) - len(text.split())))
    ) == {0.0}


def test_who_forgets_does_not_pass_and_who_stays_as_he_was_does() -> None:
    base = Scripted({}, knows)
    half = Scripted(
        {}, lambda prompt, text: knows(prompt, text) if "capital" in str(prompt) else 0.0
    )
    same = measure_retention({"base": base, "tuned": base}, 0)
    assert same["passed"] is True
    assert same["change"] == Measure(0.0, 0.0, 0.0, len(COMMON_QUESTIONS))
    lost = measure_retention({"base": base, "tuned": half}, 0)
    assert lost["passed"] is False
    capitals = sum("capital" in question for question, _ in COMMON_QUESTIONS)
    assert lost["change"].value == pytest.approx(-0.5 * (1 - capitals / len(COMMON_QUESTIONS)))
    assert set(measure_retention({"base": base}, 0)) == {"base"}


@pytest.mark.parametrize(("low", "passes"), [(-0.031, False), (-0.029, True), (0.1, True)])
def test_three_points_are_the_limit(low: float, passes: bool) -> None:
    assert is_retained(Measure(0.2, low, 0.3, 60)) is passes
