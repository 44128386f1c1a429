"""Every metric equals its reference package, and its value worked out by hand."""

from __future__ import annotations

import json
from itertools import zip_longest

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from selfteach.dedup.overlap import split_words
from selfteach.dedup.rouge import split_latin_words
from selfteach.evaluate.metrics import (
    best_over,
    best_rouge,
    bleu,
    bleu_with_interval,
    report_labels,
    rouge,
)
from selfteach.records import Measure

WORDS = [
    "the",
    "mill",
    "Mill,",
    "is",
    "old",
    "a-b",
    "12",
    "!",
    "_",
    "café",
    "naïve",
    "Ünder",
    "İ",
    "лиса",
    "狐狸",
    "٣",
    "\u00a0x",
    "e\u0301te",
]
prose = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


def test_best_over_several_gold_answers() -> None:
    assert best_over(["Rankine", "the cycle"], "Rankine cycle") == pytest.approx(2 / 3)
    assert best_over(["x", "Rankine!"], "rankine", "exact") == 1.0
    assert best_over(["cycle"], "The Rankine cycle.", "contains") == 1.0
    for golds, metric in (([], "f1"), (["x"], "rouge")):
        with pytest.raises(ValueError, match="gold answers"):
            best_over(golds, "x", metric)


@given(prose, prose)
@settings(deadline=None)
def test_rouge_is_rouge_score_s(answer: str, gold: str) -> None:
    reference = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(gold, answer)
    for kind, expected in reference.items():
        found = rouge(answer, gold, kind, split_latin_words)
        assert found == pytest.approx(expected.fmeasure)


def test_rouge_of_words_in_every_script_where_it_is_asked_for() -> None:
    """rouge_score cuts "café" to "caf" and sees no word in Russian."""
    assert rouge("café", "caf", "rouge1", split_latin_words) == 1.0
    assert rouge("рыжая лиса", "рыжая лиса", "rougeL", split_latin_words) == 0.0
    assert rouge("рыжая лиса", "рыжая корова", "rougeL", split_words) == 0.5


def test_rouge_counts_are_clipped() -> None:
    """The answer says "the" four times, the gold text once: one hit of four, one of two."""
    assert rouge("the the the the", "the mill", "rouge1", split_words) == pytest.approx(1 / 3)
    assert rouge("a c b", "a b c", "rougeL", split_words) == pytest.approx(2 / 3)
    assert rouge("", "", "rougeL", split_words) == 0.0


@given(st.lists(st.tuples(prose, st.lists(prose, min_size=1, max_size=3)), min_size=1, max_size=4))
@settings(deadline=None)
def test_bleu_is_sacrebleu_s(rows: list[tuple[str, list[str]]]) -> None:
    answers = [a for a, _ in rows]
    golds = [g for _, g in rows]
    streams = list(zip_longest(*golds))
    assert bleu(answers, golds) == pytest.approx(sacrebleu.corpus_bleu(answers, streams).score)


def test_bleu_has_an_interval_over_answers() -> None:
    """Of answers that are all wholly right every resample is; of half of them not, some resamples
    have more of these.
    """
    good = "the old mill is here now"
    bad = "a boat sails past it today"
    assert bleu_with_interval([good] * 6, [[good]] * 6) == Measure(100.0, 100.0, 100.0, 6)
    mixed = bleu_with_interval([good, bad] * 6, [[good]] * 12)
    assert mixed.value == pytest.approx(bleu([good, bad] * 6, [[good]] * 12))
    assert 0 < mixed.low < mixed.value < mixed.high < 100
    few = bleu_with_interval([good, good, good, bad], [[good]] * 4)
    assert few.low < bleu([bad, bad, bad, good], [[good]] * 4) / 2, "all four may be bad"
    assert bleu_with_interval([], []).n == 0


@given(st.lists(st.tuples(prose, st.lists(prose, min_size=1, max_size=3)), min_size=1, max_size=4))
@settings(deadline=None, max_examples=20)
def test_what_is_resampled_is_bleu(rows: list[tuple[str, list[str]]]) -> None:
    """With one answer alone every resample is the whole of it."""
    found = bleu_with_interval([rows[0][0]], [rows[0][1]])
    assert found.low == pytest.approx(found.value) == pytest.approx(found.high)


def test_bleu_by_hand() -> None:
    assert bleu(["the old mill is here now"], [["the old mill is here now"]]) == 100.0
    assert bleu([], []) == 0.0
    for answers, golds in ((["x"], []), (["x"], [[]])):
        with pytest.raises(ValueError, match="references"):
            bleu(answers, golds)


def test_words_of_every_script_are_compared() -> None:
    assert best_rouge("красная лиса спит", ("красная лиса ест",)) == pytest.approx(2 / 3)


def test_the_best_rouge_over_several_gold_answers() -> None:
    assert best_rouge("one two five six", ("seven", "one two three four")) == 0.5
    assert best_rouge("two one", ("one two",), "rouge1") == 1.0
    assert best_rouge("two one", ("one two",), "rouge2") == 0.0


def test_an_answer_without_words_is_right_where_it_is_the_gold_one() -> None:
    assert best_rouge("😀", ("word", "😀")) == best_rouge(" >", (">",)) == 1.0
    assert best_rouge("😀", ("😢",)) == best_rouge("<", (">",)) == best_rouge("", ("x",)) == 0.0


def test_labels_by_hand() -> None:
    """Gold yes yes no no, answers "Yes." yes, yes and something else: yes has precision 2/3 and
    recall 1, no has none; what is no label counts as no prediction, so that of three predictions
    two are right, of four questions two.
    """
    pairs = [
        (("yes",), "Yes."),
        (("yes", "certainly"), "certainly"),
        (("no",), "yes"),
        (("no",), "a long answer"),
    ]
    found = report_labels(pairs)
    assert set(found["each"]) == {"yes", "no"}
    assert found["each"]["yes"] == pytest.approx(
        {"precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2}
    )
    assert found["each"]["no"]["f1"] == 0.0
    assert found["macro"]["f1"] == pytest.approx(0.4)
    assert (found["micro"]["precision"], found["micro"]["recall"]) == pytest.approx((2 / 3, 0.5))
    assert found["macro"]["support"] == found["micro"]["support"] == 4
    assert found["weighted"]["recall"] == pytest.approx(0.5)


def test_the_support_of_labels_that_no_answer_has_is_a_whole_number() -> None:
    found = report_labels([(["yes"], "perhaps"), (["no"], "")])
    assert json.dumps(found["each"]["yes"]["support"]) == "1"
