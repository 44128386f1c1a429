"""Judges of knowledge are calibrated on common questions and on labels as they were written."""

from __future__ import annotations

from selfteach.evaluate.common import COMMON, FURTHER
from selfteach.judge.match import contains_answer
from selfteach.methods.documents.calibrate import common_questions
from selfteach.select.overlap import Overlap


def test_every_common_question_stands_beside_one_sentence_that_answers_it() -> None:
    found = common_questions(len(FURTHER))
    assert len(found) == len(FURTHER) == len(COMMON)
    for question in found:
        assert len(question.chunk.sentences) == 1
        assert contains_answer(question.evidence, question.short)
    assert len(common_questions(7)) == 7


def test_no_judge_is_chosen_on_what_the_exam_asks() -> None:
    exam = Overlap(text for text, _ in COMMON)
    assert not [text for text, _ in FURTHER if exam.nearest(text).similarity >= 0.7]
    assert len({text for text, _ in FURTHER}) == len(FURTHER)
