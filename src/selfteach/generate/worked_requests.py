"""Worked requests about common topics, in the manner of people: asked_about.json.

A small model asks "What is parking?", and people ask "Where can I put my motorbike so that it's
safe while I'm at the gym?". So a rule about a topic that many rules are about learns from such
requests, beside those that the model writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from selfteach.generate.few_shot import REQUESTS_ABOUT
from selfteach.generate.subject import list_alternatives
from selfteach.materials.rules.inflection import to_singular

SERVICES, ASSISTANTS = "services", "assistants"
"""To whom people put a request: to a shop, a school or another service, or to an assistant."""
DETERMINERS = ("the", "a", "an", "our", "your", "my", "their", "any")
GENERAL_ENDINGS = ("policy", "policies", "rules", "questions", "information", "details")
"""Words after a topic that leave it what it is: "our cancellation policy"."""
COMPLAINTS = "complaints"
"""People complain about every topic, so no request about another one is a neighbor of it."""

WorkedTopic = tuple[str, str]
"""To whom people put a request, and the name of its topic in asked_about.json."""


def find_worked_topics(topic: str) -> list[WorkedTopic]:
    """Return each topic of "prices or discounts" that is in asked_about.json. "our opening times"
    is opening hours.
    """
    found = map(_find_worked_topic, list_alternatives(topic))
    return list(dict.fromkeys(one for one in found if one))


def find_related_topics(topic: str) -> list[WorkedTopic]:
    """Return the common topic of which a topic is a part, where it is none itself: "our delivery
    times", "directions to the hotel", "resetting their password". Some requests about it are about
    the part. What only holds the word ("hot dogs") has none.
    """
    if find_worked_topics(topic):
        return []
    named = _DETERMINED.sub("", topic.lower())
    matches = [match for part in _PARTS if (match := part.fullmatch(named))]
    found = [_TOPICS.get(_join(match["whole"].split())) for match in matches]
    return [one for one in found if one][:1]


_DETERMINED = re.compile(r"^(?:(?:the|an?|our|your|my|their|any|all) )?(?:[\w-]+['’]s? )?")
_PARTS = [
    re.compile(
        r"(?:(?:late|lost|delayed|broken|missing|early|free|using|booking|canceling|cancelling|"
        r"resetting|forgetting|changing|paying|finding) (?:(?:the|an?|our|your|my|their) )?)?"
        rf"(?P<whole>[\w-]+{second})"
        r"(?: (?:times?|dates?|costs?|fees?|prices?|problems?|questions?|help|deadlines?|"
        r"hours?|rules?|delays?|tips?|issues?|slots?|days?|methods?|offers?|advice|areas?|status))?"
        r"(?: (?:to|at|in|on|for|during|near) .+)?"
    )
    for second in ("", " [\\w-]+")
]
"""A topic, and what makes it a part of it."""


def list_requests_about(topic: str, addressees: Sequence[str]) -> list[str]:
    """Return the worked requests about a topic; none where it is not in asked_about.json.

    Args:
        addressees: to whom they are put: SERVICES, ASSISTANTS or both.
    """
    return _list_requests(find_worked_topics(topic), addressees)


def list_related_requests(topic: str, addressees: Sequence[str]) -> list[str]:
    """Return the worked requests about the related topics of a topic."""
    return _list_requests(find_related_topics(topic), addressees)


def _list_requests(topics: Sequence[WorkedTopic], addressees: Sequence[str]) -> list[str]:
    return [
        text
        for addressee, name in topics
        if addressee in addressees
        for text in REQUESTS_ABOUT[addressee][name]["requests"]
    ]


def get_requests_beside(topic: str, addressee: str) -> Mapping[str, Sequence[str]]:
    """Return the worked requests to somebody about other topics than one, by their topic; none that
    has a sign of it, as "How much is shipping to Norway?" has of prices.
    """
    own = find_worked_topics(topic) or find_related_topics(topic)
    if (SERVICES, COMPLAINTS) in own:
        return {}
    signs = [sign for to, name in own for sign in REQUESTS_ABOUT[to][name].get("signs", ())]
    beside: dict[str, Sequence[str]] = {}
    for name, entry in REQUESTS_ABOUT[addressee].items():
        if (addressee, name) not in own:
            texts = entry["requests"]
            beside[name] = [text for text in texts if not _has_one(text.lower(), signs)]
    return beside


def _has_one(text: str, signs: Sequence[str]) -> bool:
    return any(sign in text for sign in signs)


def _find_worked_topic(name: str) -> WorkedTopic | None:
    """Return the topic of a name without a determiner and without what leaves it the same."""
    words = name.lower().split()
    if len(words) > 1 and words[0] in DETERMINERS:
        words = words[1:]
    whole = _join(words)
    if whole not in _TOPICS and len(words) > 1 and words[-1] in GENERAL_ENDINGS:
        whole = _join(words[:-1])
    return _TOPICS.get(whole)


def _join(words: Sequence[str]) -> str:
    """Return words without spaces and hyphens: "wi-fi" and "wi fi" are wifi."""
    return "".join(words).replace("-", "")


def _list_names() -> dict[str, WorkedTopic]:
    """Return the topic of every name: of headings, also in the singular, and of other names."""
    found: dict[str, WorkedTopic] = {}
    for addressee, topics in REQUESTS_ABOUT.items():
        for topic, entry in topics.items():
            for name in (topic, to_singular(topic), *entry["names"]):
                found[_join(name.split())] = (addressee, topic)
    return found


_TOPICS = _list_names()
