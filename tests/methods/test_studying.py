"""Which rows of study data are learned: a share for every sentence of a long document, and what is
surely known left out.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach import records
from selfteach.config import Documents, Study
from selfteach.evaluate.calibration import Calibrated, Sure, known_below, surest
from selfteach.generate.question import Question
from selfteach.generate.respond import Answered
from selfteach.generate.study import facts, study
from selfteach.judge.contradiction import Scored
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import Chunk, chunked
from selfteach.methods.documents import study
from selfteach.methods.documents.method import fitting, schooled
from selfteach.methods.documents.exam import Quiz, gap_quiz, people_quiz
from selfteach.methods.documents.study import Asked, Measured, known, known_sentences, study_data
from selfteach.records import Example, Measure, user
from selfteach.select.balance import spread
from selfteach.select.pointing import Pointing

(CHUNK,) = chunked(
    Document("x", "Tea", "Tea was sold in 1657. It came from China by ship. It is made in Japan."),
    lambda t: len(t.split()),
)


def session(**settings: Any) -> Any:
    """A road without models; `said` is what it told, `fates` what became of the rows."""
    said: list[str] = []
    fates: list[Any] = []
    display = SimpleNamespace(say=said.append, stage=lambda name: None)
    run = SimpleNamespace(ledger=SimpleNamespace(place=lambda stage, placed: fates.extend(placed)))
    return SimpleNamespace(
        config=Documents.model_validate(settings),
        run=run,
        model=None,
        display=display,
        said=said,
        fates=fates,
    )


def book(sentences: int) -> list[Chunk]:
    """A document of so many sentences, each of which offers answers."""
    text = "\n\n".join(
        f"The mill of Hale{n} was built by Ann Ames in {1000 + n}." for n in range(sentences)
    )
    return chunked(Document("book.txt", "Mills", text), lambda t: len(t.split()), 120)


@pytest.fixture(autouse=True)
def without_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model says which words are alike."""
    monkeypatch.setattr(study, "alike", lambda *given: {})


#
# -------------------------------------------------------------------------------------------------------------
# long documents


def test_what_is_said_of_a_long_document_counts_what_is_kept_of_it() -> None:
    here, chunks = session(study={"per_document": 60}), book(20)
    exam = [
        Quiz(f"Who built the mill of Hale{n}?", ("Ann Ames",), chunks[0], "people")
        for n in range(20)
    ]
    kept = study_data(here, chunks, Asked([], []), Measured([], []), exam)
    reasons = Counter(fate.reason for fate in here.fates)
    assert reasons["like a question of the exam"] > 0
    (line,) = here.said
    assert line.startswith(
        f"book.txt: {len(kept)} of {len(kept) + reasons[study.ENOUGH]} rows of study "
        "data, 60 at most"
    )


@pytest.mark.parametrize(("limit", "least"), [(400, 4), (60, 0)])
def test_every_sentence_of_a_long_document_is_taught_while_there_is_room(
    limit: int, least: int
) -> None:
    here = session(study={"per_document": limit})
    kept = study_data(here, book(80), Asked([], []), Measured([], []), [])
    rows = Counter(e.source["start"] for e in kept if e.source["form"] != "recite")
    counts = sorted(
        [rows.get(start, 0) for start in {s.start for c in book(80) for s in c.sentences}]
    )
    assert len(kept) == limit
    assert counts[0] >= least
    assert counts[-1] - counts[0] <= 1, "no sentence has more than another"
    (said,) = here.said
    assert f"{limit} of" in said
    assert ("sentences are not taught at all" in said) == (least == 0)
    dropped = [f for f in here.fates if f.state == "dropped"]
    assert {f.reason for f in dropped} == {study.ENOUGH}
    assert len(here.fates) == len(kept) + len(dropped)


def test_a_short_document_is_taught_whole_and_in_its_order() -> None:
    here = session()
    kept = study_data(here, book(6), Asked([], []), Measured([], []), [])
    assert kept == study(facts(book(6), []), Study(), 0)
    assert here.said == []


def test_two_thousand_sentences_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole text is hashed once; nothing else grows with the square. In seconds of the
    processor, some ten times what is needed.
    """
    whole: list[int] = []

    def sha256(data: bytes) -> Any:
        whole.append(len(data))
        return hashlib.sha256(data)

    monkeypatch.setattr(records, "hashlib", SimpleNamespace(sha256=sha256))
    before = time.process_time()
    chunks = book(2000)
    length = len(chunks[0].document.text)
    rows = study(
        facts(chunks, []), Study(per_sentence=2, brief=False, clauses=False, reworded=False), 0
    )
    Pointing(chunks)
    people_quiz(chunks[:20], [])
    assert len(rows) > 4000
    assert sum(size > length for size in whole) == 1
    assert time.process_time() - before < 60, "of the processor's seconds"


#
# -------------------------------------------------------------------------------------------------------------
# what is known


def measured(rows: list[tuple[int, float]]) -> Measured:
    """(sentence, S_K) of each question."""
    answered = [
        Answered(Question(f"q{i}", "", CHUNK, sentence), "a", (), ())
        for i, (sentence, _) in enumerate(rows)
    ]
    return Measured(answered, [Scored("match", (0.0,), (value,)) for _, value in rows])


def test_a_sentence_is_known_where_all_its_questions_are() -> None:
    found = measured([(0, 0.1), (0, 0.2), (1, 0.1), (1, 0.9), (2, 0.9)])
    start = CHUNK.place(0)["start"]
    assert known_sentences(found, 0.5, 0.5) == {(CHUNK.document.id, start)}
    assert known_sentences(found, 0.5, 0.05) == set()
    assert len(known_sentences(found, 0.5, 1.0)) == 3
    assert known_sentences(found, -1.0, 0.5) == set(), "an unsure label says nothing"


def test_known_says_what_is_left_out() -> None:
    found = measured([(0, 0.1), (1, 0.4), (2, 0.9)])
    assert known(session(), found) == set()
    assert len(known(session(study={"known": False}), found)) == 2
    auto = session(study={"known": "auto"})
    assert known(auto, found) == set()
    assert "all is taught" in auto.said[0]
    found.sure = Sure("gain", 0.8, found.scored, 0.5, 0.2)
    assert known(auto, found) == {(CHUNK.document.id, CHUNK.place(0)["start"])}
    assert "by gain (AUROC 0.80), 1 of 3 sentences" in auto.said[1]


def test_what_is_known_is_not_taught_but_recited() -> None:
    here = session(study={"known": False})
    rows = study_data(here, [CHUNK], Asked([], []), measured([(1, 0.1)]), [])
    start = CHUNK.place(1)["start"]
    assert {e.source["form"] for e in rows if e.source["start"] == start} == set()
    assert any("China" in e.chosen for e in rows if e.source["form"] == "recite")
    assert {f.reason for f in here.fates if f.state == "dropped"} == {study.KNOWN}


def test_surely_known_is_what_scores_below_every_unknown_question() -> None:
    scores = [0.01 * n for n in range(20)]
    assert known_below([False] * 12 + [True] * 8, scores) == pytest.approx(0.11)
    assert known_below([False] * 9 + [True] + [False] * 10, scores) is None, (
        "nine are too few to be sure"
    )
    assert known_below([False] * 20, scores) == pytest.approx(0.19)
    assert known_below([], []) is None


def test_the_best_judge_that_is_good_enough_is_believed() -> None:
    def row(name: str, auroc: float, tau: float | None) -> Calibrated:
        found = Measure(auroc, auroc, auroc, 60)
        return Calibrated(name, found, found, 0.5, 0.5, tau)

    judges: list[Any] = [
        SimpleNamespace(name=n, scores=lambda answered, n=n: [Scored(n, (), ())])
        for n in ("a", "b", "c")
    ]
    rows = [row("a", 0.8, 0.3), row("b", 0.9, None), row("c", 0.78, 0.2)]
    best = surest(judges, rows, [], 0.75, 0.5)
    assert best is not None
    assert (best.judge, best.tau_knowledge, best.scored[0].judge) == ("a", 0.3, "a")
    assert surest(judges, rows, [], 0.85, 0.5) is None


#
# -------------------------------------------------------------------------------------------------------------
# stages, exam


@pytest.mark.parametrize(
    ("own", "read", "kept"), [(10, 30, (10, 5)), (100, 7, (14, 7)), (9, 4, (8, 4)), (5, 0, (5, 0))]
)
def test_two_own_answers_to_one_worked_reading(own: int, read: int, kept: tuple[int, int]) -> None:
    rows = {
        kind: [Example(f"{kind} {n}", kind, user("?"), "!") for n in range(count)]
        for kind, count in (("own", own), ("reading", read))
    }
    found = Counter(e.kind for e in schooled(rows["own"], rows["reading"]))
    assert (found["own"], found["reading"]) == kept


def test_rows_are_left_out_evenly() -> None:
    assert spread(range(10), 20) == list(range(10))
    assert spread(range(100), 4) == [0, 25, 50, 75]


def test_people_s_questions_are_taken_from_every_document() -> None:
    here = session(exam={"questions": 3})
    here.base = SimpleNamespace(
        encode=lambda prompt: [0] * len(prompt if isinstance(prompt, str) else prompt[-1].content),
        context_tokens=1000,
    )
    here.student = None
    quiz = [Quiz(f"q{n}", ("a",), CHUNK, "people") for n in range(9)]
    long = Quiz("long " * 300, ("a",), CHUNK, "people")
    assert fitting(here, [*quiz, long]) == quiz, "all are held out"
    assert [f.body["question"] for f in here.fates if f.state == "accepted"] == ["q0", "q3", "q6"]
    assert Counter(f.reason for f in here.fates if f.reason) == {
        "held out, more than exam.questions": 6,
        "longer than the model's context": 1,
    }


def test_where_no_question_is_of_use_the_exam_asks_for_left_out_words() -> None:
    text = "东京有1400万人口。\n\n大阪建于1496年。\n\n京都有1600座寺庙。"
    chunks = chunked(Document("a", "日本", text), len, 100)
    (first,) = gap_quiz(chunks, 0.2, 0)
    assert "____" in first.text
    assert first.answers[0].isdigit()
    assert first.answers[0] not in first.text
    assert len(gap_quiz(chunks, 1.0, 0)) == 2, "one is left to learn from"
    assert (
        gap_quiz(chunked(Document("a", "T", "Nothing here that counts."), len, 100), 0.2, 0) == []
    )
