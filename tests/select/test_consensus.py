"""Which answer agrees most with the others, worked out by hand."""

from __future__ import annotations

import pytest

from selfteach.select.consensus import score_agreement


def test_the_mean_overlap_with_the_others() -> None:
    """ "a b c d" and "a b c e" share 3 of 4 words (F1 .75), either shares 2 of 4 with "a b x y"
    (.5), and "z" shares nothing.
    """
    assert score_agreement(["a b c d", "a b c e", "a b x y", "z"]) == pytest.approx(
        [1.25 / 3, 1.25 / 3, 1.0 / 3, 0.0]
    )


def test_two_that_are_the_same_agree_and_one_alone_does() -> None:
    assert score_agreement(["tea", "tea"]) == [1.0, 1.0]
    assert score_agreement(["tea"]) == [1.0]
    assert score_agreement([]) == []


def test_answers_without_words_agree_with_nothing() -> None:
    assert score_agreement(["!", "?", "tea"]) == [0.0, 0.0, 0.0]
    assert score_agreement(["+", "+", "-"]) == [0.5, 0.5, 0.0], "but with their equals"
