"""The worked examples for questions about documents, and for their answers.

The subjects are everyday or made-up ones; nothing is tuned to a text. An answer has two forms: the
fewest words, which stand in the passage, and a short statement, which a person would give.
few_shot_facts.json holds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from selfteach.generate.few_shot import read_tables

_TABLES = read_tables("few_shot_facts.json")


class WorkedFact(NamedTuple):
    """Hold a sentence of a text about `topic`, and a question that it answers.

    The question makes sense to a reader who has not seen the text.
    """

    topic: str
    sentence: str
    question: str
    short: str
    statement: str


FACTS = tuple(WorkedFact(**row) for row in _TABLES["facts"])
"""Kinds of question in turn: how long, what, when, where, why, who, how many, what called."""


def format_facts(template: str, facts: Iterable[WorkedFact] = FACTS) -> str:
    """Return the worked facts, one after the other; the template names the fields."""
    return "".join(template.format(**fact._asdict()) for fact in facts)


class WorkedPassage(NamedTuple):
    """Hold a short text with questions about it and their answers."""

    title: str
    text: str
    answered: tuple[tuple[str, str], ...]


PASSAGES = tuple(WorkedPassage(**row) for row in _TABLES["passages"])

WORKED_COMPARISONS: tuple[tuple[str, str, str, str], ...] = _TABLES["worked_comparisons"]
"""(question, one answer, another, do they say the same?)."""
