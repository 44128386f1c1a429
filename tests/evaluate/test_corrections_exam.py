"""Measures of corrections, on answers whose values can be worked out by hand."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from scripted import Scripted
from selfteach.evaluate.corrections import (
    correct_answers,
    find_displaced,
    find_errors,
    find_met,
    find_repeats,
    make_evidence,
    make_nearest_corrector,
    measure_amounts,
    measure_distances,
    measure_fall,
    measure_needs,
)
from selfteach.generate.correct import Correctable, Revision
from selfteach.methods.worked_turns import make_worked_turns
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, Message, Prompt, add_worked_turns, make_prompt
from selfteach.run.ledger import Ledger

TEA = make_prompt("Tea?")
MILK = make_prompt("Milk?")


def revision(prompt: tuple[Message, ...], answer: str, text: str, fault: str = "") -> Revision:
    return Revision(Correctable(prompt, answer), text, fault)


def both(text: str, correction: str, times: int = 1) -> tuple[list[Revision], list[Revision]]:
    """Revisions of greedy and of sampled answers to twice as many prompts."""
    found = [revision(prompt, text, correction) for prompt in (TEA, MILK)] * times
    return found, found


def recorded(folder: Path, name: str, score: float = -1.0) -> Recorded:
    def logp(prompt: Prompt, text: str) -> float:
        return score * len(text)

    model = Scripted(lambda request: "A color.", logp, name)
    return Recorded(Ledger(folder / f"{name}.db"), model, model)


def test_a_lost_correction_counts_as_wholly_wrong() -> None:
    found = [
        revision(TEA, "a b c d", "a b c e"),
        revision(MILK, "a b", "a b"),
        revision(TEA, "", "", "empty"),
    ]
    assert measure_distances(found) == [0.25, 0.0, 1.0]


def test_errors_are_what_is_taken_out_twice_and_never_left_standing() -> None:
    pairs = [
        ("color! red", "colour. red"),
        ("a color!", "a colour."),
        ("grey!", "gray!"),
        ("once odd", "once"),
    ]
    assert find_errors(pairs) == {"color"}
    assert find_repeats([Completion("1", "The color"), Completion("2", "colorful")], {"color"}) == [
        True,
        False,
    ]


def test_without_a_teacher_the_nearest_correction_of_the_prompt_counts() -> None:
    correct = make_nearest_corrector({TEA: ["a drink", "a hot plant drink"]})
    assert [
        r.text
        for r in correct([Correctable(TEA, "a red drink"), Correctable(TEA, "hot plant drink")])
    ] == ["a drink", "a hot plant drink"]
    assert correct([Correctable(MILK, "white")])[0].fault == "no correction of this prompt"


def test_an_empty_answer_is_not_sent_to_the_teacher() -> None:
    def correct(asked: object) -> list[Revision]:
        assert [a.answer for a in asked] == ["b"]  # type: ignore[attr-defined]
        return [revision(MILK, "b", "b")]

    assert [
        r.fault for r in correct_answers(correct, [Correctable(TEA, " "), Correctable(MILK, "b")])
    ] == [
        "the answer is empty",
        "",
    ]


def test_the_amount_is_nats_between_answer_and_correction(
    tmp_path: Path,
) -> None:
    found = [
        revision(TEA, "abc", "abcde"),
        revision(TEA, "abc", "", "lost"),
        revision(MILK, "abc", "abc"),
        revision(MILK, "abc", "a"),
    ]
    model = recorded(tmp_path, "m", -2.0)
    assert measure_amounts(model, [TEA, TEA, MILK, MILK], found) == [2.0 * 2, 0.0, -2.0 * 2]


def test_the_amount_is_of_the_prompt_that_the_model_saw(tmp_path: Path) -> None:
    def logp(prompt: Prompt, text: str) -> float:
        return -float(len(prompt) * len(text))

    scripted = Scripted(lambda request: "", logp)
    model = Recorded(Ledger(tmp_path / "run.db"), scripted, scripted)
    found = [revision(TEA, "abc", "abcde")]
    assert measure_amounts(model, [TEA], found) == [2.0]
    assert measure_amounts(model, [(*TEA, Message("assistant", "Hot."), *MILK)], found) == [6.0]


def test_a_correction_that_became_less_likely_is_displaced(tmp_path: Path) -> None:
    base, worse, better = (
        recorded(tmp_path, name, score)
        for name, score in (("base", -1.0), ("worse", -1.5), ("better", -0.5))
    )
    revisions = [revision(TEA, "abc", "abcde"), revision(MILK, "abc", "abc")]
    assert find_displaced(base, worse, revisions) == [True]
    assert find_displaced(base, better, revisions) == [False]
    assert find_displaced(base, base, revisions) == [False]


def test_the_arm_that_is_shown_corrections_has_them_before_the_question() -> None:
    worked = make_worked_turns([(MILK, "White."), (TEA, "A drink."), (TEA, "x")], 2)
    assert [
        m.content for m in add_worked_turns(worked, make_prompt("Ink?", system="Be brief."))
    ] == [
        "Be brief.",
        "Milk?",
        "White.",
        "Tea?",
        "A drink.",
        "Ink?",
    ]
    assert add_worked_turns((), TEA) == TEA
    talk = (
        Message("system", "S"),
        *make_prompt("Tea?"),
        Message("assistant", "Hot."),
        *make_prompt("More?"),
    )
    assert [m.content for m in make_worked_turns([(talk, "Leaves.")], 1)] == [
        "Tea?",
        "Hot.",
        "More?",
        "Leaves.",
    ]


def test_as_many_corrections_are_shown_as_fit() -> None:
    pairs = [(TEA, "word " * 30), (MILK, "word " * 30), (TEA, "word")]
    assert len(make_worked_turns(pairs, 3, max_words=40)) == 2
    assert len(make_worked_turns(pairs, 3, max_words=10)) == 2, "the first one always"
    assert make_worked_turns([], 3) == ()


def test_what_is_needed_less_is_paired_by_prompt() -> None:
    answers = {
        "base": both("a b", "a c"),
        "prompted": [[revision(TEA, "a b", "a c"), revision(MILK, "a b", "a b")]] * 2,
        "tuned": both("a b", "a b"),
    }
    assert {arm: m.value for arm, m in measure_fall(answers, 0).items()} == {
        "base": 0.5,
        "prompted": 0.25,
    }
    assert measure_fall({"base": answers["base"]}, 0) == {}


def test_two_equal_models_seldom_differ() -> None:
    """The two answers to a prompt are alike, so they count as one unit: 5 % of intervals leave 0
    out by chance, and 18 % where each answer counts as a unit.
    """
    random = Random(0)

    def answer_prompts() -> list[list[Revision]]:
        greedy = [revision(TEA, "a b", random.choice(["a b", "a c"])) for _ in range(40)]
        return [greedy, greedy]

    falls = [
        measure_fall({"base": answer_prompts(), "tuned": answer_prompts()}, seed)["base"]
        for seed in range(200)
    ]
    assert {fall.n for fall in falls} == {40}
    assert sum(not fall.low <= 0 <= fall.high for fall in falls) <= 20


def test_criticized_prompts_count_by_whether_the_criticism_is_met() -> None:
    """Less is changed of what is shown corrections, but fewer of its answers meet the criticism."""
    answers = {
        "base": both("a b c d e f g h", "a b", 10),
        "prompted": both("a b c d", "a b c", 10),
        "tuned": both("a b", "a b", 10),
    }
    criticisms = {TEA, MILK}
    assert find_met(answers["tuned"][0], criticisms) == [True] * 20
    assert find_met(answers["base"][0], {TEA}) == [False] * 10
    assert measure_needs(answers["prompted"], criticisms) == [1.0] * 20
    assert measure_needs(answers["prompted"], {TEA}) == [0.25] * 20, "some prompts are others"
    found = make_evidence(answers, 0, criticisms)
    assert found.over_prompt
    assert found.over_prompt.value == pytest.approx(1.0)
    assert found.change == (
        "the criticism applies to 100.0 % of the answers before and 0.0 % after"
    )
    assert found.start == "the criticism applies to 100.0 % of the base's answers"
    assert make_evidence(answers, 0, {TEA}).change == (
        "the teacher changes 75.0 % of the words before and 0.0 % after"
    )
