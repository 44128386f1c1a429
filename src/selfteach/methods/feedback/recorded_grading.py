"""How the answers to the exam of a rule are graded, made again from the record of a run."""

from __future__ import annotations

from functools import partial

from selfteach.evaluate.recorded_exam import ExamSetup, Grading, PromptsByScope
from selfteach.judge.recorded_judge import read_judge
from selfteach.methods.feedback.exam import RuleScorer
from selfteach.methods.feedback.rule_drift import measure_rule_drift
from selfteach.records import JsonMapping


def read_grading(record: JsonMapping, questions: PromptsByScope, sitting: ExamSetup) -> Grading:
    """Return the scorer of a rule, with the judge that the run calibrated."""
    about = set(record["about"])
    named = set(record.get("named", ()))
    scorer = RuleScorer(
        read_judge(record["judge"], sitting.base, sitting.open_teacher),
        count_searched=lambda: 0,  # it explains why nothing was trained
        find_about=lambda texts: [text in about for text in texts],
        group_of=dict(record["groups"]),
        is_conditional=bool(record["is_conditional"]),
        forbids=bool(record["forbids"]),
        unchecked=record.get("unchecked", ()),
        replacements=[(old, new) for old, new in record.get("replacements", ())],
        statement=str(record.get("statement", "")),
        topic=str(record.get("topic", "")),
        find_named=lambda texts: [text in named for text in texts],
    )
    drift = partial(measure_rule_drift, scorer.repair)
    return Grading(scorer, drift, find_allowed_repeats=scorer.find_allowed_repeats)
