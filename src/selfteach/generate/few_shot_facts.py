"""The worked examples for questions about documents, and for their answers.

The subjects are everyday or made-up ones; nothing is tuned to a text. An answer has two forms: the
fewest words, which stand in the passage, and a short statement, which a person would give.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class WorkedFact(NamedTuple):
    """Hold a sentence of a text about `topic`, and a question that it answers.

    The question makes sense to a reader who has not seen the text.
    """

    topic: str
    sentence: str
    question: str
    short: str
    statement: str


FACTS = (
    WorkedFact(
        "Honey bees",
        (
            "A colony has one queen, who may live for five years, while workers that hatch "
            "in summer die after about six weeks."
        ),
        "How long may the queen of a honey bee colony live?",
        "five years",
        "The queen of a honey bee colony may live for five years.",
    ),
    WorkedFact(
        "Aldmoor Bridge",
        "It is made of cast iron and is 212 metres long.",
        "What is Aldmoor Bridge made of?",
        "cast iron",
        "Aldmoor Bridge is made of cast iron.",
    ),
    WorkedFact(
        "Karl von Frisch",
        "In 1927 he showed that bees tell each other by a dance where food is.",
        "When did Karl von Frisch show that bees tell each other where food is?",
        "1927",
        "Karl von Frisch showed in 1927 that bees tell each other where food is.",
    ),
    WorkedFact(
        "Paper",
        (
            "The art of making paper came to Europe through the Arab cities of Spain, "
            "where the first mill was built at Xativa."
        ),
        "Where was the first paper mill of Europe built?",
        "Xativa",
        "The first paper mill of Europe was built at Xativa.",
    ),
    WorkedFact(
        "Norway",
        (
            "Because of its long coast and many islands, fishing was the main trade of the "
            "country for centuries."
        ),
        "Why was fishing the main trade of Norway for centuries?",
        "its long coast and many islands",
        (
            "Fishing was the main trade of Norway for centuries because of its long coast "
            "and many islands."
        ),
    ),
    WorkedFact(
        "Violin",
        "The oldest violins that still exist were made by Andrea Amati in Cremona.",
        "Who made the oldest violins that still exist?",
        "Andrea Amati",
        "The oldest violins that still exist were made by Andrea Amati.",
    ),
    WorkedFact(
        "Weston Glass Company",
        (
            "In 1908 the company sold its old works at Hale for $45,000 and moved 300 "
            "workers to the coast."
        ),
        "How many workers did the Weston Glass Company move to the coast in 1908?",
        "300",
        "The Weston Glass Company moved 300 workers to the coast in 1908.",
    ),
    WorkedFact(
        "Tides",
        "The change of the tides is called ebb when the water falls and flood when it rises.",
        "What is the change of the tides called when the water falls?",
        "ebb",
        "The change of the tides is called ebb when the water falls.",
    ),
)
"""Kinds of question in turn: how long, what, when, where, why, who, how many, what called."""


def format_facts(template: str, facts: Iterable[WorkedFact] = FACTS) -> str:
    """Return the worked facts, one after the other; the template names the fields."""
    return "".join(template.format(**fact._asdict()) for fact in facts)


class WorkedPassage(NamedTuple):
    """Hold a short text with questions about it and their answers."""

    title: str
    text: str
    answered: tuple[tuple[str, str], ...]


PASSAGES = (
    WorkedPassage(
        "Aldmoor Bridge",
        "Aldmoor Bridge was built between 1871 and 1874 to carry coal trains over the "
        "river Senn. It is made of cast iron and is 212 "
        "metres long. Because of a flood in 1903, its two middle arches had to be "
        "replaced. Today only walkers and cyclists may use it.",
        (
            ("What is Aldmoor Bridge made of?", "Aldmoor Bridge is made of cast iron."),
            (
                "Why did two arches of Aldmoor Bridge have to be replaced?",
                "Two arches of Aldmoor Bridge had to be replaced because of a flood in 1903.",
            ),
            (
                "Who may use Aldmoor Bridge today?",
                "Today only walkers and cyclists may use Aldmoor Bridge.",
            ),
        ),
    ),
    WorkedPassage(
        "Honey bees",
        "Honey bees live in colonies of up to sixty thousand animals. A colony has one "
        "queen, who may live for five years, while workers "
        "that hatch in summer die after about six weeks. Karl von Frisch, an Austrian "
        "scientist, showed in 1927 that bees tell each other "
        "by a dance where food is.",
        (
            (
                "How many animals can live in a colony of honey bees?",
                "Up to sixty thousand animals can live in a colony of honey bees.",
            ),
            (
                "How long may the queen of a honey bee colony live?",
                "The queen of a honey bee colony may live for five years.",
            ),
            (
                "Who showed that bees tell each other where food is?",
                "Karl von Frisch showed that bees tell each other where food is.",
            ),
        ),
    ),
)

WORKED_COMPARISONS = (
    (
        "Who made the oldest violins?",
        "Andrea Amati made the oldest violins.",
        "The oldest violins were made by Andrea Amati.",
        "Yes",
    ),
    (
        "What is Aldmoor Bridge made of?",
        "Aldmoor Bridge is made of cast iron.",
        "Aldmoor Bridge is made of stone.",
        "No",
    ),
    (
        "How long may a queen bee live?",
        "A queen bee may live for about six weeks.",
        "A queen bee may live for five years.",
        "No",
    ),
    (
        "Why did the arches have to be replaced?",
        "The arches had to be replaced because of a flood.",
        "A flood had damaged them.",
        "Yes",
    ),
    (
        "When was the first paper mill built?",
        "The first paper mill was built in 1151.",
        "It was built in 1311.",
        "No",
    ),
    (
        "What is falling water called?",
        "When the water falls, it is called ebb.",
        "Falling water is called ebb.",
        "Yes",
    ),
)
"""(question, one answer, another, do they say the same?)."""
