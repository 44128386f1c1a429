"""Compare the tuned answers of two finished runs in pairs: taught against the SFT model, say.

The two runs were asked the same held-out questions. The judge is the best of those that were
calibrated on sentences of which one answers the question; it sees the passage and both orders.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfteach.errors import DataError
from selfteach.evaluate.exam import TARGET
from selfteach.methods.documents.exam import choose_judge_with_passage, judge_answers
from selfteach.methods.documents.held_out_questions import HeldOutQuestion
from selfteach.methods.session import Session
from selfteach.records import JsonMapping, JsonObject


def compare_finished_runs(
    session: Session,
    questions: Sequence[HeldOutQuestion],
    ours: JsonMapping,
    theirs: JsonMapping,
) -> JsonObject:
    """Return how often our tuned answers win: `judge` with its calibration, and `tuned` with
    `win_rate`, `won`, `tied`, `lost`, their counts, `position_bias`, and `length_controlled`
    where the pairs can tell it.
    Without `tuned` every judge is at chance, and `judge` says so.

    Args:
        session: an open session with the base, and the teacher where there is one.
        questions: the held-out questions of both runs.
        ours, theirs: the exam.json of each run.

    Raises:
        DataError: a run has no tuned answer to one of the questions.
    """
    own, other = (list_tuned_answers(exam, questions) for exam in (ours, theirs))
    judge, described = choose_judge_with_passage(session, questions, session.config.seed)
    found: JsonObject = {"judge": described}
    if judge:
        found["tuned"] = judge_answers(judge, questions, own, other, session.config.seed)
    return found


def list_tuned_answers(exam: JsonMapping, questions: Sequence[HeldOutQuestion]) -> list[str]:
    """Return the tuned model's greedy answer to each question, from exam.json.

    Raises:
        DataError: there is none.
    """
    answers = {
        row["prompt"]: row["arms"]["tuned"]["greedy"]
        for row in exam["answers"]
        if row["scope"] == TARGET and "tuned" in row["arms"]
    }
    for question in questions:
        if question.text not in answers:
            raise DataError(
                f'has no tuned answer to "{question.text}".',
                where="exam.json",
                cure="Compare runs of the same documents and questions that trained something.",
            )
    return [answers[question.text] for question in questions]
