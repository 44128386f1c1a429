"""A tuned model's own answers to which a criticism still applies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import CorrectionsConfig, resolve
from selfteach.evaluate.exam import TunedModel
from selfteach.generate.correct import Correctable, Corrector, Revision
from selfteach.judge import ThresholdJudge
from selfteach.judge.check import CheckJudge
from selfteach.judge.opening import SAYS_NOTHING
from selfteach.methods.corrections import method
from selfteach.methods.corrections.critic import Critic, CriticLimits, ends_alike
from selfteach.methods.corrections.make_examples import make_example
from selfteach.methods.corrections.method import OBJECTIVE_WEIGHTS, Rounds
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.methods.learn_mistakes import OWN_MISTAKE, has_enough_mistakes
from selfteach.models.recorded import Recorded
from selfteach.records import Request, make_prompt
from selfteach.run.display import open_display
from selfteach.run.run_folder import Run, open_run

TRAIN = [make_prompt(f"How do I grow tea number {n}?") for n in range(10)]
BRIEF = "Water the plant every day."
LONG = f"{BRIEF} Then wait until the leaves are large enough to be picked by hand."


@dataclass
class Given:
    """A run whose first model is trained, and the answers of its tuned model."""

    rounds: Rounds
    tuned: TunedModel
    asked: list[Request]


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Given]]:
    monkeypatch.setattr(Rounds, "plan", lambda self, **more: f"plan {self.round_number + 1}")
    runs: list[Run] = []

    def begun(answer: Callable[[Request], str], check: str = "max_words=8", **more: Any) -> Given:
        run = open_run(tmp_path / "run", "said", "corrections", resolve(CorrectionsConfig), {})
        runs.append(run)
        base = Recorded(run.ledger, Scripted(lambda request: LONG, name="base"), None)
        session: Any = SimpleNamespace(
            run=run,
            config=CorrectionsConfig(correct={"max_tokens": 64, "samples": 1}, **more),
            display=open_display(),
            base=base,
            teacher=None,
            model=SimpleNamespace(encode_answer=str.split),
        )
        checks = (check,) if check else ()
        critic = Critic(
            base,
            CriticLimits(0, 64, 1, -9.0),
            "Too long.",
            [],
            Corrector(base, "few-shot", 0),
            checks=checks,
            judge=ThresholdJudge(CheckJudge(check or "max_words=8"), 0.5),
        )
        none: dict[str, list[Any]] = {"train": [], "dev": [], "test": []}
        parts = CorrectionParts([], none, none, [(critic, {**none, "train": TRAIN})])
        rounds = Rounds(session, parts, [], None, [], [], {})
        asked: list[Request] = []

        def answered(request: Request) -> str:
            asked.append(request)
            return answer(request)

        recorded = Recorded(run.ledger, Scripted(answered, name="tuned"), None)
        nothing: Any = None
        return Given(rounds, TunedModel(nothing, nothing, recorded), asked)

    yield begun
    for run in runs:
        run.close()


def test_what_a_tuned_model_says_too_long_is_cut_where_it_should_end(begin: Any) -> None:
    given = begin(lambda request: LONG if request.draw else BRIEF)
    assert given.rounds.improve(given.tuned) == "plan 2"
    assert {request.sampling.temperature for request in given.asked} == {1.0}
    assert len(given.asked) == 8 * len(TRAIN)
    learned = given.rounds.examples
    assert {(one.kind, one.chosen, one.rejected) for one in learned} == {(OWN_MISTAKE, BRIEF, LONG)}
    assert [one.turns for one in learned] == TRAIN, "an answer that is drawn again is one example"
    assert given.rounds.improve(given.tuned) is None, "once"
    assert given.rounds.best is given.tuned


def test_a_tuned_model_that_makes_no_mistake_is_not_trained_again(begin: Any) -> None:
    given = begin(lambda request: BRIEF)
    assert given.rounds.improve(given.tuned) is None
    assert (given.rounds.examples, len(given.asked)) == ([], 8 * len(TRAIN))


def test_no_correction_declines(begin: Any) -> None:
    given = begin(lambda request: LONG.replace(BRIEF, "I'm sorry, but I can't help with that."))
    assert given.rounds.improve(given.tuned) is None
    assert given.rounds.examples == []


def test_in_place_of_an_apology_another_answer_is_learned(begin: Any) -> None:
    given = begin(lambda request: LONG.replace(BRIEF, "I'm sorry for any misunderstanding."))
    assert given.rounds.improve(given.tuned) == "plan 2"
    assert {one.chosen for one in given.rounds.examples} == {BRIEF}


@pytest.mark.parametrize(
    "without",
    [{"criticism": {"own_samples": 0}}, {"check": ""}],
    ids=["switched off", "a judge decides"],
)
def test_without_a_check_or_samples_nothing_is_drawn(begin: Any, without: Any) -> None:
    given = begin(lambda request: LONG, **without)
    assert given.rounds.improve(given.tuned) is None
    assert given.asked == []


def test_a_corrected_mistake_is_held_to_the_base_nowhere() -> None:
    assert OBJECTIVE_WEIGHTS[OWN_MISTAKE] == {"correction": 1.0}


@pytest.mark.parametrize(("corrected", "drawn", "enough"), [(1, 100, True), (1, 101, False)])
def test_one_mistake_in_a_hundred_is_worth_a_training(
    corrected: int, drawn: int, enough: bool
) -> None:
    assert has_enough_mistakes(corrected, drawn) is enough


def test_a_teachers_rewrite_in_a_later_round_is_learned_as_one() -> None:
    asked = Correctable(TRAIN[0], LONG, "Too stiff.")
    revision = Revision(asked, "Hey, just give it some water, my friend!")
    kinds = [make_example(revision, "a teacher", number).kind for number in (1, 2)]
    assert kinds == ["criticised", "criticised"]
    assert make_example(revision, "Too stiff.", 2, OWN_MISTAKE).kind == OWN_MISTAKE


@pytest.mark.parametrize(
    ("question", "fault"),
    [("How do I grow tea?", SAYS_NOTHING), ("Write an apology for a late delivery.", "")],
)
def test_an_apology_is_an_answer_where_one_is_asked_for(
    begin: Any, question: str, fault: str
) -> None:
    critic, _ = begin(lambda request: BRIEF).rounds.parts.criticised[0]
    assert critic.find_answer_fault(make_prompt(question), "I apologize for the delay.") == fault


@pytest.mark.parametrize(
    ("text", "other", "alike"),
    [("Water it, then", "Hm. Water it, then", True), ("Water it.", "Water it. Then", False)],
)
def test_a_revision_that_ends_where_its_answer_was_cut_is_cut(
    text: str, other: str, alike: bool
) -> None:
    assert ends_alike(text, other) is alike


def test_a_criticism_that_limits_no_length_may_leave_a_decline(begin: Any) -> None:
    declined = "I'm sorry, but I can't help with that."
    given = begin(lambda request: f"{declined} 🙂", check='not regex "🙂"')
    assert given.rounds.improve(given.tuned) == "plan 2"
    assert {one.chosen for one in given.rounds.examples} == {declined}


def test_own_mistakes_are_learned_by_going_on_and_a_round_begins_anew(
    begin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = begin(lambda request: LONG)
    rounds = given.rounds
    monkeypatch.undo()
    for name in ("build_exam", "choose_shots", "find_held_out"):
        monkeypatch.setattr(method, name, lambda *given, **named: ())
    monkeypatch.setattr(CorrectionParts, "get_test_prompts", lambda self: [])
    first = rounds.plan()
    assert first.goes_on_from is None
    again = rounds.improve(given.tuned)
    assert again.goes_on_from is first
    assert rounds.plan().goes_on_from is None


def test_closed_form_learns_no_own_mistake(begin: Any) -> None:
    given = begin(lambda request: LONG, train={"adapter": "closed_form"})
    assert given.rounds.improve(given.tuned) is None
    assert given.asked == []
