"""Judges of knowledge against people's questions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from bench.knowledge_judges import answer_people, count_questions, measure_judge

from bench import knowledge_judges
from scripted import Scripted
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import EntropyJudge, KnowledgeScores, MatchJudge
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.methods.documents.held_out_questions import HeldOutQuestion
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
    asked_both = [asked, other]
    counts = count_questions([known, unknown], asked_both)
    assert counts == {"questions": 2, "judged": 2, "known": 1, "right_labels": 1}
    line = measure_judge(MatchJudge(), [known, unknown], asked_both)
    assert (line["judge"], line["unknown"].value, line["wrong"].value) == ("match", 1.0, 1.0)
    assert line["known"]["false_known"].n == 1
    nobody = [replace(known, blind=("Carl",)), unknown]
    assert count_questions(nobody, asked_both)["known"] == 0
    below = measure_judge(MatchJudge(), nobody, asked_both)
    assert below["unknown"].value == 0.5
    assert below["known"] is None


def test_all_known_questions_and_some_others_are_judged() -> None:
    """One of ten questions is known; two of the others are answered with the passage as well."""
    texts = [f"Who was number {n}?" for n in range(10)]
    questions = [HeldOutQuestion(text, ("Ames",), CHUNK, "people") for text in texts]

    def answer(request: Request) -> str:
        prompt = str(request.prompt)
        return "Ames" if texts[3] in prompt or "Passage: Hale Mill" in prompt else "Carl"

    model = Scripted(answer)
    answered = answer_people(model, questions, unknown=2, samples=3, seed=0)
    assert [row.question.text for row in answered] == [texts[3], texts[0], texts[5]]
    assert [row.blind for row in answered] == [("Ames",) * 3, ("Carl",) * 3, ("Carl",) * 3]
    assert {row.best for row in answered} == {"Ames"}
    assert all(row.informed == ("Ames",) * 3 for row in answered)


class Broken(MatchJudge):
    """A judge that is interrupted."""

    name = "entropy"

    def scores(self, answered: Sequence[LabelledQuestion]) -> list[KnowledgeScores]:
        raise KeyboardInterrupt


def test_an_interrupted_measurement_goes_on_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first judge's line stays, no answer is sampled twice, and other settings are refused."""
    questions = [HeldOutQuestion(f"Who was {n}?", ("Ames",), CHUNK, "people") for n in range(4)]
    model = Scripted(lambda request: "Ames" if "Who was 1?" in str(request.prompt) else "Carl")
    monkeypatch.setattr(knowledge_judges.HfModel, "load", lambda name: model)
    monkeypatch.setattr(knowledge_judges, "open_sampler", lambda loaded: loaded)
    monkeypatch.setattr(knowledge_judges, "read_people_questions", lambda *_: questions)
    judges = [[MatchJudge(), Broken()], [MatchJudge(), EntropyJudge()]]
    monkeypatch.setattr(knowledge_judges, "list_usable_judges", lambda scorer: judges.pop(0))
    command = ["squad.jsonl", str(tmp_path / "judges"), "--samples", "3"]
    with pytest.raises(KeyboardInterrupt):
        knowledge_judges.main(command)
    asked = len(model.asked)
    assert asked > 0
    first = capsys.readouterr().out.splitlines()
    assert [json.loads(line).get("judge") for line in first] == [None, "match"]
    lines = knowledge_judges.main(command)
    assert [line.get("judge") for line in lines] == [None, "match", "entropy"]
    assert len(model.asked) == asked
    assert capsys.readouterr().out.splitlines()[:2] == first
    with pytest.raises(SystemExit, match="name another folder"):
        knowledge_judges.main([*command, "--seed", "1"])
