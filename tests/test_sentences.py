"""Sentences: what ends one and what does not, and that counting and splitting agree."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from selfteach.judge.check import parse_check
from selfteach.judge.repair import repair_answer
from selfteach.sentences import (
    count_sentences,
    ends_sentence,
    keep_whole_sentences,
    split_pieces,
    split_sentences,
)

ONE = [
    "We open at 9 a.m. and close at 6 p.m. on weekdays.",
    "We open at 9 a.m. Monday.",
    "The call is at 3 p.m. EST.",
    "She has a Ph.D. in physics.",
    "Apples, pears, etc. are sold here.",
    "It was founded by Apple Inc. in 1976.",
    "Apple Inc. CEO Tim Cook spoke.",
    "On Jan. 5 we met.",
    "Take bus No. 7 to the station.",
    "See Fig. 3 for more.",
    "Martin Luther King Jr. Day is a holiday.",
    "J. R. R. Tolkien wrote it.",
    "The U.S. Army came.",
    "Das gilt z.B. für Hunde.",
    "Das gilt z. B. für Hunde, d. h. nicht für Katzen.",
    "Es gibt u. a. Äpfel und i. d. R. Birnen.",
    "Am 3. Oktober 1990 wurde Deutschland wiedervereinigt.",
    "Der 2. Weltkrieg endete am 8. Mai 1945.",
    "Er wohnt im 3. Stock.",
    "Die Stadt hat 3,5 Mio. Einwohner.",
    "Das regelt Art. 5 Abs. 2.",
    "See Sec. 3 for more.",
    "Open Mon. to Fri. 9 to 17 and Sat. 10 to 14, Sun. 12 to 14.",
    "Call tel. 555-1234 or ext. 12, as ch. 4 says.",
    "Geöffnet Mo. 9 bis 17 Uhr und Sa. 10 bis 14 Uhr.",
    "Im 1. und 2. Weltkrieg starben Millionen.",
    "Harry Potter was written by J. K. Rowling.",
    "The book was written by J. R. R. Tolkien in 1937.",
    "It is by C. S. Lewis.",
    '"It is late!" he said.',
    "“Is it late?” she asked.",
    "'Go!' she cried.",
    "„Komm!“ rief er.",
    "« Viens ! » dit-il.",
    "It rained (a lot!) and then it snowed.",
    "Well... maybe not.",
    "I like tea… and milk.",
    "1. Mix it.",
    "**1.** Mix it.",
    "(1) Mix it.",
    "It is a cat.[1]",
    "It is a cat.¹²",
    "Dr.[2] Smith came.",
    "The U.S.\u200b Army won.",
    "Am 3.¹ Mai kam er.",
    "So 5! = 120 holds.",
    "क्या यह सच है।",
    "هل هذا صحيح؟",
    "یہ سچ ہے۔",
]
TWO = [
    "Es kostet 3 Mio. Das ist viel.",
    "**Paris is the capital.** It has two million people.",
    "*Yes.* It is.",
    "_Yes!_ It is.",
    "We close at 6 p.m. Dogs are welcome.",
    "We meet at 9 a.m.\nBring shoes.",
    "Oranges hold vitamin C. They are round.",
    "Oranges hold Vitamin C. They are round.",
    "I am 3. Tom is four.",
    "Er kam im Mai. Der Mai war kalt.",
    "Die Antwort ist die 3. Das ist richtig.",
    "It costs $3. April is cold.",
    "We chose plan B. Smith agreed.",
    "He works for Apple Inc. He likes it.",
    "He moved to the U.S. She stayed.",
    "We sell apples, pears, etc. Come by!",
    "This is Jan. He is ten.",
    "It orbits the Sun. 8 planets do.",
    "He came on Sat. She came later.",
    "No. It is not.",
    'He said "no." Then he left.',
    "i am here. see you",
    "Hm… That is it.",
    "Nice! 😊 Good day.",
    "यह सच है। वह गया।",
    "هل هذا صحيح؟ نعم، هو صحيح.",
    "یہ سچ ہے۔ وہ گیا۔",
    "猫がいます。犬もいます。",
    "他说：“好。”然后走了。",
    "**1.** Wash.\n**2.** Dry.",
    "It is a cat.[1] It sleeps.",
    "It is a cat.[1][12] It sleeps.",
    "It is a cat.¹ It sleeps.",
    "It is a cat.\u200b It sleeps.",
]


def test_what_ends_no_sentence() -> None:
    assert [text for text in ONE if count_sentences(text) != 1] == []


def test_what_ends_a_sentence() -> None:
    assert [text for text in TWO if count_sentences(text) != 2] == []


def test_every_mark_that_is_counted_ends_a_text() -> None:
    assert [text for text in ONE + TWO if text[-1] in ".!?…।؟۔。" and not ends_sentence(text)] == []


@pytest.mark.parametrize("text", ONE)
def test_a_right_answer_of_one_sentence_is_not_cut(text: str) -> None:
    assert repair_answer(parse_check("max_sentences=1"), text) == [text]


def test_an_abbreviation_is_no_place_to_cut() -> None:
    text = "We open at 9 a.m. and close at 6 p.m. on weekdays. Come by!"
    found = repair_answer(parse_check("max_sentences=1"), text)
    assert found[0] == "We open at 9 a.m. and close at 6 p.m. on weekdays."
    text = "Come by! We open at 9 a.m. and close"
    assert keep_whole_sentences(text, is_cut=True) == "Come by!"
    assert keep_whole_sentences(text, is_cut=False) == text


WORDS = [
    "Der", "Am", "2.", "Mai", "z.", "B.", "**",
    "Dr.", "a.m.", "p.m.", "etc.", "Ph.D.", "Inc.", "Jan.", "No.", "A.", "U.S.", "e.g.", "z.B.",
    "Tea", "tea", "5", "12.", "1)", "- ", "\n", "\n\n", ".", "!", "?", "...", "…", '"', "”", "»",
    ")", "**", "_", "He", "Monday", "。", "！", "」", "猫", "।", "؟", "۔", "😊", "❤️", " ",
]  # fmt: skip
written = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from(["", " "])).map("".join), max_size=14
).map("".join)


@given(st.one_of(written, st.text(max_size=60)))
@example("**Paris is the capital.** It has two million people.")
@example("\nDr.Dr. Dr.")
@settings(deadline=None)
def test_counting_and_splitting_agree(text: str) -> None:
    pieces = split_pieces(text)
    assert "".join(pieces) == text
    assert split_sentences(text) == [piece.strip() for piece in pieces if piece.strip()]
    assert count_sentences(text) == sum(map(count_sentences, pieces))
    assert all(count_sentences(piece) <= 1 for piece in pieces)
    assert text.startswith(keep_whole_sentences(text, is_cut=True))


@pytest.mark.parametrize(
    "filler",
    ["Mr. ", "a.m. ", '"a." b', "1. ", "... a", "\n", "A. ", ".", "!", "?", "…", " ", "😊 "],
)
def test_a_long_text_is_soon_split(filler: str) -> None:
    began = time.process_time()
    assert "".join(split_pieces(filler * 5000)) == filler * 5000
    assert time.process_time() - began < 2
