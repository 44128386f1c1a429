"""Worked requests of those who ask about the topic of a condition: neighbors as people say them."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate.ask import ASKED, GeneratedPrompt
from selfteach.generate.few_shot import REQUESTS_ABOUT, REQUESTS_ABOUT_ITSELF, REQUESTS_BY
from selfteach.generate.subject import Subject, describe_known_topic
from selfteach.generate.worked_requests import (
    ASSISTANTS,
    SERVICES,
    find_related_topics,
    find_worked_topics,
    get_requests_beside,
)
from selfteach.materials.rules.rule import Rule
from selfteach.materials.rules.scopes.situation import Situation
from selfteach.methods.feedback import worked_prompts, write_rule_prompts
from selfteach.methods.feedback.prompts_in_scope import (
    drop_wrong_side,
    find_insiders,
    make_topic_check,
    may_stray,
)
from selfteach.methods.feedback.understand_rule import name_asked_topic
from selfteach.methods.feedback.worked_prompts import (
    RELATED,
    list_requests_about_others,
    list_requests_of_askers,
    list_worked_neighbors,
    list_worked_sides,
    list_worked_targets,
)
from selfteach.methods.feedback.write_rule_prompts import write_prompts
from selfteach.methods.understood_rule import NO_RULE, UnderstoodRule
from selfteach.run.ledger import Ledger
from selfteach.select.prompt_format import find_format_fault

WIFI = "When a guest asks about the wifi, say that the password is at the front desk."


def open_session(rule: str, subject: Subject, near: int = 200, target: int = 240) -> Any:
    config = FeedbackConfig(ask={"near": near, "target": target})
    situation = Situation("about", topic=subject.topic)
    understood = UnderstoodRule(Rule(rule, ""), situation, None, subject)
    return SimpleNamespace(rule=rule, understood=understood, config=config, base=None)


@pytest.fixture
def _sizes_are_close(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(scorer: object, topic: str, others: list[str]) -> list[str]:
        return [name for name in others if name != "sizes"]

    monkeypatch.setattr(worked_prompts, "leave_out_close_topics", keep)


def ask_about(topic: str, *siblings: str) -> Subject:
    return Subject(topic, siblings=siblings, forbidden=False)


def test_guests_ask_about_what_is_no_part_of_the_topic() -> None:
    topics = [topic for topic in REQUESTS_BY["guests"] if topic != "parking"]
    found = list_requests_of_askers(open_session(WIFI, ask_about("wifi", *topics)))
    assert {prompt.subject for prompt in found} == set(topics)
    assert {prompt.text for prompt in found}.isdisjoint(REQUESTS_BY["guests"]["parking"])
    assert {prompt.scope for prompt in found} == {"near"}


@pytest.mark.usefixtures("_sizes_are_close")
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


def test_a_doubtful_neighbor_is_dropped_only_about_a_word_of_the_name() -> None:
    judge: Any = SimpleNamespace(
        subject=Subject("opening hours", forbidden=False, name_words=("hours",)),
        find_about=lambda texts: [False] * len(texts),
        find_doubtful=lambda texts: [True] * len(texts),
    )
    worked = GeneratedPrompt("Can I pay by card?", "near", ASKED, "payment")
    written = GeneratedPrompt("How many hours has a day?", "near", "question", "hours")
    assert find_insiders(judge, [worked, written]) == [False, True]


@pytest.mark.parametrize(
    ("kind", "topic", "asked"),
    [("about", "wifi", "wifi"), ("task", "recipes", ""), ("about", "your name", "")],
)
def test_only_a_topic_to_ask_about_counts_as_one(kind: Any, topic: str, asked: str) -> None:
    rule = replace(NO_RULE, subject=ask_about(topic), situation=Situation(kind, topic=topic))
    session: Any = SimpleNamespace(understood=rule)
    assert name_asked_topic(session.understood) == asked


def test_a_forbidden_subject_has_no_askers() -> None:
    session: Any = SimpleNamespace(understood=replace(NO_RULE, subject=Subject("wifi")))
    assert not name_asked_topic(session.understood)


def test_a_message_without_a_topic_has_no_worked_neighbors() -> None:
    thanks = ask_about("a thank-you", *REQUESTS_BY["guests"])
    assert not list_worked_neighbors(open_session(WIFI, thanks))
    assert not list_worked_targets(open_session(WIFI, thanks))


def test_worked_requests_about_a_common_topic_are_in_scope() -> None:
    found = list_worked_targets(open_session(WIFI, ask_about("the wifi")))
    assert [prompt.text for prompt in found] == list(REQUESTS_ABOUT[SERVICES]["wifi"]["requests"])
    assert {(prompt.scope, prompt.form) for prompt in found} == {("target", ASKED)}
    assert not list_worked_targets(open_session(WIFI, ask_about("the aquarium")))
    assert not list_worked_targets(open_session(WIFI, ask_about("movies"))), "no guest asks so"
    assert list_worked_targets(open_session("When asked about movies, sing.", ask_about("movies")))


def test_at_most_three_in_five_targets_are_worked_ones() -> None:
    session = open_session(WIFI, ask_about("wifi"), target=17)
    found = list_worked_targets(session)
    assert len({prompt.text for prompt in found}) == 10
    assert found == list_worked_targets(session)


@pytest.mark.usefixtures("_sizes_are_close")
@pytest.mark.parametrize(
    ("rule", "topic", "addressee"),
    [
        (WIFI, "wifi", SERVICES),
        ("When asked about wifi, be brief.", "wifi", SERVICES),
        ("If a patient asks about surgery, be brief.", "surgery", SERVICES),
        ("When asked about the weather, be brief.", "weather", ASSISTANTS),
    ],
)
def test_neighbors_are_put_to_the_same(rule: str, topic: str, addressee: str) -> None:
    session = open_session(rule, ask_about(topic), near=4000)
    found = list_requests_about_others(session)
    others = set(REQUESTS_ABOUT[addressee]) - {topic, "sizes"}
    assert {prompt.subject for prompt in found} == others
    assert found == list_requests_about_others(session)


def test_of_an_unknown_topic_nothing_tells_to_whom_requests_are_put() -> None:
    assert not list_requests_about_others(
        open_session("When asked about chess, be brief.", ask_about("chess"))
    )


def test_a_sign_of_a_topic_keeps_a_request_from_its_neighbors() -> None:
    texts = list(chain.from_iterable(get_requests_beside("prices", SERVICES).values()))
    assert texts
    assert not [text for text in texts if "how much" in text.lower() or "cost" in text]
    beside_wifi = chain.from_iterable(get_requests_beside("wifi", SERVICES).values())
    assert any("how much" in text.lower() for text in beside_wifi)
    assert get_requests_beside("complaints", SERVICES) == {}


def test_a_worked_request_is_in_scope_whatever_a_judge_says(tmp_path: Path) -> None:
    worked = GeneratedPrompt("Which network is yours?", "target", ASKED, "wifi")
    written = GeneratedPrompt("Who is it?", "target", "question", "wifi")
    named = GeneratedPrompt("Is there wifi?", "target", "question", "wifi")
    judge: Any = SimpleNamespace(
        subject=ask_about("wifi"),
        find_strays=lambda texts: [True] * len(texts),
        find_about=lambda texts: ["wifi" in text for text in texts],
        find_surely_about=lambda texts: ["wifi" in text for text in texts],
        find_doubtful=lambda texts: [False] * len(texts),
    )
    ledger = Ledger(tmp_path / "run.db")
    session: Any = SimpleNamespace(run=SimpleNamespace(ledger=ledger))
    parts = {"train": [worked, written], "dev": [], "test": [named, worked]}
    kept = drop_wrong_side(session, parts, judge)
    ledger.close()
    assert worked in kept["train"]
    assert [(p.text, p.scope) for p in kept["train"][1:]] == [(written.text, "near")]


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        ("our opening times", [(SERVICES, "opening hours")]),
        ("opening-hours", [(SERVICES, "opening hours")]),
        ("our cancellation policy", [(SERVICES, "cancellations")]),
        ("the return policy", [(SERVICES, "returns")]),
        ("prices or discounts", [(SERVICES, "prices"), (SERVICES, "discounts")]),
        ("wifi or Wi-Fi", [(SERVICES, "wifi")]),
        ("a refund", [(SERVICES, "refunds")]),
        ("check in", [(SERVICES, "check-in")]),
        ("stocks", []),
        ("musicals", []),
        ("chess", []),
        ("", []),
    ],
)
def test_a_topic_is_found_by_its_names(topic: str, found: list[tuple[str, str]]) -> None:
    assert find_worked_topics(topic) == found


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        ("our delivery times", [(SERVICES, "delivery")]),
        ("ticket prices", [(SERVICES, "tickets")]),
        ("directions to the hotel", [(SERVICES, "getting there")]),
        ("resetting their password", [(SERVICES, "passwords")]),
        ("the weather at sea", [(ASSISTANTS, "weather")]),
        ("hot dogs", []),
        ("stock options", []),
        ("bill of rights", []),
        ("delivery", []),
        ("stocks", []),
        ("mushrooms", []),
    ],
)
def test_a_part_of_a_topic_is_related_to_it(topic: str, found: list[tuple[str, str]]) -> None:
    assert find_related_topics(topic) == found


def test_requests_about_more_than_the_topic_are_for_the_judge_to_place() -> None:
    rule = "When a customer asks about delivery times, say that we deliver within three days."
    found = list_worked_targets(open_session(rule, ask_about("delivery times"), target=200))
    assert {prompt.text for prompt in found} == set(
        REQUESTS_ABOUT[SERVICES]["delivery"]["requests"]
    )
    assert {prompt.form for prompt in found} == {RELATED}
    assert all(map(may_stray, found))
    beside = get_requests_beside("delivery times", SERVICES)
    assert "delivery" not in beside
    assert "parking" in beside


def test_every_name_means_one_topic() -> None:
    named = [
        (name, find_worked_topics(name), (addressee, topic))
        for addressee, topics in REQUESTS_ABOUT.items()
        for topic, entry in topics.items()
        for name in (topic, *entry["names"])
    ]
    assert [(name, found) for name, found, topic in named if found != [topic]] == []


def test_worked_requests_about_common_topics_are_well_formed_and_not_alike() -> None:
    entries = [entry for topics in REQUESTS_ABOUT.values() for entry in topics.values()]
    texts = list(chain.from_iterable(entry["requests"] for entry in entries))
    assert not [text for text in texts if find_format_fault(text, is_talk=True)]
    pool = OverlapIndex()
    assert [text for text in texts if not pool.add_if_new(text, 0.7)[0]] == []


def test_many_of_the_requests_about_a_topic_do_not_name_it() -> None:
    for topics in REQUESTS_ABOUT.values():
        for topic, entry in topics.items():
            names_topic = make_topic_check(ask_about(topic))
            unnamed = [text for text in entry["requests"] if names_topic.keeps(text)]
            assert len(unnamed) >= 0.4 * len(entry["requests"]), topic


@pytest.mark.usefixtures("_sizes_are_close")
def test_worked_requests_take_the_place_of_written_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: dict[str, int] = {}

    def count_forms(session: object, scope: str, count: int) -> list[tuple[int, Any]]:
        wanted[scope] = count
        return []

    monkeypatch.setattr(write_rule_prompts, "list_form_counts", count_forms)
    monkeypatch.setattr(write_rule_prompts, "make_topic_detector", lambda session: None)
    monkeypatch.setattr(write_rule_prompts, "keep_asked_prompts", lambda _, asked, pool: asked)
    for name in ("sample_first_rounds", "write_answered_prompts", "write_word_neighbors"):
        monkeypatch.setattr(write_rule_prompts, name, lambda *given: [])
    session = open_session(WIFI, ask_about("wifi"), near=40, target=100)
    found = write_prompts(session, OverlapIndex())
    assert {scope: len(own) for scope, own in found.items()} == {
        "target": 60,
        "near": 20,
        "general": 0,
    }
    assert (wanted["target"], wanted["near"]) == (40, 20)


NAMED = "When asked for your name, say that your name is Otto."


def test_what_a_model_is_asked_about_itself_has_worked_requests() -> None:
    session = open_session(NAMED, describe_known_topic("your name"), near=66)
    found = list_worked_targets(session)
    assert [prompt.text for prompt in found] == list(REQUESTS_ABOUT_ITSELF["your name"])
    assert {(one.scope, one.form, one.subject) for one in found} == {("target", ASKED, "your name")}
    near = list_worked_neighbors(session)
    others = [topic for topic in REQUESTS_ABOUT_ITSELF if topic != "your name"]
    assert [prompt.subject for prompt in near] == others * 3
    assert [prompt.text for prompt in near[:11]] == [
        REQUESTS_ABOUT_ITSELF[one][0] for one in others
    ]
    about, beside = list_worked_sides(session)
    assert about == [prompt.text for prompt in found]
    assert len(beside) == sum(len(REQUESTS_ABOUT_ITSELF[one]) for one in others)


def test_a_forbidden_subject_has_no_requests_about_the_model_itself() -> None:
    subject = replace(describe_known_topic("your feelings"), forbidden=True)
    session = open_session("Do not talk about your feelings.", subject)
    session.understood = replace(session.understood, situation=None)
    assert not list_worked_targets(session)
    assert not list_worked_neighbors(session)
    assert list_worked_sides(session) == ([], [])


def test_requests_about_a_model_itself_are_well_formed_and_not_alike() -> None:
    texts = list(chain.from_iterable(REQUESTS_ABOUT_ITSELF.values()))
    assert not [text for text in texts if find_format_fault(text, is_talk=True)]
    pool = OverlapIndex()
    assert [text for text in texts if not pool.add_if_new(text, 0.7)[0]] == []
