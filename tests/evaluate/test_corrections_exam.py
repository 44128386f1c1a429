"""The numbers of the exam, on sheets whose values can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfteach.evaluate.corrections import (
    Answers,
    Arm,
    Sheet,
    amounts,
    corrected,
    displaced,
    errors,
    measures,
    meets,
    nearest,
    of_answers,
    repeats,
    shown,
    sit,
    verdict,
)
from selfteach.generate.correct import Answered, Revision
from selfteach.models.recorded import Recorded
from selfteach.models.scripted import Scripted
from selfteach.records import Draw, Message, Prompt, user
from selfteach.run.ledger import Ledger

TEA, MILK = user("Tea?"), user("Milk?")


def revision(prompt: tuple[Message, ...], answer: str, text: str, fault: str = "") -> Revision:
    return Revision(Answered(prompt, answer), text, fault)


def answers(*revisions: Revision) -> Answers:
    return Answers(
        [Draw(str(i), r.asked.answer, "stop", 3) for i, r in enumerate(revisions)], list(revisions)
    )


def sheet(text: str, correction: str, times: int = 1) -> Sheet:
    side = answers(*[revision(prompt, text, correction) for prompt in (TEA, MILK)] * times)
    return Sheet(side, side)


def recorded(folder: Path, name: str, score: float = -1.0) -> Recorded:
    def logp(prompt: Prompt, text: str) -> float:
        return score * len(text)

    model = Scripted(lambda request: "A color.", logp, name)
    return Recorded(Ledger(folder / f"{name}.db"), model, model)


def test_a_lost_correction_counts_as_wholly_wrong() -> None:
    side = answers(
        revision(TEA, "a b c d", "a b c e"),
        revision(MILK, "a b", "a b"),
        revision(TEA, "", "", "empty"),
    )
    assert side.distances() == [0.25, 0.0, 1.0]


def test_errors_are_what_is_taken_out_twice_and_never_left_standing() -> None:
    pairs = [
        ("color! red", "colour. red"),
        ("a color!", "a colour."),
        ("grey!", "gray!"),
        ("once odd", "once"),
    ]
    assert errors(pairs) == {"color"}
    assert repeats([Draw("1", "The color"), Draw("2", "colorful")], {"color"}) == [True, False]


def test_without_a_teacher_the_nearest_correction_of_the_prompt_counts() -> None:
    correct = nearest({TEA: ["a drink", "a hot plant drink"]})
    assert [
        r.text for r in correct([Answered(TEA, "a red drink"), Answered(TEA, "hot plant drink")])
    ] == ["a drink", "a hot plant drink"]
    assert correct([Answered(MILK, "white")])[0].fault == "no correction of this prompt"


def test_an_empty_answer_is_not_sent_to_the_teacher() -> None:
    def correct(asked: object) -> list[Revision]:
        assert [a.answer for a in asked] == ["b"]  # type: ignore[attr-defined]
        return [revision(MILK, "b", "b")]

    assert [r.fault for r in corrected(correct, [Answered(TEA, " "), Answered(MILK, "b")])] == [
        "the answer is empty",
        "",
    ]


def test_the_amount_is_nats_between_answer_and_correction_and_zero_where_nothing_changes(
    tmp_path: Path,
) -> None:
    arm = Arm("base", recorded(tmp_path, "m", -2.0))
    side = answers(
        revision(TEA, "abc", "abcde"),
        revision(MILK, "abc", "abc"),
        revision(TEA, "abc", "", "lost"),
    )
    assert amounts(arm, side) == [2.0 * 2, 0.0]


def test_a_correction_that_became_less_likely_is_displaced(tmp_path: Path) -> None:
    base, worse, better = (
        recorded(tmp_path, name, score)
        for name, score in (("base", -1.0), ("worse", -1.5), ("better", -0.5))
    )
    revisions = [revision(TEA, "abc", "abcde"), revision(MILK, "abc", "abc")]
    assert displaced(base, worse, revisions) == [True]
    assert displaced(base, better, revisions) == [False]
    assert displaced(base, base, revisions) == [False]


def test_the_arm_that_is_shown_corrections_has_them_before_the_question(tmp_path: Path) -> None:
    worked = shown([(MILK, "White."), (TEA, "A drink."), (TEA, "x")], 2)
    arm = Arm("prompted", recorded(tmp_path, "m"), worked)
    assert [m.content for m in arm.prompt(user("Ink?", system="Be brief."))] == [
        "Be brief.",
        "Milk?",
        "White.",
        "Tea?",
        "A drink.",
        "Ink?",
    ]
    talk = (Message("system", "S"), *user("Tea?"), Message("assistant", "Hot."), *user("More?"))
    assert [m.content for m in shown([(talk, "Leaves.")], 1)] == [
        "Tea?",
        "Hot.",
        "More?",
        "Leaves.",
    ]


def test_the_whole_sheet(tmp_path: Path) -> None:
    arms = {
        "base": Arm("base", recorded(tmp_path, "b")),
        "taught": Arm("taught", recorded(tmp_path, "t")),
    }
    sheets = {
        "base": sheet("a color here", "a colour here"),
        "taught": sheet("a colour here", "a colour here"),
    }
    found = measures(arms, sheets, {"color"}, 0)
    assert found["distance"]["base"]["greedy"].value == pytest.approx(1 / 3)
    assert found["distance"]["taught"]["drawn"].value == 0
    assert (found["corrected"]["base"].value, found["corrected"]["taught"].value) == (1, 0)
    assert (found["repeated"]["base"].value, found["repeated"]["base"].n) == (1, 4)
    assert found["amount_nats"]["base"].value == pytest.approx(1)  # one character more, a nat each
    assert measures(arms, sheets, set(), 0)["repeated"] == {}


def test_sitting_corrects_new_answers_greedy_and_drawn(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def correct(asked: list[Answered]) -> list[Revision]:
        seen.append([a.answer for a in asked])
        return [Revision(a, a.answer.replace("color", "colour")) for a in asked]

    found = sit(Arm("base", recorded(tmp_path, "m")), [TEA, MILK], correct, 8, 0, lambda n: None)  # type: ignore[arg-type]
    assert seen == [["A color.", "A color."]] * 2
    assert found.greedy.distances() == found.drawn.distances() == [1 / 3, 1 / 3]


@pytest.mark.parametrize(
    ("taught", "prompted", "harmed", "word"),
    [
        ("a colour here", "a color here", 0.0, "taught"),
        ("a colour here", "a colour here", 0.0, "just prompt it"),
        ("a color here", "a color here", 0.0, "not learned"),
        ("a colour here", "a color here", 0.2, "not learned"),
        ("", "a color here", 0.0, "nothing to learn"),
    ],
)
def test_the_verdict(taught: str, prompted: str, harmed: float, word: str) -> None:
    right = "a colour here"
    sheets = {"base": sheet("a color here", right, 10), "prompted": sheet(prompted, right, 10)} | (
        {"taught": sheet(taught, right, 10)} if taught else {}
    )
    found = verdict(of_answers(sheets, 0), harmed, 3)
    assert found["word"] == word
    assert found["sentence"].endswith(".")


def test_where_all_prompts_are_like_criticised_ones_what_counts_is_whether_the_criticism_is_met() -> (
    None
):
    """Less is changed of what is shown corrections, but fewer of its answers meet the criticism."""
    long, half, short = "a b c d e f g h", "a b c d", "a b"
    sheets = {
        "base": sheet(long, short, 10),
        "prompted": sheet(half, "a b c", 10),
        "taught": sheet(short, short, 10),
    }
    said = {TEA, MILK}
    assert meets(sheets["taught"], said) == [True] * 40
    assert meets(sheets["base"], {TEA}) == [False] * 20
    found = verdict(of_answers(sheets, 0, said), 0.0, 3)
    assert found["word"] == "taught"
    assert found["sentence"].startswith(
        "Taught: the criticism applies to 100.0 % of the answers before and 0.0 % after"
    )
    assert "words" in verdict(of_answers(sheets, 0, {TEA}), 0.0, 3)["sentence"], (
        "some prompts are others"
    )
