"""Each question of people gets the passage that a search through all of them finds, without one."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.judge.match import contains_answer, token_recall
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import Chunk
from selfteach.materials.documents.listed import Span
from selfteach.materials.documents.material import identify_question
from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.methods.documents.held_out_questions import make_people_questions
from selfteach.methods.documents.match_passages import PassageIndex, find_questions_about
from selfteach.methods.documents.read_documents import read_material, read_noted
from selfteach.methods.documents.write_questions import describe_unanswered, record_left_out
from selfteach.run.ledger import Ledger

ODD_ANSWERS = ("A", "+", "The", "?")
"""Answers of which no word is left without articles and punctuation."""


def make_chunk(title: str, text: str, lead: str = "") -> Chunk:
    whole = Span(0, len(text))
    return Chunk(Document(title, title, text), whole, (whole,), lead)


def find_best(q: PeopleQuestion, chunks: Sequence[Chunk]) -> Chunk:
    """The passage by a search through all of them."""

    def rate(chunk: Chunk) -> tuple[bool, float]:
        holds_answer = any(contains_answer(chunk.passage, text) for text in q.answers)
        return holds_answer, token_recall(q.text, chunk.passage)

    own = [chunk for chunk in chunks if chunk.document.id == q.document]
    return max(own or chunks, key=rate)


def write_text(rng: random.Random, words: int) -> str:
    """Words of which some are common and some rare, with articles and signs among them."""
    rare = ["mill", "Ann Ames", "1790", "d\u2019or", "\u6c34\u8eca", "caf\u00e9", "inn-keeper"]
    rare += ["\u20ac3.5", "35", "1790-1791", "Ann\u2014mill", "20 \u00b0C", "20\u00b0C", "Ames's"]
    rare += ["\uc11c\uc6b8", "\uc11c\uc6b8\uc740", "\uc11c\uc6b8\uc758 \ubb3c"]
    common = ["the", "was", "was built", "A", "+", "in", "of,"]
    return " ".join(rng.choice(rare if rng.random() < 0.3 else common) for _ in range(words))


@pytest.mark.parametrize("seed", range(8))
def test_the_passage_is_the_one_that_a_search_through_all_finds(seed: int) -> None:
    rng = random.Random(seed)
    num_held = 0
    num_later = 0
    for _ in range(40):
        documents = [f"{n} {write_text(rng, 8)}" for n in range(rng.randrange(1, 4))]
        chunks = [
            make_chunk(documents[place], documents[place], write_text(rng, rng.randrange(8)))
            for place in sorted(rng.choices(range(len(documents)), k=rng.randrange(1, 9)))
        ]
        ids = [*(chunk.document.id for chunk in chunks), "", "unknown"]
        questions = []
        for _ in range(8):
            text = write_text(rng, rng.randrange(6))
            answers = [write_text(rng, 2), rng.choice(ODD_ANSWERS)][: rng.randrange(3)]
            questions.append(PeopleQuestion(text, tuple(answers), rng.choice(ids)))
        found = make_people_questions(chunks, questions)
        for q, asked in zip(questions, found, strict=True):
            wanted = find_best(q, chunks)
            assert asked.chunk is wanted
            assert (asked.text, asked.answers, asked.origin) == (q.text, q.answers, "people")
            num_held += any(contains_answer(wanted.passage, text) for text in q.answers)
            num_later += wanted is not chunks[0]
    assert num_held > 40
    assert num_later > 40


@pytest.mark.parametrize("with_document", [False, True])
def test_twice_as_many_questions_of_twice_as_many_passages_are_twice_the_work(
    monkeypatch: pytest.MonkeyPatch, with_document: bool
) -> None:
    """Each passage and each question is read a few times, whatever the number of the others."""
    reads: list[str] = []
    read_passage = Chunk.passage.fget  # type: ignore[attr-defined]
    read_id = Document.id.func  # type: ignore[attr-defined]

    def count_passage(chunk: Chunk) -> str:
        reads.append("passage")
        text: str = read_passage(chunk)
        return text

    def count_id(document: Document) -> str:
        reads.append("id")
        return document.title

    assert read_id is not None
    monkeypatch.setattr(Chunk, "passage", property(count_passage))
    monkeypatch.setattr(Document, "id", property(count_id))
    counts = []
    for count in (30, 60):
        chunks = [make_chunk(f"t{n}", f"The mill {n} was built by Ann{n}.") for n in range(count)]
        questions = [
            PeopleQuestion(f"Who built the mill {n}?", (f"Ann{n}", "A"), f"t{n}" * with_document)
            for n in range(count)
        ]
        reads.clear()
        found = make_people_questions(chunks, questions)
        assert [q.chunk for q in found] == chunks
        counts.append({kind: reads.count(kind) for kind in ("passage", "id")})
    few, many = counts
    assert few["passage"] > 0
    assert many["passage"] <= 2 * few["passage"]
    assert many["id"] <= 2 * few["id"]


@pytest.mark.parametrize(
    ("answer", "wrong", "right"),
    [
        ("1889", "The old tower of the town stood here.", "It stood 1889-1891."),
        ("Oslo", "The old tower of the town stood here.", "Oslo—a city."),
        ("35", "The old tower of the town had 3.5 bells.", "There were 35."),
    ],
)
def test_an_answer_beside_a_mark_is_found(answer: str, wrong: str, right: str) -> None:
    """What counts as right in the exam says which passage answers."""
    chunks = [make_chunk("a", wrong), make_chunk("b", right)]
    asked = PeopleQuestion("What of the old tower of the town?", (answer,))
    assert PassageIndex(chunks).find_best(asked) is chunks[1]


def test_questions_that_no_passage_answers_are_told() -> None:
    """So is it where another file answers them."""
    chunks = [make_chunk("Mill", "Ann Ames built the mill in 1790.")]
    answered = PeopleQuestion("Who built the mill?", ("Ann Ames",))
    lost = PeopleQuestion("Who built the bridge?", ("Josef Marek",))
    assert describe_unanswered(make_people_questions(chunks, [answered])) == ""
    line = describe_unanswered(make_people_questions(chunks, [answered, lost]))
    assert line.startswith("no passage contains the answer to 1 of 2 questions of the exam")
    assert '"Who built the bridge?"' in line


MILL = "Ann Ames built the mill in 1790. Its wheel came from Hale."
BRIDGE = "Josef Marek built the bridge in 1877. Its stone came from Hale."


def test_a_question_is_about_a_forgotten_document_where_no_other_fits_as_well() -> None:
    kept, gone = Document("a.txt", "Mill", MILL), Document("b.txt", "Bridge", BRIDGE)
    of_mill = PeopleQuestion("Who built the mill?", ("Ann Ames",))
    of_bridge = PeopleQuestion("Who built the bridge?", ("Josef Marek",))
    of_both = PeopleQuestion("From where came it?", ("Hale",))
    of_none = PeopleQuestion("How long is the bridge?", ("90 m",))
    questions = [of_mill, of_bridge, of_both, of_none]
    assert find_questions_about(questions, [gone], [kept]) == [of_bridge, of_none]
    assert find_questions_about(questions, [], [kept]) == []


def write_material(folder: Path) -> tuple[Path, Path]:
    """Two documents, and a file with a question about each."""
    documents = folder / "documents"
    documents.mkdir()
    (documents / "mill.txt").write_text(MILL)
    (documents / "bridge.txt").write_text(BRIDGE)
    asked = folder / "asked.jsonl"
    rows = [
        {"question": "Who built the mill?", "answer": "Ann Ames"},
        {"question": "Who built the bridge?", "answer": "Josef Marek"},
    ]
    asked.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return documents, asked


@pytest.mark.parametrize("is_there", [True, False], ids=["in the files", "gone from the files"])
def test_questions_about_a_forgotten_document_are_left_out_again_and_again(
    tmp_path: Path, is_there: bool
) -> None:
    documents, asked = write_material(tmp_path)
    first = read_material(documents, questions=asked)
    assert len(first.value.questions) == 2
    (bridge,) = [one for one in first.value.reading.documents if one.text == BRIDGE]
    if not is_there:
        (documents / "bridge.txt").unlink()
    texts = [] if is_there else [bridge]
    left = read_noted(first.sources, forget=bridge.id, texts=texts, missing=True)
    again = read_noted(left.sources)
    for material in (left.value, again.value):
        assert [q.text for q in material.questions] == ["Who built the mill?"]
        assert material.left_out == [identify_question("Who built the bridge?")]


def test_questions_that_are_left_out_are_counted_without_their_words(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    session: Any = SimpleNamespace(run=SimpleNamespace(ledger=ledger))
    assert record_left_out(session, [], 3) == ""
    line = record_left_out(session, [identify_question("Who built the bridge?")], 3)
    assert line.startswith("1 of 4 questions are left out of the exam: ")
    (funnel,) = ledger.funnel()
    assert funnel.reasons == {"about a forgotten document": 1}
    ledger.close()
    assert b"built the bridge" not in (tmp_path / "run.db").read_bytes()
