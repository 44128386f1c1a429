"""Judges of knowledge against people's questions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bench.knowledge_judges import answer_people, measure_judges

from bench import knowledge_judges
from scripted import Scripted
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import MatchJudge
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.methods.documents.exam import HeldOutQuestion
from selfteach.records import Request

(CHUNK,) = split_chunks(
    Document("mill.txt", "Hale Mill", "Hale Mill was built in 1790."), lambda t: len(t.split())
)


def test_any_of_several_right_answers_counts() -> None:
    """The label and two of three blind answers hold the second right answer: known, and right."""
    asked = HeldOutQuestion("Who built it?", ("Ann Ames", "Ames"), CHUNK, "people")
    other = replace(asked, text="Who burned it?", answers=("Bob",))
    known = LabelledQuestion(
        Question(asked.text, "Ann Ames", CHUNK, None), "Ames", ("Ames",), ("Ames", "Ames", "Carl")
    )
    unknown = LabelledQuestion(
        Question(other.text, "Bob", CHUNK, None), "Carl", ("Dora",), ("Dora", "Emma", "Bob")
    )
    found = measure_judges([MatchJudge()], [known, unknown], [asked, other])
    assert (found["questions"], found["known"], found["right_labels"]) == (2, 1, 1)
    assert found["judges"]["match"]["unknown"].value == 1.0
    assert found["judges"]["match"]["wrong"].value == 1.0
    below = measure_judges(
        [MatchJudge()], [replace(known, blind=("Carl",)), unknown], [asked, other]
    )
    assert below["known"] == 0
    assert below["judges"]["match"]["unknown"].value == 0.5


def test_all_known_questions_and_some_others_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of ten questions is known; two of the others are answered with the passage as well."""
    texts = [f"Who was number {n}?" for n in range(10)]
    questions = [HeldOutQuestion(text, ("Ames",), CHUNK, "people") for text in texts]

    def answer(request: Request) -> str:
        prompt = str(request.prompt)
        return "Ames" if texts[3] in prompt or "Passage: Hale Mill" in prompt else "Carl"

    model = Scripted(answer)
    monkeypatch.setattr(knowledge_judges, "open_sampler", lambda model: model)
    answered = answer_people(model, questions, unknown=2, samples=3, seed=0)  # type: ignore[arg-type]
    assert [row.question.text for row in answered] == [texts[3], texts[0], texts[5]]
    assert [row.blind for row in answered] == [("Ames",) * 3, ("Carl",) * 3, ("Carl",) * 3]
    assert {row.best for row in answered} == {"Ames"}
    assert all(row.informed == ("Ames",) * 3 for row in answered)
