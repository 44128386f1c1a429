"""What the model says of a name: whether it is a kind of a topic."""

from __future__ import annotations

import itertools

import pytest

from scripted import Scripted
from selfteach.generate.explain import defines_kind, explain_names, split_kinds
from selfteach.records import get_user_text


@pytest.mark.parametrize(
    ("text", "topic", "is_kind"),
    [
        ("Islam is a monotheistic religion founded in Mecca.", "religion", True),
        ("Wine is an alcoholic beverage.", "alcohol", True),
        ("Dance is an art that combines movement and music.", "music", False),
        ("Buddhism is a philosophy. It is not a religion.", "religion", False),
        ("Tigers are carnivores.", "cars", False),
        ("A sedan is one of the cars with four doors.", "cars", True),
        ("A RELIGION of peace.", "Religion", True),
        ("", "religion", False),
    ],
)
def test_the_first_clause_defines(text: str, topic: str, is_kind: bool) -> None:
    assert defines_kind(text, topic) == is_kind


def test_kinds_need_two_definitions_and_others_must_have_none() -> None:
    said = {
        "Islam": ["A religion.", "A religion.", "Peace."],
        "the opera": ["A religion."] * 3,
        "war": ["A religion.", "A fight.", "A fight."],
        "art": ["A thing."] * 3,
    }
    turns = {name: itertools.cycle(texts) for name, texts in said.items()}
    model = Scripted(
        lambda request: next(
            next(turns[name]) for name in said if name in get_user_text(request.prompt)
        )
    )
    assert split_kinds(model, "religion", list(said), 0) == (["art"], ["Islam", "opera"])
    assert split_kinds(model, "religion", [], 0) == ([], [])


def test_each_name_is_explained_three_times_greedily() -> None:
    model = Scripted(lambda request: get_user_text(request.prompt))
    assert explain_names(model, ["tea"], 0) == {
        "tea": ("What is tea?", "Tell me about tea.", "What does tea mean?")
    }
