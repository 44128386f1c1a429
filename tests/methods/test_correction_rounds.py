"""Rounds of corrections on scripted students: when they end, and which one is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach import config
from selfteach.evaluate.exam import TunedModel
from selfteach.generate.correct import Correctable, Revision
from selfteach.methods.corrections.make_examples import CorrectionExamples
from selfteach.methods.corrections.method import Rounds
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.models.recorded import Recorded
from selfteach.records import make_prompt
from selfteach.run.display import open_display
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import open_run

DEV = [make_prompt(f"What is tea number {n}?") for n in range(4)]
TRAIN = [make_prompt("What is milk?"), make_prompt("What is ink?")]
ANSWERS = {3: "color color color", 2: "color color red", 1: "color red red", 0: "red red red"}
"""An answer by how many of its words the teacher changes."""


class Teacher:
    """Writes British English."""

    def correct(self, asked: Sequence[Correctable]) -> list[Revision]:
        return [Revision(a, a.answer.replace("color", "colour")) for a in asked]


class Rested(Recorded):
    """A recorded model that knows whether it gave its memory back."""

    rested = False

    def release_memory(self) -> None:
        self.rested = True


def make_model(ledger: Ledger, name: str, wrong: int) -> Rested:
    model = Scripted(lambda request: ANSWERS[wrong], name=name)
    return Rested(ledger, model, model)


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Rounds, "plan", lambda self: f"plan {self.turn + 1}")
    runs = []

    def begun(rounds: int, teacher: Any, dev: Sequence[Any] = DEV) -> Rounds:
        settings = config.CorrectionsConfig(rounds=rounds, correct={"max_tokens": 8, "samples": 1})
        from selfteach.config import resolve

        run = open_run(
            tmp_path / "run", "edits", "corrections", resolve(config.CorrectionsConfig), {}
        )
        runs.append(run)
        session: Any = SimpleNamespace(
            run=run,
            config=settings,
            display=open_display(),
            base=make_model(run.ledger, "base", 3),
            model=SimpleNamespace(encode_answer=str.split),
        )
        parts = CorrectionParts([], {"train": TRAIN, "dev": list(dev), "test": []}, {}, [])
        return Rounds(session, parts, [], teacher, CorrectionExamples(), [], {})

    yield begun
    for run in runs:
        run.close()


def trained(rounds: Rounds, wrong: int) -> TunedModel:
    ledger = rounds.session.run.ledger
    model: Any = make_model(ledger, f"round {rounds.turn + 1}", wrong)
    nothing: Any = None
    return TunedModel(nothing, nothing, model)


def kept(rounds: Rounds) -> list[int]:
    points = rounds.session.run.ledger.get_note("rounds")
    return [point["round"] for point in points if point["kept"]]


def test_rounds_go_on_while_less_is_corrected_and_the_last_one_is_kept(begin: Any) -> None:
    rounds = begin(3, Teacher())
    first = trained(rounds, 2)
    second = None
    third = None
    assert rounds.improve(first) == "plan 2"
    assert first.recorded.rested, "its engine makes room for the training"
    assert {e.source["round"] for e in rounds.examples.examples} == {2}
    second = trained(rounds, 1)
    assert rounds.improve(second) == "plan 3"
    third = trained(rounds, 0)
    assert rounds.improve(third) is None, "three rounds were asked for"
    assert rounds.choose([second, third]) is third
    assert kept(rounds) == [3]
    curve = [round(point["distance"].value, 2) for point in rounds.curve]
    assert curve == [1.0, 0.67, 0.33, 0.0]
    assert [point["amount_nats"].value for point in rounds.curve] == [3.0, 2.0, 1.0, 0.0]


@pytest.mark.parametrize("wrong", [2, 3])
def test_a_round_that_needs_no_less_correction_is_the_last_and_not_kept(
    begin: Any, wrong: int
) -> None:
    rounds = begin(5, Teacher())
    first = trained(rounds, 2)
    assert rounds.improve(first) == "plan 2"
    second = trained(rounds, wrong)
    assert rounds.improve(second) is None
    assert rounds.choose([first, second]) is first
    assert kept(rounds) == [1]


def test_the_first_round_is_kept_even_where_it_helps_nothing(begin: Any) -> None:
    rounds = begin(1, Teacher())
    first = trained(rounds, 3)
    assert rounds.improve(first) is None
    assert rounds.choose([first]) is first
    assert kept(rounds) == [1]


@pytest.mark.parametrize(("teacher", "dev"), [(None, DEV), (Teacher(), [])])
def test_where_nobody_corrects_dev_answers_all_rounds_are_trained(
    begin: Any, teacher: Any, dev: Sequence[Any]
) -> None:
    rounds = begin(2, teacher, dev)
    first = trained(rounds, 1)
    assert rounds.improve(first) == "plan 2"
    second = trained(rounds, 3)
    assert rounds.improve(second) is None
    assert rounds.choose([first, second]) is second
    assert rounds.session.run.ledger.get_note("rounds") is None
