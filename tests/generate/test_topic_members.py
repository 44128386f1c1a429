"""What belongs to a topic is told from what stands beside it."""

from __future__ import annotations

import math

import pytest

from scripted import Scripted
from selfteach.generate.subject import Subject, fill_up_siblings, leave_out_members
from selfteach.generate.topic_members import measure_membership, split_members
from selfteach.records import Prompt

NATS = {"Words": 6.0, "Topic": 4.0, "Other topics of the same kind": -2.0}


def list_members(**members: str) -> Scripted:
    """The names of a topic are likelier among its words, and suggest it; no others are."""

    def logp(prompt: Prompt, text: str) -> float:
        head, _, label = str(prompt).removesuffix(":").rpartition("\n")
        asked = head.rpartition(": ")[2].partition("\n")[0]
        topic, name = (text.strip(), asked) if label == "Topic" else (asked, text.strip())
        own = members.get(topic, "").split()
        return -20.0 + (NATS[label] if name in own else 0.0)

    return Scripted({}, logp)


def test_a_name_belongs_where_it_is_listed_as_a_word_and_suggests_the_topic() -> None:
    model = list_members(gambling="poker dice")
    found = measure_membership(model, "gambling", ["poker", "fishing", "dice"])
    assert found == pytest.approx([4 + 2 * 6 + 2, 0, 4 + 2 * 6 + 2])
    assert split_members(model, "gambling", ["poker", "fishing"]) == (["fishing"], ["poker"])


def test_without_names_or_scores_nothing_belongs() -> None:
    assert measure_membership(Scripted({}), "gambling", []) == []
    lost = Scripted({})
    lost.stream_scores = lambda items: ((item.id(lost.fingerprint), ()) for item in items)  # type: ignore[method-assign]
    assert measure_membership(lost, "gambling", ["poker"]) == [-math.inf]
    assert split_members(lost, "gambling", ["poker"]) == (["poker"], [])


def test_a_member_of_one_topic_is_no_sibling_of_the_other() -> None:
    casinos = Subject("casinos", siblings=("hotels", "poker"))
    model = list_members(gambling="poker", casinos="hotels")
    found = leave_out_members(model, casinos, ["casinos", "gambling"])
    assert found == Subject("casinos", siblings=("hotels",)), "its own siblings stay"


def test_everyday_topics_take_the_places_of_members() -> None:
    model = list_members(gambling="games money")
    found = fill_up_siblings(model, ["gambling", "tea"], ["fishing"], ["arts"])
    assert len(found) == 6
    assert found[0] == "fishing"
    assert not {"games", "money", "art"} & set(found)
    many = ["a", "b", "c", "d", "e", "f", "g"]
    assert fill_up_siblings(model, ["gambling"], many, []) == many
