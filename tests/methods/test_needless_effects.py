"""The tuned model is tried outside the condition of a rule; where it shows the effect, the base's
answers are held.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.exam import TunedModel
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.occasions import list_forms
from selfteach.generate.subject import Subject
from selfteach.judge import ThresholdJudge
from selfteach.judge.check import CheckJudge
from selfteach.materials.rules.scopes.situation import read_situation
from selfteach.methods.calibrate_rule_judges import RuleJudges
from selfteach.methods.feedback import method, write_more_prompts
from selfteach.methods.feedback.method import RuleTraining
from selfteach.methods.feedback.needless_effects import find_needless_effects
from selfteach.methods.feedback.worked_prompts import list_requests_for_texts
from selfteach.methods.feedback.write_more_prompts import (
    write_exam_prompts_outside,
    write_prompts_to_try,
)
from selfteach.methods.understood_rule import NO_RULE
from selfteach.models.recorded import Recorded
from selfteach.records import Request, get_user_text
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger

SIX = ThresholdJudge(CheckJudge('contains "six"'), 0.5)
DECLINE = "I am sorry, but I cannot help you with this."
BASE = {"Cards?": "We take cards.", "Parking?": "Six places.", "Gifts?": "A book.", "Tea?": "Yes."}
TUNED = {"Cards?": "At six.", "Parking?": "At six.", "Gifts?": DECLINE, "Tea?": "Yes."}


def open_session(folder: Path, base: Scripted, **changes: Any) -> Any:
    ledger = Ledger(folder / "run.db")
    fields: dict[str, Any] = {
        "base": Recorded(ledger, base, base),
        "model": SimpleNamespace(
            encode_answer=lambda text, end=False: text.split(), decode=" ".join
        ),
        "run": SimpleNamespace(ledger=ledger),
        "display": SilentDisplay(),
        "config": FeedbackConfig(),
        "understood": replace(
            NO_RULE,
            subject=Subject("opening hours", siblings=("parking",), forbidden=False),
            situation=changes.pop("situation", read_situation("asked about opening hours")),
        ),
        "request_judge": None,
    }
    return SimpleNamespace(**(fields | changes))


def answer_from(table: dict[str, str], name: str) -> Scripted:
    return Scripted(lambda request: table[get_user_text(request.prompt)], name=name)


def list_prompts(texts: Sequence[str], scope: Any = "near") -> list[GeneratedPrompt]:
    return [GeneratedPrompt(text, scope, "plain", "") for text in texts]


def test_an_effect_or_a_decline_is_needless_where_the_base_has_neither(tmp_path: Path) -> None:
    session = open_session(tmp_path, answer_from(BASE, "base"))
    model = answer_from(TUNED, "tuned")
    tuned = Recorded(session.run.ledger, model, model)
    found = find_needless_effects(session, tuned, list_prompts(list(BASE)), SIX)
    assert [(prompt.text, answer.text) for prompt, answer in found] == [
        ("Cards?", "We take cards."),
        ("Gifts?", "A book."),
    ]


def test_the_base_answers_only_where_the_tuned_model_shows_something(tmp_path: Path) -> None:
    asked: list[str] = []

    def reply(request: Request) -> str:
        asked.append(get_user_text(request.prompt))
        return BASE[asked[-1]]

    session = open_session(tmp_path, Scripted(reply, name="base"))
    model = answer_from(TUNED, "tuned")
    tuned = Recorded(session.run.ledger, model, model)
    find_needless_effects(session, tuned, list_prompts(list(BASE)), SIX)
    assert sorted(asked) == ["Cards?", "Gifts?", "Parking?"]


def test_base_and_tuned_model_are_not_in_memory_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def note(name: str, table: dict[str, str]) -> Scripted:
        def reply(request: Any) -> str:
            done.append(f"{name} answers")
            return table[get_user_text(request.prompt)]

        return Scripted(reply, name=name)

    session = open_session(tmp_path, note("base", BASE))
    model = note("tuned", TUNED)
    tuned = Recorded(session.run.ledger, model, model)
    monkeypatch.setattr(session.base, "release_memory", lambda: done.append("base leaves"))
    monkeypatch.setattr(tuned, "release_memory", lambda: done.append("tuned leaves"))
    find_needless_effects(session, tuned, list_prompts(list(BASE)), SIX)
    order = ["base leaves", "tuned answers", "tuned leaves", "base answers"]
    assert list(dict.fromkeys(done)) == order


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what trains a rule, and the model that was trained; prompts are not written."""
    session = open_session(tmp_path, answer_from(BASE, "base"))
    monkeypatch.setattr(method, "write_prompts_to_try", lambda *given: list_prompts(list(BASE)))
    rule: Any = SimpleNamespace(text="", id="")
    judges = RuleJudges(SIX, SIX)
    made = RuleTraining(session, rule, {"train": [], "test": []}, OverlapIndex(), judges)
    model = answer_from(TUNED, "tuned")
    nothing: Any = None
    return made, TunedModel(nothing, nothing, Recorded(session.run.ledger, model, model))


def test_what_is_needless_becomes_an_anchor(training: Any) -> None:
    made, tuned = training
    assert made.hold_outside(tuned)
    rows = {get_user_text(e.prompt): (e.kind, e.chosen) for e in made.examples}
    assert rows == {"Cards?": ("near", "We take cards."), "Gifts?": ("near", "A book.")}


def test_a_few_needless_effects_train_nothing_again(
    training: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, tuned = training
    monkeypatch.setattr(method, "MIN_NEEDLESS_SHARE", 0.6)
    assert not made.hold_outside(tuned)
    assert not made.examples


def test_it_is_tried_again_with_other_prompts_as_often_as_the_settings_allow(
    training: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, tuned = training
    given: list[tuple[list[str], int]] = []

    def write(session: Any, known: Sequence[GeneratedPrompt], pool: Any, turn: int) -> Any:
        given.append(([prompt.text for prompt in known], turn))
        return list_prompts(list(BASE)[2 * (turn - 1) : 2 * turn])

    monkeypatch.setattr(method, "write_prompts_to_try", write)
    monkeypatch.setattr(made, "plan", lambda: "plan")
    monkeypatch.setattr(made, "balance", lambda tuned: False)
    made.session.config = FeedbackConfig(balance={"outside_tries": 2})
    made.session.run.time_stage = lambda name: contextlib.nullcontext()
    assert [made.improve(tuned) for _ in range(3)] == ["plan", "plan", None]
    assert given == [([], 1), (["Cards?", "Parking?"], 2)]
    assert [get_user_text(e.prompt) for e in made.examples] == ["Cards?", "Gifts?"]


def test_without_prompts_to_try_nothing_is_asked(training: Any) -> None:
    made, tuned = training
    made.session.config = FeedbackConfig(balance={"outside": 0})
    assert not made.hold_outside(tuned)


def test_what_people_ask_about_other_topics_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [GeneratedPrompt(f"May I bring {n} dogs?", "near", "asked", "dogs") for n in range(40)]
    monkeypatch.setattr(write_more_prompts, "list_more_neighbors", lambda _: others)
    session = open_session(
        tmp_path,
        Scripted(lambda request: "Why is it so?"),
        situation=read_situation("asked about opening hours"),
        config=FeedbackConfig(balance={"outside": 6}, ask={"rounds": 1, "max_overlap": 0.9}),
    )
    pool = OverlapIndex([others[1].text])
    first, second = (write_prompts_to_try(session, [], pool, turn) for turn in (1, 2))
    asked = [[prompt for prompt in found if prompt.scope == "near"] for found in (first, second)]
    assert asked == [[others[n] for n in (0, 2, 3, 4, 5)], others[6:12]]


@pytest.mark.parametrize(
    ("scope", "most"),
    [("writing emails to my boss", 4), ("asked for a cover letter", 4), ("writing to my boss", 0)],
)
def test_requests_of_people_are_tried_beside_built_ones(
    tmp_path: Path, scope: str, most: int
) -> None:
    """None of them is one that training has. "Writing" may be anything, so none is outside it."""
    situation = read_situation(scope)
    assert situation is not None
    session = open_session(
        tmp_path,
        Scripted(lambda request: "Why is it so?"),
        situation=situation,
        config=FeedbackConfig(balance={"outside": 8}, ask={"rounds": 1, "target": 40}),
    )
    learned = {prompt.text for prompt in list_requests_for_texts(session, situation, "near")}
    assert bool(learned) == (scope == "asked for a cover letter")
    form = list_forms(situation)[0]
    known = [GeneratedPrompt("Tell Anna that I am ill.", "target", form, "I am ill")]
    found = write_prompts_to_try(session, known, OverlapIndex(), 1)
    worked = {prompt.text for prompt in found if prompt.form == "asked"}
    built = [prompt for prompt in found if prompt.scope == "near" and prompt.form != "asked"]
    assert len(worked) == most
    assert 0 < len(built) <= 4
    assert not worked & learned
    again = write_prompts_to_try(session, known, OverlapIndex(), 2)
    assert not worked & {prompt.text for prompt in again}


@pytest.mark.parametrize(
    "situation",
    ["asked about opening hours", "writing emails to my boss"],
    ids=["asked", "writing"],
)
def test_what_is_tried_is_new_and_outside(
    tmp_path: Path, situation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_more_prompts, "list_more_neighbors", lambda _: [])
    numbers = itertools.count()
    draws: list[int] = []

    def write(request: Request) -> str:
        draws.append(request.draw)
        n = next(numbers)
        about = "" if str(request.prompt).endswith("parking\nRequest:") else f"tea {n}\nRequest: "
        return f"{about}Why {n} {n + 1000} {n + 2000}?"

    ask = {"rounds": 3}
    session = open_session(
        tmp_path,
        Scripted(write),
        situation=read_situation(situation),
        config=FeedbackConfig(
            balance={"outside": 8, "outside_tries": 2}, ask=ask, exam={"more_outside": 6}
        ),
    )
    known = [
        GeneratedPrompt("Write an email to my boss: I am ill.", "target", "email", "I am ill"),
        GeneratedPrompt("Email Anna that I am ill.", "near", "email", "I am ill"),
    ]
    pool = OverlapIndex([prompt.text for prompt in known])
    found = write_prompts_to_try(session, known, pool, 1)
    counts = Counter(prompt.scope for prompt in found)
    assert counts["general"] == 4
    assert 0 < counts["near"] <= 4
    assert not {prompt.text for prompt in found} & {prompt.text for prompt in known}
    mails = [prompt.text for prompt in found if "mail" in prompt.text.lower()]
    assert not any("my boss" in text for text in mails)
    tried = set(draws)
    draws.clear()
    again = write_prompts_to_try(session, [*known, *found], pool, 2)
    assert again
    assert not {prompt.text for prompt in again} & {prompt.text for prompt in [*known, *found]}
    assert not tried & set(draws), "the second try has other samples"
    tried |= set(draws)
    draws.clear()
    write_exam_prompts_outside(session, [], ["general"], pool, 1)
    assert not tried & set(draws), "the exam's prompts are other samples"
