"""Judges of two answers against people's questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import pairwise_judges
from scripted import Scripted
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.methods.documents.held_out_questions import HeldOutQuestion
from selfteach.records import Prompt

TEXT = "Hale Mill stands near the river. It was built by Ann Ames in 1790. It is red."
(CHUNK,) = split_chunks(Document("mill.txt", "Hale Mill", TEXT), lambda t: len(t.split()))


@pytest.mark.parametrize(
    ("knows", "agreement", "bias", "name"), [(True, 1.0, 0.0, "preference"), (False, 0.5, 0.5, "")]
)
def test_a_judge_that_reads_is_told_from_one_that_prefers_a_place(
    knows: bool,
    agreement: float,
    bias: float,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    questions = [HeldOutQuestion(f"When ({n})?", ("1790",), CHUNK, "people") for n in range(4)]

    def score(prompt: Prompt, word: str) -> float:
        first = str(prompt).rpartition("Answer B:")[0].rpartition("Answer A:")[2]
        prefers_first = "1790" in first if knows else True
        return -1.0 if prefers_first == (word.strip() == "A") else -2.0

    model = Scripted({}, score)
    monkeypatch.setattr(pairwise_judges.HfModel, "load", lambda name: model)
    monkeypatch.setattr(pairwise_judges, "read_people_questions", lambda *_: questions)
    plain, chat = pairwise_judges.main(["squad.jsonl", str(tmp_path / "judges")])
    assert plain["agreement"]["preference"]["value"] == agreement
    assert plain["position_bias"]["preference"]["value"] == bias
    assert (plain["pairs"], plain["name"]) == (4, name)
    assert chat["agreement"]["preference (chat)"]["value"] == agreement
