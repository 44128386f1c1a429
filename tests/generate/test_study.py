"""Study data: every row answers with what the document says, and says where."""

from __future__ import annotations

from collections import Counter

import pytest

from selfteach.config import StudyConfig
from selfteach.generate.questions import Question
from selfteach.generate.study import (
    GAP,
    collect_sentences,
    collect_vocabulary,
    make_study_data,
    put_question_word,
)
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.records import Example

TEXT = (
    "Tea was first sold in London by Thomas Garway in 1657. It came from "
    "China.\nHeading\nGreen tea is made without fermentation in Japan."
)
CHUNK = split_chunks(Document("tea.txt", "Tea", TEXT), lambda text: len(text.split()))[0]
ASKED = Question("When was tea first sold in London?", "1657", CHUNK, 0)
ALIKE = {"sold": ["sells"], "made": ["makes", "produced"]}
FORMS = (
    "asked",
    "brief",
    "clauses",
    "reworded",
    "in_place",
    "backwards",
    "gaps",
    "halves",
    "topics",
    "recite",
)


def made(**settings: object) -> list[Example]:
    return make_study_data(
        collect_sentences([CHUNK], [(ASKED, True)]),
        StudyConfig(**settings),
        0,
        ALIKE,
    )  # type: ignore[arg-type]


def test_every_form_is_there_and_a_heading_teaches_nothing() -> None:
    rows = made(per_sentence=100)
    assert set(Counter(row.source["form"] for row in rows)) == set(FORMS)
    assert {row.source["sentence"] for row in rows} == {0, 3}, (
        "what has fewer than five words is left out"
    )


def test_the_answer_is_the_sentence_and_the_source_its_place() -> None:
    for row in made():
        place = row.source
        if place["form"] not in ("recite", "backwards"):
            assert row.chosen.startswith(TEXT[place["start"] : place["end"]])
            assert place["file"] == "tea.txt"


def test_a_gap_hides_its_answer() -> None:
    gaps = [
        row.prompt[-1].content for row in made(per_sentence=100) if row.source["form"] == "gaps"
    ]
    assert any(GAP in text and "1657" not in text for text in gaps)
    assert all(GAP in text for text in gaps)


def test_a_question_is_answered_with_its_sentence() -> None:
    (asked,) = (row for row in made() if row.source["form"] == "asked")
    assert asked.chosen == TEXT.split(" It ")[0]


@pytest.mark.parametrize("form", ["asked", "reworded"])
def test_a_form_that_is_switched_off_is_gone(form: str) -> None:
    forms = {row.source["form"] for row in made(per_sentence=100, **{form: False})}
    assert forms == set(FORMS) - {form}


def test_only_a_question_that_the_model_answers_is_asked_for_by_its_answer() -> None:
    sentences = collect_sentences([CHUNK], [(ASKED, False)])
    forms = {row.source["form"] for row in make_study_data(sentences, StudyConfig(), 0)}
    assert "asked" in forms
    assert "backwards" not in forms


def test_rows_of_a_sentence_are_bounded_and_forms_take_turns() -> None:
    rows = [row for row in made(per_sentence=5) if row.source["sentence"] == 0]
    assert [row.source["form"] for row in rows if row.source["form"] != "recite"] == [
        "asked",
        "brief",
        "clauses",
        "reworded",
        "in_place",
    ]


def test_a_sentence_without_a_name_is_asked_for_too() -> None:
    chunk = split_chunks(
        Document("ink.txt", "Ink", "old ink turns brown while it slowly dries."),
        lambda text: len(text.split()),
    )[0]
    rows = make_study_data(collect_sentences([chunk], []), StudyConfig(), 0)
    assert not collect_sentences([chunk], [])[0].names
    assert Counter(row.source["form"] for row in rows)["brief"] >= 5
    assert all(row.chosen == chunk.words(0) for row in rows)


def test_a_reworded_question_has_words_that_are_alike_and_no_others() -> None:
    rows = [row for row in made(per_sentence=100) if row.source["form"] == "reworded"]
    assert rows
    for row in rows:
        words = set(row.prompt[-1].content.rstrip("?").split())
        assert words & {"sells", "makes", "produced"}
    assert not any(
        row.source["form"] == "reworded"
        for row in make_study_data(collect_sentences([CHUNK], []), StudyConfig(), 0)
    )
    assert collect_vocabulary(collect_sentences([CHUNK], [])) >= {"sold", "made", "fermentation"}
    assert "London" not in collect_vocabulary(collect_sentences([CHUNK], []))


@pytest.mark.parametrize("word", ["four", "twenty", "second", "northern", "left", "red", "meters"])
def test_a_number_a_direction_or_a_color_is_not_reworded(word: str) -> None:
    """ "Three" is near "four", and says something else."""
    text = f"The mill was built of {word} stones and sold."
    (chunk,) = split_chunks(Document("mill.txt", "Mill", text), lambda text: len(text.split()))
    assert collect_vocabulary(collect_sentences([chunk], [])) == {"mill", "built", "stones", "sold"}


def test_the_same_seed_makes_the_same_rows() -> None:
    assert made() == made()


def test_a_teacher_that_is_distilled_sees_the_sentence_and_not_the_rest() -> None:
    (example, *_, whole) = made(distill=True)
    prompt = example.source["teacher_prompt"][0]["content"]
    assert example.chosen in prompt
    assert "fermentation" not in prompt
    assert example.prompt[-1].content in prompt
    assert example.source["teacher_sees_answer"] is True
    assert "fermentation" in whole.source["teacher_prompt"][0]["content"]
    assert "teacher_prompt" not in made()[0].source


def test_short_sentences_are_recited_and_headings_are_not() -> None:
    """ "She died in 1921." is no fact alone, and belongs to what is recited."""
    text = (
        "Early years\n\nThe mill was built in 1874 by Anna. She died in 1921. "
        "It closes on Mondays. Today it is a museum of bread.\n\n"
        "Prices follow:\n- Tea: 3\n- Milk: 4\n\nMore"
    )
    (chunk,) = split_chunks(Document("a", "Mill", text), lambda text: len(text.split()))
    rows = make_study_data(collect_sentences([chunk], []), StudyConfig(), 0)
    recited = {row.chosen for row in rows if row.source["form"] == "recite"}
    assert recited == {
        "The mill was built in 1874 by Anna. She died in 1921. It closes on Mondays. Today it is a "
        "museum of bread. Prices follow: Tea: 3. Prices follow: Milk: 4."
    }
    alone = [row for row in rows if row.source["form"] != "recite"]
    assert not any(row.chosen.startswith("She died") for row in alone)


@pytest.mark.parametrize(
    ("sentence", "answer", "asked"),
    [
        ("The bridge is 62 meters long.", "62", "The bridge is how many meters long?"),
        ("It has 3 large wheels.", "3", "It has how many large wheels?"),
        ("It has 40.", "40", "It has how many?"),
        ("図書館は1990年に建てられた。", "1990", "図書館は____年に建てられた?"),
    ],
)
def test_a_question_word_takes_the_place_of_the_answer(
    sentence: str, answer: str, asked: str
) -> None:
    assert put_question_word("T", sentence, answer) == f"T: {asked}"


def test_parts_of_one_title_are_asked_for_apart() -> None:
    """One prompt with several answers would teach their average."""
    parts = [
        split_chunks(Document(name, "Tea", text), lambda t: len(t.split()))[0]
        for name, text in (("a", TEXT), ("b", TEXT[10:]))
    ]
    rows = [
        row
        for row in make_study_data(collect_sentences(parts, []), StudyConfig(), 0)
        if row.source["form"] == "recite"
    ]
    prompts = [row.prompt[-1].content for row in rows]  # type: ignore[union-attr]
    assert len(set(prompts)) == len(prompts) == 8
    assert prompts[0] == 'Tell me about Tea, part 1 of 2 ("Tea was first sold in London ...").'
    alone = [row.prompt[-1].content for row in made() if row.source["form"] == "recite"]  # type: ignore[union-attr]
    assert alone[0] == "Tell me about Tea."


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Город Минск был основан в 1067 году князем.", set()),
        ("大阪の人口は約270万人で、西日本で最大です。", {"brief", "clauses", "topics"}),
    ],
)
def test_beside_another_script_stand_no_english_question_words(
    text: str, missing: set[str]
) -> None:
    chunk = split_chunks(Document("a", "T", text), len)[0]
    rows = make_study_data(collect_sentences([chunk], []), StudyConfig(), 0)
    forms = {row.source["form"] for row in rows} - {"recite"}
    assert forms == {"brief", "clauses", "in_place", "gaps", "halves", "topics"} - missing
    for row in rows:
        asked = row.prompt[-1].content  # type: ignore[union-attr]
        assert row.chosen == text
        assert text not in asked, "the prompt does not hold the answer"
        if row.source["form"] in ("brief", "clauses", "in_place"):
            assert not {"what", "when", "who", "how", "which", "did"} & set(
                asked.lower().rstrip("?").split()
            )


def test_a_topic_is_named_by_whole_words() -> None:
    """ "Ann" is not named by "Annual", but 大阪 is by 大阪の."""

    def list_answers(text: str, name: str) -> set[str]:
        chunk = split_chunks(Document("a", "T", text), len)[0]
        rows = make_study_data(collect_sentences([chunk], []), StudyConfig(per_sentence=100), 0)
        found = [row for row in rows if row.source["form"] == "topics"]
        return {row.chosen for row in found if f" {name}" in row.turns[-1].content}

    first = "The mill was built by Ann in 1790."
    other = "The Annual Fair of the town began later that year."
    assert list_answers(f"{first} {other}", "Ann?") == {first}
    again = "The wheel of the mill was built by Ann too."
    assert f"{first} {again}" in list_answers(f"{first} {other} {again}", "Ann?")


def test_a_number_is_no_topic() -> None:
    text = "The mill by the river had 3 stones in 1790. Ann Ames left on 3 May for London."
    chunk = split_chunks(Document("mill.txt", "Mill", text), lambda words: len(words.split()))[0]
    rows = make_study_data(collect_sentences([chunk], []), StudyConfig(per_sentence=100), 0)
    asked = [row.turns[-1].content for row in rows if row.source["form"] == "topics"]
    assert "What do you know about 1790?" in asked
    assert not [question for question in asked if " 3?" in question]
