"""Read people's questions with their answers. They are only for the exam, never for training."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfteach.disk import open_file
from selfteach.errors import DataError
from selfteach.files import BadLine, read_jsonl, set_aside
from selfteach.materials.documents.read import ReadDocuments, RowCounts
from selfteach.materials.rows import read_rows
from selfteach.records import JsonMapping
from selfteach.text import format_count

ANSWER_FIELDS = ("answers", "answer")
TABLES = (".json", ".csv", ".tsv")
"""The endings of files that are no JSONL: a list of rows, and tables."""
ROW_FORM = '{"question": "...", "answer": "..."}'
_SQUAD = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{.*"data"\s*:\s*\[\s*\{.*"paragraphs"\s*:', re.S)
_HEAD_BYTES = 4096
"""How much of a file is read to find out whether it has SQuAD's original form."""


@dataclass(frozen=True, slots=True)
class PeopleQuestion:
    """Hold a question, its correct answers, and the id of its document ("" if unknown)."""

    text: str
    answers: tuple[str, ...]
    document: str = ""


@dataclass(frozen=True, slots=True)
class _ReadItem:
    """Hold a place, its question or None, and a note on what is wrong or left out."""

    place: str
    question: PeopleQuestion | None
    note: str


@dataclass(frozen=True, slots=True)
class _ReadQuestion:
    """Hold a question with the answers of all its rows, and the place of the first one."""

    place: str
    question: PeopleQuestion


QuestionKey = tuple[str, str]
"""The text of a question and the id of its document: what makes it one question."""


def read_questions(path: Path, reading: ReadDocuments) -> list[PeopleQuestion]:
    """Read questions from JSONL, a JSON list of rows, or CSV with their keys as columns.

    A row has `question` and `answer` (or `answers`), a list of such rows under `questions`, or
    both. A question that stands several times is one question with the answers of all its rows.
    Bad and repeated questions are recorded in `reading.skipped`. These questions replace those in
    the rows of the documents.

    Raises:
        DataError: the file cannot be read, has no question, or is SQuAD's original file.
    """
    _refuse_squad(path)
    read = read_rows if path.suffix.lower() in TABLES else read_jsonl
    found: dict[QuestionKey, _ReadQuestion] = {}
    rows = RowCounts()
    skipped: list[BadLine] = []
    for where, row in read(path, rows.bad_lines, reading.cleaned_rows):
        items = list(_read_items(row, where, "")) or [_ReadItem(where, None, 'has no "question"')]
        if any(item.question for item in items):
            rows.good += 1
        else:
            set_aside(rows.bad_lines, where, items.pop(0).note)
        skipped += _collect_questions(items, found)
    reading.rows.append(rows)
    if not found:
        why = f" ({rows.bad_lines[0].where}: {rows.bad_lines[0].fault})" if rows.bad_lines else ""
        raise DataError(
            f"holds no question{why}.",
            where=str(path),
            cure=f"Write rows like {ROW_FORM}, in JSONL, a JSON list, or CSV with these columns.",
        )
    if reading.question_rows:
        count = format_count(len(reading.question_rows), "rows")
        note = f"asked in place of the questions in {count} of the documents"
        skipped.append(BadLine(path.name, note))
    reading.skipped += rows.bad_lines + skipped
    return [one.question for one in found.values()]


def _refuse_squad(path: Path) -> None:
    """Refuse SQuAD's original file, where questions are within paragraphs within articles.

    Raises:
        DataError: it is one, or cannot be opened.
    """
    with open_file(path) as handle:
        head = handle.read(_HEAD_BYTES)
    if _SQUAD.match(head):
        raise DataError(
            'has SQuAD\'s original form ("data" with "paragraphs"), which is not read.',
            where=str(path),
            cure=f"Write each question as one row: {ROW_FORM}.",
        )


def read_document_questions(reading: ReadDocuments) -> list[PeopleQuestion]:
    """Return the questions in the rows of the documents.

    A question that stands several times about one document has the answers of all its rows. Bad
    and repeated questions are recorded in `reading.skipped`.
    """
    found: dict[QuestionKey, _ReadQuestion] = {}
    known = {document.id for document in reading.documents}
    for source, document, row in reading.question_rows:
        if document in known:
            items = _read_items(row, f"{source} (questions)", document)
            reading.skipped += _collect_questions(items, found)
    return [one.question for one in found.values()]


def _collect_questions(
    items: Iterable[_ReadItem], found: dict[QuestionKey, _ReadQuestion]
) -> Iterator[BadLine]:
    """Add the questions to `found`, each with the answers of all its rows. Yield one line for each
    bad or repeated place.
    """
    for item in items:
        notes = [item.note] if item.note else []
        if question := item.question:
            key = question.text, question.document
            if key in found:
                found[key], note = _join_answers(found[key], question)
                notes.insert(0, note)
            else:
                found[key] = _ReadQuestion(item.place, question)
        if notes:
            yield BadLine(item.place, "; ".join(notes))


def _join_answers(before: _ReadQuestion, again: PeopleQuestion) -> tuple[_ReadQuestion, str]:
    """Return a question with the answers of another row behind its own, and a note on that row."""
    note = f"the same question as {before.place}"
    answers = tuple(dict.fromkeys(before.question.answers + again.answers))
    if answers == before.question.answers:
        return before, note
    joined = replace(before.question, answers=answers)
    return replace(before, question=joined), f"{note}, where its answers count as well"


def _read_items(row: JsonMapping, where: str, document: str) -> Iterator[_ReadItem]:
    """Yield the row's own question, and those under `questions`."""
    inner = row.get("questions")
    if inner is None or row.get("question") is not None:
        yield _read_item(row, where, document)
    if inner is not None:
        parts = inner if isinstance(inner, list) else [inner]
        for n, part in enumerate(parts, 1):
            yield _read_item(part, f"{where}, question {n}", document)


def _read_item(item: Any, place: str, document: str) -> _ReadItem:
    if fault := _find_fault(item):
        return _ReadItem(place, None, fault)
    text = " ".join(item["question"].split())
    answers = list_answers(item)
    question = PeopleQuestion(text, tuple(dict.fromkeys(filter(None, answers))), document)
    note = ""
    if lost := answers.count(""):
        note = f"{lost} of its {len(answers)} answers left out: no text or number"
    return _ReadItem(place, question, note)


def _find_fault(item: Any) -> str:
    """Return the reason why something is no question with an answer, or ""."""
    if not isinstance(item, dict):
        return 'is no object with a "question" and an "answer"'
    if not isinstance(item.get("question"), str) or not item["question"].strip():
        return '"question" holds no text' if "question" in item else 'has no "question"'
    if any(list_answers(item)):
        return ""
    given = next((name for name in ANSWER_FIELDS if name in item), "")
    return f'"{given}" holds no text or number' if given else 'has no "answer"'


def list_answers(item: JsonMapping) -> list[str]:
    """Return every answer of an item, under either name; "" for an unusable one."""
    given = [item[name] for name in ANSWER_FIELDS if item.get(name) is not None]
    return list(_iterate_texts(given))


def _iterate_texts(value: Any) -> Iterator[str]:
    """Yield texts and numbers, and "" for anything else.

    They are alone, in a list, or as in SQuAD: {"text": ...} or {"text": [...]}.
    """
    if isinstance(value, list):
        for part in value:
            yield from _iterate_texts(part)
    elif isinstance(value, dict) and "text" in value:
        yield from _iterate_texts(value["text"])
    else:
        is_usable = isinstance(value, str | int | float) and not isinstance(value, bool)
        yield _format_answer(value) if is_usable else ""


def _format_answer(value: str | float) -> str:
    """Return a text, or a number as people write it: tables hold 1790 as 1790.0."""
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if is_whole else value).strip()
