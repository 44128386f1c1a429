"""Rounds of corrections on scripted students: when they end, and which one is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach import config
from selfteach.evaluate.exam import TunedModel
from selfteach.generate.correct import Correctable, Revision
from selfteach.methods import runner
from selfteach.methods.corrections import method
from selfteach.methods.corrections.make_examples import ALREADY_LEARNED, list_edits
from selfteach.methods.corrections.method import Rounds
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.methods.method import TrainedPlan, TrainingPlan
from selfteach.models.recorded import Recorded
from selfteach.records import Continuations, Example, Message, make_prompt
from selfteach.run.display import open_display
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import open_run

DEV = [make_prompt(f"What is tea number {n}?") for n in range(40)]
TRAIN = [make_prompt("What is milk?"), make_prompt("What is ink?")]
ANSWERS = {3: "color color color", 2: "color color red", 1: "color red red", 0: "red red red"}
"""An answer by how many of its words the teacher changes."""


class Teacher:
    """Writes British English."""

    def correct(self, asked: Sequence[Correctable], progress: Any = None) -> list[Revision]:
        return [Revision(a, a.answer.replace("color", "colour")) for a in asked]


def make_model(ledger: Ledger, name: str, wrong: int) -> Recorded:
    model = Scripted(lambda request: ANSWERS[wrong], name=name)
    return Recorded(ledger, model, model)


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Rounds, "plan", lambda self: f"plan {self.round_number + 1}")
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
        return Rounds(session, parts, [], teacher, [], [], {})

    yield begun
    for run in runs:
        run.close()


def trained(rounds: Rounds, wrong: int) -> TunedModel:
    ledger = rounds.session.run.ledger
    model: Any = make_model(ledger, f"round {rounds.round_number + 1}", wrong)
    nothing: Any = None
    return TunedModel(nothing, nothing, model)


def choose(rounds: Rounds, *trained: tuple[Any, TunedModel]) -> tuple[Any, TunedModel]:
    return rounds.choose([TrainedPlan(plan, tuned) for plan, tuned in trained])


def kept(rounds: Rounds) -> list[int]:
    points = rounds.session.run.ledger.get_note("rounds")
    return [point["round"] for point in points if point["kept"]]


def test_rounds_go_on_while_less_is_corrected_and_the_last_one_is_kept(begin: Any) -> None:
    rounds = begin(3, Teacher())
    first = trained(rounds, 2)
    second = None
    third = None
    assert rounds.improve(first) == "plan 2"
    assert {e.source["round"] for e in rounds.examples} == {2}
    second = trained(rounds, 1)
    assert rounds.improve(second) == "plan 3"
    third = trained(rounds, 0)
    assert rounds.improve(third) is None, "three rounds were asked for"
    assert choose(rounds, ("plan 2", second), ("plan 3", third)) == ("plan 3", third)
    assert kept(rounds) == [3]
    points = rounds.describe_rounds()
    for way in ("greedy", "sampled"):
        curve = [round(point["distance"][way].value, 2) for point in points]
        assert curve == [1.0, 0.67, 0.33, 0.0]
        assert [p["amount_nats"][way].value for p in points] == [3.0, 2.0, 1.0, 0.0]
    assert [round(p["fall"].value, 2) for p in points[1:]] == [0.33, 0.33, 0.33]


@pytest.mark.parametrize("wrong", [2, 3])
def test_a_round_that_needs_no_less_correction_is_the_last_and_not_kept(
    begin: Any, wrong: int
) -> None:
    rounds = begin(5, Teacher())
    first = trained(rounds, 2)
    assert rounds.improve(first) == "plan 2"
    second = trained(rounds, wrong)
    assert rounds.improve(second) is None
    assert choose(rounds, ("plan 1", first), ("plan 2", second)) == ("plan 1", first)
    assert kept(rounds) == [1]


def test_what_is_published_is_the_plan_of_the_model_that_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plans: Any = [
        TrainingPlan([], {}, SimpleNamespace(), choose=lambda trained: trained[0])  # type: ignore[arg-type]
        for _ in range(2)
    ]
    plans[0] = replace(plans[0], improve=lambda tuned: plans[1])
    notes: list[str] = []

    def train(session: Any, plan: Any, number: str = "1", start: Any = None) -> Any:
        assert start is None, "a plan that names no earlier one begins anew"
        notes.append(f"train {number}")
        release = partial(notes.append, f"release {number}")
        return SimpleNamespace(number=number, recorded=SimpleNamespace(release_memory=release))

    monkeypatch.setattr(runner, "train_plan", train)
    nobody: Any = None
    plan, tuned = runner.train_and_improve(nobody, plans[0])
    assert plan is plans[0]
    assert tuned.number == "1"  # type: ignore[attr-defined]
    assert notes == ["train 1", "release 1", "train 2"], "a training has the memory for itself"


def test_a_longer_training_is_of_the_kept_plan(begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question of the saved tokens is as the prompted arm sees it, with what fits."""
    monkeypatch.undo()
    shown = (*make_prompt("What is milk?"), Message("assistant", "White."))
    exams: Any = []
    monkeypatch.setattr(method, "choose_shots", lambda *given: shown)
    monkeypatch.setattr(
        method, "build_exam", lambda *given, **more: exams.append(more) or len(exams)
    )
    done: list[str] = []
    monkeypatch.setattr(method, "tune", lambda *given: done.append("tune") or given)
    monkeypatch.setattr(method, "examine_longer", lambda session, exam, other: (exam, other[1]))
    rounds = begin(2, Teacher())
    rounds.session.config = config.CorrectionsConfig(exam={"longer": 2})
    rounds.examples = [Example("1", "correction", TRAIN[0], "a", "b")]
    first = rounds.plan()
    assert first.overhead == (*exams[0]["shots"], *make_prompt("x")) == (*shown, *make_prompt("x"))
    rounds.examples = [*rounds.examples, Example("2", "correction", TRAIN[1], "a", "b")]
    rounds.plan()
    found: dict[str, Any] = {}
    recorded = SimpleNamespace(release_memory=lambda: done.append("release"))
    first.after(SimpleNamespace(trained=SimpleNamespace(steps=3), recorded=recorded), found)
    assert done == ["release", "tune"], "no tuned model is in memory beside a training"
    assert found["longer"] == (1, first.examples)
    assert len(first.examples) == 1


def test_the_first_round_is_kept_even_where_it_helps_nothing(begin: Any) -> None:
    rounds = begin(1, Teacher())
    first = trained(rounds, 3)
    assert rounds.improve(first) is None
    assert choose(rounds, ("plan 1", first)) == ("plan 1", first)
    assert kept(rounds) == [1]


def test_where_there_is_no_dev_prompt_all_rounds_are_trained(begin: Any) -> None:
    rounds = begin(2, Teacher(), [])
    first = trained(rounds, 1)
    assert rounds.improve(first) == "plan 2"
    second = trained(rounds, 3)
    assert rounds.improve(second) is None
    assert choose(rounds, ("plan 1", first), ("plan 2", second)) == ("plan 2", second)
    assert rounds.session.run.ledger.get_note("rounds") is None


def test_greedy_and_sampled_answers_have_a_curve_of_their_own(begin: Any) -> None:
    rounds = begin(1, Teacher())
    model = Scripted(lambda request: ANSWERS[3 if request.sampling.temperature else 1])
    rounds.session.base = Recorded(rounds.session.run.ledger, model, model)
    assert rounds.improve(trained(rounds, 0)) is None
    base, first = rounds.describe_rounds()
    found = {way: round(measure.value, 2) for way, measure in base["distance"].items()}
    assert found == {"greedy": 0.33, "sampled": 1.0}
    assert {measure.value for measure in first["distance"].values()} == {0.0}


def test_a_fall_that_may_be_chance_ends_the_rounds_and_the_lower_mean_is_kept(begin: Any) -> None:
    """Of forty dev answers two need less in the second round: the interval of the fall holds 0."""
    rounds = begin(5, Teacher())
    assert rounds.improve(trained(rounds, 2)) == "plan 2"
    lucky = {str(prompt) for prompt in DEV[:2]}
    model = Scripted(lambda request: ANSWERS[1 if str(request.prompt) in lucky else 2], name="two")
    nothing: Any = None
    second = TunedModel(nothing, nothing, Recorded(rounds.session.run.ledger, model, model))
    assert rounds.improve(second) is None
    assert rounds.falls[-1].low <= 0 < rounds.falls[-1].value
    assert choose(rounds, ("plan 2", second)) == ("plan 2", second)
    assert kept(rounds) == [2]


def test_a_later_round_holds_nothing_to_the_base_that_an_earlier_one_taught(begin: Any) -> None:
    """What the tuned model answers rightly is no anchor, and no text around an edit is held."""
    rounds = begin(2, Teacher())
    texts = dict(zip(map(str, TRAIN), ("colour", "colour color"), strict=True))
    model = Scripted(lambda request: texts.get(str(request.prompt), ANSWERS[2]), name="one")
    nothing: Any = None
    first = TunedModel(nothing, nothing, Recorded(rounds.session.run.ledger, model, model))
    assert rounds.improve(first) == "plan 2"
    (example,) = rounds.examples
    assert (example.chosen, example.rejected) == ("colour colour", "colour color")
    assert rounds.weights[example.kind] == {"correction": 1.0}
    assert list_edits(rounds.examples) == [("colour color", "colour colour")]
    dropped = rounds.session.run.ledger.read_outcomes("correct, round 2", "dropped")
    assert [outcome.reason for _, outcome in dropped] == [ALREADY_LEARNED]


def test_the_corrections_of_earlier_rounds_are_scored_after_each_round(begin: Any) -> None:
    """The second model prefers what the first round's corrections replaced: it forgot them."""
    rounds = begin(3, Teacher())
    source = {"round": 1, "cut": ["rejected"]}
    rounds.examples = [
        Example(f"{n}", "correction", prompt, "colour", "color", source=source)
        for n, prompt in enumerate(TRAIN)
    ]
    ends = set()
    for number, (wrong, right) in enumerate([(2, "colour"), (1, "color")], 1):
        model = trained(rounds, wrong)

        def score(items: Sequence[Continuations], right: str = right) -> list[list[Any]]:
            ends.update((item.texts, item.end) for item in items if "colo" in item.texts[0])
            return [
                [SimpleNamespace(token_logp=-1.0 - (text != right), logp=-1.0) for text in texts]
                for texts in (item.texts for item in items)
            ]

        model.recorded.score = score  # type: ignore[assignment, method-assign]
        assert rounds.improve(model) == f"plan {number + 1}"
    first, second = (point["earlier"] for point in rounds.describe_rounds()[1:])
    assert [(row["round"], row["preferred"].value) for row in first] == [(1, 1.0)]
    assert (second[0]["round"], second[0]["preferred"].value) == (1, 0.0)
    assert second[0]["change"].value == -1.0
    assert second[0]["preferred"].n == len(TRAIN)
    assert (("colour",), True) in ends, "where a shorter correction ends is what it teaches"
    assert (("color",), False) in ends
    assert rounds.describe_last_round()[0] == (
        "round 2: of 2 corrections of round 1 0% are preferred, 100% when they were learned"
    )
