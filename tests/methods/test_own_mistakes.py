"""The tuned model's own answers that break the rule are corrected by its check, and learned."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import FeedbackConfig
from selfteach.materials.rules.rule import read_rule
from selfteach.methods.feedback import method
from selfteach.methods.feedback.choose_objectives import choose_weights
from selfteach.methods.feedback.method import RuleTraining
from selfteach.methods.feedback.own_mistakes import correct_own_mistakes, has_correctable_mistakes
from selfteach.methods.feedback.plan_work import plan_work
from selfteach.methods.understood_rule import NO_RULE
from selfteach.models.recorded import Recorded
from selfteach.records import Example, Request, get_user_text, make_prompt
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger

ANSWERS = {
    "Rain?": ["Rain is water that falls. It falls from clouds.", "It is water."],
    "Snow?": ["I am sorry, but I cannot help you with this or with anything else.", "It is white."],
    "Wind?": ["air air air air air air air air", "It is air."],
}
TEACHER = {"teacher_prompt": "Be brief."}
ON = FeedbackConfig(balance={"own_samples": 2})
COMMAS = 'not contains ","'
OFF = FeedbackConfig(balance={"own_samples": 0})
SOLVED = FeedbackConfig(balance={"own_samples": 2}, train={"adapter": "closed_form"})


def open_session(folder: Path, check: str = "max_words=5", config: FeedbackConfig = ON) -> Any:
    folder.mkdir(exist_ok=True)
    ledger = Ledger(folder / "run.db")
    return SimpleNamespace(
        run=SimpleNamespace(ledger=ledger, time_stage=lambda name: nullcontext()),
        display=SilentDisplay(),
        base=SimpleNamespace(release_memory=lambda: None),
        config=config,
        understood=replace(NO_RULE, rule=read_rule("Be brief."), given_check=check),
    )


def draw(session: Any, asked: list[Request]) -> list[Example]:
    def reply(request: Request) -> str:
        asked.append(request)
        return ANSWERS[get_user_text(request.prompt)][request.draw]

    model = Scripted(reply, name="tuned")
    taught = [
        Example(f"e{n}", "in_scope", make_prompt(text), f"Lesson {part}.", source=TEACHER)
        for n, text in enumerate(ANSWERS)
        for part in range(2)
    ]
    return correct_own_mistakes(session, Recorded(session.run.ledger, model, model), taught)


def test_what_breaks_the_rule_is_repaired_with_the_smallest_change(tmp_path: Path) -> None:
    session = open_session(tmp_path)
    asked: list[Request] = []
    (found,) = draw(session, asked)
    assert (found.kind, found.role, get_user_text(found.prompt)) == (
        "own_mistake",
        "learn",
        "Rain?",
    )
    assert (found.chosen, found.rejected) == ("Rain is water that falls.", ANSWERS["Rain?"][0])
    assert found.source == TEACHER, "distillation may learn from it, as from its lesson"
    assert len(asked) == 6, "each prompt once for each sample"
    assert {request.sampling.temperature for request in asked} == {1.0}
    (funnel,) = session.run.ledger.funnel()
    assert (funnel.requested, funnel.accepted) == (6, 1)
    assert funnel.reasons == {"keeps the rule": 3, "declines": 1, "no correction is known": 1}


@pytest.mark.parametrize(
    ("check", "answer", "chosen", "cut"),
    [
        (COMMAS, "Cats, I know, sleep. They are nice.", "Cats I know sleep.", False),
        (COMMAS, "Yes, cats and dogs like it. They sleep.", "Yes cats and dogs like it.", True),
        (COMMAS, "Cats, dogs and I like it because", "Cats dogs and I like it", True),
        (
            'not regex "\\p{Ll}"',
            "Cats sleep all day because they like it.",
            "CATS SLEEP ALL DAY BECAUSE THEY",
            True,
        ),
        ('not regex "\\n"', "Tips:\n- Eat well\n- Walk far away from it", None, True),
    ],
)
def test_no_correction_teaches_to_stop_where_an_answer_was_cut_off(
    tmp_path: Path, check: str, answer: str, chosen: str | None, cut: bool
) -> None:
    config = FeedbackConfig(balance={"own_samples": 3}, probe={"max_tokens": 6})
    session = open_session(tmp_path, check, config)
    model = Scripted(lambda request: answer, name="tuned")
    lesson = Example("e", "in_scope", make_prompt("Cats?"), "It.", source=TEACHER)
    found = correct_own_mistakes(session, Recorded(session.run.ledger, model, model), [lesson])
    assert [example.chosen for example in found] == ([chosen] * 3 if chosen else [])
    sides = ["chosen", "rejected"] if cut else ["rejected"]
    assert all(example.source["cut"] == sides for example in found)
    (funnel,) = session.run.ledger.funnel()
    assert funnel.reasons == ({} if chosen else {"was cut off": 1})


def test_each_sample_counts_and_equal_ones_are_learned_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = Example("e", "in_scope", make_prompt("Rain?"), "It.")
    mistake = Example("m", "own_mistake", make_prompt("Rain?"), "It.")
    monkeypatch.setattr(method, "correct_own_mistakes", lambda *given: [mistake, mistake])
    unused: Any = None
    session = open_session(tmp_path)
    lines: list[str] = []
    session.display = SimpleNamespace(print_line=lines.append)
    training = RuleTraining(session, *[unused] * 4, examples=[lesson])
    assert training.correct_own_mistakes(SimpleNamespace(recorded=None))
    assert training.examples == [lesson, mistake]
    assert lines[0].startswith("2 of 2 own answers break the rule")


def test_only_the_change_counts(tmp_path: Path) -> None:
    weights = choose_weights(open_session(tmp_path), "sft+dpo")
    assert weights["own_mistake"] == {"correction": 1.0}


@pytest.mark.parametrize(
    ("check", "config"), [("", ON), ("max_words=5", OFF), ("max_words=5", SOLVED)]
)
def test_nothing_is_drawn_without_a_check_samples_or_steps(
    tmp_path: Path, check: str, config: FeedbackConfig
) -> None:
    session = open_session(tmp_path, check, config)
    assert not has_correctable_mistakes(config, session.understood)
    assert "own_mistake" not in choose_weights(session, "sft+dpo")


@pytest.mark.parametrize(("count", "is_more"), [(1, False), (2, True)])
def test_few_mistakes_train_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, is_more: bool
) -> None:
    lessons = [Example(f"e{n}", "in_scope", make_prompt(f"Rain {n}?"), "It.") for n in range(60)]
    found = [Example(f"m{n}", "own_mistake", make_prompt("Rain 0?"), "It.") for n in range(count)]
    monkeypatch.setattr(method, "correct_own_mistakes", lambda *given: found)
    unused: Any = None
    training = RuleTraining(open_session(tmp_path), *[unused] * 4, examples=list(lessons))
    assert training.correct_own_mistakes(SimpleNamespace(recorded=None)) == is_more
    assert training.examples == [*lessons, *(found if is_more else [])]


def test_what_corrections_spread_is_held_after_they_are_learned(tmp_path: Path) -> None:
    steps = []

    @dataclass
    class Steps(RuleTraining):
        def balance(self, tuned: Any) -> bool:
            return False

        def correct_own_mistakes(self, tuned: Any) -> bool:
            steps.append("own mistakes")
            return True

        def hold_outside(self, tuned: Any) -> bool:
            steps.append("outside")
            return True

        def plan(self) -> Any:
            steps.append("training")

    session = open_session(tmp_path)
    session.understood = SimpleNamespace(
        situation="an email to my boss", deciding_check="max_words=5"
    )
    unused: Any = None
    training: Any = Steps(session, unused, unused, unused, unused)
    for _ in range(3):
        training.improve(unused)
    assert steps == ["own mistakes", "training", "outside", "training"]


def test_the_plan_has_the_samples_and_one_more_training() -> None:
    drawn = ["train", "own mistakes", "train 2"]
    for text, stages in (
        ("Stay under 30 words.", drawn),
        ("In emails to my boss stay under 40 words.", [*drawn, "needless effects", "train 3"]),
    ):
        names = [stage.name for stage in plan_work(text, ON)]
        first = names.index("train")
        assert names[first : first + len(stages)] == stages
        assert "train 4" not in names
        for config in (OFF, SOLVED):
            assert "own mistakes" not in [stage.name for stage in plan_work(text, config)]
    names = [stage.name for stage in plan_work("Do not talk about elephants.", ON)]
    assert "own mistakes" not in names


def test_a_later_training_is_planned_as_half_of_a_whole_one() -> None:
    text = "In emails to my boss stay under 40 words."
    anew = FeedbackConfig(balance={"own_samples": 2, "continue_training": False})
    halved, whole = (
        [stage for stage in plan_work(text, config) if stage.trained_rows] for config in (ON, anew)
    )
    assert [stage.name for stage in halved] == ["train", "train 2", "train 3"]
    assert [stage.goes_on for stage in halved] == [False, True, True]
    assert not any(stage.goes_on for stage in whole)
    rows = [stage.trained_rows for stage in whole]
    assert [stage.trained_rows for stage in halved] == [rows[0], rows[1] // 2, rows[2] // 2]
