"""Worked requests of those who ask about the topic of a condition: neighbors as people say them."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate.ask import ASKED, GeneratedPrompt
from selfteach.generate.few_shot import REQUESTS_ABOUT, REQUESTS_BY
from selfteach.generate.subject import Subject
from selfteach.generate.worked_requests import (
    ASSISTANTS,
    SERVICES,
    find_worked_topics,
    list_requests_about,
)
from selfteach.materials.situation import Situation
from selfteach.methods.feedback import write_rule_prompts
from selfteach.methods.feedback.prompts_in_scope import (
    drop_wrong_side,
    find_insiders,
    get_asked_topic,
    make_topic_check,
)
from selfteach.methods.feedback.write_rule_prompts import (
    list_requests_about_others,
    list_requests_of_askers,
    list_worked_neighbors,
    list_worked_targets,
)
from selfteach.run.ledger import Ledger
from selfteach.select.prompt_format import find_format_fault

WIFI = "When a guest asks about the wifi, say that the password is at the front desk."


def open_session(rule: str, subject: Subject, near: int = 200) -> Any:
    config = FeedbackConfig(ask={"near": near})
    situation = Situation("about", topic=subject.topic)
    return SimpleNamespace(
        rule=rule, subject=subject, situation=situation, effect=None, config=config, base=None
    )


@pytest.fixture(autouse=True)
def _no_topic_is_close(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(scorer: object, topic: str, others: list[str]) -> list[str]:
        return [name for name in others if name != "sizes"]

    monkeypatch.setattr(write_rule_prompts, "leave_out_close_topics", keep)


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
    few = list_worked_neighbors(open_session(WIFI, ask_about("wifi", *topics), near=26))
    assert [prompt.subject for prompt in few] == topics


@pytest.mark.parametrize(
    ("rule", "subject"),
    [
        ("When asked about wifi, be brief.", ask_about("wifi", *REQUESTS_BY["guests"])),
        ("If wedding guests ask about wifi, be brief.", ask_about("wifi", *REQUESTS_BY["guests"])),
    ],
    ids=["nobody is named", "other guests"],
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


def test_a_message_without_a_topic_has_no_worked_neighbors() -> None:
    thanks = ask_about("a thank-you", *REQUESTS_BY["guests"])
    assert not list_worked_neighbors(open_session(WIFI, thanks))
    assert not list_worked_targets(open_session(WIFI, thanks))


def test_requests_of_people_about_a_common_topic_are_in_scope() -> None:
    found = list_worked_targets(open_session(WIFI, ask_about("wifi")))
    assert [prompt.text for prompt in found] == list_requests_about("wifi")
    assert {(prompt.scope, prompt.subject) for prompt in found} == {("target", "wifi")}
    assert not list_worked_targets(open_session(WIFI, ask_about("the sauna")))


@pytest.mark.parametrize(
    ("rule", "topic", "asked"),
    [
        (WIFI, "wifi", SERVICES),
        ("When asked about wifi, be brief.", "wifi", SERVICES),
        ("If a patient asks about surgery, be brief.", "surgery", SERVICES),
        ("When asked about the weather, be brief.", "weather", ASSISTANTS),
        ("When asked about chess, be brief.", "chess", ASSISTANTS),
    ],
)
def test_neighbors_are_asked_of_the_same(rule: str, topic: str, asked: str) -> None:
    session = open_session(rule, ask_about(topic), near=4000)
    found = list_requests_about_others(session)
    others = set(REQUESTS_ABOUT[asked]) - {topic, "sizes"}
    assert {prompt.subject for prompt in found} == others
    assert [p.text for p in found] == [p.text for p in list_requests_about_others(session)]


def test_what_people_ask_about_a_topic_is_in_scope_whatever_a_judge_says(tmp_path: Path) -> None:
    worked = GeneratedPrompt("Which network is yours?", "target", ASKED, "wifi")
    written = GeneratedPrompt("Who is it?", "target", "question", "wifi")
    named = GeneratedPrompt("Is there wifi?", "target", "question", "wifi")
    judge: Any = SimpleNamespace(
        subject=ask_about("wifi"),
        find_strays=lambda texts: [True] * len(texts),
        find_about=lambda texts: ["wifi" in text for text in texts],
        find_doubtful=lambda texts: [False] * len(texts),
    )
    ledger = Ledger(tmp_path / "run.db")
    session: Any = SimpleNamespace(run=SimpleNamespace(ledger=ledger), subject=judge.subject)
    parts = {"train": [worked, written], "dev": [], "test": [named, worked]}
    kept = drop_wrong_side(session, parts, judge)
    ledger.close()
    assert worked in kept["train"]
    assert [(p.text, p.scope) for p in kept["train"][1:]] == [(written.text, "near")]


def test_every_name_means_one_topic() -> None:
    named = [
        (name, find_worked_topics(name), (asked, topic))
        for asked, topics in REQUESTS_ABOUT.items()
        for topic, entry in topics.items()
        for name in (topic, *entry["names"])
    ]
    assert [(name, found) for name, found, topic in named if found != [topic]] == []
    assert find_worked_topics("our closing times") == [(SERVICES, "opening hours")]
    assert find_worked_topics("our cancellation policy") == [(SERVICES, "cancellations")]
    both = [(SERVICES, "prices"), (SERVICES, "discounts")]
    assert find_worked_topics("prices or discounts") == both


def test_requests_about_common_topics_are_well_formed_and_not_alike() -> None:
    entries = [entry for topics in REQUESTS_ABOUT.values() for entry in topics.values()]
    texts = list(chain.from_iterable(entry["requests"] for entry in entries))
    assert not [text for text in texts if find_format_fault(text, is_talk=True)]
    pool = OverlapIndex()
    assert [text for text in texts if not pool.add_if_new(text, 0.7)[0]] == []


def test_half_of_the_requests_about_a_topic_do_not_name_it() -> None:
    for topics in REQUESTS_ABOUT.values():
        for topic, entry in topics.items():
            names_topic = make_topic_check(ask_about(topic))
            unnamed = [text for text in entry["requests"] if names_topic.keeps(text)]
            assert len(unnamed) >= 0.4 * len(entry["requests"]), topic
