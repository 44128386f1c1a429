"""How well does each judge of knowledge tell what it should? Against questions with known answers.

S_K is right where it ranks questions that the model answers wrongly without the document above those that it answers rightly; S_L where it
ranks labels that are wrong above those that are right. Both as AUROC with its interval.

Source: SelfCheckGPT (arXiv 2303.08896) for judging a detector by its ranking; METHODS.md of this project, section 2.
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


@dataclass(frozen=True)
class Calibrated:
    """One judge against known answers: AUROCs, and the thresholds of the best balanced accuracy."""

    judge: str
    knowledge: Measure
    label: Measure
    tau_knowledge: float
    tau_label: float

    def json(self) -> dict[str, Any]:
        """What the report shows."""
        return asdict(self)


def calibrate_knowledge(
    judges: Sequence[KnowledgeJudge], answered: Sequence[Answered], gold: Mapping[str, str], right: Right = contains_answer
) -> tuple[list[Calibrated], dict[str, list[Scored]]]:
    """Every judge's calibration, and its scores by name.

    What is known is counted on the blind draws, not on one of them: unknown where at most half of them are right.

    Args:
        answered: questions with draws.
        gold: from a question's text to its answer.

    Raises:
        KeyError: a question without a gold answer.
    """
    wrong = [not right(a.best, gold[a.question.text]) for a in answered]
    unknown = [mean([right(b, gold[a.question.text]) for b in a.blind] or [0.0]) <= 0.5 for a in answered]
    rows, found = [], {}
    for judge in judges:
        scores = judge.scores(answered)
        label, knowledge = [s.s_label for s in scores], [s.s_knowledge for s in scores]
        found[judge.name] = scores
        rows.append(
            Calibrated(
                judge.name, auroc(unknown, knowledge), auroc(wrong, label), best_threshold(unknown, knowledge) if scores else 0.5,
                best_threshold(wrong, label) if scores else 0.5,
            )
        )  # fmt: skip
    return rows, found
