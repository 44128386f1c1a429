"""Documents: what becomes of every question, and that nothing like the exam is learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach import config
from selfteach.errors import IntegrityError
from selfteach.generate.question import Question
from selfteach.judge.contradiction import Match
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import chunked
from selfteach.methods import documents
from selfteach.methods.documents import LOST, answer, fitting, select
from selfteach.methods.quizzing import Quiz
from selfteach.methods.studying import Measured
from selfteach.models.recorded import Recorded
from selfteach.models.scripted import Scripted
from selfteach.records import Draw, Request, user
from selfteach.run.display import Silent
from selfteach.run.ledger import Ledger

(CHUNK,) = chunked(Document("mill.txt", "Hale Mill", "Hale Mill was built in 1790. It stands at Wyle."), lambda t: len(t.split()))
WHEN, WHERE = Question("When was Hale Mill built?", "1790", CHUNK, 0), Question("Where does Hale Mill stand?", "Wyle", CHUNK, 1)


class Lossy(Scripted):
    """Loses every label about Wyle, as an endpoint may."""

    def draw(self, requests: Sequence[Request]) -> Iterator[Draw]:
        """All but the lost ones."""
        return super().draw([r for r in requests if r.stage != "answer" or not str(r.prompt).rstrip().endswith("Words: Wyle\nAnswer:")])


@pytest.fixture
def road(tmp_path: Path) -> Any:
    """As much of a road as steps 3 and 4 need."""
    ledger = Ledger(tmp_path / "run.db")
    student = Recorded(ledger, Lossy(lambda r: "Hale Mill was built in 1790." if r.stage == "answer" else "Nobody knows."))
    settings = config.Documents(select={"calibrate": 0, "draws": 2})
    return SimpleNamespace(run=SimpleNamespace(ledger=ledger), config=settings, student=student, teacher=None, display=Silent())


def test_a_question_without_its_label_failed_and_the_others_are_told_apart(road: Any) -> None:
    measured = answer(road, [WHEN, WHERE], Match())
    (funnel,) = road.run.ledger.funnel()
    assert (funnel.pending, funnel.failed, funnel.reasons) == (1, 1, {LOST: 1})
    (pair,) = select(road, measured)
    assert pair.rejected == "Nobody knows."
    (funnel,) = road.run.ledger.funnel()
    assert (funnel.requested, funnel.accepted, funnel.failed, funnel.pending) == (2, 1, 1, 0)


def test_a_question_that_is_forgotten_on_the_way_is_an_error(road: Any) -> None:
    answer(road, [WHEN], Match())
    with pytest.raises(IntegrityError, match="entered the stage"):
        select(road, Measured([], [], None))


def test_all_questions_of_people_are_held_out_also_those_that_are_not_asked(road: Any) -> None:
    road.config = config.Documents(exam={"questions": 1, "max_tokens": 4})
    road.base = SimpleNamespace(context_tokens=1000, encode=lambda prompt: str(prompt).split())
    quiz = [Quiz(q.text, (q.short,), CHUNK, "people") for q in (WHEN, WHERE)]
    assert fitting(road, quiz) == quiz
    (funnel,) = road.run.ledger.funnel()
    assert (funnel.accepted, funnel.reasons) == (1, {"held out, more than exam.questions": 1})
    road.base.context_tokens = 5
    assert fitting(road, quiz) == []


def test_no_answer_of_the_base_is_taught_to_a_question_of_the_exam(road: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    written = ["What is the capital of France?", "When exactly was Hale Mill built?", "Who wrote the first cookery book?"]

    def asked_for(road: Any, subject: Any, scope: str, count: int, rounds: int, fault_of: Any) -> list[Any]:
        return [SimpleNamespace(text=text) for text in written if not fault_of(text)]

    monkeypatch.setattr(documents, "asked_for", asked_for)
    found = documents.replay(road, [Quiz(WHEN.text, ("1790",), CHUNK, "people")])
    assert [e.prompt for part in found.values() for e in part] == [user(written[2])]
