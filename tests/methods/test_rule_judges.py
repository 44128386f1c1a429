"""Who decides: what a judge is calibrated on, and the threshold of the examples' judge."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hostile import Behave, Call, answer, hostile

from sat_again import check_same_figures
from scripted import Scripted
from selfteach.config import FeedbackConfig
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.subject import Subject
from selfteach.judge import PromptAnswer, ThresholdJudge
from selfteach.judge.check import CheckJudge, parse_check
from selfteach.methods import calibrate_rule_judges
from selfteach.methods.calibrate_rule_judges import (
    make_labelled_answers,
    note_calibration,
    with_max_false_positives,
)
from selfteach.methods.feedback.understand_rule import read_words
from selfteach.methods.understood_rule import NO_RULE, add_other_names
from selfteach.records import Completion, Request, make_prompt
from selfteach.report.sections import describe_judges
from selfteach.run.finished import CALIBRATION
from selfteach.run.ledger import Ledger
from talker import feedback_command, open_ledger, run_json

SHORT = (
    "--set",
    "judge.min_auroc=0",
    "--set",
    "train.max_steps=1",
    "--set",
    "balance.rounds=0",
    "--set",
    "exam.target=10",
    "--set",
    "ask.general=6",
    "--set",
    "search.tries=2",
)


class Length:
    name = "length"

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        return [float(len(text)) for _, text in pairs]


@pytest.mark.parametrize(
    ("settings", "check"),
    [
        ({}, "max_sentences=1"),
        ({"judge": {"name": "check"}}, "max_sentences=1"),
        ({"judge": {"name": "yes_no"}}, ""),
        ({"check": "max_words=9"}, "max_words=9"),
    ],
)
def test_a_check_of_the_form_decides_unless_another_judge_is_named(
    settings: dict[str, Any], check: str
) -> None:
    found = read_words("Answer in one sentence.", FeedbackConfig.model_validate(settings))
    assert found.deciding_check == check


@pytest.mark.parametrize(("threshold", "expected"), [(2.5, 19.0), (30.0, 30.0)])
def test_a_loose_threshold_is_raised_to_one_false_alarm_in_twenty(
    threshold: float, expected: float
) -> None:
    elsewhere = [("", "x" * n) for n in range(1, 21)]
    found = with_max_false_positives(ThresholdJudge(Length(), threshold), elsewhere)
    assert found.threshold == expected
    assert sum(found.broken(elsewhere)) <= 1


def test_of_ten_answers_elsewhere_none_is_refused() -> None:
    elsewhere = [("", "x" * n) for n in range(1, 11)]
    found = with_max_false_positives(ThresholdJudge(Length(), 2.5), elsewhere)
    assert found.broken(elsewhere) == [False] * 10


def test_what_nobody_judged_raises_no_threshold() -> None:
    class Lost(Length):
        def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
            return [math.inf if len(text) > 12 else len(text) for _, text in pairs]

    assert (
        with_max_false_positives(
            ThresholdJudge(Lost(), 2.5), [("", "x" * n) for n in range(1, 21)]
        ).threshold
        == 12.0
    )


def test_without_answers_elsewhere_it_stays() -> None:
    assert with_max_false_positives(ThresholdJudge(Length(), 2.5), []).threshold == 2.5


LABELLED_PROMPTS = [
    GeneratedPrompt("Explain dialysis.", "target", "short", ""),
    GeneratedPrompt("What is a biopsy?", "target", "short", ""),
    GeneratedPrompt("Where is Rome?", "general", "short", ""),
]


@pytest.mark.parametrize(
    ("topic", "has_teacher", "writer"),
    [("", True, "teacher"), ("", False, "base"), ("dialysis", True, "base")],
)
def test_a_teacher_writes_the_answers_with_and_against_a_manner(
    topic: str, has_teacher: bool, writer: str
) -> None:
    """The base ignores a manner in its prompt, and no judge could be calibrated on its answers."""
    models = {name: Scripted(lambda request: "It is.", name=name) for name in ("base", "teacher")}
    session: Any = SimpleNamespace(
        base=models["base"],
        teacher=models["teacher"] if has_teacher else None,
        understood=replace(NO_RULE, subject=Subject(topic)),
        rule="Use layman's terms.",
        config=FeedbackConfig(),
    )
    rows = make_labelled_answers(session, LABELLED_PROMPTS)
    assert sum(broken for _, broken in rows) * 2 == len(rows) > 0
    other = models["base" if writer == "teacher" else "teacher"]
    assert (len(models[writer].asked), len(other.asked)) == (len(rows), 0)


def test_a_labelled_answer_that_was_lost_is_left_out() -> None:
    class Losing(Scripted):
        def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
            yield from super().stream(requests[1:])

    session: Any = SimpleNamespace(
        base=None,
        teacher=Losing(lambda request: "It is."),
        understood=NO_RULE,
        rule="Use layman's terms.",
        config=FeedbackConfig(),
    )
    rows = make_labelled_answers(session, LABELLED_PROMPTS)
    assert [broken for _, broken in rows] == [True, False, False]


def yes_or_no(lost: int) -> Behave:
    """A teacher: it drafts a bear, and says surely whether a reply talks about the fox; of every
    `lost`-th reply it says neither.
    """

    def behave(call: Call) -> None:
        words = (
            ("<think>",)
            if lost and call.number % lost == 0
            else ("Yes", "No")
            if "fox-" in call.last
            else ("No", "Yes")
        )
        top = [{"token": word, "logprob": -0.1 - 3 * place} for place, word in enumerate(words)]
        scored = answer(
            words[0],
            finish="length",
            usage=None,
            logprobs={"content": [{"token": words[0], "top_logprobs": top}]},
        )
        (scored if call.body.get("logprobs") else answer("The bear- eats honey."))(call)

    return behave


@pytest.fixture
def true_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy answers alike whatever stands in its prompt; so what judges are calibrated on is
    given.
    """
    answers = [
        (f"The {who}- {does} bread.", who == "fox")
        for who in ("fox", "bear")
        for does in ("likes", "eats", "finds")
    ] * 4
    monkeypatch.setattr(
        calibrate_rule_judges,
        "make_labelled_answers",
        lambda session, asked: [
            ((make_prompt("Can the fox follow?"), text), broken) for text, broken in answers
        ],
    )


@pytest.mark.training
@pytest.mark.usefixtures("true_labels")
@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (
            answer("The bear- eats honey."),
            "gives no log-probabilities (top_logprobs), so it cannot judge by yes or no",
        ),
        pytest.param(yes_or_no(lost=5), "it gave no verdict on", marks=pytest.mark.slow),
        pytest.param(
            yes_or_no(lost=1),
            "requests failed; the last: none of yes, no among the most probable tokens",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["no logprobs", "some lost", "all lost"],
)
def test_a_teacher_that_cannot_judge_is_left_out_and_goes_on_teaching(
    behave: Behave, reason: str, talker: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with hostile(behave) as server:
        few = ("--teacher", server.address, "--set", "max_failures=0.5", *SHORT)
        assert run_json(feedback_command(talker, tmp_path / "run", *few, check=""))[0] == 0
    with open_ledger(tmp_path / "run") as ledger:
        (left_out,) = ledger.get_note("calibration")[0]["left_out"]
        assert ledger.count_requests()["search teacher"][0] > 0
    assert left_out["name"] == "teacher"
    assert reason in left_out["reason"]
    assert "judge teacher is left out" in capfd.readouterr().err


@pytest.mark.training
@pytest.mark.usefixtures("true_labels")
@pytest.mark.slow
def test_a_teacher_that_judges_well_decides(talker: Path, tmp_path: Path) -> None:
    with hostile(yes_or_no(lost=0)) as server:
        few = ("--teacher", server.address, "--set", "judge.name=teacher", *SHORT)
        assert run_json(feedback_command(talker, tmp_path / "run", *few, check=""))[0] == 0
        calls = len(server.calls)
        check_same_figures(tmp_path / "run", tmp_path)
        asked = server.calls[calls:]
    assert not any("messages" in call.body for call in asked), "its verdicts are in the ledger"
    exam = json.loads((tmp_path / "run" / "exam.json").read_text())
    assert exam["judge"]["name"] == "teacher"
    assert all(
        ("fox-" in row["arms"]["base"]["greedy"]) is not row["arms"]["base"]["ok"]
        for row in exam["answers"]
        if row["scope"] == "target"
    )


@pytest.mark.training
def test_no_judge_is_calibrated_on_a_prompt_of_the_exam(talker: Path, tmp_path: Path) -> None:
    assert run_json(feedback_command(talker, tmp_path / "run", *SHORT, check=""))[0] == 0
    with open_ledger(tmp_path / "run") as ledger:
        bodies = [
            json.loads(body)
            for (body,) in ledger._db.execute("SELECT body FROM requests WHERE stage = 'calibrate'")
        ]
    calibrated = {body["prompt"][-1]["content"] for body in bodies}
    exam = {
        row["prompt"] for row in json.loads((tmp_path / "run" / "exam.json").read_text())["answers"]
    }
    assert calibrated
    assert exam
    assert not calibrated & exam


def test_every_criticism_keeps_its_calibration(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    session: Any = SimpleNamespace(run=SimpleNamespace(ledger=ledger))
    for words, chosen in (("too long", "a"), ("too stiff", "b"), ("too long", "c")):
        note_calibration(session, words, {"chosen": chosen, "reason": "", "candidates": [{}]})
    noted = ledger.get_note(CALIBRATION)
    assert [(row["words"], row["chosen"]) for row in noted] == [
        ("too stiff", "b"),
        ("too long", "c"),
    ]
    shown = describe_judges(noted, {})
    assert [judge["words"] for judge in shown] == ["too stiff", "too long"]
    ledger.close()


def test_a_check_has_no_threshold_to_raise() -> None:
    """A word of the rule in more than one general answer in twenty is still a breach."""
    judge = ThresholdJudge(CheckJudge('not contains "water"'), 0.5)
    elsewhere = [(make_prompt("Tea?"), "Boil the water.")] * 8 + [
        (make_prompt("Sun?"), "Far.")
    ] * 112
    found = with_max_false_positives(judge, elsewhere)
    assert found.broken([(make_prompt("What to drink?"), "Drink water.")]) == [True]


@pytest.mark.parametrize(
    "check", ['not contains "elephant" OR max_words=3', "(max_words=3)or(min_words=9)"]
)
def test_other_names_are_forbidden_beside_a_choice(check: str) -> None:
    found = parse_check(add_other_names(check, ["jumbo"]))
    assert not found.keeps("The jumbo was there, and it was as gray as all the others.")
