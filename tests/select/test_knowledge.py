"""Selection by thresholds: three states, the pair that is trained on, the size of the set as a
curve.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.records import Example
from selfteach.select.knowledge import (
    TAUS,
    count_states,
    decide_state,
    find_most_contradictory,
    make_examples,
    repair_label,
)

CHUNK = split_chunks(
    Document("mill.txt", "Mill", "Heading\nThe mill was built by Ann."), lambda t: len(t.split())
)[0]
ONE = LabelledQuestion(
    Question("Who built the mill?", "Ann", CHUNK, 1),
    "Ann built it.",
    ("Ann did.",),
    ("Bob did.", "Carl was it.", "Ann built it."),
)


def scored(label: float, *knowledge: float) -> KnowledgeScores:
    return KnowledgeScores("table", (label,), knowledge, knowledge)


@pytest.mark.parametrize(
    ("label", "knowledge", "expected"),
    [
        (0.5, 0.51, "unknown"),
        (0.5, 0.5, "known"),
        (0.51, 1.0, "unsure"),
        (0.0, 0.0, "known"),
    ],
)
def test_the_thresholds_are_the_paper_s(label: float, knowledge: float, expected: str) -> None:
    """Keep S_L <= tau_L and S_K > tau_K."""
    assert decide_state(scored(label, knowledge)) == expected


def test_the_example_is_the_label_against_the_most_contradictory_sample() -> None:
    ((example,), dropped) = make_examples([ONE], [scored(0.1, 0.7, 0.9, 0.2)])
    assert dropped == []
    assert (example.chosen, example.rejected, example.kind) == (
        "Ann built it.",
        "Carl was it.",
        "pair",
    )
    assert example.scores == {"label": 0.1, "knowledge": pytest.approx(0.6)}
    source = example.source
    assert CHUNK.document.text[source["start"] : source["end"]] == "The mill was built by Ann."
    assert (source["file"], source["sentence"], source["short"], source["judge"]) == (
        "mill.txt",
        1,
        "Ann",
        "table",
    )
    assert Example.from_json(example.to_json()) == example


def test_a_completion_that_was_cut_off_is_no_label() -> None:
    lost = replace(
        ONE,
        best="Bob built it.",
        informed=("Ann built it because", "It was Ann."),
        whole=("It was Ann.",),
    )
    assert repair_label(lost).best == "It was Ann."
    assert repair_label(replace(lost, whole=())).best == "Ann", (
        "the words as they stand in the text"
    )


def test_a_sample_that_agrees_is_never_rejected() -> None:
    assert find_most_contradictory(ONE, scored(0.0, 0.4, 0.5, 0.1)) is None
    assert find_most_contradictory(ONE, scored(0.0, 0.9, 0.9, 0.9)) == "Bob did.", (
        "of equal ones the first"
    )


def test_a_sample_with_the_right_answer_is_never_rejected() -> None:
    """Its other words contradict the label; training against it would remove the fact."""
    own = replace(
        ONE, blind=("It was built by Ann, after twelve years of work.", "Carl.", "Ann Ames, 1790.")
    )
    assert find_most_contradictory(own, scored(0.0, 1.0, 0.6, 1.0)) == "Carl."
    known = replace(own, blind=own.blind[:1])
    assert find_most_contradictory(known, scored(0.0, 1.0)) is None


def test_a_rejected_sample_that_was_cut_off_has_no_end() -> None:
    """Trained with an end of turn, it would teach that to stop in the middle is wrong."""
    own = replace(ONE, cut_blind=frozenset({"Carl was it."}))
    ((example,), _) = make_examples([own], [scored(0.1, 0.7, 0.9, 0.2)])
    assert (example.rejected, example.source["cut"]) == ("Carl was it.", ["rejected"])
    ((example,), _) = make_examples([own], [scored(0.1, 0.9, 0.7, 0.2)])
    assert (example.rejected, "cut" in example.source) == ("Bob did.", False)


def test_a_judge_that_cannot_distinguish_samples_leaves_it_to_the_words() -> None:
    gain = KnowledgeScores("gain", (0.1,), (0.9,))
    assert find_most_contradictory(ONE, gain) == "Bob did."
    same = LabelledQuestion(ONE.question, ONE.best, (), ("Ann built it!", ""))
    assert find_most_contradictory(same, gain) is None
    ((example,), _) = make_examples([same], [gain])
    assert example.rejected is None


def test_what_is_dropped_has_its_reason() -> None:
    cut = LabelledQuestion(ONE.question, "Ann built", (), (), cut=True)
    empty = LabelledQuestion(ONE.question, " ", (), ())
    lost = LabelledQuestion(ONE.question, "Bob built it.", (), ())
    rows = [ONE, ONE, cut, empty, lost]
    kept, dropped = make_examples(
        rows, [scored(0.9, 1, 1, 1), scored(0.0, 0, 0, 0), *[scored(0.0, 1.0)] * 3]
    )
    assert kept == []
    assert [reason for _, reason in dropped] == [
        "unsure",
        "known",
        "cut off",
        "no answer",
        "label without the answer",
    ]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=20), st.floats(0, 1))
def test_the_curve_falls_and_every_question_is_in_one_state(
    rows: list[tuple[float, float]], tau_label: float
) -> None:
    points = count_states([scored(a, b) for a, b in rows], tau_label)
    assert [p.tau_knowledge for p in points] == list(TAUS)
    assert all(p.known + p.unknown + p.unsure == len(rows) for p in points)
    assert all(a.unknown >= b.unknown and a.unsure == b.unsure for a, b in pairwise(points))
    assert points[-1].unknown == 0


def test_the_curve_is_what_the_selection_would_give() -> None:
    scores = [scored(a, b, b, b) for a, b in ((0.1, 0.3), (0.1, 0.6), (0.8, 0.9))]
    at = {p.tau_knowledge: p.unknown for p in count_states(scores)}
    for tau in (0.0, 0.3, 0.5, 0.6, 1.0):
        assert at[tau] == len(make_examples([ONE] * 3, scores, 0.5, tau)[0])
