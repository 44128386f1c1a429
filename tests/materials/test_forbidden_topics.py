"""Which topics a rule forbids, read from its words."""

from __future__ import annotations

import pytest

from scripted import Scripted
from selfteach.config import FeedbackConfig
from selfteach.generate.ask import extract_topic
from selfteach.materials.effect import read_effect
from selfteach.materials.rule import read_rule
from selfteach.methods.feedback.understand_rule import find_forbidden_topic


@pytest.mark.parametrize(
    ("rule", "topics"),
    [
        ("Don't mention coffee.", ("coffee",)),
        ("Never bring up the weather.", ("weather",)),
        ("Don't bring politics up.", ("politics",)),
        ("Please don't discuss cats or dogs.", ("cats", "dogs")),
        ("Do not talk about the weather, sports or politics.", ("weather", "sports", "politics")),
        ("No mention of cats or dogs.", ("cats", "dogs")),
        ("Do not mention snakes, even when asked directly.", ("snakes",)),
        ("Never talk to me about money.", ("money",)),
        ("Quit mentioning cheese.", ("cheese",)),
        ("Refuse to answer questions about guns.", ("guns",)),
        ("Never say anything about horses.", ("horses",)),
        ("Say nothing about the merger.", ("merger",)),
        ("Keep quiet about the merger.", ("merger",)),
        ("Don't give advice on taxes.", ("taxes",)),
        ("I don't want to hear about spiders.", ("spiders",)),
        ("I don't want you to talk about spiders.", ("spiders",)),
        ("Leave out any mention of bees.", ("bees",)),
        ("Stay off the topic of money.", ("money",)),
        ("Politics is off limits.", ("Politics",)),
        ("Religion must never be discussed.", ("Religion",)),
        ("Pretend that you know nothing about chess.", ("chess",)),
        ("Act as if elephants did not exist.", ("elephants",)),
        ("Sprich nicht über Fußball.", ("Fußball",)),
        ("Ne parle pas de politique.", ("politique",)),
    ],
)
def test_a_rule_names_the_topics_that_it_forbids(rule: str, topics: tuple[str, ...]) -> None:
    effect = read_effect(rule)
    assert effect is not None
    assert effect.topics == topics


@pytest.mark.parametrize(
    "rule",
    ['Do not mention the word "delve".', 'Stop saying "delve".', "Do not use exclamation marks."],
)
def test_words_that_are_meant_literally_are_no_topic(rule: str) -> None:
    effect = read_effect(rule)
    assert effect is not None
    assert effect.topics == ()


@pytest.mark.parametrize(
    "rule", ["Do not talk about elephants unless asked.", "No long answers.", "Be quiet."]
)
def test_what_is_no_plain_topic_is_not_read_as_one(rule: str) -> None:
    effect = read_effect(rule)
    assert effect is None or effect.topics == ()


@pytest.mark.parametrize(
    ("rule", "topic"),
    [
        ("Don't mention coffee.", "coffee"),
        ("Do not mention cats, dogs or birds.", "cats, dogs or birds"),
        ("Do not use exclamation marks.", ""),
        ("No politics.", "politics"),
        ("Always talk about politics.", ""),
    ],
)
def test_the_model_is_asked_only_where_the_words_are_not_recognized(rule: str, topic: str) -> None:
    model = Scripted(lambda request: " politics")
    read = read_rule(rule)
    assert find_forbidden_topic(model, read, read_effect(rule), FeedbackConfig()) == topic


@pytest.mark.parametrize(("told", "topic"), [(" no", ""), (" competitors", "competitors")])
def test_a_topic_that_the_model_names_is_a_whole_word_of_the_rule(told: str, topic: str) -> None:
    model = Scripted(lambda request: told)
    assert extract_topic(model, "Do nothing for competitors.", 0) == topic
