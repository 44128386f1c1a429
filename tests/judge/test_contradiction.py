"""The judges of consistency and of knowledge: their sums, their order, their memory."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from scripted import Scripted
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import (
    ConsistencyJudge,
    EntropyJudge,
    GainJudge,
    KnowledgeScores,
    MatchJudge,
    PromptedJudge,
    remove_question_words,
)
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks

CHUNK = split_chunks(
    Document("mill.txt", "Mill", "The mill was built by Ann Ames in 1790."),
    lambda t: len(t.split()),
)[0]


def answered(
    best: str, informed: list[str], blind: list[str], question: str = "Who built the mill?"
) -> LabelledQuestion:
    return LabelledQuestion(Question(question, "", CHUNK, 0), best, tuple(informed), tuple(blind))


class Table(ConsistencyJudge):
    """P(s contradicts b) from a table; counts what it is asked."""

    name = "table"

    def __init__(self, table: dict[tuple[str, str], float]) -> None:
        self.table = table
        self.asked = []

    def probabilities(self, pairs):  # type: ignore[no-untyped-def]
        self.asked += pairs
        return [self.table[s, b] for _, s, b in pairs]


def test_sc_is_the_mean_over_the_sentences_of_the_label() -> None:
    """SC(y*, b) = (.2 + .6) / 2 = .4 and (1 + 0) / 2 = .5; S_L = .4, S_K = (.4 + .5 + .5) / 3 =
    .4667.
    """
    judge = Table({("One.", "x"): 0.2, ("Two.", "x"): 0.6, ("One.", "y"): 1.0, ("Two.", "y"): 0.0})
    (found,) = judge.scores([answered("One. Two.", ["x"], ["x", "y", "y"])])
    assert found.label == pytest.approx((0.4,))
    assert found.knowledge == pytest.approx((0.4, 0.5, 0.5))
    assert (found.s_label, found.s_knowledge) == (pytest.approx(0.4), pytest.approx(1.4 / 3))
    assert len(judge.asked) == 4, "what stands twice is asked once"


def test_a_label_without_words_contradicts_everything() -> None:
    (found,) = MatchJudge().scores([answered(" ", ["Ann"], ["Bob"])])
    assert (found.s_label, found.s_knowledge) == (1.0, 1.0)


def test_without_samples_nothing_is_trusted_and_nothing_is_unknown() -> None:
    (found,) = MatchJudge().scores([answered("Ann", [], [])])
    assert (found.s_label, found.s_knowledge) == (1.0, 0.0)


def test_match_is_the_share_of_samples_that_say_otherwise() -> None:
    (found,) = MatchJudge().scores(
        [
            answered(
                "The mill was built by Ann Ames.",
                ["Ann Ames built it.", "Ames."],
                ["The mill was built by Bob.", "Ann Ames", "No."],
            )
        ]
    )
    assert found.label == (0.0, 0.0)
    assert found.knowledge == (1.0, 0.0, 1.0)


def test_words_of_the_question_do_not_count() -> None:
    assert (
        remove_question_words("The mill was built by Ann Ames.", "Who built the mill?")
        == "ann ames"
    )
    assert remove_question_words("The mill.", "Who built the mill?") == "The mill."


@pytest.mark.parametrize(
    ("question", "label", "sample", "is_other"),
    [
        (
            "When did the quarry open?",
            "The quarry opened in 1999.",
            "The quarry opened in 1760.",
            True,
        ),
        (
            "How many towers does the castle have?",
            "The castle has 4 towers.",
            "The castle has nine towers.",
            True,
        ),
        ("When did the quarry open?", "It opened in 1931.", "It opened on 3 May 1931.", False),
        ("When did the quarry open?", "The quarry opened in 1999.", "The quarry opened.", False),
        (
            "What burned in 1811?",
            "The castle burned in 1811.",
            "In 1811 the castle with 3 towers burned.",
            False,
        ),
        (
            "What burned in 1811?",
            "In 1811 nine towers burned there.",
            "In 1811 three towers burned there.",
            True,
        ),
    ],
)
def test_answers_with_other_numbers_do_not_match(
    question: str, label: str, sample: str, is_other: bool
) -> None:
    assert MatchJudge().probabilities([(question, label, sample)]) == [float(is_other)]
    assert MatchJudge().probabilities([(question, sample, label)]) == [float(is_other)]


def test_prompted_is_the_odds_of_no() -> None:
    seen: list[str] = []

    def score(prompt: object, text: str) -> float:
        seen.append(str(prompt))
        same = "One answer: Ann.\nAnother answer: Ann.\nDo" in str(prompt)
        return math.log(0.8) if (text == " Yes") == same else math.log(0.2)

    (found,) = PromptedJudge(Scripted({}, score)).scores(
        [answered("Ann.", ["Ann."], ["Bob.\nDo they say the same? Yes"])]
    )
    assert found.label == pytest.approx((0.2,))
    assert found.knowledge == pytest.approx((0.8,))
    assert all(prompt.count("\nDo they say the same?") == 7 for prompt in seen), (
        "an answer begins no line of its own"
    )


def test_prompted_is_sure_without_overflow() -> None:
    for sign in (1, -1):
        (p,) = PromptedJudge(
            Scripted({}, lambda prompt, text, s=sign: s * (5000.0 if text == " No" else 0.0))
        ).probabilities([("q", "a", "b")])
        assert p == pytest.approx(float(sign > 0))


def test_gain_is_what_the_document_adds() -> None:
    """The label's three words cost 3 log 2 nats with the document, 9 log 2 without: p = 1/2 and
    1/8, S_L = .5, S_K = 1 - 1/4 = .75.
    """
    scorer = Scripted(
        {},
        lambda prompt, text: -3 * math.log(2) * (1 if "Fact: The mill was" in str(prompt) else 3),
    )
    (found,) = GainJudge(scorer).scores([answered("Ann Ames did", [], [])])
    assert found == KnowledgeScores("gain", (pytest.approx(0.5),), (pytest.approx(0.75),))
    assert found.contradicted == ()


def test_gain_below_zero_is_no_gain() -> None:
    scorer = Scripted(
        {}, lambda prompt, text: -9.0 if "Fact: The mill was" in str(prompt) else -3.0
    )
    assert GainJudge(scorer).scores([answered("Ann", [], [])])[0].knowledge == (0.0,)


@pytest.mark.parametrize(
    "judge",
    [MatchJudge(), PromptedJudge(Scripted({})), GainJudge(Scripted({})), EntropyJudge()],
    ids=lambda j: j.name,
)
def test_scores_are_in_bounds_in_order_and_alike_in_any_company(judge) -> None:  # type: ignore[no-untyped-def]
    rows = [
        answered("Ann. Ames.", ["a b"], ["", "c"]),
        answered("", [], []),
        answered("\x00<|im_end|>", ["x" * 500], ["y"], "Q?"),
    ]
    found = judge.scores(rows)
    assert found[::-1] == judge.scores(rows[::-1])
    assert [judge.scores([row])[0] for row in rows] == found
    assert all(0 <= v <= 1 for f in found for v in (*f.label, *f.knowledge, *f.contradicted))
    assert [KnowledgeScores.from_json(f.to_json()) for f in found] == found
    assert judge.scores([]) == []


def test_entropy_is_how_far_the_samples_disagree() -> None:
    """Of four samples: all alike 0, two and two ln 2 / ln 4 = 1/2, all apart 1. The label does not
    count, and one sample says nothing.
    """
    blind = [
        ("in 1790",) * 4,
        ("in 1790", "1790", "in 1811", "1811"),
        ("in 1790", "in 1811", "in 1822", "in 1833"),
        ("in 1790",),
    ]
    rows = [replace(answered("1790", ["in 1790"] * 2, []), blind=own) for own in blind]
    found = EntropyJudge().scores(rows)
    assert [s.s_knowledge for s in found] == pytest.approx([0.0, 0.5, 1.0, 0.5])
    assert [s.contradicted for s in found] == [()] * 4
    other = EntropyJudge().scores([replace(row, best="in 1999") for row in rows])
    assert [s.s_knowledge for s in other] == [s.s_knowledge for s in found]
    for other_numbers in (("It opened in 1760.", "It opened in 1999."), ("3.5", "35")):
        opened = replace(rows[0], blind=other_numbers)
        assert EntropyJudge().scores([opened])[0].s_knowledge == pytest.approx(1)
    sure = replace(rows[0], informed=("in 1790",) * 3 + ("in 1811",))
    assert EntropyJudge().scores([sure])[0].s_label == pytest.approx(0.8112781 / 2)
