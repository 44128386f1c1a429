"""Study data that the model writes itself: what it is asked, what is kept, what is dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import DocumentsConfig
from selfteach.generate.questions import Question
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.methods.documents import model_study, select_study_rows
from selfteach.methods.documents.model_study import (
    NO_STRATEGY,
    ChunkStudy,
    find_notes_fault,
    find_strategy_fault,
    write_by_strategies,
    write_rewrites,
)
from selfteach.methods.documents.select_study_rows import (
    MeasuredQuestions,
    WrittenQuestions,
    make_study_examples,
)
from selfteach.records import Completion, Request, get_user_text, make_prompt
from selfteach.run.ledger import OpenFunnel

TEXT = "Tea was first sold in London by Thomas Garway in 1657. It came from China."
(CHUNK,) = split_chunks(Document("tea.txt", "Tea", TEXT), lambda text: len(text.split()))
WHEN = Question("When was tea first sold in London?", "1657", CHUNK, 0)
WHERE = Question("Where did tea come from?", "China", CHUNK, 1)
REWRITE = "In 1657 tea was first sold in London, by Thomas Garway."
NOTES = "Tea came from China. It was first sold in London in 1657, by Thomas Garway."


def make_session(script: Callable[[Request], str], *, teacher: bool = False, **study: Any) -> Any:
    """A session whose base, or teacher, follows a script; `reasons` has what became of each."""
    reasons: dict[str, list[str]] = {}
    states: list[tuple[str, str]] = []

    @contextmanager
    def open_funnel(stage: str) -> Iterator[OpenFunnel]:
        funnel = OpenFunnel()
        yield funnel
        reasons.setdefault(stage, []).extend(o.reason for o in funnel.outcomes.values())
        states.extend((o.state, o.reason) for o in funnel.outcomes.values())

    model = Scripted(script)
    display = SimpleNamespace(print_line=lambda line: None, start_stage=lambda name: None)
    return SimpleNamespace(
        config=DocumentsConfig.model_validate({"study": study}),
        run=SimpleNamespace(ledger=SimpleNamespace(open_funnel=open_funnel)),
        base=None if teacher else model,
        teacher=model if teacher else None,
        scripted=model,
        model=SimpleNamespace(encode_answer=lambda text, end: text.split(), decode=" ".join),
        display=display,
        reasons=reasons,
        states=states,
    )


def test_a_strategy_without_spaces_has_as_many_words_as_letters() -> None:
    def fault(text: str) -> str:
        return find_strategy_fault(Completion("x", text), text)

    assert fault("列出这段文字里的所有年份和人名。") == ""
    assert fault("列出") == NO_STRATEGY
    assert fault("List the dates.") == ""
    notes = "茶最早在1657年由托马斯在伦敦出售。"
    (chunk,) = split_chunks(Document("茶.txt", "茶", notes), len)
    study = ChunkStudy(chunk, "列出年份。", notes)
    assert find_notes_fault(study, Completion("x", notes)) == ""


@pytest.mark.parametrize("teacher", [False, True])
def test_a_rewrite_is_kept_while_the_answer_is_in_it(teacher: bool) -> None:
    def rewrite(request: Request) -> str:
        prompt = get_user_text(request.prompt)
        assert "Tea was first sold" in prompt or "It came from China" in prompt
        return REWRITE if WHEN.text in prompt else "It came from the east."

    here = make_session(rewrite, teacher=teacher)
    whole = Question("What is tea?", "tea", CHUNK, None)
    assert write_rewrites(here, [WHEN, WHERE, whole]) == {WHEN.id: REWRITE}
    assert here.reasons["rewritten"] == ["", model_study.WITHOUT_ANSWER]
    assert isinstance(here.scripted.asked[0].prompt, str) is not teacher


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", model_study.WITHOUT_ANSWER),
        ("1657 " * 80, model_study.CUT),
        (WHEN.evidence, model_study.SAME),
        ("It was sold in 1658.", model_study.WITHOUT_ANSWER),
    ],
)
def test_what_is_no_rewrite_is_dropped_with_its_reason(reply: str, reason: str) -> None:
    here = make_session(lambda request: reply)
    assert write_rewrites(here, [WHEN]) == {}
    assert here.reasons["rewritten"] == [reason]


@pytest.mark.parametrize("stage", ["rewrite", "strategy", "notes"])
def test_what_an_endpoint_lost_is_counted_as_failed(stage: str) -> None:
    here = make_session(lambda request: "List what happened in order.", teacher=True)
    stream = here.teacher.stream
    here.teacher.stream = lambda asked: stream([one for one in asked if one.stage != stage])
    write_rewrites(here, [WHEN])
    write_by_strategies(here, [CHUNK])
    lost = [state for state, reason in here.states if reason == model_study.LOST]
    assert set(lost) == {"failed"}


def make_student(notes: str, strategy: str = "List what happened in order.") -> Any:
    return make_session(lambda request: strategy if request.stage == "strategy" else notes)


def test_the_model_names_a_strategy_and_then_writes_by_it() -> None:
    here = make_student(NOTES)
    (row,) = write_by_strategies(here, [CHUNK])
    assert row.prompt == make_prompt("Tell what you know about Tea. List what happened in order.")
    assert (row.chosen, row.kind, row.source["form"]) == (NOTES, "study", "strategies")
    assert (row.source["start"], row.source["end"]) == (CHUNK.span.start, CHUNK.span.end)
    assert here.reasons["strategies"] == ["repeats another", ""]
    asked = here.scripted.asked
    assert [request.stage for request in asked] == ["strategy", "strategy", "notes"]
    assert str(asked[-1].prompt).endswith("Study task: List what happened in order.\nNotes:")


@pytest.mark.parametrize(
    ("notes", "reason"),
    [
        ("Tea.", model_study.NO_NOTES),
        ("tea tea " * 20, model_study.NO_NOTES),
        ("Coffee grows on every mountain of Brazil and Peru.", model_study.INVENTED),
        (f"{NOTES} " * 20, model_study.CUT),
    ],
)
def test_notes_that_are_not_of_the_document_are_dropped(notes: str, reason: str) -> None:
    here = make_student(notes)
    assert write_by_strategies(here, [CHUNK]) == []
    assert here.reasons["strategies"][-1] == reason


def test_a_strategy_of_one_word_is_not_used() -> None:
    here = make_student(NOTES, strategy="Read.")
    assert write_by_strategies(here, [CHUNK]) == []
    assert here.reasons["strategies"] == [model_study.NO_STRATEGY] * 2


def test_both_forms_are_off_unless_the_settings_ask_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(select_study_rows, "find_similar_words", lambda *given: {})

    def write(request: Request) -> str:
        return {"rewrite": REWRITE, "strategy": "List what happened in order."}.get(
            request.stage, NOTES
        )

    written = WrittenQuestions([WHEN], [WHEN])
    forms = {}
    for name, study in (("off", {}), ("on", {"rewritten": True, "strategies": True})):
        here = make_session(write, whole_rows=1, first_tokens=2, **study)
        rows = make_study_examples(here, [CHUNK], written, MeasuredQuestions([], []), [])
        forms[name] = {row.source["form"]: row for row in rows}
        assert bool(here.scripted.asked) == bool(study)
    assert not {"rewritten", "strategies"} & set(forms["off"])
    rewritten = forms["on"]["rewritten"]
    assert (get_user_text(rewritten.prompt), rewritten.chosen) == (WHEN.text, REWRITE)
    assert rewritten.source["sentence"] == 0
    assert forms["on"]["strategies"].chosen == NOTES
    assert any(len(row.chosen.split()) == 2 for row in forms["on"].values())
    distilled = make_session(write, strategies=True, distill=True)
    rows = make_study_examples(distilled, [CHUNK], written, MeasuredQuestions([], []), [])
    assert all("teacher_prompt" in row.source for row in rows)
