"""What the exam of a rule says where nothing was trained."""

from __future__ import annotations

from types import SimpleNamespace

from selfteach.evaluate.exam import Answers
from selfteach.evaluate.verdict import reach_verdict
from selfteach.judge import ThresholdJudge
from selfteach.judge.check import CheckJudge
from selfteach.methods.feedback.exam import RuleScorer
from selfteach.records import Completion


def test_the_base_is_described_by_all_its_answers() -> None:
    questions = [f"Question {i}?" for i in range(20)]
    answers = [
        Completion(str(i), "Stop!" if i == 0 else "Fine.", "stop", 3) for i in range(len(questions))
    ]
    base = Answers(questions, answers, answers, answers)
    scorer = RuleScorer(ThresholdJudge(CheckJudge('not contains "!"'), 0.5), lambda: 0)
    scores = scorer.score({"base": base, "prompted": base})
    state = SimpleNamespace(scores=scores, side_effects=None, tuned=None, seed=0)
    sentence = reach_verdict(scorer.make_evidence(state))["sentence"]
    assert "keeps the rule in 95 % of its answers" in sentence.replace("\u202f", " ")
