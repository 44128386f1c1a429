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
from selfteach.statistics import auroc, best_threshold, share

AnswerCheck = Callable[[str, str], bool]
"""Says whether an answer is right, given the gold one."""


@dataclass(frozen=True)
class KnownThreshold:
    """Hold the highest S_K up to which a question counts as known, and what that costs.

    Attributes:
        false_known: the share of the unknown questions that it calls known.
        found: the share of the known questions that it calls known.
    """

    tau: float
    false_known: Measure
    found: Measure


@dataclass(frozen=True)
class BestJudge:
    """Hold the best judge's scores of the questions about the documents.

    Attributes:
        known: the threshold up to which a question counts as known.
    """

    judge: str
    auroc: float
    scored: Sequence[KnowledgeScores]
    tau_label: float
    known: KnownThreshold


@dataclass(frozen=True)
class JudgeCalibration:
    """Hold one judge's AUROCs on known answers, and the thresholds of best balanced accuracy.

    Attributes:
        known: the threshold of `study.known=auto`; None if none has few enough errors.
    """

    judge: str
    knowledge: Measure
    label: Measure
    tau_knowledge: float
    tau_label: float
    known: KnownThreshold | None = None


def calibrate_knowledge_judges(
    judges: Sequence[KnowledgeJudge],
    answered: Sequence[LabelledQuestion],
    gold: Mapping[str, str],
    max_false_known: float,
    right: AnswerCheck = contains_answer,
) -> list[JudgeCalibration]:
    """Calibrate every judge.

    A question is unknown if at most half of its blind samples are right.

    Args:
        answered: questions with samples.
        gold: from a question's text to its answer.
        max_false_known: largest share of unknown questions that may be called known.

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
    for judge in judges:
        scores = judge.scores(answered)
        label = [s.s_label for s in scores]
        knowledge = [s.s_knowledge for s in scores]
        calibrated = JudgeCalibration(
            judge.name,
            auroc(unknown, knowledge),
            auroc(wrong, label),
            best_threshold(unknown, knowledge) if scores else 0.5,
            best_threshold(wrong, label) if scores else 0.5,
            find_known_threshold(unknown, knowledge, max_false_known),
        )
        rows.append(calibrated)
    return rows


def find_known_threshold(
    unknown: Sequence[bool], scores: Sequence[float], max_false_known: float
) -> KnownThreshold | None:
    """Return the highest score of a known question at or below which at most `max_false_known` of
    the unknown ones are; None if there is none.

    The share of unknown questions that would be called known depends on the judge alone, not on how
    many questions are known, so it holds for the documents too. Its interval says how few
    questions it rests on.
    """
    pairs = list(zip(scores, unknown, strict=True))
    found = None
    for tau in sorted({score for score, is_unknown in pairs if not is_unknown}):
        false = share([score <= tau for score, is_unknown in pairs if is_unknown])
        if false.value <= max_false_known:
            right = share([score <= tau for score, is_unknown in pairs if not is_unknown])
            found = KnownThreshold(tau, false, right)
    return found


def choose_best_judge(
    judges: Sequence[KnowledgeJudge],
    found: Sequence[JudgeCalibration],
    answered: Sequence[LabelledQuestion],
    min_auroc: float,
    tau_label: float,
) -> BestJudge | None:
    """Choose the judge with the highest AUROC of S_K, and score the questions about the documents.

    Return None if no judge reaches `min_auroc` and has a threshold with few enough errors.
    """
    usable = [
        (c, judge)
        for c, judge in zip(found, judges, strict=True)
        if c.knowledge.value >= min_auroc and c.known is not None
    ]
    if not usable:
        return None
    best, judge = max(usable, key=lambda pair: pair[0].knowledge.value)
    assert best.known is not None
    return BestJudge(
        best.judge, best.knowledge.value, judge.scores(answered), tau_label, best.known
    )
