"""The answers that a sentence offers."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfteach.generate.spans import (
    MAX_WORDS,
    find_answer_spans,
    get_question_openings,
    remove_answer,
    replace_answer,
)


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        (
            "On October 6, 1973, OPEC raised the price by 70%, to $5.11 a barrel.",
            ["October 6, 1973", "70%", "$5.11", "OPEC"],
        ),
        (
            "The chair after Rajendra K. Pachauri was Hoesung Lee.",
            ["Rajendra K. Pachauri", "Hoesung Lee"],
        ),
        ("It is called the Rankine cycle, and made of cast iron.", ["Rankine", "cast iron"]),
        ('He said "all is well" to the crew.', ["all is well", "the crew"]),
        ("It cost 2.2 billion in 12 May 1990 terms.", ["2.2 billion", "12 May 1990"]),
        ("The chair was elected in May and is a judge.", ["May", "a judge"]),
        ("Книгу написал Лев Толстой в 1869 году.", ["1869", "Лев Толстой"]),
        ("Das heißt „alles ist gut“ hier.", ["alles ist gut"]),
        ("Η πόλη Αθήνα έχει 3 λιμάνια.", ["3", "Αθήνα"]),
        ("书名是《红楼梦传》。", ["红楼梦传"]),
        ("It ran 12km in the 19th century, not in the 1850s.", ["12km", "19th", "1850s"]),
        ("It opens at 9:30 on 5 May 2001 and is kept at -5°C.", ["9:30", "5 May 2001", "-5"]),
        ("It is George H. W. Bush's.", ["George H. W. Bush"]),
        ("The U.S. Navy's ship sank.", ["The U.S. Navy"]),
        ("It sank at 17:16:20 or so.", ["17:16:20"]),
        ("Burning coal releases CO2 and H2O.", ["CO2 and H2O"]),
        ("It is Vitamin B12 of the G7.", ["Vitamin B12 of the G7"]),
        ("It ended COVID-19 in the mid-1950s for US$50.", ["1950s", "$50", "COVID-19", "US"]),
        ("It fell on 2024-03-15 here.", ["2024-03-15"]),
        ("He has an x86 and 3 more.", ["3"]),
        ("Nothing here.", []),
        ("", []),
        ("図書館は1990年に建てられた。", ["1990"]),
    ],
)
def test_kinds(sentence: str, found: list[str]) -> None:
    assert find_answer_spans(sentence, "Title") == found


def test_a_title_before_a_name_is_a_part_of_it() -> None:
    assert find_answer_spans("It is owned by Mr. Smith's sons.", "Mill") == ["Mr. Smith"]
    assert find_answer_spans("Mr. Smith came to St. Louis.", "Mill") == ["Mr. Smith", "St. Louis"]


@pytest.mark.parametrize(
    ("sentence", "answer", "opening"),
    [
        ("The fair is held in July.", "July", "When"),
        ("The shop is closed on Mondays.", "Mondays", "When"),
        ("The fair is held in Wyle.", "Wyle", "Where"),
        ("The mill belongs to May.", "May", "Where"),
    ],
)
def test_a_month_and_a_day_are_no_places(sentence: str, answer: str, opening: str) -> None:
    assert get_question_openings(sentence, answer)[0] == opening


def test_what_the_title_holds_is_no_answer() -> None:
    assert find_answer_spans("The bridge of Aldmoor is at Hale.", "Aldmoor Bridge") == ["Hale"]
    assert find_answer_spans("The Aldmoor Bridge is at Hale.", "Aldmoor Bridge") == ["Hale"]


@pytest.mark.parametrize(
    ("title", "lost"), [("1", 0), ("Canada", 0), ("Ad", 0), ("12", 1), ("", 0)]
)
def test_a_title_is_compared_by_whole_words(title: str, lost: int) -> None:
    """ "1" stands in 1868 and in 12 as a sign, not as a word."""
    sentence = "The bridge was opened in 1868 by Ada Brown and cost 12 crowns."
    assert len(find_answer_spans(sentence, title)) == 3 - lost
    assert find_answer_spans("书名是《红楼梦传》。", "红楼梦") == []


@given(st.text(st.sampled_from('aB 1,."$%of the'), max_size=80))
def test_every_answer_stands_in_its_sentence_and_none_in_another(sentence: str) -> None:
    found = find_answer_spans(sentence, "")
    assert all(span and span in sentence and len(span.split()) <= MAX_WORDS for span in found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    "text",
    [
        "A " * 20_000,
        "of a" * 20_000,
        '"' * 40_000,
        "1," * 20_000,
        "a" * 60_000,
        "is " + "a " * 20_000,
    ],
)
def test_hostile_sentences_take_no_time(text: str) -> None:
    """Seconds of the processor; what grows with the square takes minutes."""
    before = time.process_time()
    find_answer_spans(text, "T")
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    ("sentence", "answer", "ways"),
    [
        ("It fell in 1990.", "1990", ("When", "In what year")),
        ("The bridge is 1500 metres long.", "1500", ("How many metres",)),
        ("In 1850 the mill had 1200 workers.", "1200", ("How many workers",)),
        ("The 1990 elections were late.", "1990", ("When", "In what year")),
        ("1848 was a year of war.", "1848", ("When", "In what year")),
        ("It opens at 9:30.", "9:30", ("When", "What")),
        ("On 12 May 1990 it fell.", "12 May 1990", ("When", "In what year")),
        ("It cost $5.", "$5", ("How much",)),
        ("It rose by 70%.", "70%", ("What percentage", "How much")),
        ("It has 300 workers.", "300", ("How many workers",)),
        ("It has 40.", "40", ("How many", "What")),
        ("Set it to 30 and wait for him.", "30", ("How many", "What")),
        ("It was 30 until they came.", "30", ("How many", "What")),
        ("It fell on 2024-03-15.", "2024-03-15", ("When", "In what year")),
        ("The population was 1900 people.", "1900", ("How many people",)),
        ("The mill had 1900 men and women.", "1900", ("How many men",)),
        ("In spring 1944 women built it.", "1944", ("When", "In what year")),
        ("It closed because of a flood.", "a flood", ("Why",)),
        ("It was built in Hale.", "Hale", ("Where", "Which")),
        ("It was built by Ann Ames.", "Ann Ames", ("Who", "What")),
        ("Oil went to the United States.", "United States", ("Where", "Which")),
        ("Since September it fell.", "September", ("Who", "What")),
        ("It is made of cast iron.", "cast iron", ("What", "Which")),
        ("In the 19th century it fell.", "19th", ("Which", "What")),
        ("It fell in the 1850s.", "1850s", ("When",)),
        ("In 1930 the 30 houses fell.", "30", ("How many houses",)),
        ("The 1.5 ton boiler has 5 valves.", "5", ("How many valves",)),
        ("Он построен в 1790 году.", "1790", ("",)),
    ],
)
def test_how_a_question_begins(sentence: str, answer: str, ways: tuple[str, ...]) -> None:
    assert get_question_openings(sentence, answer) == ways


@pytest.mark.parametrize(
    ("question", "answer", "mended"),
    [
        ("When did it open in 1790?", "1790", "When did it open?"),
        ("How much did Ann pay $5 to Bob?", "$5", "How much did Ann pay to Bob?"),
        ("When did it open?", "1790", "When did it open?"),
        ("Who is Ann?", "Ann", "Who is Ann?"),
        ("Why 17901 of 1790s?", "1790", "Why 17901 of 1790s?"),
        ("Who is John's father in Hale?", "John", "Who is John's father in Hale?"),
        ("Where is the Smiths’ house of wood?", "Smiths", "Where is the Smiths’ house of wood?"),
        ("How did the 3.5 liter engine work?", "3", "How did the 3.5 liter engine work?"),
    ],
)
def test_a_question_loses_its_answer_where_enough_is_left(
    question: str, answer: str, mended: str
) -> None:
    assert remove_answer(question, answer) == mended


@pytest.mark.parametrize(
    ("sentence", "answer", "count", "gapped"),
    [
        (
            "The 3 oldest of the 30 houses were built in 1930.",
            "3",
            0,
            "The _ oldest of the 30 houses were built in 1930.",
        ),
        ("Ann met Ann, and Anna.", "Ann", 0, "_ met _, and Anna."),
        ("The 1.5 ton boiler has 5 valves.", "5", 0, "The 1.5 ton boiler has _ valves."),
        ("His 3,000 men met 3, or 4.3, men.", "3", 0, "His 3,000 men met _, or 4.3, men."),
        ("Ann met Ann.", "Ann", 1, "_ met Ann."),
        ("It cost $5, or $50.", "$5", 0, "It cost _, or $50."),
        ("図書館は1990年に建てられた。", "1990", 0, "図書館は_年に建てられた。"),
        ("Bob came.", "Ann", 0, "Bob came."),
    ],
)
def test_a_gap_stands_where_the_answer_is_a_whole_word(
    sentence: str, answer: str, count: int, gapped: str
) -> None:
    assert replace_answer(sentence, answer, "_", count) == gapped


def test_a_gap_is_no_pattern() -> None:
    assert replace_answer("Ann came.", "Ann", r"\1 \g<0>") == r"\1 \g<0> came."


def test_a_possessive_is_a_name() -> None:
    assert find_answer_spans("It prevented Israel's fall.", "T") == ["Israel"]


@pytest.mark.parametrize(
    ("sentence", "torn"),
    [
        ("Hale sold it to the U.K. in a hurry.", "the U"),
        ('They were known as the "Holy Club" of Hale.', "the"),
        ("It is made of an alloy with version x.25 of it.", "version x"),
    ],
)
def test_no_answer_ends_within_an_abbreviation_or_before_a_quotation(
    sentence: str, torn: str
) -> None:
    assert torn not in find_answer_spans(sentence, "")


def test_a_phrase_still_ends_at_a_mark() -> None:
    text = 'It is made of cast iron, (by a smith) and the gate "of old wood".'
    assert set(find_answer_spans(text, "")) >= {"cast iron", "a smith"}


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("In the United States, the mill is old.", "United States"),
        ("When Corliss was given the medal, he left.", "Corliss"),
        ("Though the British were defeated, the mill stayed.", "British"),
        ("After World War II, the mill was sold.", "World War II"),
        ("The United States bought the mill.", "The United States"),
        ("Ann Hale bought the mill.", "Ann Hale"),
        ("Inge Hale bought the mill.", "Inge Hale"),
    ],
)
def test_a_name_at_the_beginning_has_no_word_of_the_sentence_before_it(
    sentence: str, name: str
) -> None:
    assert name in find_answer_spans(sentence, "")
    assert all(span in sentence for span in find_answer_spans(sentence, ""))


def test_a_name_behind_a_preposition_at_the_beginning_asks_for_a_place() -> None:
    assert get_question_openings("In the United States, it is old.", "United States")[0] == "Where"
