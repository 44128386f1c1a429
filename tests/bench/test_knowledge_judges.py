"""Judges of knowledge against people's questions."""

from __future__ import annotations

from dataclasses import replace

from bench.knowledge_judges import measure_judges

from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import MatchJudge
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.methods.documents.exam import HeldOutQuestion

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
