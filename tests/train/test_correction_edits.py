"""Which tokens a correction changed: worked examples, properties over random answers, and what is
refused.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import compress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import EOS, Tiny, make_examples

from selfteach.config import TrainConfig
from selfteach.errors import DataError
from selfteach.records import Example, make_prompt
from selfteach.train.edit_mask import mark_edited_tokens, mark_replaced_tokens
from selfteach.train.encode_and_batch import encode_examples
from selfteach.train.train import make_objectives

END = 9


def words(chosen: str, rejected: str) -> tuple[str, str]:
    """The edited words of both sides, an answer being words and an end (.)."""
    sides = [*chosen.split(), "."], [*rejected.split(), "."]
    ids = {word: i for i, word in enumerate(sorted({*sides[0], *sides[1]}))}
    first, second = sides
    marks = mark_edited_tokens([ids[word] for word in first], [ids[word] for word in second])
    return " ".join(compress(first, marks[0])), " ".join(compress(second, marks[1]))


@pytest.mark.parametrize(
    ("chosen", "rejected", "expected"),
    [
        ("the colour is red", "the color is red", ("colour", "color")),
        ("a b c", "a b c d e", (".", "d")),  # it ends earlier: the end of turn is the target
        ("a b c d e", "a b c", ("d e", ".")),
        ("a d", "a b c d", ("d", "b")),  # the token where the two part
        ("a x y d", "a b d", ("x y", "b")),
        ("a b c", "x y z", ("a b c", "x y z")),
        ("one b two", "uno b due", ("one two", "uno due")),  # two edits, what is between stays
        ("a b", "a b", ("", "")),
    ],
)
def test_worked_examples(chosen: str, rejected: str, expected: tuple[str, str]) -> None:
    assert words(chosen, rejected) == expected


@pytest.mark.parametrize(
    ("chosen", "rejected", "expected"),
    [
        ("the colour is red", "the color is red", "color"),
        ("a b c", "a b c d e f", "d e f"),  # a tail that is cut off, but not the end of turn
        ("a d", "a b c d", "b c"),
        ("a b c d e", "a b c", "."),  # what follows the added words
        ("a x d f", "a b c d e f", "b c e"),  # two edits
        ("a b", "a b", ""),
    ],
)
def test_all_that_a_correction_takes_away_is_replaced(
    chosen: str, rejected: str, expected: str
) -> None:
    first, second = [*chosen.split(), "."], [*rejected.split(), "."]
    ids = {word: i for i, word in enumerate(sorted({*first, *second}))}
    marks = mark_replaced_tokens([ids[word] for word in first], [ids[word] for word in second])
    assert " ".join(compress(second, marks)) == expected


answers = st.lists(st.integers(0, 4), max_size=14).map(lambda tokens: (*tokens, END))


@settings(deadline=None)
@given(answers, answers)
def test_properties(chosen: tuple[int, ...], rejected: tuple[int, ...]) -> None:
    flags = mark_edited_tokens(chosen, rejected)
    assert [len(f) for f in flags] == [len(chosen), len(rejected)]
    if chosen == rejected:
        assert not any(flags[0] + flags[1])
        return
    assert any(flags[0])
    assert any(flags[1])
    prefix = next(i for i, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b)
    assert not any(flags[0][:prefix] + flags[1][:prefix])
    suffix = next(
        i
        for i, (a, b) in enumerate(zip((*chosen[::-1], -1), (*rejected[::-1], -2), strict=False))
        if a != b
    )
    suffix = min(suffix, len(chosen) - prefix, len(rejected) - prefix)  # a token is of one of both
    ends = [
        flag for side in flags for flag in side[len(side) - suffix + 1 :]
    ]  # all but the first may be the place where the two part
    assert suffix < 2 or not any(ends)


@settings(deadline=None)
@given(answers, st.lists(st.integers(5, 8), min_size=1, max_size=3), st.data())
def test_a_replacement_leaves_both_its_sides_alone(
    answer: tuple[int, ...], new: list[int], data: st.DataObject
) -> None:
    """One token gives way to others that occur nowhere else: exactly these are edited."""
    place = data.draw(st.integers(0, len(answer) - 1))
    chosen = (*answer[:place], *new, *answer[place + 1 :])
    expected = [False] * place + [True] * len(new) + [False] * (len(answer) - place - 1)
    assert mark_edited_tokens(chosen, answer) == (
        tuple(expected),
        tuple(i == place for i in range(len(answer))),
    )


@settings(deadline=None)
@given(answers, answers)
def test_what_is_trained_of_an_answer_is_replaced(
    chosen: tuple[int, ...], rejected: tuple[int, ...]
) -> None:
    """And what is not replaced stands in the correction, in its order."""
    replaced = mark_replaced_tokens(chosen, rejected)
    trained = mark_edited_tokens(chosen, rejected)[1]
    assert not any(compress(trained, [not flag for flag in replaced]))
    rest = iter(chosen)
    assert all(token in rest for token in compress(rejected, [not flag for flag in replaced]))


WEIGHTS = {"correction": {"correction": 1.0}}


def rows(examples: list[Example], max_tokens: int = 512, overlong: str = "drop"):
    objectives = make_objectives(WEIGHTS, TrainConfig())
    return encode_examples(Tiny(), examples, WEIGHTS, objectives, max_tokens, overlong)


def test_rows_are_built_with_the_edits_of_both_answers() -> None:
    row = rows([Example("a", "correction", make_prompt("q"), "a b", "a bc")]).rows[0]
    assert row.edited == ((False, False, False, True), (False, False, False, True, False))
    assert row.answers[0][-1] == EOS


def test_a_correction_that_changes_nothing_is_left_out_by_name() -> None:
    same = replace(make_examples(1, "correction")[0], id="twin", chosen="same", rejected="same")
    found = rows([*make_examples(2, "correction"), same])
    assert [row.id for row in found.rows] == ["e0", "e1"]
    assert "changes no token" in str(found.refused["twin"])
    with pytest.raises(DataError, match=r"twin.*changes no token"):
        rows([same])


def test_an_edit_that_is_cut_off_is_dropped_and_counted() -> None:
    """q is 4 tokens as a turn; with 12 tokens in all the answers keep 8, which are the same."""
    long = Example(
        "long", "correction", make_prompt("q"), "the same beginning, x", "the same beginning, y"
    )
    early = Example(
        "early", "correction", make_prompt("q"), "x, then the same end", "y, then the same end"
    )
    found = rows([long, early], 12, "cut")
    assert [row.id for row in found.rows] == ["early"]
    assert found.overlong == {"drop": 1, "cut": 1}
    assert (
        [len(flags) for flags in found.rows[0].edited]
        == [len(answer) for answer in found.rows[0].answers]
        == [8, 8]
    )


def test_other_kinds_are_not_aligned() -> None:
    examples = [*make_examples(2, "correction"), *make_examples(2, "near")]
    weights = {**WEIGHTS, "near": {"sft": 1.0}}
    objectives = make_objectives(weights, TrainConfig())
    found = encode_examples(Tiny(), examples, weights, objectives, 512, "drop").rows
    assert [bool(row.edited) for row in found] == [True, True, False, False]
