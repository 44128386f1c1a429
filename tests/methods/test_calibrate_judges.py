"""Judges of knowledge are calibrated on common questions and on labels as they were written."""

from __future__ import annotations

from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.common_knowledge import CALIBRATION_QUESTIONS, COMMON_QUESTIONS
from selfteach.judge.match import contains_answer
from selfteach.methods.documents.calibrate_knowledge_judges import make_common_questions


def test_every_common_question_stands_beside_one_sentence_that_answers_it() -> None:
    found = make_common_questions(len(CALIBRATION_QUESTIONS))
    assert len(found) == len(CALIBRATION_QUESTIONS) == len(COMMON_QUESTIONS)
    for question in found:
        assert len(question.chunk.sentences) == 1
        assert contains_answer(question.evidence, question.short)
    assert len(make_common_questions(7)) == 7


def test_no_judge_is_chosen_on_what_the_exam_asks() -> None:
    exam = OverlapIndex(text for text, _ in COMMON_QUESTIONS)
    assert not [text for text, _ in CALIBRATION_QUESTIONS if exam.nearest(text).similarity >= 0.7]
    assert len({text for text, _ in CALIBRATION_QUESTIONS}) == len(CALIBRATION_QUESTIONS)
