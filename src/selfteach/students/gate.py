"""The gate: does a new lesson leave the others as they were?

kept        the score of a lesson is at most 5 points below what it had alone
weakened    it is further below; or other answers are degraded by now ("not learned cleanly")
lost        it is further below, its verdict says that it is not learned, and it is no better than
            the base

A verdict that changes its word while the score stays is no harm: a word can hang on one answer.

A change passes if no lesson became worse by it, if every exam could be sat, and if the general
drift is at most .03 nats.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import compress

from selfteach import statistics
from selfteach.errors import RequirementNotMet
from selfteach.evaluate.verdict import Word
from selfteach.records import JsonMapping, JsonObject, Measure
from selfteach.students.state import Cell, CellState

MAX_FALL = 0.05
"""A lesson may lose so much of its score by another one."""
MAX_DRIFT_NATS = 0.03
"""The largest general drift of a student that passes without `--accept`."""
NOT_LEARNED: Sequence[Word] = ("not learned", "nothing to learn", "not examined")
"""The verdicts of a lesson that is not added without `--accept`. "Not learned cleanly" has the word
of the first one.
"""
IN_PART: Sequence[Word] = ("partly taught", "not enough prompts")
"""The verdicts of a lesson that is added with a note, unless it degrades other answers."""
SEED = 0


@dataclass(frozen=True)
class ExamScores:
    """Hold what the gate needs of one exam.

    Attributes:
        base, tuned: a score in [0, 1] for each held-out question, in their order. Several questions
            of a rule about one occasion are one.
        verdict: the word of the verdict.
        drift_nats: None where the exam has no general answers.
        counts: whether each question counts in the verdict: of a rule those on which the base
            breaks it. Empty if all do.
        degrades: whether the verdict objects to what became of other answers.
        needless, near: see `Cell`.
        clusters: what each question has in common with others: its passage or its task. Empty if
            each one stands alone.
    """

    base: Sequence[float]
    tuned: Sequence[float]
    verdict: str
    drift_nats: float | None
    counts: Sequence[bool] = ()
    degrades: bool = False
    needless: Measure | None = None
    near: Measure | None = None
    clusters: Sequence[Hashable] = ()


def compare_exams(alone: ExamScores, now: ExamScores) -> Cell:
    """Return the cell of a lesson from its exam alone and its exam in the student.

    Both have the same questions in the same order. Those count that count alone.
    """
    counts = alone.counts or [True] * len(alone.tuned)
    before, tuned, base = (
        list(compress(scores, counts)) for scores in (alone.tuned, now.tuned, now.base)
    )
    clusters = list(compress(now.clusters or range(len(counts)), counts))
    fall = statistics.clustered_bootstrap(before, tuned, clusters, seed=SEED)
    gain = statistics.clustered_bootstrap(tuned, base, clusters, seed=SEED)
    was_learned = alone.verdict not in NOT_LEARNED and not alone.degrades
    state: CellState = "kept"
    if fall.value > MAX_FALL:
        is_gone = was_learned and now.verdict in NOT_LEARNED and gain.low <= 0
        state = "lost" if is_gone else "weakened"
    elif was_learned and now.degrades:
        state = "weakened"
    score = statistics.mean(tuned, clusters, seed=SEED, limits=(0.0, 1.0))
    return Cell(
        state,
        score,
        fall,
        gain,
        now.drift_nats,
        now.verdict,
        needless=now.needless,
        needless_alone=alone.needless,
        near=now.near,
        near_alone=alone.near,
    )


def find_worse(before: Mapping[str, Cell], after: Mapping[str, Cell]) -> list[str]:
    """Return the lessons that a change weakened: not kept, and with a lower score than before.

    Args:
        before: the cells before the change; what is not among them was alone.
    """
    worse = []
    for name, cell in after.items():
        if cell.state not in ("weakened", "lost") or cell.score is None:
            continue
        earlier = before.get(name)
        was_whole = earlier is None or earlier.score is None or earlier.state == "kept"
        if was_whole or (earlier and earlier.score and cell.score.value < earlier.score.value):
            worse.append(name)
    return worse


def find_drift(cells: Mapping[str, Cell]) -> float:
    """Return the largest general drift among the exams, in nats."""
    return max((cell.drift_nats or 0.0 for cell in cells.values()), default=0.0)


def list_objections(before: Mapping[str, Cell], after: Mapping[str, Cell]) -> list[str]:
    """Return what speaks against a change, one sentence each; nothing if it passes."""
    found = []
    for name in find_worse(before, after):
        found.append(f'"{name}" is {after[name].state} ({describe_fall(after[name])})')
    for name, cell in after.items():
        if cell.state == "not examined":
            found.append(f'the exam of "{name}" could not be sat: {cell.reason.rstrip(".")}')
    drift = find_drift(after)
    if drift > MAX_DRIFT_NATS:
        found.append(f"the general drift is {drift:.3f} nats, more than {MAX_DRIFT_NATS}")
    return found


def describe_fall(cell: Cell) -> str:
    """Return "12 points below alone [3, 20]"."""
    if cell.fall is None:
        return "no score"
    fall = cell.fall
    value, low, high = (round(100 * number) for number in (fall.value, fall.low, fall.high))
    found = f"{value} points below alone [{low}, {high}]; {cell.verdict}"
    is_degraded = cell.state == "weakened" and cell.fall.value <= MAX_FALL
    return f"{found}: other answers are degraded" if is_degraded else found


class LessonRefused(RequirementNotMet):
    """Report that the gate refused a lesson.

    Attributes:
        lesson: its name.
        worse: the lessons that it weakened.
        cells: the exams with it.
        acceptable: whether `--accept` adds it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: object,
        cure: str,
        lesson: str,
        worse: Sequence[str] = (),
        cells: Mapping[str, Cell] | None = None,
        acceptable: bool = True,
    ) -> None:
        super().__init__(what, where=where, cure=cure)
        self.lesson = lesson
        self.worse = list(worse)
        self.cells = dict(cells or {})
        self.acceptable = acceptable

    def describe(self) -> JsonObject:
        """Return what `--json` prints of it: `what` is the message without the cure, which differs
        between a command, a chat and a server.
        """
        return {
            "lesson": self.lesson,
            "what": self.what,
            "worse": self.worse,
            "acceptable": self.acceptable,
            "cells": {name: asdict(cell) for name, cell in self.cells.items()},
        }


def read_exam_scores(kind: str, exam: JsonMapping, asked: JsonMapping | None = None) -> ExamScores:
    """Return the scores of a finished exam, from its rows.

    A row scores the mean of its greedy and its sampled answer: for corrections the share of the
    answer that the teacher leaves as it is; for tasks ROUGE-L to the answer of a person; else
    whether the answer is right. Of an occasion, as in the exam, the worst answer counts.

    Args:
        asked: an exam with the same questions that says what they have in common, where this one
            may be of an earlier version; by default this one.
    """
    questions: dict[Hashable, list[JsonMapping]] = {}
    clusters: dict[Hashable, Hashable] = {}
    rows = zip(list_target_rows(exam), list_target_rows(asked or exam), strict=True)
    for place, (row, shared) in enumerate(rows):
        question = shared.get("group", place)
        questions.setdefault(question, []).append(row)
        clusters[question] = shared.get("chunk") or shared.get("task") or place
    found = list(questions.values())
    drift = exam.get("drift") or {}
    kl = drift.get("kl_nats")
    return ExamScores(
        base=[score_question(kind, ways, "base") for ways in found],
        tuned=[score_question(kind, ways, "tuned") for ways in found],
        verdict=exam["verdict"]["word"],
        drift_nats=kl["value"] if kl else None,
        counts=[bool(ways[0].get("counts", True)) for ways in found],
        degrades=exam["verdict"].get("harm") == "certain",
        needless=read_tuned(exam, "needless"),
        near=read_tuned(exam, "near"),
        clusters=list(clusters.values()),
    )


def list_target_rows(exam: JsonMapping) -> list[JsonMapping]:
    """Return the rows of the held-out questions."""
    return [row for row in exam["answers"] if row["scope"] == "target"]


def read_tuned(exam: JsonMapping, name: str) -> Measure | None:
    """Return a measurement of the tuned model; None where the exam has none of this name."""
    found = (exam.get(name) or {}).get("tuned")
    return Measure(**found) if found else None


def score_question(kind: str, rows: Sequence[JsonMapping], arm: str) -> float:
    """Return the score of one arm's answers to one question, in [0, 1].

    Args:
        rows: the ways in which it is asked. The worst greedy and the worst sampled answer count.
    """
    scores = [score_answers(kind, row, row["arms"][arm]) for row in rows]
    worst: list[float] = [min(own) for own in zip(*scores, strict=True)]
    return sum(worst) / max(len(worst), 1)


def score_answers(kind: str, row: JsonMapping, answers: JsonMapping) -> list[float]:
    """Return the scores of one arm's greedy and sampled answer to one row, each in [0, 1]."""
    from selfteach.evaluate.metrics import best_rouge
    from selfteach.generate.correct import edit_distance

    scores = []
    for text, correction, ok in (
        ("greedy", "correction", "ok"),
        ("sampled", "sampled_correction", "sampled_ok"),
    ):
        if text not in answers:
            continue
        if kind == "tasks":
            scores.append(best_rouge(answers[text], row.get("golds") or [row["gold"]]))
        elif kind == "corrections":
            scores.append(1 - edit_distance(answers[text], answers[correction]))
        elif ok in answers:
            scores.append(float(answers[ok]))
    return scores
