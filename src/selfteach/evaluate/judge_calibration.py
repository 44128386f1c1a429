"""Calibration of the judges of knowledge on questions with known answers.

S_K should rank questions that the model answers wrongly without the document above those that it
answers rightly. S_L should rank wrong labels above right ones. Both are AUROCs with intervals.

Source: SelfCheckGPT (arXiv 2303.08896) for judging a detector by its ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from selfteach.generate.answers import LabelledQuestion
from selfteach.judge.contradiction import KnowledgeJudge, KnowledgeScores
from selfteach.judge.match import contains_answer
from selfteach.records import Measure
from selfteach.statistics import auroc, best_threshold

AnswerCheck = Callable[[str, str], bool]
"""Says whether an answer is right, given the gold one."""
MIN_KNOWN = 10


@dataclass(frozen=True)
class BestJudge:
    """Hold the best judge's scores of the questions about the documents.

    Attributes:
        tau_knowledge: the highest S_K up to which a question counts as known.
    """

    judge: str
    auroc: float
    scored: Sequence[KnowledgeScores]
    tau_label: float
    tau_knowledge: float


@dataclass(frozen=True)
class JudgeCalibration:
    """Hold one judge's AUROCs on known answers, and the thresholds of best balanced accuracy.

    Attributes:
        tau_known: the highest S_K of a known question below those of all unknown ones; None if
            fewer than MIN_KNOWN questions are below them.
    """

    judge: str
    knowledge: Measure
    label: Measure
    tau_knowledge: float
    tau_label: float
    tau_known: float | None = None


def calibrate_knowledge_judges(
    judges: Sequence[KnowledgeJudge],
    answered: Sequence[LabelledQuestion],
    gold: Mapping[str, str],
    right: AnswerCheck = contains_answer,
) -> tuple[list[JudgeCalibration], dict[str, list[KnowledgeScores]]]:
    """Calibrate every judge; return the calibrations, and each judge's scores by its name.

    A question is unknown if at most half of its blind samples are right.

    Args:
        answered: questions with samples.
        gold: from a question's text to its answer.

    Raises:
        KeyError: a question has no gold answer.
    """
    wrong = []
    unknown = []
    for row in answered:
        answer = gold[row.question.text]
        wrong.append(not right(row.best, answer))
        unknown.append(mean([right(blind, answer) for blind in row.blind] or [0.0]) <= 0.5)
    rows = []
    found = {}
    for judge in judges:
        scores = judge.scores(answered)
        label = [s.s_label for s in scores]
        knowledge = [s.s_knowledge for s in scores]
        found[judge.name] = scores
        calibrated = JudgeCalibration(
            judge.name,
            auroc(unknown, knowledge),
            auroc(wrong, label),
            best_threshold(unknown, knowledge) if scores else 0.5,
            best_threshold(wrong, label) if scores else 0.5,
            find_known_threshold(unknown, knowledge),
        )
        rows.append(calibrated)
    return rows, found


def find_known_threshold(unknown: Sequence[bool], scores: Sequence[float]) -> float | None:
    """Return the highest score of a known question below those of all unknown ones.

    Return None if fewer than MIN_KNOWN known questions are below them.
    """
    pairs = list(zip(scores, unknown, strict=True))
    lowest = min((score for score, is_unknown in pairs if is_unknown), default=float("inf"))
    below = [score for score, is_unknown in pairs if not is_unknown and score < lowest]
    return max(below) if len(below) >= MIN_KNOWN else None


def choose_best_judge(
    judges: Sequence[KnowledgeJudge],
    found: Sequence[JudgeCalibration],
    answered: Sequence[LabelledQuestion],
    min_auroc: float,
    tau_label: float,
) -> BestJudge | None:
    """Choose the judge with the highest AUROC of S_K, and score the questions about the documents.

    Return None if no judge reaches `min_auroc` and has a `tau_known`.
    """
    able = [
        (c, judge)
        for c, judge in zip(found, judges, strict=True)
        if c.knowledge.value >= min_auroc and c.tau_known is not None
    ]
    if not able:
        return None
    best, judge = max(able, key=lambda pair: pair[0].knowledge.value)
    assert best.tau_known is not None
    return BestJudge(
        best.judge, best.knowledge.value, judge.scores(answered), tau_label, best.tau_known
    )
