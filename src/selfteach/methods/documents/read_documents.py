"""The material of documents: files and folders, or texts; and people's questions about them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach.config import DocumentsConfig as Settings
from selfteach.errors import DataError, UsageError
from selfteach.files import BadLine
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_document_sentences
from selfteach.materials.documents.listed import MIN_WORDS, find_recited, is_informative
from selfteach.materials.documents.material import Documents, identify_question
from selfteach.materials.documents.questions import (
    PeopleQuestion,
    read_document_questions,
    read_questions,
)
from selfteach.materials.documents.read import ReadDocuments, read_documents
from selfteach.methods.documents.match_passages import find_questions_about
from selfteach.methods.input_sources import (
    Source,
    as_file,
    convert_rows,
    hash_sources,
    list_items,
    name_of,
    note_sources,
    noted_source,
    require_file,
)
from selfteach.methods.method import Material
from selfteach.records import JsonMapping, JsonObject, digest
from selfteach.text import format_count

FORGOTTEN = "forgotten"
LEFT_OUT = "left_out"
"""The key of a run's note with the ids of questions about forgotten documents."""
MIN_SENTENCES = 2
DocumentSource = str | Path | Sequence[str | Path] | Sequence[JsonMapping]
"""A path, several paths, or rows with text, title and questions."""


@dataclass(frozen=True)
class Forgotten:
    """Hold what a run must not learn, though it may be in the files.

    Attributes:
        ids: of documents.
        texts: such documents that may not be in the files any more; questions about them are left
            out of the exam.
        questions: ids of questions that an earlier reading left out.
    """

    ids: frozenset[str] = frozenset()
    texts: Sequence[Document] = ()
    questions: frozenset[str] = frozenset()


NOTHING = Forgotten()


def read_material(
    documents: DocumentSource,
    *,
    questions: Source = None,
    forgotten: Forgotten = NOTHING,
) -> Material:
    """Read documents and the questions about them.

    Args:
        documents: files or folders, or rows with "text", and perhaps "title" and "questions".
        questions: a file, or rows, of people's questions with answers, for the exam alone.
        forgotten: documents and questions that are left out, though they are in the files.

    Raises:
        UsageError: the package that reads a document is missing.
        DataError: nothing in them can be learned from.
    """
    paths, rows = split_sources(documents)
    questions = require_file(questions, "questions")
    material = read_sources(paths, rows, questions, forgotten)
    identity = {
        "documents": hash_documents(material),
        **hash_sources(questions=questions),
    }
    sources: JsonObject = {
        "paths": [str(path.resolve()) for path in paths],
        **note_sources(questions=questions),
        FORGOTTEN: sorted(forgotten.ids),
        LEFT_OUT: sorted(material.left_out),
    }
    if rows is not None:
        sources["rows"] = rows
    first = min(paths, key=lambda path: path.name, default=None)  # in whatever order they are given
    name = name_of(first, "documents")
    return Material(name, material, identity, sources, material.reading.cleaned_rows)


def split_sources(documents: DocumentSource) -> tuple[list[Path], list[JsonObject] | None]:
    """Return the paths, or the rows.

    Raises:
        UsageError: it is neither, or a path is empty: that would be the current folder.
    """
    given: list[Any] | None = [documents]
    if not isinstance(documents, str | Path):
        given = list_items(documents, "documents")
    if given is not None:
        if "" in given:
            raise UsageError("a path is empty.", where="documents", cure="Give files or folders.")
        if all(isinstance(one, str | Path) for one in given):
            return [Path(one) for one in given], None
        if all(isinstance(one, Mapping) for one in given):
            return [], convert_rows(given)
    raise UsageError(
        "there are no documents.",
        where="documents",
        cure='Give paths, or a list of {"text": ..., "title": ...}.',
    )


def read_sources(
    paths: Sequence[Path],
    rows: Sequence[JsonMapping] | None,
    questions: Source,
    forgotten: Forgotten,
) -> Documents:
    """Read documents without those that are forgotten, in the order of their titles. Questions
    about forgotten ones are left out too.

    A run's identity is blind to the order of files and rows, so documents and their questions have
    an order of their own.

    Raises:
        DataError: no document is left.
    """
    with ExitStack() as stack:
        rows_file = stack.enter_context(as_file(rows, "documents"))
        questions_file = stack.enter_context(as_file(questions, "questions"))
        files = [rows_file] if rows_file else list(paths)
        reading = read_documents(files, questions=questions_file)
        gone = list(forgotten.texts)
        for document in list(reading.documents):
            if document.id in forgotten.ids:
                gone.append(document)
                reading.documents.remove(document)
                reading.skipped.append(BadLine(document.source, "forgotten"))
        if not reading.documents:
            raise DataError(
                "no document is left.",
                where=", ".join(map(str, files))[:200],
                cure="Forget fewer.",
            )
        reading.documents.sort(key=lambda document: (document.title, document.id))
        if questions_file:
            material = Documents(reading, read_questions(questions_file, reading))
            return leave_questions_out(material, gone, forgotten.questions)
        return Documents(reading, sort_questions(reading, read_document_questions(reading)))


def leave_questions_out(
    material: Documents, gone: Sequence[Document], earlier: frozenset[str]
) -> Documents:
    """Return the material without the questions about documents that are gone.

    Args:
        earlier: ids of questions that an earlier reading left out. It may have had the words of a
            document that is in no file any more.
    """
    about = find_questions_about(material.questions, gone, material.reading.documents)
    left_out = earlier | {identify_question(q.text) for q in about}
    ids = [identify_question(q.text) for q in material.questions]
    kept = [q for q, id in zip(material.questions, ids, strict=True) if id not in left_out]
    return Documents(material.reading, kept, [id for id in ids if id in left_out])


def sort_questions(
    reading: ReadDocuments, questions: Sequence[PeopleQuestion]
) -> list[PeopleQuestion]:
    """Return the questions in the order of their documents, and those of one document by text."""
    places = {document.id: place for place, document in enumerate(reading.documents)}
    return sorted(questions, key=lambda q: (places[q.document], q.text))


def hash_documents(material: Documents) -> str:
    """Return a hash of texts, titles, headings, rows of tables, and questions; the order and the
    place do not count.
    """
    asked: dict[str, list[list[str]]] = defaultdict(list)
    for q in material.questions:
        asked[q.document].append([q.text, *q.answers])
    found: list[list[Any]] = []
    for d in material.reading.documents:
        found.append([d.id, d.title, sorted(d.headings), sorted(asked[d.id])])
        if d.rows:
            found[-1].append(sorted(d.rows))
    return digest(sorted(found))


def read_again(sources: JsonMapping | None, identity: JsonMapping, config: Settings) -> Material:
    """Read the material of an earlier run again, from the paths or rows of its note."""
    return read_noted(sources or {})


def read_noted(
    noted: JsonMapping,
    *,
    forget: str = "",
    texts: Sequence[Document] = (),
    missing: bool = False,
) -> Material:
    """Read the documents of a note.

    Args:
        forget: the id of one more document to leave out.
        texts: its words, as far as they are known without the files.
        missing: leave files and folders out that no longer exist.
    """
    forgotten = {*(noted.get(FORGOTTEN) or ()), *([forget] if forget else ())}
    return read_material(
        noted.get("rows") or noted_paths(noted, missing=missing),
        questions=noted_source(noted, "questions"),
        forgotten=Forgotten(frozenset(forgotten), texts, frozenset(noted.get(LEFT_OUT) or ())),
    )


def read_whole(noted: JsonMapping) -> list[Document]:
    """Return every document of a note that still exists, forgotten ones included."""
    with ExitStack() as stack:
        rows_file = stack.enter_context(as_file(noted.get("rows") or None, "documents"))
        questions = noted_source(noted, "questions")
        questions_file = stack.enter_context(as_file(questions, "questions"))
        files = [rows_file] if rows_file else noted_paths(noted, missing=True)
        return read_documents(files, questions=questions_file).documents


def noted_paths(noted: JsonMapping, *, missing: bool) -> list[Path]:
    """Return the paths of a note; with `missing` only those that still exist."""
    paths = [Path(path) for path in noted["paths"]]
    return [path for path in paths if path.exists()] if missing else paths


def refuse_too_little(material: Documents, config: Settings) -> None:
    """Check, before any model is loaded, that there are sentences for training and for the exam.

    Raises:
        DataError: there are not, or too many rows cannot be read.
    """
    reading = material.reading
    for rows in reading.rows:
        bad = rows.bad_lines
        share = len(bad) / max(rows.good + len(bad), 1)
        if share > config.max_bad_rows:
            raise DataError(
                f"{len(bad)} of {rows.good + len(bad)} rows cannot be used; the first: "
                f"{bad[0].fault}.",
                where=bad[0].where,
                cure=(
                    "Mend or remove them; --set "
                    f"max_bad_rows={math.ceil(100 * share) / 100:g} allows so many."
                ),
            )
    found = count_sentences(material)
    if found < (1 if material.questions else MIN_SENTENCES):
        raise DataError(
            f"too little to learn from and to be examined on: {format_count(found, 'sentences')}.",
            where=reading.documents[0].source,
            cure=(
                f"Bring at least {MIN_SENTENCES} sentences of {MIN_WORDS} words, or "
                "people's questions (--questions)."
            ),
        )


def count_short_sentences(material: Documents) -> int:
    """Return the number of sentences that are too short for questions, and are recited only."""
    recited = 0
    for document in material.reading.documents:
        spans = split_document_sentences(document)
        recited += len(find_recited(document.text, spans, document.headings))
    return recited - count_sentences(material)


def count_sentences(material: Documents) -> int:
    """Return the number of sentences to learn from."""
    return sum(
        is_informative(document.text, span, document.headings)
        for document in material.reading.documents
        for span in split_document_sentences(document)
    )
