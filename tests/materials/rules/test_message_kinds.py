"""Kinds of message as the condition of a rule: small talk, and yes-or-no questions."""

from __future__ import annotations

import pytest

from selfteach.generate import few_shot
from selfteach.generate.ask import plan_requests
from selfteach.generate.subject import describe_known_topic
from selfteach.materials.rules.rule import read_rule
from selfteach.materials.rules.scopes.message_kinds import (
    CLOSED_QUESTION,
    MESSAGE_KINDS,
    is_message_kind,
    is_small_talk,
)
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
    assert not is_message_kind(read_known_situation(scope).topic)


@pytest.mark.parametrize("topic", [kind.topic for kind in MESSAGE_KINDS if kind.words])
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


@pytest.mark.parametrize(
    ("rule", "effect"),
    [
        ("Answer yes/no questions with just yes or no.", "answer with just yes or no"),
        (
            "When someone asks a yes or no question, begin the answer with Yes or No.",
            "begin the answer with Yes or No",
        ),
        (
            'If a question can be answered with yes or no, start with "Yes" or "No".',
            'start with "Yes" or "No"',
        ),
        (
            "Begin with Yes or No whenever someone asks a yes-or-no question.",
            "Begin with Yes or No",
        ),
        ("Start with Yes or No when answering yes/no questions.", "Start with Yes or No"),
        ("For yes/no questions, reply with only Yes or No.", "reply with only Yes or No"),
        ("Yes-or-no questions get a one-word answer.", "give a one-word answer"),
        ("Yes-or-no questions should be answered in one word.", "answer in one word"),
        (
            "Do not answer yes or no questions with 'it depends'.",
            "do not answer with 'it depends'",
        ),
    ],
)
def test_yes_or_no_questions_are_a_condition(rule: str, effect: str) -> None:
    read = read_rule(rule)
    assert read_known_situation(read.scope).topic == CLOSED_QUESTION
    assert read.effect == effect


@pytest.mark.parametrize(
    "rule", ["Answer questions with yes or no.", "Do not say yes or no to invitations."]
)
def test_a_rule_that_only_says_yes_or_no_has_no_such_condition(rule: str) -> None:
    assert "yes-or-no question" not in read_rule(rule).scope


def test_yes_or_no_questions_are_about_anything() -> None:
    """Target requests are about the words alone, in forms of their own, and none is small talk."""
    subject = describe_known_topic(CLOSED_QUESTION)
    assert subject.is_form
    assert not is_small_talk(CLOSED_QUESTION)
    assert not asks_for_nothing(subject)
    situation = read_known_situation("someone asks a yes-or-no question")
    assert choose_forms(subject, situation, "target") == few_shot.CLOSED_REQUESTS
    assert choose_forms(subject, situation, "near") == few_shot.REQUESTS
    requests = plan_requests(subject, "target", 40, 0, 0, few_shot.CLOSED_REQUESTS)
    asked = {str(request.prompt).rsplit("Topic: ", 1)[1].split("\n")[0] for request in requests}
    assert CLOSED_QUESTION not in asked
    assert len(asked) > 10


def test_every_worked_closed_request_is_one() -> None:
    keeps = make_topic_check(describe_known_topic(CLOSED_QUESTION)).keeps
    worked = [text for pairs in few_shot.CLOSED_REQUESTS.values() for _, text in pairs]
    assert worked
    assert not any(map(keeps, worked))
