"""What a revision teaches: which kind of example, and what is known of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from selfteach.generate.correct import Answered, Revision
from selfteach.methods.corrections.method import unlearnable
from selfteach.methods.corrections.examples import FILE, lesson
from selfteach.methods.runner import told_overlong
from selfteach.records import Message, user

TEA, LONG = (
    user("What is tea?"),
    "Tea is a drink. It is made of leaves and hot water, which many people like.",
)


def test_a_correction_that_came_with_words_about_it_is_learned_as_written_and_knows_the_words() -> (
    None
):
    a = Answered(TEA, LONG, "too long")
    (found,) = lesson(Revision(a, "Tea is a drink.", strategy=FILE), "edits:1", 1).examples
    assert (found.kind, found.chosen, found.rejected) == ("correction", "Tea is a drink.", LONG)
    assert found.source["teacher_prompt"] == [
        {"role": "system", "content": "too long"},
        {"role": "user", "content": "What is tea?"},
    ]
    (revised,) = lesson(
        Revision(a, "Tea is a drink.", strategy="smallest"), "criticism", 1
    ).examples
    assert revised.kind == "criticised", (
        "of what a criticism alone asked for a new end is learned as a rule's"
    )


def test_the_words_about_an_answer_join_those_of_the_system_and_the_conversation_stays() -> None:
    talk = (
        Message("system", "Be kind."),
        *user("Tea?"),
        Message("assistant", "Hot."),
        *user("More?"),
    )
    (found,) = lesson(
        Revision(Answered(talk, "A color.", "wrong"), "A drink.", strategy=FILE), "edits:1", 1
    ).examples
    assert [turn["content"] for turn in found.source["teacher_prompt"]] == [
        "Be kind.\nwrong",
        "Tea?",
        "Hot.",
        "More?",
    ]


def test_laid_out_lines_are_a_correction_and_not_an_anchor_of_the_uncorrected_form() -> None:
    (found,) = lesson(
        Revision(Answered(TEA, "- black - green"), "- black\n- green", strategy=FILE), "edits:1", 1
    ).examples
    assert (found.kind, found.chosen, found.rejected) == (
        "correction",
        "- black\n- green",
        "- black - green",
    )
    (kept,) = lesson(
        Revision(Answered(TEA, "- black - green\n"), "- black - green", strategy=FILE), "edits:2", 1
    ).examples
    assert (kept.kind, kept.rejected) == ("kept", None)


def test_an_edit_that_the_tokenizer_does_not_see_teaches_nothing() -> None:
    session: Any = SimpleNamespace(model=SimpleNamespace(encode_answer=str.split))
    assert unlearnable(session, Revision(Answered(TEA, "a b"), "a\nb")) == "changes no token"
    assert unlearnable(session, Revision(Answered(TEA, "a b"), "a c")) == ""
    assert unlearnable(session, Revision(Answered(TEA, "a b"), "a b")) == "", "it may stay as it is"
    assert (
        unlearnable(session, Revision(Answered(TEA, " "), "a b")) == "the model's own answer is empty"
    )


def test_rows_that_are_too_long_for_the_training_are_counted_and_told() -> None:
    events, lines = list[tuple[str, dict[str, Any]]](), list[str]()
    session: Any = SimpleNamespace(
        config=SimpleNamespace(train=SimpleNamespace(max_tokens=512)),
        display=SimpleNamespace(say=lines.append),
        run=SimpleNamespace(
            ledger=SimpleNamespace(event=lambda kind, body: events.append((kind, body)))
        ),
    )
    told_overlong(session, SimpleNamespace(overlong={}), "train")  # type: ignore[arg-type]
    assert events == lines == []
    told_overlong(session, SimpleNamespace(overlong={"drop": 3}), "train")  # type: ignore[arg-type]
    assert events == [("overlong", {"stage": "train", "max_tokens": 512, "drop": 3})]
    assert lines == ["rows longer than train.max_tokens = 512: drop 3"]
