"""The material of documents: files and folders, or texts; and people's questions about them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from selfteach.config import DocumentsConfig as Settings
from selfteach.errors import DataError, UsageError
from selfteach.files import BadLine
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_document_sentences
from selfteach.materials.documents.listed import MIN_WORDS, is_informative
from selfteach.materials.documents.material import Documents
from selfteach.materials.documents.questions import read_document_questions, read_questions
from selfteach.materials.documents.read import read_documents
from selfteach.methods.method import Material
from selfteach.methods.sources import (
    Source,
    as_file,
    hash_sources,
    name_of,
    note_sources,
    noted_source,
    require_file,
)
from selfteach.records import digest

FORGOTTEN = "forgotten"
LEAST_SENTENCES = 2
DocumentSource = str | Path | Sequence[str | Path] | Sequence[Mapping[str, Any]]
"""A path, several paths, or rows with text, title and questions."""


def read_material(
    documents: DocumentSource,
    *,
    questions: Source = None,
    forgotten: frozenset[str] = frozenset(),
) -> Material:
    """Read documents and the questions about them.

    Args:
        documents: files or folders, or rows with "text", and perhaps "title" and "questions".
        questions: a file, or rows, of people's questions with answers, for the exam alone.
        forgotten: the ids of documents that are left out, though they are in the files.

    Raises:
        DataError: nothing in them can be learned from.
    """
    paths, rows = split_sources(documents)
    questions = require_file(questions, "questions")
    material = read_sources(paths, rows, questions, forgotten)
    identity = {
        "documents": hash_documents(material),
        **hash_sources(questions=questions),
    }
    sources: dict[str, Any] = {
        "paths": [str(path.resolve()) for path in paths],
        **note_sources(questions=questions),
        FORGOTTEN: sorted(forgotten),
    }
    if rows is not None:
        sources["rows"] = rows
    name = name_of(paths[0] if paths else None, "documents")
    return Material(name, material, identity, sources, material.reading.cleaned_rows)


def split_sources(documents: DocumentSource) -> tuple[list[Path], list[dict[str, Any]] | None]:
    """Return the paths, or the rows.

    Raises:
        UsageError: it is neither.
    """
    if isinstance(documents, str | Path):
        return [Path(documents)], None
    is_list = isinstance(documents, Iterable) and not isinstance(documents, Mapping | bytes)
    given: list[Any] = list(documents) if is_list else []
    if is_list and all(isinstance(one, str | Path) for one in given):
        return [Path(str(one)) for one in given], None
    rows = [dict(one) for one in given if isinstance(one, Mapping)]
    if rows and len(rows) == len(given):
        return [], rows
    raise UsageError(
        "there are no documents.",
        where="documents",
        cure='Give paths, or a list of {"text": ..., "title": ...}.',
    )


def read_sources(
    paths: Sequence[Path],
    rows: Sequence[Mapping[str, Any]] | None,
    questions: Source,
    forgotten: frozenset[str],
) -> Documents:
    """Read documents without those that are forgotten.

    Raises:
        DataError: no document is left.
    """
    with ExitStack() as stack:
        rows_file = stack.enter_context(as_file(rows, "documents"))
        questions_file = stack.enter_context(as_file(questions, "questions"))
        files = [rows_file] if rows_file else list(paths)
        reading = read_documents(files, questions=questions_file)
        gone = [d for d in reading.documents if d.id in forgotten]
        reading.documents = [d for d in reading.documents if d.id not in forgotten]
        reading.skipped += [BadLine(d.source, "forgotten") for d in gone]
        if not reading.documents:
            raise DataError(
                "no document is left.",
                where=", ".join(map(str, files))[:200],
                cure="Forget fewer.",
            )
        if questions_file:
            return Documents(reading, read_questions(questions_file, reading))
        return Documents(reading, read_document_questions(reading))


def hash_documents(material: Documents) -> str:
    """Return the sum of texts, titles and questions: a change of one is another run, another order
    or place is not.
    """
    asked: dict[str, list[list[str]]] = {}
    for q in material.questions:
        asked.setdefault(q.document, []).append([q.text, *q.answers])
    rows = [[d.id, d.title, sorted(asked.get(d.id, []))] for d in material.reading.documents]
    return digest(sorted(rows))


def read_again(
    sources: Mapping[str, Any] | None, identity: Mapping[str, Any], config: Settings
) -> Material:
    """Read the material of an earlier run again, where its note says that it is."""
    return read_noted(sources or {})


def read_noted(noted: Mapping[str, Any], *, forget: str = "", missing: bool = False) -> Material:
    """Read the documents of a note.

    Args:
        forget: the id of one more document that is left out.
        missing: leave files and folders out that are not there any more.
    """
    paths = noted_paths(noted, missing=missing)
    forgotten = {*(noted.get(FORGOTTEN) or ())}
    if forget:
        forgotten.add(forget)
    return read_material(
        noted.get("rows") or paths,
        questions=noted_source(noted, "questions"),
        forgotten=frozenset(forgotten),
    )


def read_whole(noted: Mapping[str, Any]) -> list[Document]:
    """Return every document of a note that is still there, those that are forgotten too."""
    with ExitStack() as stack:
        rows_file = stack.enter_context(as_file(noted.get("rows") or None, "documents"))
        questions = noted_source(noted, "questions")
        questions_file = stack.enter_context(as_file(questions, "questions"))
        files = [rows_file] if rows_file else noted_paths(noted, missing=True)
        return read_documents(files, questions=questions_file).documents


def noted_paths(noted: Mapping[str, Any], *, missing: bool = False) -> list[Path]:
    """Return the paths of a note; with `missing` only those that are still there."""
    paths = [Path(path) for path in noted["paths"]]
    return [path for path in paths if path.exists()] if missing else paths


def refuse_too_little(material: Documents, config: Settings) -> None:
    """Look before any model is loaded whether there is something to learn and something to be
    examined on.

    Raises:
        DataError: there is not, or too much of what was brought cannot be read.
    """
    reading = material.reading
    for rows in reading.rows:
        torn = rows.bad_lines
        count = rows.good + len(torn)
        if torn and len(torn) / count > config.max_bad_rows:
            share = math.ceil(100 * len(torn) / count) / 100
            raise DataError(
                f"{len(torn)} of {count} rows cannot be used; the first: {torn[0].fault}.",
                where=torn[0].where,
                cure=f"Mend or remove them; --set max_bad_rows={share:g} allows so many.",
            )
    found = count_sentences(material)
    if found < (1 if material.questions else LEAST_SENTENCES):
        raise DataError(
            f"{found} sentences are too few to learn from and to be examined on.",
            where=reading.documents[0].source,
            cure=(
                f"Bring at least {LEAST_SENTENCES} sentences of {MIN_WORDS} words, or "
                "people's questions (--questions)."
            ),
        )


def count_sentences(material: Documents) -> int:
    """Return how many sentences there are to learn."""
    found = 0
    for document in material.reading.documents:
        found += sum(
            is_informative(document.text, span) for span in split_document_sentences(document)
        )
    return found
