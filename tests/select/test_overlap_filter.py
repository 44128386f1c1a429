"""The overlap filter against comparing everything with everything, and its bounds against what they
bound.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import LCSseq
from rouge_score import tokenize
from rouge_score.rouge_scorer import RougeScorer

from selfteach.dedup import filter, overlap, pool
from selfteach.dedup.filter import OverlapFilter, SimilarText
from selfteach.dedup.overlap import split_words
from selfteach.dedup.rouge import (
    WORD_SPLITTERS,
    compute_min_common,
    split_latin_words,
    to_exact_fraction,
)
from selfteach.dedup.signatures import BITS, LANES, compute_signatures, fold_signatures

pytestmark = pytest.mark.long

ORACLE = RougeScorer(["rougeL"])
THRESHOLDS = (0.0, 0.3, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
unicode_texts = st.one_of(
    st.text(max_size=60),
    st.text(st.sampled_from("aAzZ09 \n\t_-'’éİıKſßΣς大ж\u0301\ud800\x00\u2028²½Ⅷ"), max_size=40),
    st.lists(
        st.sampled_from(["the", "cat", "Cat's", "sat", "Mat!", "on", "2", "--", "é", "大象"]),
        max_size=14,
    ).map(" ".join),
)


def brute(
    texts: Sequence[str], threshold: float, words=split_latin_words, known: Sequence[str] = ()
) -> list[tuple[int, float] | None]:
    """Greedy by definition: each text with every kept one before it, one after the other, in
    fractions.
    """
    limit = Fraction(str(threshold))
    kept = list(enumerate(map(words, known)))
    verdicts = []
    for number, own in enumerate(map(words, texts), start=len(known)):
        scored = [
            (Fraction(2 * LCSseq.similarity(own, other), len(own) + len(other)), -k)
            for k, other in kept
            if own and other
        ]
        best = max(scored, default=(Fraction(0), 0))
        verdicts.append((-best[1], float(best[0])) if best[0] > limit else None)
        if verdicts[-1] is None:
            kept.append((number, own))
    return verdicts


def sample_texts(seed: int, count: int = 150) -> list[str]:
    """Zipfian texts of several lengths, with repetitions, empty ones, and edits of earlier ones."""
    rng = random.Random(seed)
    vocabulary = rng.choice([4, 30, 400])
    longest = rng.choice([5, 12, 60, 150])
    texts: list[str] = []
    for _ in range(count):
        words = [
            f"w{min(int(rng.paretovariate(0.7)), vocabulary)}"
            for _ in range(rng.randint(0, longest))
        ]
        if texts and rng.random() < 0.4:
            words = rng.choice(texts).split()
            for _ in range(rng.randint(0, 1 + len(words) // 3)):
                place = rng.randrange(len(words) + 1)
                words[place : place + rng.randint(0, 2)] = [
                    f"w{rng.randint(1, vocabulary)}"
                ] * rng.randint(0, 2)
        texts.append(" ".join(words))
    return texts


def decided(texts: Sequence[str], threshold: float, **more) -> list[tuple[int, float] | None]:
    with OverlapFilter(threshold, **more) as sieve:
        return [like and (like.number, like.similarity) for like in sieve.decide(texts)]


@given(unicode_texts)
@settings(deadline=None)
def test_words_are_those_of_rouge_score(text):
    assert split_latin_words(text) == tokenize.tokenize(text, None)


@pytest.mark.parametrize(
    "texts",
    [
        ["Что такое GPS и кто его придумал?", "Нарисуй схему: почему GPS не работает"],
        ["请用三句话解释什么是 AI。", "写一首关于 AI 和大海的诗"],
    ],
)
def test_one_latin_word_makes_no_texts_in_other_letters_equal(texts: list[str]) -> None:
    assert decided(texts, 0.7, words=WORD_SPLITTERS["rouge"]) == [None, None]
    latin = ["Où est le café près de chez toi ?"] * 2
    assert decided(latin, 0.7, words=WORD_SPLITTERS["rouge"]) == [None, (0, 1.0)]


@given(unicode_texts, unicode_texts)
@settings(deadline=None)
def test_a_pair_is_dropped_where_rouge_score_exceeds(one, other):
    score = ORACLE.score(one, other)["rougeL"].fmeasure
    for threshold in (0.3, 0.7):
        if abs(score - threshold) > 1e-9:
            (first, second) = decided([one, other], threshold, words=split_latin_words, workers=1)
            assert first is None
            assert (second is not None) == (score > threshold)
            assert second is None or second == (0, pytest.approx(score, abs=1e-12))


@cache
def brute_sampled(seed: int, threshold: float) -> list[tuple[int, float] | None]:
    """Return what `brute` says about sampled texts: several tests ask for the same."""
    return brute(sample_texts(seed), threshold)


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("sizes", [(64, 16, 2, 8), (8192, 256, 16, 4096)])
def test_equals_brute_force(threshold, sizes, monkeypatch):
    for module, name, value in zip(
        (filter, filter, pool, pool), ("BLOCK", "LEAF", "ROWS", "COLUMNS"), sizes, strict=True
    ):
        monkeypatch.setattr(module, name, value)
    for seed in range(3):
        assert decided(sample_texts(seed), threshold) == brute_sampled(seed, threshold)


@given(
    st.lists(unicode_texts, max_size=25),
    st.sampled_from(THRESHOLDS),
    st.sampled_from([split_latin_words, split_words]),
)
@settings(deadline=None)
def test_equals_brute_force_on_any_text(texts, threshold, words):
    assert decided(texts, threshold, words=words, workers=1) == brute(texts, threshold, words)


def test_the_result_depends_neither_on_the_workers_nor_on_the_portions():
    texts = sample_texts(3, 900)
    whole = decided(texts, 0.7, workers=1)
    assert decided(texts, 0.7, workers=2) == decided(texts, 0.7, workers=5) == whole
    with OverlapFilter(0.7) as sieve:
        portions = [
            like for start in range(0, 900, 70) for like in sieve.decide(texts[start : start + 70])
        ]
    assert [like and (like.number, like.similarity) for like in portions] == whole


def test_known_texts_stay_whatever_they_are_like():
    known = sample_texts(4, 200)
    texts = sample_texts(5, 200) + sample_texts(4, 50)
    with OverlapFilter(0.6) as sieve:
        sieve.add(known)
        assert [like and (like.number, like.similarity) for like in sieve.decide(texts)] == brute(
            texts, 0.6, known=known
        )


def test_by_hand():
    # 7 words of 7 and 13: F1 = 14/20, which is .7 and not above; 8 of 8 and 14: 16/22 = .727
    seven = "a b c d e f g"
    thirteen = "a b c d e f g x y z q r s"
    assert decided([seven, thirteen], 0.7) == [None, None]
    assert decided([seven + " h", thirteen + " h"], 0.7) == [None, (0, 16 / 22)]
    # 3 of 10 and 10: F1 = .3 exactly, though 1 - .7 is more than .3 in floating point
    assert decided(["a b c d e f g h i j", "a b c k l m n o p q"], 0.3) == [None, None]
    assert decided(["a b", "A, b!", "", "!!!", "a b"], 0.7) == [
        None,
        (0, 1.0),
        None,
        None,
        (0, 1.0),
    ]
    assert decided(["a b", "a b"], 1.0) == [None, None]


def test_a_text_meets_kept_texts_alone():
    # each has 4 of 5 words of the one before it (F1 .8) and 3 of the one before that (.6): the
    # third is kept because the second was not
    chain = ["a b c d e", "b c d e f", "c d e f g", "d e f g h"]
    assert decided(chain, 0.7) == [None, (0, 0.8), None, (2, 0.8)]


def test_the_nearest_is_the_earliest_of_the_most_like():
    texts = ["a b c d e f", "g h i j k l", "a b c d e g h i j k l"]
    assert decided(texts, 0.5) == brute(texts, 0.5) == [None, None, (1, 12 / 17)]
    assert decided(["x a b c d", "a b c d y", "a b c d"], 0.85) == [None, None, (0, 8 / 9)]


def test_more_words_than_characters(monkeypatch):
    monkeypatch.setattr(overlap, "MAX_CODE", 20)  # further words make lists of numbers
    for seed in range(4):
        assert decided(sample_texts(seed), 0.7) == brute(sample_texts(seed), 0.7)


@pytest.mark.parametrize("dense", [0, 10**9], ids=["lists", "tables"])
def test_both_ways_of_comparing_agree(monkeypatch, dense):
    monkeypatch.setattr(pool, "DENSE", dense)
    assert decided(sample_texts(6), 0.5) == brute(sample_texts(6), 0.5)


@given(st.lists(st.integers(0, 40), max_size=60), st.lists(st.integers(0, 40), max_size=60))
@settings(deadline=None)
def test_signatures_never_say_too_much(one, other):
    differ = (Counter(one) - Counter(other)).total() + (Counter(other) - Counter(one)).total()
    bits = compute_signatures([one, other])
    assert bits.shape == (2, LANES)
    for lanes in (1, 2, 4, 8):
        narrow = fold_signatures(bits, lanes)
        count = int(np.bitwise_count(narrow[:, 0] ^ narrow[:, 1]).sum())
        assert count <= differ <= len(one) + len(other) - 2 * LCSseq.similarity(one, other)


def test_words_spread_over_all_the_bits():
    assert np.bitwise_count(compute_signatures([list(range(30)), list(range(10, 40))])).sum(
        axis=1
    ).tolist() == [30, 30]
    places = {
        int(np.flatnonzero(np.unpackbits(compute_signatures([[word]]).view(np.uint8)))[0])
        for word in range(BITS)
    }
    assert len(places) > 0.6 * BITS


def test_least_by_hand():
    # .7 of 20 words: 2 L > 14 from L = 8 on; .7 of 19: 2 L > 13.3 from 7 on
    assert compute_min_common(20, to_exact_fraction(0.7))[[0, 1, 19, 20]].tolist() == [1, 1, 7, 8]
    assert compute_min_common(10, to_exact_fraction(1.0))[10] == 6  # more than there are
    assert compute_min_common(4, to_exact_fraction(0.123456789012345))[4] == 1
    many_digits = compute_min_common(5000, to_exact_fraction(0.7 - 1e-6))
    assert many_digits[[2000, 5000]].tolist() == [700, 1750], "no number overflows"


def test_dropped_texts_are_like_a_kept_one():
    texts = sample_texts(9, 400)
    with OverlapFilter(0.7) as sieve:
        found = sieve.decide(texts)
    kept = {number for number, like in enumerate(found) if like is None}
    assert all(
        isinstance(like, SimilarText) and like.number in kept and like.number < number
        for number, like in enumerate(found)
        if like
    )
    assert 20 < len(kept) < 380
    assert not re.search("w", texts[0]) or 0 in kept
