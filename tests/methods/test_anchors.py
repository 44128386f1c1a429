"""Anchors: what the base says itself becomes an example, and what does not is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import TasksConfig
from selfteach.errors import IntegrityError
from selfteach.methods.anchors import EMPTY, OwnAnswer, keep_answers, make_anchors
from selfteach.methods.tasks.method import keep_own_answers
from selfteach.models.recorded import Recorded
from selfteach.records import GREEDY, Completion, Prompt, digest, get_user_text, make_prompt
from selfteach.run.display import open_display
from selfteach.run.ledger import Ledger, Outcome

ANSWERS = {"Tea?": "Tea is hot.", "Milk?": "  ", "Bread?": "Bread is old."}
PROMPTS = [make_prompt(text) for text in ANSWERS]


def session(folder: Path) -> Any:
    model = Scripted(lambda request: ANSWERS[get_user_text(request.prompt)])
    ledger = Ledger(folder / "run.db")
    config = TasksConfig(**{"anchors": {"anchor_tokens": 7}})
    return SimpleNamespace(
        run=SimpleNamespace(ledger=ledger),
        config=config,
        display=open_display(),
        base=Recorded(ledger, model, model),
        model=model,
    )


def identify(prompt: Prompt, completion: Completion) -> str:
    return get_user_text(prompt)


def outcomes(there: Any, stage: str = "anchors") -> dict[str, Outcome]:
    return {fate.id: fate for _, fate in there.run.ledger.read_outcomes(stage)}


def test_an_empty_answer_is_dropped_and_counted(tmp_path: Path) -> None:
    there = session(tmp_path)
    found = make_anchors(there, PROMPTS, GREEDY, identify)
    assert [(e.id, e.kind, e.role, e.chosen) for e in found] == [
        ("Tea?", "general", "hold", "Tea is hot."),
        ("Bread?", "general", "hold", "Bread is old."),
    ]
    assert [e.prompt for e in found] == [PROMPTS[0], PROMPTS[2]]
    (stage,) = there.run.ledger.funnel()
    assert (stage.stage, stage.requested, stage.accepted, stage.dropped) == ("anchors", 3, 2, 1)
    assert stage.reasons == {EMPTY: 1}
    assert outcomes(there)["Milk?"].body == {"prompt": "Milk?"}


def test_tasks_count_the_drops_of_their_anchors(tmp_path: Path) -> None:
    there = session(tmp_path)
    found = keep_own_answers(there, PROMPTS)
    assert [e.chosen for e in found] == ["Tea is hot.", "Bread is old."]
    assert {request.stage for request in there.model.asked} == {"keep"}
    assert {request.sampling for request in there.model.asked} == {replace(GREEDY, max_tokens=7)}
    requests = {get_user_text(request.prompt): request for request in there.model.asked}
    ids = {
        text: digest(["keep", request.id(there.base.fingerprint)])
        for text, request in requests.items()
    }
    assert [e.id for e in found] == [ids["Tea?"], ids["Bread?"]]
    assert {id: fate.state for id, fate in outcomes(there).items()} == {
        ids["Tea?"]: "accepted",
        ids["Milk?"]: "dropped",
        ids["Bread?"]: "accepted",
    }
    assert outcomes(there)[ids["Milk?"]].reason == "empty base answer"


def test_a_review_shortens_and_refuses(tmp_path: Path) -> None:
    def review(answers: Sequence[OwnAnswer]) -> list[OwnAnswer]:
        shorter = replace(answers[0], text="Tea", cut=True)
        refused = replace(answers[2], fault="too old", body={"answer": answers[2].text})
        return [shorter, answers[1], refused]

    there = session(tmp_path)
    (found,) = make_anchors(
        there,
        PROMPTS,
        GREEDY,
        identify,
        kind="own",
        source={"scope": "general"},
        stage="own",
        review=review,
    )
    assert (found.chosen, found.kind, found.role) == ("Tea", "own", "learn")
    assert found.source == {"scope": "general", "cut": ["chosen"]}
    fates = outcomes(there, "own")
    assert (fates["Milk?"].reason, fates["Bread?"].reason) == (EMPTY, "too old")
    assert fates["Bread?"].body == {"prompt": "Bread?", "answer": "Bread is old."}


@pytest.mark.parametrize(("finish", "cut"), [("length", ["chosen"]), ("stop", [])])
def test_an_answer_at_its_token_limit_goes_on(finish: str, cut: list[str], tmp_path: Path) -> None:
    there = session(tmp_path)
    there.base = SimpleNamespace(
        sample=lambda requests, on_sample: [Completion("x", "Tea is", finish) for _ in requests]
    )
    (found,) = make_anchors(there, PROMPTS[:1], GREEDY, identify)
    assert found.source == {"cut": cut}


def test_an_answer_that_a_review_loses_is_missed(tmp_path: Path) -> None:
    there = session(tmp_path)
    answers = [
        OwnAnswer("a", make_prompt("Tea?"), "Hot.", False),
        OwnAnswer("b", make_prompt("x"), "y", False),
    ]
    with pytest.raises(IntegrityError, match="did not come out"):
        keep_answers(there, answers, review=lambda own: own[:1])
