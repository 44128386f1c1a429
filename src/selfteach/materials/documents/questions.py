"""Questions by people, with their answers: for the exam. They are never trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach.errors import DataError
from selfteach.materials.documents import Document
from selfteach.records import BadLine, read_jsonl

ANSWER_FIELDS = ("answers", "answer")


@dataclass(frozen=True, slots=True)
class PeopleQuestion:
    """A question with one or more right answers, and the id of the document that it is about ("" where that is not known)."""

    text: str
    answers: tuple[str, ...]
    document: str = ""


def read_questions(path: Path, bad: list[BadLine]) -> list[PeopleQuestion]:
    """Questions from JSONL: rows with `question` and `answer` (or `answers`), or with a list of such rows under `questions`.

    Raises:
        DataError: the file cannot be read, or holds no question.
    """
    found: list[PeopleQuestion] = []
    for where, row in read_jsonl(path, bad):
        own = list(_questions(row, ""))
        found += own
        if not own:
            bad.append(BadLine(where, 'has no "question" with an "answer"'))
    if not found:
        why = f" ({bad[0].where}: {bad[0].fault})" if bad else ""
        raise DataError(f"holds no question{why}.", where=str(path), cure='Write rows like {"question": "...", "answer": "..."}.')
    return list(dict.fromkeys(found))


def own_questions(documents: Sequence[Document]) -> list[PeopleQuestion]:
    """The questions that came with the documents, under `questions` of their rows."""
    return [question for document in documents for question in _questions(document.fields, document.id)]


def _questions(row: Mapping[str, Any], document: str) -> Iterator[PeopleQuestion]:
    inner = row.get("questions")
    for item in inner if isinstance(inner, list) else [row]:
        if isinstance(item, dict) and isinstance(item.get("question"), str) and item["question"].strip():
            value = next((item[name] for name in ANSWER_FIELDS if item.get(name)), None)
            answers = tuple(a.strip() for a in (value if isinstance(value, list) else [value]) if isinstance(a, str) and a.strip())
            if answers:
                yield PeopleQuestion(" ".join(item["question"].split()), answers, document)
