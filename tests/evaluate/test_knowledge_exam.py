"""Marks of the exam of documents, worked out by hand."""

from __future__ import annotations

import pytest

from selfteach.evaluate.knowledge import grade_answers, is_attempt, measure_arms, measure_damage
from selfteach.records import Completion
from selfteach.statistics import share


def completions(*texts: str) -> list[Completion]:
    return [Completion(str(n), text, "stop", len(text.split())) for n, text in enumerate(texts)]


GOLDS = [("Rankine",), ("1712", "about 1712"), ("Newcomen",), ("steam",)]


def test_marks_by_hand() -> None:
    """Right: the first and the third. F1 of "the Rankine cycle" against "Rankine": 2 / (2 + 1)."""
    found = grade_answers(
        completions("the Rankine cycle", "In 1812.", "Newcomen", "I don't know."), GOLDS
    )
    assert found.right == [True, False, True, False]
    assert found.f1[0] == pytest.approx(2 / 3)
    assert found.attempted == [True, True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ...",
        "I do not know.",
        "I'm sorry, but I cannot say.",
        "It is not mentioned in the text.",
        "We do not know.",
        "I have no idea.",
        "The document doesn’t mention it.",
        "It wasn't stated.",
        "There is no mention of it.",
        "Unknown.",
        "N/A",
        "Not specified",
        "I'm not able to answer that.",
        "I don't have enough information to answer that.",
        "I do not have access to that information.",
        "As an AI, I don't have information about this.",
        "I can't help with that.",
        "I'm not aware of that.",
        "I am unsure.",
        "There is not enough information.",
    ],
)
def test_declining_is_no_attempt(text: str) -> None:
    assert not is_attempt(text)


@pytest.mark.parametrize(
    "text",
    [
        "Rankine.",
        "Nobody knew it before Newcomen.",
        "An unknown man.",
        "It was not given to us.",
        "He declined to answer.",
        'The mayor said: "I will not discuss it."',
    ],
)
def test_answering_is_one(text: str) -> None:
    assert is_attempt(text)


def test_a_right_answer_is_an_attempt_whatever_else_it_says() -> None:
    found = grade_answers(completions("I'm sorry, it is Rankine.", "I'm sorry."), GOLDS[:2])
    assert found.attempted == [True, False]


def test_measures_by_hand() -> None:
    """Base 0 of 4, open book 3 of 4, tuned 2 of 4: recovery (2 - 0) / (3 - 0) = 2/3; wrong when
    attempted 1 of 3.
    """
    marked = {
        "base": grade_answers(completions("x", "x", "x", "x"), GOLDS),
        "prompted": grade_answers(completions("Rankine", "1712", "Newcomen", "x"), GOLDS),
        "tuned": grade_answers(completions("Rankine", "1812", "Newcomen", "I don't know."), GOLDS),
    }
    found = measure_arms(marked, 0, "aabb")
    assert [found["contains"][arm].value for arm in marked] == [0, 0.75, 0.5]
    assert found["recovery"].value == pytest.approx(2 / 3)
    assert found["wrong_when_attempted"]["tuned"].value == pytest.approx(1 / 3)
    assert found["gain"].value == 0.5
    assert found["over_open_book"].value == -0.25
    assert found["recovery_room"].value == 0.75
    assert [found["exact"][arm].value for arm in marked] == [0, 0.75, 0.5]


def test_an_answer_that_comes_late_is_not_brief() -> None:
    """The open book has 1 + 3 + 1 + 1 words: 6 / 4, rounded to 2. "Newcomen" as the fifth word is
    too late; as the second it counts.
    """
    marked = {
        "base": grade_answers(completions("x", "x", "Mr Newcomen", "x"), GOLDS),
        "prompted": grade_answers(completions("Rankine", "x y z", "Newcomen", "x"), GOLDS),
        "tuned": grade_answers(completions("x", "x", "It was built by Newcomen", "x"), GOLDS),
    }
    found = measure_arms(marked, 0, "aabb")
    assert found["brief_words"] == 2
    assert [found["contains"][arm].value for arm in marked] == [0.25, 0.5, 0.25]
    assert [found["contains_brief"][arm].value for arm in marked] == [0.25, 0.5, 0]


def test_the_beginning_of_an_answer_without_spaces_is_its_first_letters() -> None:
    """The open book has 5 and 4 letters: 4.5, rounded to 4. A recited answer comes late."""
    golds = [("1868年",), ("在伦敦",)]
    recited = "这座桥是一座著名的桥，由铸铁制成，长二百一十二米，后来经过多次修缮，它在1868年开通。"
    marked = {
        "base": grade_answers(completions("x", "x"), golds),
        "prompted": grade_answers(completions("是在1868年。", "在伦敦的。"), golds),
        "tuned": grade_answers(completions(recited, "在伦敦。"), golds),
    }
    found = measure_arms(marked, 0, "ab")
    assert found["brief_words"] == 4
    assert found["contains"]["tuned"].value == 1
    assert found["contains_brief"]["tuned"].value == 0.5


def test_the_quotients_hold_where_questions_of_a_passage_go_together() -> None:
    """Twelve questions of three passages, of which one is learned as a whole."""
    golds = [("yes",)] * 12
    learned = ["yes"] * 4 + ["no"] * 8
    marked = {
        "base": grade_answers(completions(*["no"] * 12), golds),
        "prompted": grade_answers(completions(*learned[4:], *learned[:4]), golds),
        "tuned": grade_answers(completions(*learned), golds),
    }
    together = measure_arms(marked, 0, "aaaabbbbcccc")
    alone = measure_arms(marked, 0, "abcdefghijkl")
    for key in ("recovery", "recovery_room", "gain", "over_open_book"):
        wide, narrow = (found[key].high - found[key].low for found in (together, alone))
        assert wide > 1.2 * narrow, key
        assert together[key].value == alone[key].value


ARM_MEASURES = (
    "contains",
    "contains_brief",
    "exact",
    "f1",
    "wrong_when_attempted",
    "length_tokens",
)


def test_the_intervals_of_an_arm_hold_where_questions_of_a_passage_go_together() -> None:
    """Sixteen questions of four passages, of which two are known as a whole."""
    known = grade_answers(completions(*["yes"] * 8, *["no it is"] * 8), [("yes",)] * 16)
    marked = dict.fromkeys(("base", "prompted"), known)
    together = measure_arms(marked, 0, "aaaabbbbccccdddd")
    alone = measure_arms(marked, 0, "abcdefghijklmnop")
    single = measure_arms(marked, 0, "a" * 16)
    for key in ARM_MEASURES:
        wide, narrow = (
            found[key]["base"].high - found[key]["base"].low for found in (together, alone)
        )
        assert wide > 1.2 * narrow, key
        assert together[key]["base"].value == alone[key]["base"].value
    right = single["contains"]["base"]
    assert right == share(known.right), "one passage tells no spread between passages"


def test_damage_counts_what_was_right_alone() -> None:
    assert measure_damage(
        [True, True, False, True], [True, False, True, True], "abcd"
    ).value == pytest.approx(1 / 3)
    assert measure_damage([False], [True], "a").n == 0


def test_damage_holds_where_questions_of_a_passage_go_together() -> None:
    """Of four passages two are lost. What the base did not know counts in none of them."""
    before = [True, True, True, False] * 4
    after = [False] * 8 + before[8:]
    together = measure_damage(before, after, "aaaabbbbccccdddd")
    alone = measure_damage(before, after, "abcdefghijklmnop")
    assert together.n == alone.n == 12
    assert together.value == alone.value == 0.5
    assert together.high - together.low > 1.3 * (alone.high - alone.low)
