"""Questions by people, with their answers: for the exam. They are never trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach.errors import DataError
from selfteach.files import BadLine, read_jsonl
from selfteach.materials.documents.read import ReadDocuments, RowCounts

ANSWER_FIELDS = ("answers", "answer")


@dataclass(frozen=True, slots=True)
class PeopleQuestion:
    """A question with one or more right answers, and the id of the document that it is about (""
    where that is not known).
    """

    text: str
    answers: tuple[str, ...]
    document: str = ""


@dataclass(frozen=True, slots=True)
class _ReadQuestion:
    """What stands at a place: a question or None, and what is said of it: why it is none, or what
    of it is left out.
    """

    place: str
    question: PeopleQuestion | None
    note: str


def read_questions(path: Path, reading: ReadDocuments) -> list[PeopleQuestion]:
    """Questions from JSONL: rows with `question` and `answer` (or `answers`), with a list of such
    rows under `questions`, or with both. What is none, or stands twice, is put aside in `reading`;
    so are the questions of the documents' own rows, in place of which these are asked.

    Raises:
        DataError: the file cannot be read, or holds no question.
    """
    first, rows, aside = dict[PeopleQuestion, str](), RowCounts(), list[BadLine]()
    for where, row in read_jsonl(path, rows.bad_lines, reading.cleaned_rows):
        items = list(_read_items(row, where, "")) or [
            _ReadQuestion(where, None, 'has no "question"')
        ]
        if any(item.question for item in items):
            rows.good += 1
        else:
            rows.bad_lines.append(BadLine(where, items.pop(0).note))
        aside += _collect_questions(items, first)
    reading.rows.append(rows)
    if not first:
        why = f" ({rows.bad_lines[0].where}: {rows.bad_lines[0].fault})" if rows.bad_lines else ""
        raise DataError(
            f"holds no question{why}.",
            where=str(path),
            cure='Write rows like {"question": "...", "answer": "..."}.',
        )
    if reading.asked:
        aside.append(
            BadLine(
                path.name,
                f"asked in place of the questions in {len(reading.asked)} rows of the documents",
            )
        )
    reading.skipped += [*rows.bad_lines, *aside]
    return list(first)


def read_document_questions(reading: ReadDocuments) -> list[PeopleQuestion]:
    """The questions that came with the documents, in their rows; what is none, or stands twice, is
    put aside in `reading`.
    """
    first, known = dict[PeopleQuestion, str](), {document.id for document in reading.documents}
    for source, document, row in reading.asked:
        if document in known:
            reading.skipped += _collect_questions(
                list(_read_items(row, f"{source} (questions)", document)), first
            )
    return list(first)


def _collect_questions(
    items: Sequence[_ReadQuestion], first: dict[PeopleQuestion, str]
) -> Iterator[BadLine]:
    """Enters the questions into `first`, each with the place where it stands first, and yields what
    is put aside: one line for a place.
    """
    for item in items:
        if item.question in first:
            yield BadLine(item.place, f"the same question as {first[item.question]}")
            continue
        if item.question:
            first[item.question] = item.place
        if item.note:
            yield BadLine(item.place, item.note)


def _read_items(row: Mapping[str, Any], where: str, document: str) -> Iterator[_ReadQuestion]:
    """The row's own question, and those under `questions`."""
    inner = row.get("questions")
    if inner is None or row.get("question") is not None:
        yield _read_item(row, where, document)
    if inner is not None:
        parts = inner if isinstance(inner, list) else [inner]
        yield from (
            _read_item(part, f"{where}, question {n}", document) for n, part in enumerate(parts, 1)
        )


def _read_item(item: Any, place: str, document: str) -> _ReadQuestion:
    if fault := _find_fault(item):
        return _ReadQuestion(place, None, fault)
    asked = PeopleQuestion(
        " ".join(item["question"].split()),
        tuple(dict.fromkeys(filter(None, _list_answers(item)))),
        document,
    )
    lost, count = _list_answers(item).count(""), len(_list_answers(item))
    return _ReadQuestion(
        place, asked, f"{lost} of its {count} answers left out: no text or number" if lost else ""
    )


def _find_fault(item: Any) -> str:
    """Why something is no question with an answer, or ""."""
    if not isinstance(item, dict):
        return 'is no object with a "question" and an "answer"'
    if not isinstance(item.get("question"), str) or not item["question"].strip():
        return '"question" holds no text' if "question" in item else 'has no "question"'
    if any(_list_answers(item)):
        return ""
    given = next((name for name in ANSWER_FIELDS if name in item), "")
    return f'"{given}" holds no text or number' if given else 'has no "answer"'


def _list_answers(item: Mapping[str, Any]) -> list[str]:
    """Every answer of an item, under either name; "" for one that is of no use."""
    return [
        text
        for name in ANSWER_FIELDS
        if item.get(name) is not None
        for text in _iterate_texts(item[name])
    ]


def _iterate_texts(value: Any) -> Iterator[str]:
    """Texts and numbers, alone, in a list, or as SQuAD has them: {"text": ...} or {"text": [...]};
    "" for anything else.
    """
    if isinstance(value, list):
        for part in value:
            yield from _iterate_texts(part)
    elif isinstance(value, dict) and "text" in value:
        yield from _iterate_texts(value["text"])
    else:
        yield (
            str(value).strip()
            if isinstance(value, str | int | float) and not isinstance(value, bool)
            else ""
        )
