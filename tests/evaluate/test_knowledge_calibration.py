"""Judges against known answers: a good one, one at chance, and one that is upside down."""

from __future__ import annotations

import pytest

from selfteach.evaluate.judge_calibration import calibrate_knowledge_judges
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import KnowledgeScores, MatchJudge
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks

MAX_FALSE_KNOWN = 0.05
CHUNK = split_chunks(Document("x", "T", "A text of some words."), lambda t: len(t.split()))[0]


class Fixed:
    """A judge that gives the values that it is given."""

    def __init__(self, name: str, label: list[float], knowledge: list[float]) -> None:
        self.name = name
        self._rows = list(zip(label, knowledge, strict=True))

    def scores(self, answered):  # type: ignore[no-untyped-def]
        return [KnowledgeScores(self.name, (a,), (b,)) for a, b in self._rows]


def rows() -> tuple[list[LabelledQuestion], dict[str, str]]:
    """Eight questions, gold "ann": every second label is wrong; the first four are answered rightly
    without the document.
    """
    found = []
    for i in range(8):
        blind = ("ann", "ann", "bob") if i < 4 else ("bob", "carl", "ann")
        found.append(
            LabelledQuestion(
                Question(f"q{i}", "", CHUNK, 0), "ann" if i % 2 else "dora", ("ann", "ann"), blind
            )
        )
    return found, {a.question.text: "ann" for a in found}


def test_each_judge_is_measured_against_what_is_known() -> None:
    answered, gold = rows()
    right = Fixed("right", [float(i % 2 == 0) for i in range(8)], [float(i >= 4) for i in range(8)])
    chance = Fixed("chance", [0.5] * 8, [0.5] * 8)
    upside_down = Fixed(
        "upside down", [float(i % 2) for i in range(8)], [float(i < 4) for i in range(8)]
    )
    judges = [right, chance, upside_down]
    found = calibrate_knowledge_judges(judges, answered, gold, MAX_FALSE_KNOWN)
    assert [(c.knowledge.value, c.label.value) for c in found] == [
        (1.0, 1.0),
        (0.5, 0.5),
        (0.0, 0.0),
    ]
    assert (found[0].tau_knowledge, found[0].tau_label) == (0.5, 0.5)
    assert all(
        c.knowledge.low <= c.knowledge.value <= c.knowledge.high and c.knowledge.n == 8
        for c in found
    )
    assert found[0].knowledge.value == 1.0


def test_match_finds_what_is_unknown() -> None:
    answered, gold = rows()
    right_labels = [LabelledQuestion(a.question, "ann", a.informed, a.blind) for a in answered]
    (match,) = calibrate_knowledge_judges([MatchJudge()], right_labels, gold, MAX_FALSE_KNOWN)
    assert match.knowledge.value == 1.0
    assert match.label.n == 8


def test_a_question_without_a_gold_answer_is_an_error() -> None:
    answered, gold = rows()
    with pytest.raises(KeyError):
        calibrate_knowledge_judges(
            [MatchJudge()], answered, dict(list(gold.items())[1:]), MAX_FALSE_KNOWN
        )


def test_nothing_to_measure_is_no_verdict() -> None:
    (match,) = calibrate_knowledge_judges([MatchJudge()], [], {}, MAX_FALSE_KNOWN)
    assert (match.knowledge.n, match.knowledge.low, match.knowledge.high) == (0, 0.0, 1.0)
