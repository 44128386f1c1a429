"""Common questions, written for this project: knowledge from before the training."""

from __future__ import annotations

from pathlib import Path

from selfteach.files import read_jsonl

QUESTIONS_FILE = Path(__file__).with_name("common_knowledge.jsonl")
CommonQuestion = tuple[str, tuple[str, ...]]
"""A question with its right answers."""
Questions = tuple[CommonQuestion, ...]


def read_questions(use: str) -> Questions:
    """Return the questions for a use, each with its right answers.

    Args:
        use: "exam" or "calibration".
    """
    rows = [row for _, row in read_jsonl(QUESTIONS_FILE) if row["use"] == use]
    return tuple((row["question"], tuple(row["answers"])) for row in rows)


COMMON_QUESTIONS = read_questions("exam")
"""(question, right answers) for exams alone. An answer is right if it contains one of them as whole
words.
"""

CALIBRATION_QUESTIONS = read_questions("calibration")
"""The same for calibration; none is similar to one of `COMMON_QUESTIONS`."""
