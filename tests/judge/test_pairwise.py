"""Two orders, ties, the position bias, and the win rate at equal length, by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from scripted import Scripted
from selfteach import statistics
from selfteach.judge.pairwise import (
    AnswerPair,
    ModelPairwiseJudge,
    ReferencePairwiseJudge,
    compare_pairs,
    fit_length_controlled_rate,
    summarize_verdicts,
)
from selfteach.records import Prompt, make_prompt

PROMPT = make_prompt("What is tea?")


class Says:
    """Prefers by a function of the two answers."""

    name = "says"

    def __init__(self, rule) -> None:
        self._rule = rule

    def values(self, duels: Sequence[tuple[Prompt, str, str]]) -> list[float]:
        return [float(self._rule(a, b)) for _, a, b in duels]


def words(judge: Says, *pairs: tuple[str, str]) -> list[str]:
    asked = [AnswerPair(PROMPT, *pair) for pair in pairs]
    return [verdict.word for verdict in compare_pairs(judge, asked)]


def test_only_what_both_orders_say_counts() -> None:
    longer = Says(lambda a, b: len(a) - len(b))
    assert words(longer, ("aaa", "b"), ("a", "bbb"), ("aa", "bb"), ("same", "same")) == [
        "win",
        "loss",
        "tie",
        "tie",
    ]
    assert words(Says(lambda a, b: 1.0), ("aaa", "b"), ("a", "bbb")) == ["tie", "tie"], (
        "always the first place"
    )


def test_position_bias_is_the_first_place_s_surplus() -> None:
    duels = [AnswerPair(PROMPT, "a" * n, "b") for n in (2, 3)]
    always = Says(lambda a, b: 1.0)
    never = Says(lambda a, b: -1.0)
    fair = Says(lambda a, b: len(a) - len(b))
    blind = Says(lambda a, b: 0.0)
    values = [
        summarize_verdicts(duels, compare_pairs(judge, duels))["position_bias"].value
        for judge in (always, never, fair, blind)
    ]
    assert values == [0.5, -0.5, 0.0, 0.0]


def test_the_numbers_of_four_duels() -> None:
    duels = [
        AnswerPair(PROMPT, ours, theirs)
        for ours, theirs in (("aaa", "b"), ("aaa", "bb"), ("a", "bb"), ("a", "b"))
    ]
    found = summarize_verdicts(duels, compare_pairs(Says(lambda a, b: len(a) - len(b)), duels))
    assert (found["wins"], found["ties"], found["losses"]) == (2, 1, 1)
    assert [found[word].value for word in ("won", "tied", "lost")] == [0.5, 0.25, 0.25]
    assert found["win_rate"].value == pytest.approx(2.5 / 4)
    assert 0 <= found["win_rate"].low < found["win_rate"].high <= 1


def test_intervals_hold_where_pairs_of_a_passage_go_together() -> None:
    """Sixteen pairs of four passages. Two passages are won, one is tied, and one is lost."""
    answers = [("aaa", "b")] * 8 + [("a", "b")] * 4 + [("a", "bbb")] * 4
    pairs = [AnswerPair(PROMPT, *both) for both in answers]
    verdicts = compare_pairs(Says(lambda a, b: len(a) - len(b)), pairs)
    alone = summarize_verdicts(pairs, verdicts)
    together = summarize_verdicts(pairs, verdicts, clusters="aaaabbbbccccdddd")
    for key in ("win_rate", "won", "tied", "lost"):
        assert together[key].value == alone[key].value
        wide, narrow = (found[key].high - found[key].low for found in (together, alone))
        assert wide > 1.3 * narrow, key
    assert summarize_verdicts(pairs, verdicts, clusters="a" * 16) == alone


def test_the_rate_at_equal_length_holds_where_pairs_of_a_passage_go_together() -> None:
    points = [1.0] * 8 + [0.0] * 8
    longer = [1.0, -1.0] * 8
    alone = fit_length_controlled_rate(points, longer)
    together = fit_length_controlled_rate(points, longer, "aaaabbbbccccdddd")
    assert together.value == alone.value == pytest.approx(0.5)
    assert together.low < alone.low < alone.high < together.high
    assert fit_length_controlled_rate(points, longer, "a" * 16) == alone


class Forgetful(Scripted):
    """An endpoint that loses every score of a prompt that shows "bb" first."""

    def stream_scores(self, items):
        return super().stream_scores(
            [
                item
                for item in items
                if not item.prompt.endswith("Answer A: bb\nAnswer B: a\nBetter answer:")
            ]
        )


def test_few_passages_widen_the_rate_at_equal_length_as_they_do_the_win_rate() -> None:
    """Where no length tells anything, both are the same mean."""
    points = [1.0] * 10 + [1.0, 0.0] * 5 + [0.0] * 5
    passages = [row // 5 for row in range(25)]
    rate = fit_length_controlled_rate(points, [0.0] * 25, passages)
    plain = statistics.mean(points, passages, limits=(0.0, 1.0))
    assert rate.value == pytest.approx(plain.value, abs=1e-3)
    assert rate.low == pytest.approx(plain.low, abs=0.05)
    assert rate.high == pytest.approx(plain.high, abs=0.05)


def test_where_a_score_was_lost_the_judge_cannot_tell_and_it_is_counted() -> None:
    judge = ModelPairwiseJudge(Forgetful({}, lambda prompt, text: -1.0 if text == " A" else 0.0))
    assert judge.values([(PROMPT, "a", "bb"), (PROMPT, "bb", "a"), (PROMPT, "a", "c")]) == [
        -1.0,
        0.0,
        -1.0,
    ]
    assert judge.lost == 1
    (verdict,) = compare_pairs(judge, [AnswerPair(PROMPT, "a", "bb")])
    assert verdict.word == "tie"


def test_a_judge_that_likes_length_alone_has_half_at_equal_length() -> None:
    rng = np.random.default_rng(0)
    longer = rng.normal(2.0, 4.0, size=400)
    points = (rng.random(400) < 1 / (1 + np.exp(-2 * np.tanh(longer / longer.std())))).astype(float)
    plain = points.mean()
    found = fit_length_controlled_rate(points, longer)
    assert plain > 0.6
    assert found.low < 0.5 < found.high
    assert abs(found.value - 0.5) < 0.08


def test_words_are_counted_in_scripts_without_spaces() -> None:
    duels = [AnswerPair(PROMPT, "我们六点关门" * n, "六点" * 6) for n in (1, 2, 4, 5) * 5]
    spaced = [AnswerPair(PROMPT, *map(" ".join, (duel.ours, duel.theirs))) for duel in duels]
    verdicts = compare_pairs(Says(lambda a, b: len(a) - len(b)), duels)
    found = summarize_verdicts(duels, verdicts)["length_controlled"]
    assert found.value == summarize_verdicts(spaced, verdicts)["length_controlled"].value


@pytest.mark.parametrize(
    ("longer", "is_told"),
    [
        ([3, -3, 0, 2, -2], False),
        ([3, -3] * 10, True),
        ([3, -3] * 9 + [1], False),
        ([3] * 16 + [-3] * 4, False),
        ([3] * 15 + [-3] * 5, True),
        ([-3] * 16 + [3] * 4, False),
        ([0] * 20, True),
    ],
)
def test_a_rate_at_equal_length_needs_pairs_on_both_sides(longer: list[int], is_told: bool) -> None:
    pairs = [AnswerPair(PROMPT, "word " * (5 + d), "word " * 5) for d in longer]
    verdicts = compare_pairs(Says(lambda a, b: len(b) - len(a)), pairs)
    found = summarize_verdicts(pairs, verdicts)
    assert ("length_controlled" in found) is is_told
    assert {"win_rate", "won", "position_bias"} <= found.keys()


def test_where_length_says_nothing_it_is_the_win_rate() -> None:
    even = fit_length_controlled_rate([1, 1, 1, 0], [0, 0, 0, 0])
    assert even.value == pytest.approx(0.75, abs=1e-3)
    assert fit_length_controlled_rate([1.0] * 5, [1, 2, 3, 4, 5]).value < 1.0, (
        "finite where everything is won"
    )
    assert fit_length_controlled_rate([], []).n == 0
    ties = fit_length_controlled_rate([0.5] * 20, list(range(20)))
    assert ties.value == pytest.approx(0.5)
    assert ties.low < 0.5 < ties.high, "twenty ties prove no equality"
    assert math.isfinite(fit_length_controlled_rate([1, 0], [1e6, -1e6]).high)


def test_a_model_is_asked_in_both_orders_and_its_log_odds_decide() -> None:
    def score(prompt: object, text: str) -> float:
        first = str(prompt).rsplit("Answer A: ", 1)[1].startswith("good")
        return -0.5 if (text == " A") is first else -2.0

    duels = [AnswerPair(PROMPT, "good", "bad"), AnswerPair(PROMPT, "bad", "good")]
    assert [v.word for v in compare_pairs(ModelPairwiseJudge(Scripted({}, score)), duels)] == [
        "win",
        "loss",
    ]
    undecided = compare_pairs(ModelPairwiseJudge(Scripted({}, lambda p, t: -1.0)), duels)
    assert [v.word for v in undecided] == ["tie", "tie"]


def test_the_answer_closer_to_a_person_s_wins() -> None:
    judge = ReferencePairwiseJudge({PROMPT: ("a hot drink", "leaves in water")})
    assert [
        v.word
        for v in compare_pairs(
            judge,
            [
                AnswerPair(PROMPT, "leaves in hot water", "a colour"),
                AnswerPair(PROMPT, "no", "never"),
            ],
        )
    ] == [
        "win",
        "tie",
    ]
