"""Questions by people, in the forms in which they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfteach.errors import DataError
from selfteach.materials.documents.questions import PeopleQuestion, own_questions, read_questions
from selfteach.materials.documents.read import read_documents
from selfteach.records import BadLine

ROWS: list[dict[str, Any]] = [
    {"question": "Who built\nit? ", "answer": " Ann "},
    {"question": "When?", "answers": ["1790", "in 1790", "", 3]},
    {
        "title": "Mill",
        "text": "The mill.",
        "questions": [{"question": "What?", "answer": "a mill"}, {"question": "", "answer": "x"}, "odd"],
    },
    {"question": "Unanswered?"},
    {"question": 3, "answer": "x"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_every_form_is_read_and_the_rest_put_aside(tmp_path: Path) -> None:
    bad: list[BadLine] = []
    found = read_questions(write(tmp_path / "q.jsonl", [*ROWS, ROWS[0]]), bad)
    assert found == [
        PeopleQuestion("Who built it?", ("Ann",)),
        PeopleQuestion("When?", ("1790", "in 1790")),
        PeopleQuestion("What?", ("a mill",)),
    ]
    assert [line.where for line in bad] == ["q.jsonl:4", "q.jsonl:5"]


def test_documents_bring_their_own(tmp_path: Path) -> None:
    documents = read_documents([write(tmp_path / "d.jsonl", ROWS[2:3])]).documents
    assert own_questions(documents) == [PeopleQuestion("What?", ("a mill",), documents[0].id)]


def test_no_question_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no question.*q\.jsonl:1"):
        read_questions(write(tmp_path / "q.jsonl", ROWS[3:4]), [])
