"""Small talk as the condition of a rule: somebody thanks, greets or says goodbye.

Who does so asks for nothing, and uses one of a few words: they decide which messages are of which
kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from selfteach.materials.phrases import AUDIENCE

_SAYS = rf"(?:{AUDIENCE}|somebody|someone|they|he|she|I|we) (?:just |only )?"


@dataclass(frozen=True, slots=True)
class SmallTalk:
    """Hold a kind of small talk.

    Attributes:
        topic: its name, as in few_shot.json.
        said: how a rule tells that somebody says it: "someone thanks you", "being greeted".
        words: one of them stands in every message of this kind.
    """

    topic: str
    said: re.Pattern[str]
    words: tuple[str, ...]


def _compile_clause(clause: str, passive: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{_SAYS})?(?:{clause})|(?:you are )?(?:being )?(?:{passive})", re.I)


SMALL_TALK = (
    SmallTalk(
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
    SmallTalk(
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
    SmallTalk(
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
)
_BY_TOPIC = {kind.topic: kind for kind in SMALL_TALK}


def read_small_talk(scope: str) -> str:
    """Return the kind of small talk that a condition means, or ""."""
    return next((kind.topic for kind in SMALL_TALK if kind.said.fullmatch(scope)), "")


def is_small_talk(topic: str) -> bool:
    """Return whether a topic is a kind of small talk."""
    return topic in _BY_TOPIC


def list_talk_words(topic: str) -> tuple[str, ...]:
    """Return the words of which one stands in every message of a kind of small talk."""
    return _BY_TOPIC[topic].words
