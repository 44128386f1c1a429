"""The gate: kept, weakened, lost, and what speaks against a lesson."""

from __future__ import annotations

from typing import Any

import pytest

from selfteach.records import Measure
from selfteach.statistics import clustered_bootstrap, mean
from selfteach.students.gate import (
    ExamScores,
    compare_exams,
    describe_fall,
    list_objections,
    read_exam_scores,
    score_answers,
)
from selfteach.students.state import Cell

BASE = [0.0] * 20
ALONE = ExamScores(BASE, [1.0] * 20, "taught", 0.01)


def sit(
    right: int, word: str = "taught", drift: float | None = 0.01, degrades: bool = False
) -> Cell:
    """The cell of a lesson of 20 questions, of which alone it keeps all."""
    answers = [1.0] * right + [0.0] * (20 - right)
    return compare_exams(ALONE, ExamScores(BASE, answers, word, drift, degrades=degrades))


@pytest.mark.parametrize(
    ("right", "word", "state"),
    [
        (20, "taught", "kept"),
        (19, "taught", "kept"),  # 5 points: not more than 5
        (18, "taught", "weakened"),
        (18, "partly taught", "weakened"),
        (18, "not learned", "weakened"),  # still better than the base
        (0, "partly taught", "weakened"),
        (0, "not learned", "lost"),
    ],
)
def test_the_state_of_a_lesson(right: int, word: str, state: str) -> None:
    assert sit(right, word).state == state


@pytest.mark.parametrize(
    "word", ["just prompt it", "partly taught", "not enough prompts", "not learned"]
)
def test_another_word_for_the_same_score_is_no_harm(word: str) -> None:
    """One answer of 20 can change the word, and the limit is 5 points."""
    assert (sit(19, word).state, sit(20, word).state) == ("kept", "kept")


def test_a_lesson_whose_other_answers_are_degraded_now_is_weakened() -> None:
    assert sit(20, "not learned", degrades=True).state == "weakened"
    learned = {"word": "not learned", "harm": "certain"}
    assert read_exam_scores("feedback", {"answers": [], "verdict": learned}).degrades
    learned["harm"] = ""
    assert not read_exam_scores("feedback", {"answers": [], "verdict": learned}).degrades


def test_what_was_never_learned_is_not_lost() -> None:
    alone = ExamScores(BASE, [0.0] * 20, "not learned", None)
    assert compare_exams(alone, alone).state == "kept"
    harmful = ExamScores(BASE, [1.0] * 20, "not enough prompts", None, degrades=True)
    assert compare_exams(harmful, harmful).state == "kept"


def test_the_fall_is_paired_by_question() -> None:
    """Alone 20 of 20, now 15: .25, and every pair differs by 0 or 1."""
    fall = sit(15).fall
    assert fall is not None
    assert fall.value == 0.25
    assert 0 < fall.low < 0.25 < fall.high < 0.5


def test_a_lesson_that_weakens_another_one_is_objected_to() -> None:
    before = {"a": sit(20)}
    (found,) = list_objections(before, {"a": sit(16), "b": sit(20)})
    assert found.startswith('"a" is weakened (20 points below alone [')
    assert list_objections(before, {"a": sit(19), "b": sit(20)}) == []


def test_a_lesson_that_was_weak_before_blocks_only_what_makes_it_worse() -> None:
    before = {"a": sit(16)}
    assert list_objections(before, {"a": sit(16), "b": sit(20)}) == []
    assert len(list_objections(before, {"a": sit(15), "b": sit(20)})) == 1


def test_many_small_falls_add_up() -> None:
    """Each step costs 4 points of 100 alone's; the second one is 8 below alone."""
    alone = ExamScores([0.0] * 25, [1.0] * 25, "taught", None)
    cells = []
    for right in (24, 23):
        now = ExamScores(alone.base, [1.0] * right + [0.0] * (25 - right), "taught", None)
        cells.append({"a": compare_exams(alone, now)})
    assert list_objections({}, cells[0]) == []
    assert len(list_objections(cells[0], cells[1])) == 1


def test_a_refusal_for_degraded_answers_says_so() -> None:
    (found,) = list_objections({}, {"a": sit(20, "not learned", degrades=True)})
    assert found.startswith('"a" is weakened (0 points below alone [')
    assert found.endswith("; not learned: other answers are degraded)")


def test_side_effects_are_those_of_the_exam_alone_and_now() -> None:
    """Needless effects in 3 of 20 answers alone and 6 of 20 now; no near answers were asked for."""
    measures = {
        name: {"value": share, "low": 0.0, "high": 0.5, "n": 20}
        for name, share in (("base", 0.1), ("alone", 0.15), ("now", 0.3))
    }
    verdict = {"word": "taught"}
    row = {"scope": "target", "arms": {"base": {"ok": False}, "tuned": {"ok": True}}}
    exams = [
        {"answers": [row], "verdict": verdict, "needless": {"tuned": measures[arm]}}
        for arm in ("alone", "now")
    ]
    alone, now = (read_exam_scores("feedback", exam) for exam in exams)
    cell = compare_exams(alone, now)
    assert (cell.needless_alone, cell.needless) == (
        Measure(0.15, 0.0, 0.5, 20),
        Measure(0.3, 0.0, 0.5, 20),
    )
    assert (cell.near_alone, cell.near) == (None, None)
    near = {"answers": [row], "verdict": verdict, "near": {"tuned": measures["now"]}}
    assert read_exam_scores("feedback", near).near == Measure(0.3, 0.0, 0.5, 20)


def test_drift_above_three_hundredths_is_objected_to() -> None:
    assert list_objections({}, {"a": sit(20, drift=0.03)}) == []
    (found,) = list_objections({}, {"a": sit(20, drift=0.0301)})
    assert found == "the general drift is 0.030 nats, more than 0.03"


def test_an_exam_that_could_not_be_sat_is_objected_to() -> None:
    (found,) = list_objections({}, {"a": Cell("not examined", reason="a person corrected it.")})
    assert found == 'the exam of "a" could not be sat: a person corrected it'


def test_the_scores_of_each_kind_of_exam() -> None:
    rule = {"greedy": "x", "ok": True, "sampled": "y", "sampled_ok": False}
    assert score_answers("feedback", {}, rule) == [1.0, 0.0]
    assert score_answers("documents", {}, {"greedy": "x", "ok": True}) == [1.0]
    edit = {"greedy": "a b c d", "correction": "a b c x", "ok": False}
    assert 0.5 < score_answers("corrections", {}, edit)[0] < 1.0
    assert score_answers("tasks", {"gold": "one two"}, {"greedy": "one two", "ok": True}) == [1.0]
    assert score_answers("tasks", {"gold": "one two"}, {"greedy": "no", "ok": True}) == [0.0]
    several = {"gold": "one two", "golds": ["one two", "three"]}
    assert score_answers("tasks", several, {"greedy": "three", "ok": True}) == [1.0]


def make_rule_row(
    greedy: bool, sampled: bool, group: str = "", *, counts: bool = True
) -> dict[str, Any]:
    """A question of a rule that the base breaks in both answers."""
    tuned = {"greedy": "x", "ok": greedy, "sampled": "x", "sampled_ok": sampled}
    base = {"greedy": "x", "ok": False, "sampled": "x", "sampled_ok": False}
    row = {"scope": "target", "counts": counts, "arms": {"base": base, "tuned": tuned}}
    return row | ({"group": group} if group else {})


def test_several_questions_about_one_occasion_are_one() -> None:
    """Kept: of "late" no greedy and no sampled answers all, of "ill" both, of the third the greedy
    one; the occasion that the base does not break is left out. (0 + 1 + 0.5) / 3 = 0.5.
    """
    rows = [
        make_rule_row(True, False, "late"),
        make_rule_row(True, True, "ill"),
        make_rule_row(False, True, "late"),
        make_rule_row(True, False),
        make_rule_row(True, True, "fire", counts=False),
        make_rule_row(True, True, "ill"),
    ]
    scores = read_exam_scores("feedback", {"answers": rows, "verdict": {"word": "taught"}})
    assert scores.tuned == [0.0, 1.0, 0.5, 1.0]
    assert scores.counts == [True, True, True, False]
    cell = compare_exams(scores, scores)
    assert cell.score is not None
    assert (cell.score.value, cell.score.n) == (0.5, 3)


def test_an_exam_of_an_earlier_version_has_the_occasions_of_the_one_that_is_sat_now() -> None:
    verdict = {"word": "taught"}
    rows = [make_rule_row(True, True, "late"), make_rule_row(True, False, "late")]
    before = [{key: row[key] for key in ("scope", "arms")} for row in rows]
    now = {"answers": rows, "verdict": verdict}
    alone = read_exam_scores("feedback", {"answers": before, "verdict": verdict}, asked=now)
    cell = compare_exams(alone, read_exam_scores("feedback", now))
    assert cell.fall is not None
    assert (cell.fall.value, cell.fall.n) == (0.0, 1)


@pytest.mark.parametrize("name", ["chunk", "task"])
def test_questions_about_one_passage_or_task_go_together(name: str) -> None:
    """All that is learned of ten passages is one of them: chance explains it, so it is lost."""
    kind = "documents" if name == "chunk" else "tasks"
    rows = []
    for place in range(80):
        answers = {
            "base": {"greedy": "no", "ok": False},
            "tuned": {"greedy": "yes" if place < 8 else "no", "ok": place < 8},
        }
        rows.append({"scope": "target", name: str(place // 8), "gold": "yes", "arms": answers})
    now = read_exam_scores(kind, {"answers": rows, "verdict": {"word": "not learned"}})
    alone = ExamScores(now.base, [1.0] * 80, "taught", None)
    cell = compare_exams(alone, now)
    assert cell.gain is not None
    assert now.tuned == [1.0] * 8 + [0.0] * 72
    assert cell.gain == clustered_bootstrap(now.tuned, now.base, [row[name] for row in rows])
    assert (cell.gain.low, cell.state) == (0.0, "lost")
    assert cell.score == mean(now.tuned, [row[name] for row in rows], limits=(0.0, 1.0))


def test_only_held_out_questions_of_the_lesson_count() -> None:
    cells = {"base": {"greedy": "x", "ok": False}, "tuned": {"greedy": "x", "ok": True}}
    rows = [{"scope": scope, "arms": cells} for scope in ("target", "near", "general")]
    exam = {"answers": rows, "verdict": {"word": "taught"}}
    scores = read_exam_scores("feedback", exam)
    assert (scores.base, scores.tuned, scores.counts) == ([0.0], [1.0], [True])


def test_the_questions_of_the_verdict_are_those_of_the_score() -> None:
    """A rule is kept on 2 of 4 prompts by the base; the tuned model keeps it on one more."""
    flags = [(True, True), (True, True), (False, True), (False, False)]
    rows = [
        {
            "scope": "target",
            "counts": not base,
            "arms": {"base": {"greedy": "x", "ok": base}, "tuned": {"greedy": "x", "ok": tuned}},
        }
        for base, tuned in flags
    ]
    scores = read_exam_scores("feedback", {"answers": rows, "verdict": {"word": "taught"}})
    cell = compare_exams(scores, scores)
    assert cell.score is not None
    assert cell.gain is not None
    assert (cell.score.value, cell.gain.value, cell.score.n) == (0.5, 0.5, 2)


def test_a_fall_that_rounds_to_nothing_has_no_sign() -> None:
    cell = Cell("weakened", fall=Measure(-0.002, -0.003, 0.04, 500), verdict="not learned")
    assert describe_fall(cell).startswith("0 points below alone [0, 4]; not learned")
