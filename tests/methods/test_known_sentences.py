"""What every measured question of a sentence was found known of can be left out of the study data."""

from __future__ import annotations

from selfteach.generate.question import Question
from selfteach.generate.respond import Answered
from selfteach.judge.contradiction import Scored
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import chunked
from selfteach.methods.documents import Measured, known_sentences

(CHUNK,) = chunked(Document("x", "Tea", "Tea was sold in 1657. It came from China by ship. It is made in Japan."), lambda t: len(t.split()))


def test_a_sentence_is_known_where_all_its_questions_are() -> None:
    rows = [(0, 0.1), (0, 0.2), (1, 0.1), (1, 0.9), (2, 0.9)]
    answered = [Answered(Question(f"q{i}", "", CHUNK, sentence), "a", (), ()) for i, (sentence, _) in enumerate(rows)]
    scored = [Scored("match", (0.0,), (value,)) for _, value in rows]
    start = CHUNK.place(0)["start"]
    assert known_sentences(Measured(answered, scored), 0.5, 0.5) == {(CHUNK.document.id, start)}
    assert known_sentences(Measured(answered, scored), 0.5, 0.05) == set()
    assert len(known_sentences(Measured(answered, scored), 0.5, 1.0)) == 3
    assert known_sentences(Measured(answered, scored), -1.0, 0.5) == set(), "an unsure label says nothing"
