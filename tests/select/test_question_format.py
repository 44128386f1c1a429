"""Which questions about a document are usable."""

from __future__ import annotations

import pytest

from selfteach.generate.questions import Question
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.select.question_format import (
    find_answer_fault,
    find_context_fault,
    has_foreign_names,
    has_name,
    is_off_sentence,
)

CHUNK = split_chunks(
    Document(
        "x",
        "Steam engine",
        (
            "The ideal cycle of a steam engine is called the Rankine cycle. It was made by "
            "Newcomen around 1712."
        ),
    ),
    lambda t: len(t.split()),
)[0]


def find_question_fault(question: Question) -> str:
    """Return why a question is unusable, or ""."""
    return find_context_fault(question.text, question.chunk.title) or find_answer_fault(question)


@pytest.mark.parametrize(
    ("text", "short", "fault"),
    [
        ("What is the ideal cycle of a steam engine called?", "the Rankine cycle", ""),
        ("Who made it?", "Newcomen", "does not stand alone"),
        ("What did they make?", "Newcomen", "does not stand alone"),
        ("When did Newcomen make his engine?", "1712", ""),
        ("When was the steam engine made, and who made it?", "1712", ""),
        ("According to the passage, who made the steam engine?", "Newcomen", "mentions the text"),
        ("Which cycle is mentioned in this text?", "Rankine", "mentions the text"),
        ("What does the author say about steam engines?", "Rankine", "mentions the text"),
        ("Who made the steam engine described above?", "Newcomen", "mentions the text"),
        ("Which of the following is a steam engine?", "Rankine", "mentions the text"),
        ("What is the given cycle in the second sentence?", "Rankine", "mentions the text"),
        ("What is the subject of the constitution?", "Rankine", ""),
        ("What is the cycle called?", "Rankine", "too vague"),
        ("Who is it?", "Newcomen", "does not stand alone"),
        ("What is there?", "Newcomen", "too vague"),
        ("Who made the steam engine?", "James Watt", "answer not in the text"),
        ("Who made the steam engine?", "", "no answer"),
        ("Who made the steam engine?", "the", "no answer"),
        ("Who made the steam engine?", "cycle " * 21, "answer too long"),
        ("Was the steam engine of Newcomen made in 1712?", "Newcomen", "contains its answer"),
        ("Was the steam engine made by Newcomen or by Watt?", "Newcomen", ""),
        ("", "Newcomen", "too vague"),
    ],
)
def test_why_a_question_is_refused(text: str, short: str, fault: str) -> None:
    assert find_question_fault(Question(text, short, CHUNK, 0)) == fault


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Was ist überall so?", False),
        ("Что он был?", False),
        ("Где жил Пушкин?", True),
        ("Was baute Über-Müller?", True),
        ("図書館はどこですか", False),
        ("В 図書館 он был?", True),
        ("What is it in 1990?", True),
    ],
)
def test_a_name_has_a_capital_letter_in_scripts_that_have_them(text: str, named: bool) -> None:
    assert has_name(text, "") is named


@pytest.mark.parametrize(
    ("back", "fault"),
    [
        (None, ""),
        ("Newcomen", ""),
        ("It was Newcomen.", ""),
        ("Rankine", "the model gives another answer to it"),
        ("", "the model gives no answer to it"),
        ("The cycle was made by Newcomen around 1712.", "the model gives another answer to it"),
    ],
)
def test_the_answer_must_come_back(back: str | None, fault: str) -> None:
    assert (
        find_question_fault(Question("Who made the steam engine?", "Newcomen", CHUNK, 0, back))
        == fault
    )


def test_a_question_that_shares_too_little_with_its_sentence_strays() -> None:
    assert not is_off_sentence(
        Question("What is the ideal cycle called?", "the Rankine cycle", CHUNK, 0)
    )
    assert is_off_sentence(
        Question(
            "What is the largest factory that has ever been built?", "the Rankine cycle", CHUNK, 0
        )
    )
    assert is_off_sentence(Question("What is a steam engine?", "the Rankine cycle", CHUNK, 0)), (
        "the title alone names no fact"
    )


def test_a_question_may_only_name_what_its_text_names() -> None:
    assert not has_foreign_names(Question("What did Newcomen make around 1712?", "x", CHUNK, 1))
    assert has_foreign_names(
        Question("Who did the Weston Glass Company make an engine for?", "x", CHUNK, 1)
    )
    assert not has_foreign_names(Question("What is the Rankine cycle?", "x", CHUNK, 0)), (
        "the text need not be the sentence"
    )


def test_a_word_beside_a_mark_stands_in_the_text() -> None:
    text = "Newcomen's engine was Norway’s first—Oslo had it (London/Paris did not)."
    (chunk,) = split_chunks(Document("x", "Engine", text), lambda t: len(t.split()))
    asked = Question(
        "Which country had the first engine of Newcomen?", "Norway", chunk, 0, "Norway"
    )
    assert not has_foreign_names(asked)
    assert find_answer_fault(asked) == ""
    assert not has_foreign_names(Question("Did Oslo or Paris have it?", "x", chunk, 0))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("How many wheels does the mill of Hale have?", ""),
        ("What do workers in Hale do?", ""),
        ("What should Newcomen's engine have?", ""),
        ("Which wheels can a mill of Hale not have?", ""),
        ("What is the only wheel that Hale Mill can have?", ""),
        ("What is the mill of Hale said to be?", ""),
        ("What the mill of Hale be?", "cut off"),
        ("How many wheels does the mill of Hale has?", "cut off"),
        ("How many wheels the mill of Hale have?", "cut off"),
        ("What does the mill of Hale does?", "cut off"),
        ("What does do?", "cut off"),
        ("Who is the author of The Hobbit?", ""),
        ("Who was the writer of “Ulysses”?", ""),
        ("When did the author Mark Twain die in Hale?", ""),
        ("Who is the author of the passage about Hale?", "mentions the text"),
        ("What does the author of Hale's text say?", ""),
        ("What does the author think of Hale?", "mentions the text"),
        ("What do the authors of it say about Hale?", "mentions the text"),
    ],
)
def test_whole_questions_and_authors_with_a_name_are_no_fault(text: str, fault: str) -> None:
    assert find_context_fault(text, "") == fault
