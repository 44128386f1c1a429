"""The data-need curve, a named judge, and objectives on trial: what `--set` turns on beside the
direct run.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.evaluate.exam import Answers, Arm, Exam
from selfteach.judge import ThresholdJudge
from selfteach.judge.check import CheckJudge
from selfteach.methods.feedback import data_curve
from selfteach.methods.feedback.data_curve import (
    alternate_clusters,
    find_n90,
    list_sizes,
    measure_point,
)
from selfteach.methods.feedback.exam import RuleScorer
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, Request, get_user_text, make_prompt, measures_to_json
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger
from talker import FEW, feedback_command, open_ledger, run_json

pytestmark = pytest.mark.long

SHORT = [*FEW, "--set", "ask.target=16", "--set", "exam.target=4"]


def test_sizes_double_up_to_all():
    assert list_sizes(4) == [4]
    assert list_sizes(5) == [4, 5]
    assert list_sizes(20) == [4, 8, 16, 20]
    assert list_sizes(3) == [3]


def test_balanced_takes_the_clusters_in_turn():
    place = {"a": 0, "b": 0, "c": 0, "d": 1, "e": 1}
    assert alternate_clusters("abcde", place) == ["a", "d", "b", "e", "c"]
    assert alternate_clusters(["x", "a"], place) == [
        "x",
        "a",
    ]  # a prompt without a cluster comes first


def point(order: str, examples: int, kept: float, misapplied: float = 0.0):
    return {
        "order": order,
        "examples": examples,
        "kept": {"value": kept},
        "overapplied": {"value": misapplied},
    }


def test_n90_is_the_least_number_that_is_enough():
    """Nine of ten kept, one of twenty misapplied: both bounds count as reached."""
    balanced = [
        point("balanced", 4, 0.89),
        point("balanced", 8, 0.9, 0.05),
        point("balanced", 16, 0.85),
        point("balanced", 32, 1.0),
    ]
    random = [point("random", 4, 0.95, 0.06), point("random", 8, 0.5)]
    assert find_n90([*balanced, *random]) == {"balanced": 8, "random": None}


def say(questions: list[str], text: str) -> Answers:
    return Answers(questions, [Completion(str(i), text, "stop", 4) for i in range(len(questions))])


@pytest.mark.parametrize(
    ("base", "tuned", "taught", "overapplied"),
    [
        ("It is late.", "We close at six.", [], 2 / 3),
        ("We close at six.", "We close at six.", [], 0.0),
        ("It is late.", "Tea is hot.", ["Tea is hot."], 1.0),
        ("It is late.", "It is red.", [], 0.0),
    ],
    ids=["the effect", "the base's own effect", "a taught text", "neither"],
)
def test_a_point_of_the_curve_counts_effects_outside_the_condition(
    monkeypatch: pytest.MonkeyPatch, base: str, tuned: str, taught: list[str], overapplied: float
) -> None:
    """Of 15 prompts 5 are targets, where the effect is right and a taught text as well."""
    questions = {
        scope: [f"{scope} {i}?" for i in range(5)] for scope in ("target", "near", "general")
    }
    answers = {
        scope: {"base": say(texts, base), "tuned": say(texts, tuned)}
        for scope, texts in questions.items()
    }
    monkeypatch.setattr(data_curve, "answer_exam", lambda *given: answers)
    judge = ThresholdJudge(CheckJudge('contains "at six"'), 0.5)
    scorer = RuleScorer(judge, lambda: 0, is_conditional=True)
    prompts = {scope: list(map(make_prompt, texts)) for scope, texts in questions.items()}
    nothing: Any = None
    exam = Exam(prompts, lambda tuned: {}, scorer, taught)
    model: Any = SimpleNamespace(recorded=SimpleNamespace(release_memory=lambda: None))
    found = measure_point(nothing, model, exam)
    assert found["overapplied"].value == pytest.approx(overapplied)
    is_enough = overapplied == 0 and "six" in tuned
    measured = measures_to_json({"examples": 4, "order": "balanced", **found})
    assert find_n90([measured]) == {"balanced": 4 if is_enough else None}


def test_a_point_of_the_curve_counts_the_prompts_that_the_exam_counts(tmp_path: Path) -> None:
    """Those on which the base breaks the rule in its second sample: the third and the fourth."""
    broken = {
        ("exam target", 0.0): ("0?",),
        ("exam target", 1.0): ("1?",),
        ("exam again", 1.0): ("2?", "3?"),
    }

    def answer(request: Request) -> str:
        text = get_user_text(request.prompt)
        return "No." if text in broken[request.stage, request.sampling.temperature] else "At six."

    base = Scripted(answer)
    other = Scripted(lambda request: "No." if get_user_text(request.prompt) == "2?" else "At six.")
    ledger = Ledger(tmp_path / "run.db")
    other.fingerprint = "tuned"
    tuned: Any = SimpleNamespace(recorded=Recorded(ledger, other, other))
    tuned.recorded.release_memory = lambda: None
    questions = {"target": [make_prompt(f"{i}?") for i in range(4)]}
    config = SimpleNamespace(seed=0, exam=SimpleNamespace(max_tokens=8))
    recorded = Recorded(ledger, base, base)
    session: Any = SimpleNamespace(base=recorded, config=config, display=SilentDisplay())
    scorer = RuleScorer(ThresholdJudge(CheckJudge('contains "at six"'), 0.5), lambda: 0)
    exam = Exam(
        questions,
        lambda tuned: {
            "base": Arm(session.base, questions),
            "tuned": Arm(tuned.recorded, questions),
        },
        scorer,
        target_stage="exam target",
    )
    assert measure_point(session, tuned, exam)["kept"].value == 0.5


@pytest.mark.training
def test_curve_has_both_orders_and_ends_with_all(talker: Path, tmp_path: Path):
    code, result = run_json(
        feedback_command(talker, tmp_path / "run", *SHORT, "--set", "curve=true")
    )
    assert code == 0
    points = Ledger(Path(result["run"]) / "run.db", readonly=True).get_note("curve")
    assert {point["order"] for point in points} == {"balanced", "random"}
    balanced = [p["examples"] for p in points if p["order"] == "balanced"]
    shuffled = [p["examples"] for p in points if p["order"] == "random"]
    assert balanced == shuffled == list_sizes(shuffled[-1])
    need = json.loads((Path(result["run"]) / "exam.json").read_text())["data_need"]
    assert need == {"n90": find_n90(points), "points": points}
    page = (Path(result["run"]) / "report.html").read_text()
    assert all(
        f"{order} order <b>{least or 'not reached'}</b>" in page
        for order, least in need["n90"].items()
    )
    assert all(0 <= point["overapplied"]["value"] <= 1 for point in points)
    assert all(
        0 <= point["kept"]["low"] <= point["kept"]["value"] <= point["kept"]["high"] <= 1
        for point in points
    )


@pytest.mark.slow
@pytest.mark.training
def test_auto_tries_the_objectives_and_says_which(talker: Path, tmp_path: Path):
    code, result = run_json(
        feedback_command(
            talker,
            tmp_path / "run",
            *SHORT,
            "--set",
            "train.objective=auto",
            "--set",
            "train.trial_steps=2",
        )
    )
    assert code == 0
    choice = Ledger(Path(result["run"]) / "run.db", readonly=True).get_note("objective")
    assert choice["chosen"] in choice["kept_on_dev"]
    assert choice["kept_on_dev"][choice["chosen"]] == max(choice["kept_on_dev"].values())
    assert choice["steps"] == 2


def test_auto_without_a_dev_part_is_refused_before_any_search(talker: Path, tmp_path: Path, capfd):
    code, _ = run_json(
        feedback_command(
            talker,
            tmp_path / "run",
            *SHORT,
            "--set",
            "train.objective=auto",
            "--set",
            "ask.dev_share=0",
        )
    )
    assert code == 2
    assert (
        "train.objective=auto: no request to try the objectives on is in the dev part."
        in capfd.readouterr().err
    )
    with open_ledger(tmp_path / "run") as ledger:
        assert "probe" not in ledger.count_requests()


def test_a_judge_that_is_not_there_is_a_usage_error(talker: Path, tmp_path: Path):
    command = feedback_command(
        talker, tmp_path / "run", *SHORT, "--set", "judge.name=oracle", check=""
    )
    code, _ = run_json(command)
    assert code == 2


@pytest.mark.slow
@pytest.mark.training
def test_distillation_from_the_prompted_base_partly_on_own_samples(talker: Path, tmp_path: Path):
    own = ["--set", "train.objective=distill", "--set", "train.on_policy=0.5"]
    code, result = run_json(feedback_command(talker, tmp_path / "run", *SHORT, *own))
    assert code == 0
    losses = [
        row["losses"]
        for row in map(json.loads, (Path(result["run"]) / "metrics.jsonl").read_text().splitlines())
    ]
    assert any("distill" in row for row in losses)
    assert not any("sft" in row for row in losses)
