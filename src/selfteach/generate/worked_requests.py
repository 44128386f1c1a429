"""Worked requests about common topics, as people say them: asked_about.json.

A small model asks "What is parking?", and people ask "Where can I put my motorbike so that it's
safe while I'm at the gym?". So a rule about a topic that many rules are about learns from requests
that people wrote, beside those of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from selfteach.generate.few_shot import REQUESTS_ABOUT
from selfteach.generate.subject import list_alternatives
from selfteach.materials.inflection import to_singular

SERVICES, ASSISTANTS = "services", "assistants"
"""Whom people ask: a shop, a school or another service, or an assistant."""
DETERMINERS = ("the", "a", "an", "our", "your", "my", "their", "any")
GENERAL_ENDINGS = ("policy", "policies", "rules", "questions", "information", "details")
"""Words after a topic that leave it what it is: "our cancellation policy"."""


def find_worked_topics(topic: str) -> list[tuple[str, str]]:
    """Return for each topic of "prices or discounts" whom people ask about it, and its name in
    asked_about.json; what is not there is left out. "our closing times" is opening hours.
    """
    found = [_TOPICS.get(_simplify(name)) for name in list_alternatives(topic)]
    return [one for one in found if one]


def list_requests_about(topic: str) -> list[str]:
    """Return the worked requests about a topic; none where it is not in asked_about.json."""
    found = find_worked_topics(topic)
    return [text for asked, name in found for text in REQUESTS_ABOUT[asked][name]["requests"]]


def get_requests_beside(topic: str, asked: str) -> Mapping[str, Sequence[str]]:
    """Return the worked requests of the same people about other topics than one, by their topic."""
    own = find_worked_topics(topic)
    return {
        name: entry["requests"]
        for name, entry in REQUESTS_ABOUT[asked].items()
        if (asked, name) not in own
    }


def _simplify(name: str) -> str:
    """Return a name in small letters and the singular, without what leaves its topic the same."""
    words = name.lower().split()
    if len(words) > 1 and words[0] in DETERMINERS:
        words = words[1:]
    if len(words) > 1 and words[-1] in GENERAL_ENDINGS:
        words = words[:-1]
    return " ".join(map(to_singular, words))


_TOPICS: dict[str, tuple[str, str]] = {
    _simplify(name): (asked, topic)
    for asked, topics in REQUESTS_ABOUT.items()
    for topic, entry in topics.items()
    for name in chain([topic], entry["names"])
}
