"""Worked requests of those who ask about the topic of a condition: neighbors as people say them."""

from __future__ import annotations

from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate.ask import ASKED, GeneratedPrompt
from selfteach.generate.few_shot import REQUESTS_BY
from selfteach.generate.subject import Subject
from selfteach.materials.situation import Situation
from selfteach.methods.feedback.prompts_in_scope import find_insiders, get_asked_topic
from selfteach.methods.feedback.write_rule_prompts import list_requests_of_askers
from selfteach.select.prompt_format import find_format_fault

WIFI = "When a guest asks about the wifi, say that the password is at the front desk."


def open_session(rule: str, subject: Subject, near: int = 200) -> Any:
    config = FeedbackConfig(ask={"near": near})
    situation = Situation("about", topic=subject.topic)
    return SimpleNamespace(
        rule=rule, subject=subject, situation=situation, effect=None, config=config
    )


def ask_about(topic: str, *siblings: str) -> Subject:
    return Subject(topic, siblings=siblings, forbidden=False)


def test_guests_ask_about_what_is_no_part_of_the_topic() -> None:
    topics = [topic for topic in REQUESTS_BY["guests"] if topic != "parking"]
    found = list_requests_of_askers(open_session(WIFI, ask_about("wifi", *topics)))
    assert {prompt.subject for prompt in found} == set(topics)
    assert {prompt.text for prompt in found}.isdisjoint(REQUESTS_BY["guests"]["parking"])
    assert {prompt.scope for prompt in found} == {"near"}


def test_at_most_half_of_the_neighbors_are_worked_ones_of_all_topics() -> None:
    topics = list(REQUESTS_BY["guests"])
    few = list_requests_of_askers(open_session(WIFI, ask_about("wifi", *topics), near=26))
    assert [prompt.subject for prompt in few] == topics


@pytest.mark.parametrize(
    ("rule", "subject"),
    [
        (WIFI, ask_about("a thank-you", *REQUESTS_BY["guests"])),
        ("When asked about wifi, be brief.", ask_about("wifi", *REQUESTS_BY["guests"])),
        ("If wedding guests ask about wifi, be brief.", ask_about("wifi", *REQUESTS_BY["guests"])),
    ],
    ids=["a message without a topic", "nobody is named", "other guests"],
)
def test_there_are_none_where_nobody_of_a_known_kind_asks(rule: str, subject: Subject) -> None:
    assert not list_requests_of_askers(open_session(rule, subject))


@pytest.mark.parametrize("who", REQUESTS_BY)
def test_worked_requests_are_well_formed_and_not_alike(who: str) -> None:
    texts = list(chain.from_iterable(REQUESTS_BY[who].values()))
    assert not [text for text in texts if find_format_fault(text, is_talk=True)]
    pool = OverlapIndex()
    assert all(pool.add_if_new(text, 0.7)[0] for text in texts)


def test_a_doubtful_worked_request_is_no_neighbor() -> None:
    judge: Any = SimpleNamespace(
        subject=ask_about("expenses"),
        find_about=lambda texts: [False] * len(texts),
        find_doubtful=lambda texts: [True] * len(texts),
    )
    worked = GeneratedPrompt("Do I book the train myself?", "near", ASKED, "business trips")
    written = GeneratedPrompt("Do you like trains?", "near", "question", "business trips")
    assert find_insiders(judge, [worked, written]) == [True, False]


@pytest.mark.parametrize(
    ("kind", "topic", "asked"),
    [("about", "wifi", "wifi"), ("task", "recipes", ""), ("about", "your name", "")],
)
def test_only_a_topic_to_ask_about_counts_as_one(kind: Any, topic: str, asked: str) -> None:
    session: Any = SimpleNamespace(subject=ask_about(topic), situation=Situation(kind, topic=topic))
    assert get_asked_topic(session) == asked


def test_a_forbidden_subject_has_no_askers() -> None:
    session: Any = SimpleNamespace(subject=Subject("wifi"), situation=None)
    assert not get_asked_topic(session)
