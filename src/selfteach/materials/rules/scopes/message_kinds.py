"""Kinds of message as the condition of a rule: small talk, and yes-or-no questions.

No message names its kind; its words decide. Who thanks, greets or says goodbye uses one of a few
words and asks for nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from selfteach.materials.rules.phrases import AUDIENCE

CLOSED_QUESTION = "a yes-or-no question"
YES_OR_NO_QUESTION = (
    r"(?:(?:a|any|all|the|some|every|each|my) )*(?:(?:simple|plain|direct|clear) )?[\"']?yes[\"']?"
    r"(?: ?/ ?|[ -]or[ -]| and |[ -])[\"']?no[\"']?[ -]questions?"
)
"""How a rule names such questions."""
_SAYS = rf"(?:{AUDIENCE}|somebody|someone|they|he|she|I|we) (?:just |only )?"


@dataclass(frozen=True, slots=True)
class MessageKind:
    """Hold a kind of message.

    Attributes:
        topic: its name, as in few_shot.json.
        said: how a rule tells that somebody sends one: "someone thanks you", "being greeted".
        words: one of them stands in every message of this kind; none for questions, which
            is_closed_question tells apart.
    """

    topic: str
    said: re.Pattern[str]
    words: tuple[str, ...] = ()


def _compile_clause(clause: str, passive: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{_SAYS})?(?:{clause})|(?:you are )?(?:being )?(?:{passive})", re.I)


MESSAGE_KINDS = (
    MessageKind(
        "a thank-you",
        _compile_clause(
            r"thanks? you(?: for .+)?|(?:says?|said|writes?) [\"']?(?:thanks|thank you|thankyou|"
            r"thx)[\"']?(?: to you)?(?: for .+)?|expresse?s? (?:thanks|gratitude)",
            r"thanked(?: for .+)?",
        ),
        (
            "thank",
            "thanks",
            "thankful",
            "thankyou",
            "thx",
            "appreciate",
            "appreciated",
            "grateful",
            "gratitude",
            "much obliged",
        ),
    ),
    MessageKind(
        "a greeting",
        _compile_clause(
            r"greets? you(?: with .+)?|(?:says?|writes?) [\"']?(?:hello|hi|hey|good (?:morning|"
            r"evening|day|afternoon))[\"']?(?: (?:or|and) [\"']?(?:hello|hi|hey)[\"']?)?"
            r"(?: to you)?",
            r"greeted(?: with .+)?",
        ),
        (
            "hello",
            "hi",
            "hey",
            "hiya",
            "howdy",
            "good morning",
            "good afternoon",
            "good evening",
            "good day",
            "greetings",
        ),
    ),
    MessageKind(
        "a goodbye",
        _compile_clause(
            r"(?:says?|writes?) [\"']?(?:good-?bye|bye|good ?night|farewell)[\"']?(?: to you)?|"
            r"takes? leave|(?:leaves?|ends?) the (?:chat|conversation)",
            r"saying (?:goodbye|bye)",
        ),
        (
            "bye",
            "goodbye",
            "good-bye",
            "good night",
            "see you",
            "see ya",
            "farewell",
            "until next time",
            "until tomorrow",
            "talk to you later",
            "catch you later",
            "take care",
            "have to go",
            "got to go",
            "gotta go",
            "must go",
            "signing off",
        ),
    ),
    MessageKind(
        CLOSED_QUESTION,
        re.compile(
            rf"(?:{_SAYS}(?:asks?|answers?) (?:you |me |us )?|(?:you are |I am )?(?:being "
            rf")?ask(?:ed|ing) (?:you |me |us )?|(?:answering|responding to|replying to) "
            rf")?{YES_OR_NO_QUESTION}|"
            r"(?:(?:a|the|my|any|all) )?questions? with (?:only )?(?:a )?[\"']?yes[\"']?[ -]or[ "
            r"-][\"']?no[\"']? (?:as (?:an? |the )?)?answers?|(?:(?:a|the|my|any|someone's) "
            r")?questions? (?:(?:that|which) )?(?:can|could|may) (?:only |simply )?be answered "
            r"(?:simply )?(?:with|by) (?:a )?(?:simple )?[\"']?yes[\"']? or (?:a )?[\"']?no[\"']?",
            re.I,
        ),
    ),
)
_BY_TOPIC = {kind.topic: kind for kind in MESSAGE_KINDS}


def read_message_kind(scope: str) -> str:
    """Return the kind of message that a condition means, or ""."""
    return next((kind.topic for kind in MESSAGE_KINDS if kind.said.fullmatch(scope)), "")


def is_message_kind(topic: str) -> bool:
    """Return whether a topic is a kind of message."""
    return topic in _BY_TOPIC


def is_small_talk(topic: str) -> bool:
    """Return whether a topic is a kind of message that asks for nothing."""
    return topic in _BY_TOPIC and topic != CLOSED_QUESTION


def list_talk_words(topic: str) -> tuple[str, ...]:
    """Return the words of which one stands in every message of a kind of small talk."""
    return _BY_TOPIC[topic].words
