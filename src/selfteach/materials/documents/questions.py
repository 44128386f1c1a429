"""Questions by people, with their answers: for the exam. They are never trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach.errors import DataError
from selfteach.materials.documents.read import Reading, Rows
from selfteach.records import BadLine, read_jsonl

ANSWER_FIELDS = ("answers", "answer")


@dataclass(frozen=True, slots=True)
class PeopleQuestion:
    """A question with one or more right answers, and the id of the document that it is about ("" where that is not known)."""

    text: str
    answers: tuple[str, ...]
    document: str = ""


def read_questions(path: Path, reading: Reading) -> list[PeopleQuestion]:
    """Questions from JSONL: rows with `question` and `answer` (or `answers`), or with a list of such rows under `questions`. What is none
    is put aside in `reading`; so are the questions of the documents' own rows, in place of which these are asked.

    Raises:
        DataError: the file cannot be read, or holds no question.
    """
    found, rows, aside = list[PeopleQuestion](), Rows(), list[BadLine]()
    for where, row in read_jsonl(path, rows.torn):
        own, bad = _questions(row, where, "")
        found += own
        if own:
            rows.good += 1
            aside += bad
        else:
            rows.torn.append(BadLine(where, bad[0].fault if bad else 'has no "question"'))
            aside += bad[1:]
    reading.rows.append(rows)
    if not found:
        why = f" ({rows.torn[0].where}: {rows.torn[0].fault})" if rows.torn else ""
        raise DataError(f"holds no question{why}.", where=str(path), cure='Write rows like {"question": "...", "answer": "..."}.')
    if reading.asked:
        aside.append(BadLine(path.name, f"asked in place of the questions in {len(reading.asked)} rows of the documents"))
    reading.aside += [*rows.torn, *aside]
    return list(dict.fromkeys(found))


def own_questions(reading: Reading) -> list[PeopleQuestion]:
    """The questions that came with the documents, in their rows; what is none is put aside in `reading`."""
    found, known = list[PeopleQuestion](), {document.id for document in reading.documents}
    for source, document, row in reading.asked:
        if document in known:
            own, bad = _questions(row, f"{source} (questions)", document)
            found += own
            reading.aside += bad
    return list(dict.fromkeys(found))


def _questions(row: Mapping[str, Any], where: str, document: str) -> tuple[list[PeopleQuestion], list[BadLine]]:
    """The questions of a row, and what is none."""
    inner, found, bad = row.get("questions"), list[PeopleQuestion](), list[BadLine]()
    if inner is None:
        inner, places = [row], [where]
    else:
        inner = inner if isinstance(inner, list) else [inner]
        places = [f"{where}, question {n}" for n in range(1, len(inner) + 1)]
    for item, place in zip(inner, places, strict=True):
        if fault := _fault(item):
            bad.append(BadLine(place, fault))
        else:
            found.append(PeopleQuestion(" ".join(item["question"].split()), _answers(item), document))
    return found, bad


def _fault(item: Any) -> str:
    """Why something is no question with an answer, or ""."""
    if not isinstance(item, dict):
        return 'is no object with a "question" and an "answer"'
    if not isinstance(item.get("question"), str) or not item["question"].strip():
        return '"question" holds no text' if "question" in item else 'has no "question"'
    if _answers(item):
        return ""
    given = next((name for name in ANSWER_FIELDS if name in item), "")
    return f'"{given}" holds no text or number' if given else 'has no "answer"'


def _answers(item: Mapping[str, Any]) -> tuple[str, ...]:
    """The right answers of an item, each once."""
    return next((tuple(dict.fromkeys(found)) for name in ANSWER_FIELDS if (found := list(_texts(item.get(name))))), ())


def _texts(value: Any) -> Iterator[str]:
    """Texts and numbers, alone, in a list, or as SQuAD has them: {"text": ...} or {"text": [...]}."""
    if isinstance(value, str | int | float) and not isinstance(value, bool) and (text := str(value).strip()):
        yield text
    for part in value if isinstance(value, list) else [value["text"]] if isinstance(value, dict) and "text" in value else ():
        yield from _texts(part)
