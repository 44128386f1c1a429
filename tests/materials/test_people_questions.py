"""Questions by people, in the forms in which they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfteach.errors import DataError
from selfteach.materials.documents.questions import (
    PeopleQuestion,
    read_document_questions,
    read_questions,
)
from selfteach.materials.documents.read import ReadDocuments, read_documents

ROWS: list[dict[str, Any]] = [
    {"question": "Who built\nit? ", "answer": " Ann "},
    {"question": "When?", "answers": ["1790", "in 1790", "", 3]},
    {
        "title": "Mill",
        "text": "The mill.",
        "questions": [
            {"question": "What?", "answer": "a mill"},
            {"question": "", "answer": "x"},
            "odd",
        ],
    },
    {"question": "Unanswered?"},
    {"question": 3, "answer": "x"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_every_form_is_read_and_the_rest_put_aside(tmp_path: Path) -> None:
    reading = ReadDocuments()
    found = read_questions(write(tmp_path / "q.jsonl", [*ROWS, ROWS[0]]), reading)
    assert found == [
        PeopleQuestion("Who built it?", ("Ann",)),
        PeopleQuestion("When?", ("1790", "in 1790", "3")),
        PeopleQuestion("What?", ("a mill",)),
    ]
    assert [(line.where, line.fault) for line in reading.skipped] == [
        ("q.jsonl:4", 'has no "answer"'),
        ("q.jsonl:5", '"question" holds no text'),
        ("q.jsonl:2", "1 of its 4 answers left out: no text or number"),
        ("q.jsonl:3, question 2", '"question" holds no text'),
        ("q.jsonl:3, question 3", 'is no object with a "question" and an "answer"'),
        ("q.jsonl:6", "the same question as q.jsonl:1"),
    ]
    assert [(rows.good, len(rows.bad_lines)) for rows in reading.rows] == [(4, 2)]


@pytest.mark.parametrize(
    ("given", "answers"),
    [
        ({"answer": 1990}, ("1990",)),
        ({"answer": 0}, ("0",)),
        ({"answer": 2.5}, ("2.5",)),
        ({"answers": [{"text": "Ann"}]}, ("Ann",)),
        (
            {"answers": {"text": ["Ann", "Ann", "Ann Ames"], "answer_start": [3, 3, 9]}},
            ("Ann", "Ann Ames"),
        ),
        ({"answers": {"text": "Ann"}}, ("Ann",)),
        ({"answers": [], "answer": "Ann"}, ("Ann",)),
        ({"answers": ["Ann"], "answer": "Ann Ames"}, ("Ann", "Ann Ames")),
    ],
)
def test_answers_are_read_as_people_and_squad_write_them(
    tmp_path: Path, given: dict[str, Any], answers: tuple[str, ...]
) -> None:
    reading = ReadDocuments()
    assert read_questions(
        write(tmp_path / "q.jsonl", [{"question": "Who?", **given}]), reading
    ) == [PeopleQuestion("Who?", answers)]
    assert not reading.skipped


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"question": "Who?", "answer": True}, '"answer" holds no text or number'),
        ({"question": "Who?"}, 'has no "answer"'),
        ({"question": "Who?", "answers": {"text": []}}, '"answers" holds no text or number'),
        ({"answer": "Ann"}, 'has no "question"'),
        ({"questions": []}, 'has no "question"'),
        ({"questions": {"question": "Who?"}}, 'has no "answer"'),
    ],
)
def test_what_is_no_question_is_reported_with_its_fault(
    tmp_path: Path, row: dict[str, Any], fault: str
) -> None:
    reading = ReadDocuments()
    read_questions(write(tmp_path / "q.jsonl", [row, ROWS[0]]), reading)
    assert [(line.where, line.fault) for line in reading.skipped] == [("q.jsonl:1", fault)]


def test_documents_bring_their_own(tmp_path: Path) -> None:
    reading = read_documents([write(tmp_path / "d.jsonl", ROWS[2:3])])
    assert read_document_questions(reading) == [
        PeopleQuestion("What?", ("a mill",), reading.documents[0].id)
    ]
    assert [(line.where, line.fault) for line in reading.skipped] == [
        ("d.jsonl:1 (questions), question 2", '"question" holds no text'),
        ("d.jsonl:1 (questions), question 3", 'is no object with a "question" and an "answer"'),
    ]


def test_rows_of_one_passage_bring_the_questions_of_all(tmp_path: Path) -> None:
    """SQuAD, flat: a row for each question, with its passage."""
    rows = [
        {"text": "The mill.", "question": f"Number {n}?", "answers": {"text": [str(n)]}}
        for n in range(3)
    ]
    reading = read_documents([write(tmp_path / "d.jsonl", rows)])
    (document,) = reading.documents
    assert read_document_questions(reading) == [
        PeopleQuestion(f"Number {n}?", (str(n),), document.id) for n in range(3)
    ]


def test_questions_of_a_file_replace_those_of_the_documents_and_say_so(tmp_path: Path) -> None:
    reading = read_documents([write(tmp_path / "d.jsonl", ROWS[2:3])])
    assert read_questions(write(tmp_path / "q.jsonl", ROWS[:1]), reading) == [
        PeopleQuestion("Who built it?", ("Ann",))
    ]
    assert [(line.where, line.fault) for line in reading.skipped] == [
        ("q.jsonl", "asked in place of the questions in 1 row of the documents")
    ]


def test_no_question_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no question.*q\.jsonl:1"):
        read_questions(write(tmp_path / "q.jsonl", ROWS[3:4]), ReadDocuments())


def test_a_row_with_a_question_and_more_of_them_asks_all(tmp_path: Path) -> None:
    more = {"question": "When?", "answer": 1790.0}
    rows = [
        {"question": "Who?", "answer": "Ada", "questions": [more]},
        {"question": "Where?", "answer": "Hale", "questions": []},
    ]
    reading = ReadDocuments()
    assert [q.text for q in read_questions(write(tmp_path / "q.jsonl", rows), reading)] == [
        "Who?",
        "When?",
        "Where?",
    ]
    assert not reading.skipped
    with_text = read_documents([write(tmp_path / "d.jsonl", [{"text": "The mill.", **rows[0]}])])
    assert [q.text for q in read_document_questions(with_text)] == ["Who?", "When?"]


def test_what_stands_again_is_asked_once_and_named(tmp_path: Path) -> None:
    row = {"question": "Who?", "answer": "Ada"}
    reading = ReadDocuments()
    assert (
        len(read_questions(write(tmp_path / "q.jsonl", [row, row, {"questions": [row]}]), reading))
        == 1
    )
    assert [(line.where, line.fault) for line in reading.skipped] == [
        ("q.jsonl:2", "the same question as q.jsonl:1"),
        ("q.jsonl:3, question 1", "the same question as q.jsonl:1"),
    ]
    assert [(rows.good, rows.bad_lines) for rows in reading.rows] == [(3, [])], (
        "none of them is a bad row"
    )


def test_answers_that_are_none_are_counted(tmp_path: Path) -> None:
    reading = ReadDocuments()
    found = read_questions(
        write(tmp_path / "q.jsonl", [{"question": "Who?", "answers": ["Ada", None, True]}]), reading
    )
    assert found == [PeopleQuestion("Who?", ("Ada",))]
    assert [(line.where, line.fault) for line in reading.skipped] == [
        ("q.jsonl:1", "2 of its 3 answers left out: no text or number")
    ]


def test_unsafe_characters_of_a_question_are_recorded(tmp_path: Path) -> None:
    reading = ReadDocuments()
    (found,) = read_questions(
        write(tmp_path / "q.jsonl", [{"question": "Who\0?", "answer": "Ada"}]), reading
    )
    assert found.text == "Who\ufffd?"
    assert [(line.where, line.fault) for line in reading.cleaned_rows] == [
        ("q.jsonl:1", "unsafe characters replaced")
    ]
    rows = [
        {"text": "The mill.", "question": question, "answer": "Ada"}
        for question in ("Who?", "Who\0?")
    ]
    assert [
        line.where for line in read_documents([write(tmp_path / "d.jsonl", rows)]).cleaned_rows
    ] == ["d.jsonl:2"]


def test_the_answers_of_all_rows_of_a_question_are_right(tmp_path: Path) -> None:
    """Every row with one more answer says so; one with nothing new is a repeated row."""
    answers: list[Any] = ["Ann Ames", ["the miller", "Ann  Ames"], "Ann Ames", ["Ann", None]]
    rows = [{"question": "Who built it?", "answers": answer} for answer in answers]
    reading = ReadDocuments()
    found = read_questions(write(tmp_path / "q.jsonl", rows), reading)
    assert found == [
        PeopleQuestion("Who built it?", ("Ann Ames", "the miller", "Ann  Ames", "Ann"))
    ]
    joined = "the same question as q.jsonl:1, where its answers count as well"
    assert [(line.where, line.fault) for line in reading.skipped] == [
        ("q.jsonl:2", joined),
        ("q.jsonl:3", "the same question as q.jsonl:1"),
        ("q.jsonl:4", f"{joined}; 1 of its 2 answers left out: no text or number"),
    ]


def test_questions_of_one_wording_about_two_documents_stay_two(tmp_path: Path) -> None:
    rows = [
        {"text": text, "question": "When?", "answer": answer}
        for text, answer in (("The mill.", "1790"), ("The inn.", "1850"), ("The mill.", "in 1790"))
    ]
    reading = read_documents([write(tmp_path / "d.jsonl", rows)])
    mill, inn = reading.documents
    assert read_document_questions(reading) == [
        PeopleQuestion("When?", ("1790", "in 1790"), mill.id),
        PeopleQuestion("When?", ("1850",), inn.id),
    ]


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("q.json", json.dumps([*ROWS[:1], {"question": "When?", "answer": 1790}, 3]), "q.json[3]"),
        ("q.csv", 'question,answer\nWho built it?,Ann\n"When?",1790\nWhy?,\n', "q.csv:4"),
        ("q.TSV", "question\tanswer\nWho built it?\tAnn\nWhen?\t1790\nWhy?\t\n", "q.TSV:4"),
    ],
)
def test_a_list_and_a_table_of_questions_are_read(
    tmp_path: Path, name: str, text: str, place: str
) -> None:
    (tmp_path / name).write_text(text)
    reading = ReadDocuments()
    found = read_questions(tmp_path / name, reading)
    asked = [("Who built it?", ("Ann",)), ("When?", ("1790",))]
    assert [(q.text, q.answers) for q in found] == asked
    assert [line.where for line in reading.skipped] == [place]


def test_a_file_of_questions_with_another_ending_is_read_as_jsonl(tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text('{"question": "Who built it?", "answer": "Ann"}\n')
    assert [q.text for q in read_questions(tmp_path / "q.txt", ReadDocuments())] == [
        "Who built it?"
    ]


def test_a_table_without_the_columns_of_questions_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("Asked,answer\nx,y\n")
    with pytest.raises(DataError, match=r"holds no question.*q\.csv:2.*JSON list, or CSV"):
        read_questions(tmp_path / "q.csv", ReadDocuments())


@pytest.mark.parametrize("name", ["squad.json", "squad.jsonl"])
@pytest.mark.parametrize("indent", [None, 2])
def test_the_original_form_of_squad_is_named(tmp_path: Path, name: str, indent: int | None) -> None:
    asked = [{"id": "1", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 0}]}]
    paragraphs = [{"context": "Ann built it.", "qas": asked}]
    whole = {"version": "v2.0", "data": [{"title": "Mill", "paragraphs": paragraphs}]}
    (tmp_path / name).write_text(json.dumps(whole, indent=indent))
    with pytest.raises(DataError, match=r"SQuAD's original form.*one row"):
        read_questions(tmp_path / name, ReadDocuments())
