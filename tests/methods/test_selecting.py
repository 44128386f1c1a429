"""Documents: what becomes of every question, and that nothing like the exam is learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach import config
from selfteach.errors import DataError, IntegrityError
from selfteach.generate.question import Question
from selfteach.judge.contradiction import Match
from selfteach.judge.match import contains_answer
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import chunked
from selfteach.methods.documents import method as documents
from selfteach.methods.documents.method import HELD_OUT, LIKE_EXAM, LOST, answer, fitting, held_out, select
from selfteach.methods.documents.exam import Quiz, gap_quiz
from selfteach.methods.documents.study import Asked, Measured
from selfteach.models.recorded import Recorded
from selfteach.models.scripted import Scripted
from selfteach.records import Draw, Request, user
from selfteach.run.display import Silent
from selfteach.run.ledger import Fate, Ledger
from selfteach.select.question import answer_fault

(CHUNK,) = chunked(
    Document("mill.txt", "Hale Mill", "Hale Mill was built in 1790. It stands at Wyle."),
    lambda t: len(t.split()),
)
WHEN, WHERE = (
    Question("When was Hale Mill built?", "1790", CHUNK, 0),
    Question("Where does Hale Mill stand?", "Wyle", CHUNK, 1),
)


class Lossy(Scripted):
    """Loses every label about Wyle, as an endpoint may."""

    def draw(self, requests: Sequence[Request]) -> Iterator[Draw]:
        """All but the lost ones."""
        return super().draw(
            [
                r
                for r in requests
                if r.stage != "answer"
                or not str(r.prompt).rstrip().endswith("Words: Wyle\nAnswer:")
            ]
        )


@pytest.fixture
def session(tmp_path: Path) -> Any:
    """As much of a road as steps 3 and 4 need."""
    ledger = Ledger(tmp_path / "run.db")
    student = Recorded(
        ledger,
        Lossy(lambda r: "Hale Mill was built in 1790." if r.stage == "answer" else "Nobody knows."),
    )
    settings = config.Documents(select={"calibrate": 0, "draws": 2})
    return SimpleNamespace(
        run=SimpleNamespace(ledger=ledger),
        config=settings,
        base=student,
        teacher=None,
        display=Silent(),
    )


def test_a_question_without_its_label_failed_and_the_others_are_told_apart(session: Any) -> None:
    measured = answer(session, [WHEN, WHERE], Match())
    (funnel,) = session.run.ledger.funnel()
    assert (funnel.pending, funnel.failed, funnel.reasons) == (1, 1, {LOST: 1})
    (pair,) = select(session, measured)
    assert pair.rejected == "Nobody knows."
    (funnel,) = session.run.ledger.funnel()
    assert (funnel.requested, funnel.accepted, funnel.failed, funnel.pending) == (2, 1, 1, 0)


def test_a_question_that_is_forgotten_on_the_way_is_an_error(session: Any) -> None:
    answer(session, [WHEN], Match())
    with pytest.raises(IntegrityError, match="entered the stage"):
        select(session, Measured([], [], None))


def test_all_questions_of_people_are_held_out_also_those_that_are_not_asked(session: Any) -> None:
    session.config = config.Documents(exam={"questions": 1, "max_tokens": 4})
    session.model = SimpleNamespace(context_tokens=1000, encode=lambda prompt: str(prompt).split())
    quiz = [Quiz(q.text, (q.short,), CHUNK, "people") for q in (WHEN, WHERE)]
    assert fitting(session, quiz) == quiz
    (funnel,) = session.run.ledger.funnel()
    assert (funnel.accepted, funnel.reasons) == (1, {"held out, more than exam.questions": 1})
    session.model.context_tokens = 5
    assert fitting(session, quiz) == []


def test_what_is_held_out_or_like_the_exam_is_accounted_for(session: Any) -> None:
    """Two sentences: one of them gives the exam; what is asked about it, or like it, is dropped
    with that reason.
    """
    session.model = SimpleNamespace(context_tokens=1000, encode=lambda prompt: str(prompt).split())
    like = [replace(q, text=f"{q.text[:-1]} now?") for q in (WHEN, WHERE)]
    asked = [WHEN, WHERE, *(replace(q, sentence=1 - (q.sentence or 0)) for q in like)]
    session.run.ledger.place("ask", (Fate(q.id, "accepted") for q in asked))
    quiz, left = held_out(session, [CHUNK], Asked(asked, [WHEN, WHERE]))
    (funnel,) = session.run.ledger.funnel()
    assert funnel.accepted == len(left.all)
    assert funnel.reasons == {HELD_OUT: 2, LIKE_EXAM: 1}
    assert len(quiz) == len(left.all) == len(left.trusted) == 1


def test_an_exam_that_does_not_fit_into_the_context_is_refused(session: Any) -> None:
    session.model = SimpleNamespace(context_tokens=20, encode=lambda prompt: str(prompt).split())
    with pytest.raises(
        DataError, match=r"does not|no question of the exam fits.*Lower read\.chunk_tokens"
    ):
        held_out(session, [CHUNK], Asked([WHEN, WHERE], [WHEN, WHERE]))


@pytest.mark.parametrize(("first", "kept"), [("pointing", 1), ("", 1)])
def test_a_question_that_is_refused_for_one_sentence_may_be_asked_of_another(
    first: str, kept: int, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = [replace(WHEN, back="1790"), replace(WHEN, sentence=1, back="1790")]
    monkeypatch.setattr(
        documents,
        "Pointing",
        lambda chunks: SimpleNamespace(fault=lambda q: first if q.sentence == 0 else ""),
    )
    monkeypatch.setattr(documents, "strays", lambda q: False)
    monkeypatch.setattr(documents, "ask_about", lambda *a, **k: [(q, a[3](q)) for q in twice])
    found = documents.questions(session, [CHUNK], [])
    assert [q.sentence for q in found.all] == [1 if first else 0]
    reasons = {fate.reason for _, fate in session.run.ledger.candidates("ask", "dropped")}
    assert reasons == {first or "repeats another question"}


def test_a_question_whose_check_was_lost_is_not_trusted() -> None:
    assert answer_fault(replace(WHEN, back=None)) == ""
    assert answer_fault(replace(WHEN, back="")) == "nothing comes back"


def test_the_exam_asks_for_words_that_the_sentence_itself_is_marked_right_with() -> None:
    french, german = (
        "La reine d'Angleterre ouvrit le pont Alma en 1850.",
        "Ein 15-jähriger Junge kam im Mai an.",
    )
    text = f"{french} The 3 oldest of the 30 houses of Wyle burned. {german}"
    chunks = chunked(Document("a.txt", "T", text), lambda t: len(t.split()))
    quiz = gap_quiz(chunks, 0.9, 0)
    assert len(quiz) == 2
    assert all(contains_answer(text, q.answers[0]) for q in quiz)
    assert not any("0____" in q.text or "____0" in q.text for q in quiz)


def test_no_answer_of_the_base_is_taught_to_a_question_of_the_exam(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [
        "What is the capital of France?",
        "When exactly was Hale Mill built?",
        "Who wrote the first cookery book?",
    ]

    def asked_for(
        session: Any, subject: Any, scope: str, count: int, rounds: int, fault_of: Any, forms: Any
    ) -> list[Any]:
        assert {"who", "when", "telling"} < forms.keys(), "questions of fact are among them"
        return [SimpleNamespace(text=text) for text in written if not fault_of(text)]

    monkeypatch.setattr(documents, "asked_for", asked_for)
    found = documents.replay(session, [Quiz(WHEN.text, ("1790",), CHUNK, "people")])
    assert [e.prompt for part in found.values() for e in part] == [user(written[2])]
