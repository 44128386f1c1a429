"""ROUGE-L against rouge_score itself, and by hand."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from selfteach.dedup.connect import connect_overlapping
from selfteach.dedup.overlap import (
    NearestText,
    OverlapIndex,
    rouge_l,
    split_words,
    split_written_words,
    take_written_words,
)

ORACLE = RougeScorer(["rougeL"])
ascii_texts = st.one_of(
    st.text(st.characters(max_codepoint=127), max_size=80),
    st.lists(
        st.sampled_from(["the", "cat", "sat", "Mat!", "on", "2", "don't", "--"]), max_size=14
    ).map(" ".join),
)


@given(ascii_texts, ascii_texts)
@settings(deadline=None)
def test_equals_rouge_score_on_text_in_ascii(one, other):
    assert rouge_l(one, other) == pytest.approx(
        ORACLE.score(one, other)["rougeL"].fmeasure, abs=1e-12
    )


@given(
    st.lists(ascii_texts, max_size=6),
    st.lists(ascii_texts, max_size=6),
    st.sampled_from([0.0, 0.5, 0.7]),
)
@settings(deadline=None)
def test_pool_equals_pairwise(kept, asked, cutoff):
    pool = OverlapIndex(kept)
    pairs = np.array([[rouge_l(a, k) for k in kept] for a in asked]).reshape(len(asked), len(kept))
    assert np.allclose(pool.matrix(asked, cutoff), np.where(pairs >= cutoff, pairs, 0), atol=1e-12)
    for row, found in zip(pairs, map(pool.nearest, asked), strict=True):
        assert found.similarity == pytest.approx(max(row, default=0.0), abs=1e-12)
        if found.similarity > 0:
            assert found.text == kept[found.index]
            assert row[found.index] == pytest.approx(found.similarity)


@pytest.mark.parametrize("threshold", [0.3, 0.4, 0.6, 0.65, 0.7, 0.8, 0.85, 0.9])
def test_pairs_just_at_the_threshold_are_found(threshold):
    for total in range(2, 61):
        common = round(threshold * total / 2)
        if 2 * common / total != threshold:
            continue
        words = [f"s{i}" for i in range(common)]
        extra = (total - 2 * common + 1) // 2
        one, other = (
            " ".join([*words, *(f"{name}{i}" for i in range(count))])
            for name, count in (("a", extra), ("b", total - 2 * common - extra))
        )
        assert OverlapIndex([one]).matrix([other], threshold)[0, 0] == pytest.approx(threshold)
        assert OverlapIndex([one]).nearest(other, threshold).index == 0
        assert connect_overlapping([one, other], threshold).tolist() == [0, 0]


def test_both_forms_of_an_accent_are_one_word():
    composed = "Où est l'école près de la forêt?"
    decomposed = unicodedata.normalize("NFD", composed)
    assert rouge_l(composed, decomposed) == 1.0
    assert split_words(decomposed) == split_words(composed)
    assert split_words("caf\u00e9") == split_words("cafe\u0301") == ["caf\u00e9"]


def test_by_hand():
    # common subsequence "the cat on mat" = 4 words of 6 and 5: F1 = 8/11
    assert rouge_l("The cat sat on the mat.", "the cat lies on mat") == pytest.approx(8 / 11)
    assert rouge_l("same words", "Same, words!") == 1.0
    assert rouge_l("one", "two") == 0.0
    assert rouge_l("", "") == 0.0
    assert rouge_l("!!!", "???") == 0.0


def test_other_scripts_are_compared_by_their_own_words():
    assert split_words("Привет, мир!") == ["привет", "мир"]
    assert split_words("大象 hello") == ["大", "象", "hello"]
    assert split_words("एक हाथी") == ["एक", "हाथी"]
    assert split_words("It’s a café") == ["it", "s", "a", "café"]
    assert split_words("It’s “so” — fine…") == [
        "it",
        "s",
        "so",
        "fine",
    ]  # signs beyond ASCII change nothing
    assert rouge_l("что такое слон", "что такое кит") == pytest.approx(2 / 3)


def test_add_if_new_keeps_what_is_at_most_as_like_as_the_threshold():
    pool = OverlapIndex()
    assert pool.add_if_new("a b c d e f g", 0.7) == (True, NearestText("", -1, 0.0))
    new, near = pool.add_if_new("a b c d e f x", 0.7)  # 6 of 7 words: 12/14
    assert not new
    assert near.text == "a b c d e f g"
    assert near.similarity == pytest.approx(12 / 14)
    assert pool.add_if_new("a b c d e f g x y z q r s", 0.7)[
        0
    ]  # 7 of 7 and 13: 14/20 = 0.7 exactly, not above
    assert len(pool) == 2
    assert pool.texts == ["a b c d e f g", "a b c d e f g x y z q r s"]


def test_no_word_is_near_nothing():
    pool = OverlapIndex(["!!!", "words"])
    assert pool.nearest("???") == NearestText("", -1, 0.0)
    assert pool.matrix(["???", "words"]).tolist() == [[0, 0], [0, 1]]
    assert OverlapIndex().matrix(["x"]).shape == (1, 0)


@given(st.lists(ascii_texts, max_size=12))
@settings(deadline=None)
def test_kept_texts_are_pairwise_new(texts):
    pool = OverlapIndex()
    for text in texts:
        pool.add_if_new(text, 0.7)
    alike = pool.matrix(pool.texts)
    np.fill_diagonal(alike, 0)
    assert (alike <= 0.7).all()


@given(
    st.lists(ascii_texts, max_size=8),
    ascii_texts,
    st.sampled_from([0.1, 0.3, 0.5, 2 / 3, 0.7, 0.9, 1.0]),
)
@settings(deadline=None)
def test_the_nearest_text_above_a_bound_is_the_nearest_of_all_or_none(kept, asked, bound):
    pool = OverlapIndex(kept)
    nearest = pool.nearest(asked)
    found = pool.nearest(asked, bound)
    assert found == (nearest if nearest.similarity >= bound else NearestText())


def test_a_bound_leaves_few_texts_to_compare():
    pool = OverlapIndex(f"what is the {noun} of the {noun}s" for noun in map(str, range(300)))
    numbers = pool._number_words(split_words("what is the 7 of the 7s"))
    assert pool._find_reachable(numbers, 0.9).tolist() == [7]


def test_written_words_are_cut_as_they_stand():
    text = "Tea, 茶很好。 นี่ดี"
    assert split_written_words(text) == ["Tea,", "茶", "很", "好。", "นี่", "ดี"]
    assert split_written_words("") == []
    assert take_written_words(text, 2) == "Tea, 茶"
    assert take_written_words(text, 0) == ""
    assert take_written_words("Tea is  \n hot. ", 3) == "Tea is  \n hot. "
