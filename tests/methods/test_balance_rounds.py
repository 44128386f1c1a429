"""Step 6 of a rule: what the tuned model still fails on is asked for again, and is learned as the
first examples are.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.config import FeedbackConfig
from selfteach.methods.feedback import method as feedback
from selfteach.methods.feedback.method import RuleTraining
from selfteach.methods.understood_rule import NO_RULE
from selfteach.records import Example, make_prompt
from selfteach.run.display import SilentDisplay
from talker import FEW, feedback_command, open_ledger, run_json


def make_example(number: int) -> Example:
    return Example(f"e{number}", "in_scope", make_prompt(f"Question {number}?"), "Good.", "Bad.")


@pytest.mark.parametrize("usual_epochs", [2, None])
def test_a_plan_of_few_examples_trains_a_larger_model_longer(
    monkeypatch: pytest.MonkeyPatch, usual_epochs: int | None
) -> None:
    monkeypatch.setattr(RuleTraining, "make_exam", lambda *given: None)
    config = FeedbackConfig.model_validate({"train": {"learning_rate": 6.8e-4, "epochs": 2}})
    session: Any = SimpleNamespace(
        rule="Be brief.",
        config=config,
        display=SilentDisplay(),
        run=SimpleNamespace(ledger=SimpleNamespace(set_note=lambda *given: None)),
    )
    rule: Any = SimpleNamespace(text="Be brief.")
    nothing: Any = None
    training = RuleTraining(session, rule, {}, nothing, nothing, usual_epochs)
    training.examples = [make_example(number) for number in range(128)]
    training.plan()
    assert session.config.train.epochs == (8 if usual_epochs else 2)
    training.examples = [make_example(number) for number in range(1280)]
    training.plan()
    assert session.config.train.epochs == 2, "with more examples the usual ones are enough"


def test_examples_of_later_rounds_have_the_first_teacher_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = iter([[make_example(1), make_example(2)], [make_example(3)]])
    monkeypatch.setattr(feedback, "make_violation_examples", lambda *given: (next(rounds), []))
    monkeypatch.setattr(feedback, "make_rule_anchors", lambda *given: [])
    monkeypatch.setattr(feedback, "find_reach", lambda *given: 48)
    notes = {"teacher_context": "worked"}
    session: Any = SimpleNamespace(
        rule="Be brief.",
        understood=NO_RULE,
        run=SimpleNamespace(ledger=SimpleNamespace(get_note=notes.get)),
    )
    nothing: Any = None
    judges: Any = SimpleNamespace(training=None)
    training = RuleTraining(session, nothing, {}, nothing, judges)
    training.add_examples([])
    training.use_chosen_context()
    training.rounds += 1
    training.add_examples([])
    prompts = [example.source["teacher_prompt"] for example in training.examples]
    first, second = ["Question 1?", "Good."], ["Question 2?", "Good."]
    assert [[turn["content"] for turn in prompt] for prompt in prompts] == [
        [*second, "Question 1?"],
        [*first, "Question 2?"],
        [*first, *second, "Question 3?"],
    ]


@pytest.mark.training
def test_prompts_like_the_failures_are_asked_for_in_a_stage_of_their_own(
    talker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        feedback,
        "find_dev_failures",
        lambda session, model, write, dev, judge: {a.text: True for a in dev},
    )
    run = tmp_path / "run"
    more = [*FEW, "--set", "balance.rounds=1", "--set", "ask.target=16"]
    assert run_json(feedback_command(talker, run, *more))[0] == 0
    (total,) = re.findall(
        r"\[prompts like failures\] 0/(\d+) prompts", shown := capfd.readouterr().err
    )
    assert f"[prompts like failures] {total} prompts" in shown
    with open_ledger(run) as ledger:
        asked = [fate for _, fate in ledger.read_outcomes("prompts like failures")]
    assert 0 < len(asked) <= int(total), "one that came twice is one candidate"
    assert any(fate.state == "accepted" for fate in asked)
