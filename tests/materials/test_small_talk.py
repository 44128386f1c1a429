"""Small talk as the condition of a rule: who thanks, greets or says goodbye."""

from __future__ import annotations

import pytest

from selfteach.generate import few_shot
from selfteach.generate.ask import describe_known_topic
from selfteach.materials.rule import read_rule
from selfteach.materials.small_talk import SMALL_TALK, is_small_talk
from selfteach.methods.feedback.prompts_in_scope import make_topic_check
from selfteach.methods.feedback.request_forms import asks_for_nothing, choose_forms
from selfteach.methods.feedback.understand_rule import read_known_situation


@pytest.mark.parametrize(
    ("rule", "topic"),
    [
        ('When someone thanks you, answer only "My pleasure."', "a thank-you"),
        ("If a customer says thanks, mention our newsletter.", "a thank-you"),
        ("When someone says thank you for the help, end with a smiley.", "a thank-you"),
        ('Respond to thanks with "You bet!".', "a thank-you"),
        ("When you are thanked for help, answer in one sentence.", "a thank-you"),
        ('When a user greets you, start with "Welcome aboard!".', "a greeting"),
        ('Greet people who say hello with "Moin".', "a greeting"),
        ("When greeted, answer in one sentence.", "a greeting"),
        ('If someone says goodbye, reply "Fair winds!".', "a goodbye"),
        ("When people leave the chat, wish them a nice day.", "a goodbye"),
    ],
)
def test_small_talk_is_a_condition(rule: str, topic: str) -> None:
    assert read_known_situation(read_rule(rule).scope).topic == topic


@pytest.mark.parametrize("scope", ["someone asks about thank-you cards", "goodbye parties"])
def test_what_is_about_small_talk_is_none(scope: str) -> None:
    assert not is_small_talk(read_known_situation(scope).topic)


@pytest.mark.parametrize("topic", [kind.topic for kind in SMALL_TALK])
def test_words_decide_of_which_kind_a_message_is(topic: str) -> None:
    """Every worked message has a word of its own kind, and of no other."""
    keeps = make_topic_check(describe_known_topic(topic)).keeps
    worked = [pair for pairs in few_shot.TALK_REQUESTS.values() for pair in pairs]
    assert worked
    for about, text in worked:
        assert keeps(text) is (about != topic), text


def test_messages_of_both_scopes_ask_for_nothing() -> None:
    subject = describe_known_topic("a greeting")
    assert set(subject.siblings) == {*few_shot.TALK_TOPICS} - {"a greeting"}
    situation = read_known_situation("someone greets you")
    assert choose_forms(subject, situation, "near") == few_shot.TALK_REQUESTS
    assert asks_for_nothing(subject, "near")
    assert not asks_for_nothing(subject, "general")
