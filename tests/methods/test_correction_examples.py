"""What a revision teaches: which kind of example, and what is known of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.config import TrainConfig
from selfteach.evaluate.corrections import find_errors
from selfteach.generate.correct import Correctable, Revision
from selfteach.methods.corrections.make_examples import (
    FROM_FILE,
    drop_repeats,
    list_edits,
    make_example,
    why_not_learnable,
)
from selfteach.methods.corrections.method import describe_corrected
from selfteach.methods.train_plan import report_overlong
from selfteach.records import Example, Message, make_prompt

TEA = make_prompt("What is tea?")
LONG = "Tea is a drink. It is made of leaves and hot water, which many people like."


BEGINNING = "Tea is a drink. It is made of leaves and"
"""The first words of `LONG`: as many as a short correction of it has, and six."""


def test_a_correction_with_a_criticism_is_learned_as_written() -> None:
    a = Correctable(TEA, LONG, "too long")
    found = make_example(Revision(a, "Tea is a drink.", strategy=FROM_FILE), "edits:1", 1)
    assert (found.kind, found.chosen, found.rejected) == ("rewritten", "Tea is a drink.", BEGINNING)
    assert found.source["teacher_prompt"] == [
        {"role": "system", "content": "too long"},
        {"role": "user", "content": "What is tea?"},
    ]
    revised = make_example(Revision(a, "Tea is a drink.", strategy="smallest"), "criticism", 1)
    assert revised.kind == "criticised", (
        "of what a criticism alone asked for a new end is learned as a rule's"
    )


@pytest.mark.parametrize(
    ("answer", "correction", "kind"),
    [
        (LONG, "Tea is a drink.", "rewritten"),
        (LONG, "It is brewed: hot water draws taste and color out of dried leaves.", "rewritten"),
        (LONG, LONG.replace("many people", "few"), "correction"),
        (LONG, LONG.removesuffix(", which many people like.") + ".", "correction"),
        (LONG, LONG.removesuffix(" people like."), "correction"),
        ("My favorite color is gray!", "My favourite colour is grey.", "correction"),
        ("It is Lima.", "Quito, in the Andes.", "correction"),
    ],
)
@pytest.mark.parametrize("round_number", [1, 2])
def test_what_changes_most_of_a_long_answer_is_learned_as_another_answer(
    answer: str, correction: str, kind: str, round_number: int
) -> None:
    revision = Revision(Correctable(TEA, answer), correction, strategy=FROM_FILE)
    found = make_example(revision, "edits:1", round_number)
    assert found.kind == ("later_correction" if (kind, round_number) == ("correction", 2) else kind)
    assert found.chosen == correction
    rejected = found.rejected or ""
    assert answer.startswith(rejected)
    assert (rejected == answer) or found.source["cut"] == ["rejected"]


def test_one_answer_that_two_rounds_correct_is_one_pair() -> None:
    found: list[Example] = []

    def learn(revision: Revision, number: int) -> list[tuple[str, str]]:
        found.append(make_example(revision, "teacher", number))
        return list_edits(drop_repeats(found))

    for number in (1, 2):
        pairs = learn(Revision(Correctable(TEA, "A drink!"), "A drink."), number)
        assert pairs == [("A drink!", "A drink.")]
    assert find_errors(pairs) == set(), "an error is removed from two answers"
    pairs = learn(Revision(Correctable(TEA, "Hot!"), "Hot."), 2)
    assert find_errors(pairs) == {"!"}
    pairs = learn(Revision(Correctable(TEA, LONG, "too long"), "Tea is a drink."), 1)
    assert len(pairs) == 2, "what a criticism cuts off is no error"


def test_a_criticism_joins_the_system_message() -> None:
    talk = (
        Message("system", "Be kind."),
        *make_prompt("Tea?"),
        Message("assistant", "Hot."),
        *make_prompt("More?"),
    )
    found = make_example(
        Revision(Correctable(talk, "A color.", "wrong"), "A drink.", strategy=FROM_FILE),
        "edits:1",
        1,
    )
    assert [turn["content"] for turn in found.source["teacher_prompt"]] == [
        "Be kind.\nwrong",
        "Tea?",
        "Hot.",
        "More?",
    ]


def test_laid_out_lines_are_a_correction_and_no_anchor() -> None:
    found = make_example(
        Revision(Correctable(TEA, "- black - green"), "- black\n- green", strategy=FROM_FILE),
        "edits:1",
        1,
    )
    assert (found.kind, found.chosen, found.rejected) == (
        "correction",
        "- black\n- green",
        "- black - green",
    )
    kept = make_example(
        Revision(Correctable(TEA, "- black - green\n"), "- black - green", strategy=FROM_FILE),
        "edits:2",
        1,
    )
    assert (kept.kind, kept.rejected) == ("kept", None)


def test_an_edit_that_the_tokenizer_does_not_see_teaches_nothing() -> None:
    session: Any = SimpleNamespace(model=SimpleNamespace(encode_answer=str.split))
    assert (
        why_not_learnable(session, Revision(Correctable(TEA, "a b"), "a\nb")) == "changes no token"
    )
    assert why_not_learnable(session, Revision(Correctable(TEA, "a b"), "a c")) == ""
    assert why_not_learnable(session, Revision(Correctable(TEA, "a b"), "a b")) == "", (
        "it may stay as it is"
    )
    assert (
        why_not_learnable(session, Revision(Correctable(TEA, " "), "a b"))
        == "the model's own answer is empty"
    )


@pytest.mark.parametrize(
    ("adapter", "limit"), [("lora", 400), ("closed_form", 400), ("prompt", 380)]
)
def test_rows_that_are_too_long_for_the_training_are_counted_and_reported(
    adapter: str, limit: int
) -> None:
    events = list[tuple[str, dict[str, Any]]]()
    lines = list[str]()
    session: Any = SimpleNamespace(
        config=SimpleNamespace(train=TrainConfig(max_tokens=512, adapter=adapter)),
        model=SimpleNamespace(context_tokens=400),
        display=SimpleNamespace(print_line=lines.append),
        run=SimpleNamespace(
            ledger=SimpleNamespace(record_event=lambda kind, body: events.append((kind, body)))
        ),
    )
    report_overlong(session, SimpleNamespace(overlong={}), "train")  # type: ignore[arg-type]
    assert events == lines == []
    report_overlong(session, SimpleNamespace(overlong={"drop": 3}), "train")  # type: ignore[arg-type]
    assert events == [("overlong", {"stage": "train", "max_tokens": limit, "drop": 3})]
    assert lines == [f"rows longer than {limit} tokens: drop 3"]


def test_few_corrected_answers_are_warned_of_before_the_training() -> None:
    def describe(corrected: int, kept: int) -> str:
        kinds = ["correction"] * corrected + ["kept"] * kept
        rows = [Example(str(i), kind, make_prompt("?"), "Yes.") for i, kind in enumerate(kinds)]
        return describe_corrected(rows)

    assert describe(2, 8) == "2 of 10 training answers are corrected"
    assert describe(1, 9).startswith("1 of 10 training answers are corrected; little can be")
    assert describe(0, 0) == "0 of 0 training answers are corrected"
