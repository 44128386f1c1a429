"""Judges of knowledge are calibrated on common questions and on labels as they were written."""

from __future__ import annotations

from selfteach.evaluate.common import COMMON
from selfteach.judge.match import contains_answer
from selfteach.methods.calibrating import common_questions


def test_every_common_question_stands_beside_one_sentence_that_answers_it() -> None:
    found = common_questions(len(COMMON))
    assert len(found) == len(COMMON)
    for question in found:
        assert len(question.chunk.sentences) == 1
        assert contains_answer(question.evidence, question.short)
    assert len(common_questions(7)) == 7
