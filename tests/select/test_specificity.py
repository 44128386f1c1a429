"""Questions that say nothing point nowhere."""

from __future__ import annotations

import pytest

from selfteach.generate.questions import Question
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.select.question_format import find_context_fault
from selfteach.select.specificity import NOT_SPECIFIC, SpecificityCheck, stem_words

TEXT = (
    "Building construction adds structure to real property. Most building construction "
    "jobs are small renovations. "
    "The owner often acts as designer of the whole building project. Mills belong to "
    "industrial construction. It opened in 1974."
)
CHUNK = split_chunks(Document("x", "Construction", TEXT), lambda t: len(t.split()))[0]


@pytest.mark.parametrize(
    ("text", "sentence", "fault"),
    [
        ("What are most jobs of building construction?", 1, ""),
        ("Which type of building construction is there?", 0, NOT_SPECIFIC),
        ("What is the other way or markets?", 3, NOT_SPECIFIC),
        ("To what sector of construction do mills belong?", 3, ""),
        ("To what sector of construction do mills belong?", 1, NOT_SPECIFIC),
        ("Who acted as a designer?", 2, ""),
        ("What happened in 1974?", 4, ""),
    ],
)
def test_a_question_points_to_its_own_sentence(text: str, sentence: int, fault: str) -> None:
    assert SpecificityCheck([CHUNK]).fault(Question(text, "x", CHUNK, sentence)) == fault


def test_a_sentence_that_stands_twice_is_one() -> None:
    twice = split_chunks(
        Document("y", "Construction", "Most jobs are small renovations."), lambda t: len(t.split())
    )
    again = split_chunks(
        Document("z", "Building", "Most jobs are small renovations."), lambda t: len(t.split())
    )
    assert (
        SpecificityCheck([*twice, *again]).fault(
            Question("What are most jobs?", "small renovations", twice[0], 0)
        )
        == ""
    )
    assert (
        SpecificityCheck([*twice, CHUNK]).fault(Question("What is big?", "x", CHUNK, None)) == ""
    ), "somebody else's question has no sentence"


def test_endings_do_not_count() -> None:
    assert stem_words("He lives, and they lived raising prices") == stem_words("live raised price")


@pytest.mark.parametrize(
    "text",
    [
        "Which type of building construction is?",
        "What was built by the?",
        "Who adds structure and?",
    ],
)
def test_a_question_that_hangs_is_cut_off(text: str) -> None:
    assert find_context_fault(text, "Construction") == "cut off"


def test_a_preposition_may_end_a_question() -> None:
    assert find_context_fault("What is building construction made of?", "Construction") == ""
