"""How well does each judge of knowledge tell what it should? Against questions with known answers.

S_K is right where it ranks questions that the model answers wrongly without the document above
those that it answers rightly; S_L where it ranks labels that are wrong above those that are right.
Both as AUROC with its interval.

Source: SelfCheckGPT (arXiv 2303.08896) for judging a detector by its ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

from selfteach.generate.respond import Answered
from selfteach.judge.contradiction import KnowledgeJudge, Scored
from selfteach.judge.match import contains_answer
from selfteach.records import Measure
from selfteach.statistics import auroc, best_threshold

Right = Callable[[str, str], bool]
"""Whether an answer is right, given the gold one."""


LEAST_KNOWN = 10


@dataclass(frozen=True)
class Sure:
    """What the judge that knows best says of the questions about the documents, and from where on
    it is to be believed.
    """

    judge: str
    auroc: float
    scored: Sequence[Scored]
    tau_label: float
    tau_knowledge: float


@dataclass(frozen=True)
class Calibrated:
    """One judge against known answers: AUROCs, and the thresholds of the best balanced accuracy."""

    judge: str
    knowledge: Measure
    label: Measure
    tau_knowledge: float
    tau_label: float
    tau_known: float | None = None
    """The highest S_K below which no question lies that is unknown; None where fewer than
    LEAST_KNOWN known ones do.
    """

    def json(self) -> dict[str, Any]:
        """What the report shows."""
        return asdict(self)


def calibrate_knowledge(
    judges: Sequence[KnowledgeJudge],
    answered: Sequence[Answered],
    gold: Mapping[str, str],
    right: Right = contains_answer,
) -> tuple[list[Calibrated], dict[str, list[Scored]]]:
    """Every judge's calibration, and its scores by name.

    What is known is counted on the blind draws, not on one of them: unknown where at most half of
    them are right.

    Args:
        answered: questions with draws.
        gold: from a question's text to its answer.

    Raises:
        KeyError: a question without a gold answer.
    """
    wrong = [not right(a.best, gold[a.question.text]) for a in answered]
    unknown = [
        mean([right(b, gold[a.question.text]) for b in a.blind] or [0.0]) <= 0.5 for a in answered
    ]
    rows, found = [], {}
    for judge in judges:
        scores = judge.scores(answered)
        label, knowledge = [s.s_label for s in scores], [s.s_knowledge for s in scores]
        found[judge.name] = scores
        rows.append(
            Calibrated(
                judge.name,
                auroc(unknown, knowledge),
                auroc(wrong, label),
                best_threshold(unknown, knowledge) if scores else 0.5,
                best_threshold(wrong, label) if scores else 0.5,
                known_below(unknown, knowledge),
            )
        )
    return rows, found


def known_below(unknown: Sequence[bool], scores: Sequence[float]) -> float | None:
    """The highest score of a known question that is below those of all unknown ones; None where
    fewer than LEAST_KNOWN are.
    """
    least = min(
        (score for score, not_known in zip(scores, unknown, strict=True) if not_known),
        default=float("inf"),
    )
    below = [
        score
        for score, not_known in zip(scores, unknown, strict=True)
        if not not_known and score < least
    ]
    return max(below) if len(below) >= LEAST_KNOWN else None


def surest(
    judges: Sequence[KnowledgeJudge],
    found: Sequence[Calibrated],
    answered: Sequence[Answered],
    min_auroc: float,
    tau_label: float,
) -> Sure | None:
    """The judge with the highest AUROC for what is unknown, on the questions about the documents;
    None where none reaches `min_auroc` or none has a score from which on all were known."""
    able = [
        (c, judge)
        for c, judge in zip(found, judges, strict=True)
        if c.knowledge.value >= min_auroc and c.tau_known is not None
    ]
    if not able:
        return None
    best, judge = max(able, key=lambda pair: pair[0].knowledge.value)
    assert best.tau_known is not None
    return Sure(best.judge, best.knowledge.value, judge.scores(answered), tau_label, best.tau_known)
