"""Prompts of a rule for a kind of text: worked requests beside built ones, and their split."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate.ask import ASKED, GeneratedPrompt
from selfteach.generate.asked_for import (
    get_requests_for_others,
    get_text_kind,
    list_requests_for_others,
)
from selfteach.generate.occasions import Occasion, list_worked_occasions
from selfteach.materials.rules.scopes.situation import read_situation
from selfteach.methods.feedback import write_rule_prompts
from selfteach.methods.feedback.worked_prompts import list_more_neighbors, list_requests_for_texts
from selfteach.methods.feedback.write_rule_prompts import write_situation_prompts
from selfteach.methods.understood_rule import NO_RULE


class Session:
    """Stand for a session up to its prompts."""

    def __init__(self, target: int = 160, near: int = 120) -> None:
        self.config = FeedbackConfig(ask={"target": target, "near": near, "general": 0})
        self.understood = NO_RULE


def test_worked_requests_for_the_kind_are_in_scope_and_those_for_others_are_near() -> None:
    situation = read_situation("in cover letters")
    inside = list_requests_for_texts(Session(), situation, "target")  # type: ignore[arg-type]
    beside = list_requests_for_texts(Session(), situation, "near")  # type: ignore[arg-type]
    assert {prompt.text for prompt in inside} == set(get_text_kind("cover letter").requests)
    others = {*chain.from_iterable(get_requests_for_others("cover letter").values())}
    assert len(beside) == 80, "half as many as there are near prompts"
    assert {prompt.text for prompt in beside} <= others
    assert {prompt.form for prompt in inside + beside} == {ASKED}
    assert all(prompt.subject == prompt.text for prompt in inside), "a group of its own each"


def test_those_for_others_that_are_no_near_prompts_are_tried_outside() -> None:
    situation = read_situation("in cover letters")
    session: Any = Session()
    session.understood = replace(NO_RULE, situation=situation)
    learned = {prompt.text for prompt in list_requests_for_texts(session, situation, "near")}
    tried = [prompt.text for prompt in list_more_neighbors(session)]
    assert not learned & set(tried)
    assert sorted([*learned, *tried]) == sorted(list_requests_for_others("cover letter"))


def test_at_most_three_in_five_of_the_prompts_in_scope_are_worked_ones() -> None:
    situation = read_situation("in cover letters")
    few = Session(target=20)
    assert len(list_requests_for_texts(few, situation, "target")) == 12  # type: ignore[arg-type]


@pytest.mark.parametrize("scope", ["emails to my boss", "opening hours", "farewell toasts"])
def test_none_are_in_scope_of_what_is_no_kind_or_a_narrower_one(scope: str) -> None:
    found = list_requests_for_texts(Session(), read_situation(scope), "target")  # type: ignore[arg-type]
    assert found == []


@pytest.mark.parametrize("scope", ["in cover letters", "in emails", "when I ask for a summary"])
def test_every_part_has_worked_and_built_prompts_and_shares_none(
    scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session: Any = Session()
    session.base = Scripted(lambda request: "a matter of no interest")
    situation = read_situation(scope)
    occasions = list_worked_occasions(situation)
    made = [Occasion(form, text) for form, texts in occasions.items() for text in texts]
    monkeypatch.setattr(write_rule_prompts, "write_all_occasions", lambda *given: made)
    monkeypatch.setattr(write_rule_prompts, "write_scope_prompts", lambda *given: [])
    no_general: dict[str, list[GeneratedPrompt]] = {"train": [], "dev": [], "test": []}
    monkeypatch.setattr(write_rule_prompts, "split_by_similarity", lambda *given: no_general)
    monkeypatch.setattr(write_rule_prompts, "check_dev_part", lambda *given: None)
    pool = OverlapIndex()
    parts = write_situation_prompts(session, situation, pool)
    for name in ("train", "dev", "test"):
        for which in ("target", "near"):
            own = [prompt for prompt in parts[name] if prompt.scope == which]
            worked = sum(prompt.form == ASKED for prompt in own)
            assert 0 < worked < len(own) * 0.61
    every = list(chain.from_iterable(parts.values()))
    for which in ("target", "near"):
        assert 150 < sum(prompt.scope == which for prompt in every) <= 161
    train = {prompt.text for prompt in parts["train"]}
    test = {prompt.text for prompt in parts["test"]}
    assert train
    assert test
    learned = OverlapIndex(p.text for name in ("train", "dev") for p in parts[name])
    assert max(learned.nearest(text).similarity for text in test) < session.config.ask.max_overlap
    assert pool.nearest(next(iter(sorted(train)))).similarity == 1.0
