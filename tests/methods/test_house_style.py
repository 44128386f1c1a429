"""A house style reaches the model that corrects, and nobody else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach import config
from selfteach.errors import UsageError
from selfteach.generate.correct import Correctable
from selfteach.materials.corrections import Corrections, Edit
from selfteach.methods.corrections import sample_and_correct
from selfteach.methods.corrections.method import describe
from selfteach.methods.corrections.read_corrections import check_settings
from selfteach.methods.corrections.sample_and_correct import (
    find_style_check,
    make_corrector,
    make_self_corrector,
    make_style_repair,
    make_style_test,
)
from selfteach.models.recorded import Recorded
from selfteach.models.tokens import PLAIN_NAME
from selfteach.records import make_prompt
from selfteach.run.ledger import Ledger

STYLE = "answer in at most two sentences, no lists"
PROMPTS = Path("prompts.jsonl")


def make_settings(teacher: str, **more: Any) -> config.CorrectionsConfig:
    correct = {"style": STYLE, "max_tokens": 8}
    return config.CorrectionsConfig(teacher=teacher, correct=correct, **more)


def test_a_teacher_that_is_a_model_is_told_the_style() -> None:
    settings = make_settings("http://127.0.0.1:9/v1#editor")
    check_settings(None, PROMPTS, settings)
    session: Any = SimpleNamespace(teacher=SimpleNamespace(is_chat_model=True), config=settings)
    corrector = make_corrector(session)
    assert corrector is not None
    itself = make_self_corrector(SimpleNamespace(base=object(), config=settings))  # type: ignore[arg-type]
    assert itself.max_tokens == corrector.max_tokens == 2 * 8, "both may add as much"
    assert corrector.words.style == STYLE
    assert STYLE in corrector.words.task
    said = describe(session, Corrections([], [], {}))["teacher"]
    assert STYLE in said
    assert "checked: max_sentences=2 and not format=list" in said
    assert corrector.follows("Tea is hot. I like it.")
    assert not corrector.follows("Tea is hot. I like it. So do you.")
    assert corrector.fit_to_style("Tea is hot. I like it. So do you.") == "Tea is hot. I like it."


@pytest.mark.parametrize(
    ("address", "template", "form"),
    [
        ("http://127.0.0.1:9/v1#editor", None, "chat"),
        ("folder", "model's own", "chat"),
        ("folder", PLAIN_NAME, "few-shot"),
        ("cmd:editor", None, "program"),
    ],
)
def test_a_chat_model_is_instructed_wherever_it_is(
    address: str, template: str | None, form: str, tmp_path: Path
) -> None:
    """A model without a chat template of its own continues a list."""
    tokens = {"tokens": SimpleNamespace(template=template)} if template else {}
    sampler: Any = SimpleNamespace(name="editor", fingerprint="f", **tokens)
    settings = make_settings(address)
    teacher = Recorded(Ledger(tmp_path / "run.db"), sampler)
    session: Any = SimpleNamespace(teacher=teacher, config=settings)
    corrector = make_corrector(session)
    assert corrector is not None
    assert corrector.form == form


def test_a_style_of_manner_has_no_check() -> None:
    assert find_style_check("Friendly and warm") == ""
    assert make_style_test("Friendly and warm")("Whatever! It! Is!")
    assert make_style_repair("Friendly and warm")("Whatever! It! Is!") == "Whatever! It! Is!"


def test_where_a_teacher_lies_on_a_disk_stays_there() -> None:
    """examples.jsonl, exam.json and lesson.json are shared."""
    settings = config.CorrectionsConfig(teacher="cmd:/home/ann/editor.py --mild")
    session: Any = SimpleNamespace(teacher=object(), config=settings)
    shown = "cmd:editor.py --mild"
    assert describe(session, Corrections([], [], {}))["teacher"] == shown
    parts: Any = SimpleNamespace(own={"train": []}, edits=[], criticised=[])
    teacher: Any = SimpleNamespace(correct=None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sample_and_correct, "sample_answers", lambda *given: [])
        (batch,) = sample_and_correct.collect_answers(session, object(), parts, teacher)  # type: ignore[arg-type]
    assert batch.source == shown


def test_an_answer_with_two_quotes_is_asked_once() -> None:
    """Its parts are found by the answer; a second copy would find them revised already."""
    prompt = make_prompt("What is tea?")
    edits = [
        Edit(f"x:{quote}", prompt, "a b c", feedback="too formal", quote=quote) for quote in "ac"
    ]
    critic: Any = SimpleNamespace(edits=edits, feedback="too formal", revise_for_training=None)
    parts: Any = SimpleNamespace(criticised=[(critic, {"train": []})])
    session: Any = SimpleNamespace(config=make_settings("", review=False))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sample_and_correct, "sample_answers", lambda *given: [])
        (batch,) = sample_and_correct.collect_answers(session, object(), parts, None)  # type: ignore[arg-type]
        assert batch.answers == [Correctable(prompt, "a b c")]


@pytest.mark.parametrize("teacher", ["cmd:./editor.py", ""])
def test_a_style_without_a_model_to_tell_it_is_refused(teacher: str) -> None:
    settings = make_settings(teacher, review=not teacher)
    with pytest.raises(UsageError, match="only a model as teacher can be told a house style"):
        check_settings(None, PROMPTS, settings)
