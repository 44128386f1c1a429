"""Numbers as words, and differences of answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfteach.records import Measure
from selfteach.report.format_text import (
    diff_words,
    format_change,
    format_count,
    format_decimal,
    format_duration,
    format_interval,
    format_megabytes,
    format_percent,
    format_sentence,
    shorten,
)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.953, "95 %"),
        (0, "0 %"),
        (1, "100 %"),
        (0.004, "0.4 %"),
        (1 / 200, "0.5 %"),
        (199 / 200, "99.5 %"),
        (-0.997, "-99.7 %"),
        (0.998, "99.8 %"),
        (None, "–"),
        (float("nan"), "–"),
        ("x", "–"),
        (True, "–"),
    ],
)
def test_percent(share: object, text: str):
    assert format_percent(share) == text.replace(" ", "\u202f")


def test_interval():
    assert format_interval(Measure(0.9, 0.812, 0.977, 40)) == "81–98"
    assert format_interval(Measure(-0.1, -0.2, 0.05, 9), 2) == "−0.20–0.05"
    assert format_interval(None) == "–"
    assert format_interval(Measure(0.0, 0.0, 0.0, 5)) == "no interval"
    assert format_interval(Measure(1.5, 1.5, 1.5, 5), 2) == "no interval"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (9.96, "10.0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (247.3, "4 min 7 s"),
        (7500, "2 h 5 min"),
        (None, "–"),
        (float("inf"), "–"),
    ],
)
def test_duration(seconds: object, text: str):
    assert format_duration(seconds) == text


def test_other_numbers():
    assert format_count(88412) == "88\u202f412"
    assert format_decimal(-0.7761) == "−0.776"
    assert format_decimal(0.00002) == "2.0e−05"
    assert format_decimal(0) == "0.000"
    assert (format_change(-0.004), format_change(-0.0004, 3)) == ("+0 points", "+0.000")
    assert (format_megabytes(19.63), format_megabytes(269), format_megabytes(2710)) == (
        "19.6 MB",
        "269 MB",
        "2.7 GB",
    )


def test_a_long_text_is_cut_and_says_so():
    assert shorten("abcdef", 4) == "abcd … (2 more characters)"
    assert shorten("abcd", 4) == "abcd"


def test_the_verdicts_word_is_not_printed_twice():
    assert (
        format_sentence("Taught: the rule is kept in 98 % of answers.", "taught")
        == "The rule is kept in 98\u202f% of answers."
    )
    assert format_sentence("Just prompt it.", "just prompt it") == "Just prompt it."


def test_differences_mark_words():
    before, after = diff_words("A cat sat on the red mat.", "A cat sat on the blue mat.")
    assert before == [(False, "A cat sat on the "), (True, "red"), (False, " mat.")]
    assert after == [(False, "A cat sat on the "), (True, "blue"), (False, " mat.")]


def test_a_single_shared_word_between_changes_is_no_island():
    before, _ = diff_words(
        "start one two and three four end of it", "start five six and seven eight end of it"
    )
    assert (True, "one two and three four") in before


def test_equal_answers_have_no_marks():
    assert diff_words("same words", "same words") == (
        [(False, "same words")],
        [(False, "same words")],
    )


def test_loops_of_signs_are_not_compared() -> None:
    before, after = "!?" * 390, "?!!" * 260
    assert diff_words(before, after) == ([(False, before)], [(False, after)])


@given(st.text(alphabet="ab ,.\n", max_size=60), st.text(alphabet="ab ,.\n", max_size=60))
def test_pieces_join_to_their_texts_without_spaces_at_the_edges(before: str, after: str):
    for text, pieces in zip((before, after), diff_words(before, after), strict=True):
        assert "".join(piece for _, piece in pieces) == text
        assert all(piece == piece.strip() for changed, piece in pieces if changed)
