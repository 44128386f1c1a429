"""The worked examples of the few-shot prompts, which few_shot.json, asked_by.json,
asked_about.json and asked_of_models.json hold.

A small model does not follow "write ten questions that tempt ...", but it continues a list. The
topics are everyday ones; nothing is tuned to a user's rule.
"""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any


def read_tables(name: str) -> dict[str, Any]:
    """Return the tables of a JSON file beside this one; its lists become tuples."""
    tables: dict[str, Any] = freeze(json.loads(Path(__file__).with_name(name).read_text("utf-8")))
    return tables


def freeze(value: Any) -> Any:
    """Return a JSON value with tuples in the place of lists."""
    if isinstance(value, dict):
        return {key: freeze(inner) for key, inner in value.items()}
    return tuple(map(freeze, value)) if isinstance(value, list) else value


Pairs = tuple[tuple[str, str], ...]
Triples = tuple[tuple[str, str, str], ...]

_TABLES = read_tables("few_shot.json")
REQUESTS: dict[str, Pairs] = _TABLES["requests"]
"""Forms of request, each with (topic, request). Some requests do not name their topic."""
SUBJECT_REQUESTS: dict[str, Pairs] = {**REQUESTS, **_TABLES["indirect_requests"]}
"""The forms for a rule that forbids a subject: a question may ask for it without its name."""
ASKED_REQUESTS: dict[str, Pairs] = _TABLES["asked_requests"]
"""The forms for a rule that holds when somebody asks about a topic: a customer, or anybody."""
ANSWERED_REQUESTS: Triples = _TABLES["answered_requests"]
"""(topic, request, its answer): requests to a business that do not name their topic."""
SELF_REQUESTS: dict[str, Pairs] = _TABLES["self_requests"]
"""The forms for a rule about what the model says of itself: its name, its maker, its age."""
REQUESTS_ABOUT_ITSELF: dict[str, tuple[str, ...]] = read_tables("asked_of_models.json")
"""What a model is asked about itself, and requests about each, as people say them."""
SELF_TOPICS: tuple[str, ...] = tuple(REQUESTS_ABOUT_ITSELF)
"""What a model is asked about itself."""
TALK_REQUESTS: dict[str, Pairs] = _TABLES["talk_requests"]
"""The forms for a rule about small talk: what somebody says who asks for nothing."""
CLOSED_REQUESTS: dict[str, Pairs] = _TABLES["closed_requests"]
"""The forms for a rule about yes-or-no questions, which may ask about anything."""
TALK_TOPICS: tuple[str, ...] = _TABLES["talk_topics"]
"""Kinds of small talk."""
EXAM_REQUESTS: dict[str, Pairs] = _TABLES["exam_requests"]
"""Forms of request that only exam prompts have, so that an exam asks otherwise than training."""
FACTS: dict[str, Pairs] = _TABLES["facts"]
"""Forms of plain question of fact: they look like questions about a document, but are about
something else.
"""
TOPICS: Pairs = _TABLES["topics"]
"""(rule, its topic): "none" for a rule of form, which may apply to every request."""
SIBLINGS: Pairs = _TABLES["siblings"]
"""(topic, other topics of the same kind): the subjects of near requests."""
ASKED_SIBLINGS: Pairs = _TABLES["asked_siblings"]
"""(topic, what the same people ask about otherwise), for a rule that holds when somebody asks."""
KINDS: Pairs = _TABLES["kinds"]
"""(topic, kinds of it): subjects of requests about a topic that do not name it."""
WORDS: Pairs = _TABLES["words"]
"""(topic, words that belong to it): the subjects of requests that do not name the topic."""
NAMES: Pairs = _TABLES["names"]
"""(topic, famous names and special words of it): the subjects of requests that only somebody who
knows the topic connects with it."""
TERMS: Pairs = _TABLES["terms"]
"""(topic, special words of it)."""
SPECIAL_WORDS = "Special words"
NAME_LISTS: dict[str, Pairs] = {
    "Famous names and words": NAMES,
    "Famous people": _TABLES["people"],
    SPECIAL_WORDS: TERMS,
    "Events": _TABLES["events"],
}
"""Kinds of names that belong to a topic, each with (topic, names)."""
TOPIC_BREADTHS: Pairs = _TABLES["topic_breadths"]
"""Topics, each "narrow" or "broad"."""
REQUESTS_BY: dict[str, dict[str, tuple[str, ...]]] = read_tables("asked_by.json")
"""Those who ask, the topics that they ask about, and requests about each, as people say them."""
ASKED_BY: Pairs = tuple((who, ", ".join(topics)) for who, topics in REQUESTS_BY.items())
"""(those who ask, what they ask about)."""
REQUESTS_ABOUT: dict[str, dict[str, dict[str, tuple[str, ...]]]] = read_tables("asked_about.json")
"""To whom people put requests, common topics of these, and for each its other names, the requests,
and words that are signs of the topic in a request about another one.
"""
SAME_AUDIENCES: dict[str, str] = _TABLES["same_audiences"]
"""Other names of those who ask: "pupils" ask what students ask."""
CUSTOMERS_TOPICS: tuple[str, ...] = tuple(REQUESTS_BY["customers"])
"""Topics that customers ask about."""
EVERYDAY_TOPICS: tuple[str, ...] = _TABLES["everyday_topics"]
"""Topics that a word of more than one meaning may belong to."""
DECLINES: dict[str, tuple[str, ...]] = _TABLES["declines"]
"""The parts of declines: openings, openings for requests to write something, and closings."""
ANSWERS_UNDER_RULE: Triples = _TABLES["answers_under_rule"]
"""(rule, request, reply that keeps the rule)."""
RULE_VIOLATIONS: Pairs = _TABLES["rule_violations"]
"""(reply, the rule that it breaks): for the `inverse` judge."""
UNRELATED_RULES: tuple[str, ...] = _TABLES["unrelated_rules"]
"""Rules to compare the judged rule with."""
VERDICTS: Triples = _TABLES["verdicts"]
"""(rule, reply, does the reply break the rule?)."""


def group_worked_requests() -> dict[str, list[str]]:
    """Return every worked request of the package by its topic, whatever its form."""
    found: dict[str, list[str]] = {}
    for forms in (SUBJECT_REQUESTS, ASKED_REQUESTS, EXAM_REQUESTS):
        for topic, text in chain.from_iterable(forms.values()):
            found.setdefault(topic, []).append(text)
    return found
