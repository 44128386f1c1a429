"""Reading documents: files and folders of txt, md, html, pdf, docx and jsonl, bounded while they
are read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfteach.errors import DataError
from selfteach.files import BadLine, read_jsonl
from selfteach.materials.documents import Document
from selfteach.materials.documents.child import parse_in_child
from selfteach.materials.documents.encoding import decode_text
from selfteach.materials.documents.layout import join_wrapped_lines
from selfteach.materials.documents.limits import (
    MAX_CHARS,
    MAX_DEPTH,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_TOTAL_CHARS,
    TooLarge,
)
from selfteach.materials.documents.listed import MAX_HEAD_WORDS, count_words
from selfteach.materials.documents.markup import read_markdown
from selfteach.materials.documents.paged import join_pages
from selfteach.run.manifest import MANIFEST_FILE
from selfteach.run.run_folder import LEDGER_FILE
from selfteach.text import clean_text

SUFFIXES = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".jsonl": "rows",
}
MAGIC = {
    b"%PDF-": "a PDF file; rename it to .pdf",
    b"PK\x03\x04": "a packed file; if it is a DOCX, rename it to .docx",
}
TEXT_FIELDS = ("document", "text")
TITLE_FIELDS = ("title", "topic")
QUESTION_FIELDS = frozenset(("questions", "question"))
CLEANED_NOTE = "unsafe characters replaced"
RUN_FOLDER = "the folder of a run"


@dataclass
class RowCounts:
    """A file of JSONL: how many of its rows are of use, and those that are not."""

    good: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)


@dataclass
class ReadDocuments:
    """What was read, what was put aside with its reason, and where something had to be mended,
    guessed or left out.

    Attributes:
        rows: of each file of JSONL.
        asked: rows that bring questions: their source, the id of their document, and what they
            hold.
    """

    documents: list[Document] = field(default_factory=list)
    skipped: list[BadLine] = field(default_factory=list)
    cleaned_rows: list[BadLine] = field(default_factory=list)
    rows: list[RowCounts] = field(default_factory=list)
    asked: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)


def read_documents(
    paths: Sequence[Path], max_total_chars: int = MAX_TOTAL_CHARS, questions: Path | None = None
) -> ReadDocuments:
    """Every document in these files and folders, in a stable order. Folders are read in depth;
    hidden files, links to folders, links that lead out, and the folders of runs are not. What
    stands twice is read once, with the questions of both.

    Args:
        questions: a file that is no document where it lies in a folder that is read.

    Raises:
        DataError: a path that is missing, a *named* file that cannot be read, no document at all,
        or more than fits.
    """
    reading, seen, names, total = ReadDocuments(), dict[str, str](), set[str](), 0
    for path in paths:
        for file, name, named in _list_files(path, reading, questions):
            source = clean_text(str(file)) if name in names else name
            names.add(source)
            for document in _read_file_documents(file, source, named, reading):
                asks, repeats = bool(QUESTION_FIELDS & document.fields.keys()), document.id in seen
                if asks:
                    reading.asked.append((document.source, document.id, document.fields))
                if asks or not repeats:
                    reading.cleaned_rows += [
                        BadLine(document.source, note) for note in document.notes
                    ]
                if repeats:
                    reading.skipped.append(
                        BadLine(document.source, f"the same text as {seen[document.id]}")
                    )
                    continue
                total += len(document.text)
                if total > max_total_chars:
                    raise DataError(
                        f"more than {max_total_chars:,} characters in all.",
                        where=str(path),
                        cure="Give fewer documents.",
                    )
                seen[document.id] = document.source
                reading.documents.append(document)
    if not reading.documents:
        why = "; ".join(f"{line.where}: {line.fault}" for line in reading.skipped[:3])
        raise DataError(
            f"no document to learn from{f' ({why})' if why else ''}.",
            where=", ".join(map(str, paths))[:200],
            cure=f"Give files or folders of {', '.join(SUFFIXES)}.",
        )
    return reading


def _list_files(
    path: Path, reading: ReadDocuments, questions: Path | None
) -> Iterator[tuple[Path, str, bool]]:
    """(file, its name as a source, whether it was named by the person)."""
    try:
        mode = path.stat().st_mode
    except OSError as fault:
        raise DataError(
            f"cannot be read ({fault.strerror}).", where=str(path), cure="Check the path."
        ) from None
    if not stat.S_ISDIR(mode):
        if not stat.S_ISREG(mode):
            raise DataError("is not a file.", where=str(path), cure="Give files or folders.")
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(
                "is of an unknown kind.", where=str(path), cure=f"Known: {', '.join(SUFFIXES)}."
            )
        yield path, clean_text(path.name), True
        return
    root, count = path.resolve(), 0
    for place, reason in [(path, RUN_FOLDER)] if _is_run(path) else _walk_folder(path, questions):
        source = clean_text(str(Path(root.name) / place.relative_to(path)))
        if reason:
            reading.skipped.append(BadLine(source, reason))
            continue
        count += 1
        if count > MAX_FILES:
            raise DataError(
                f"holds more than {MAX_FILES:,} documents.",
                where=str(path),
                cure="Give fewer at a time.",
            )
        yield place, source, False


def _walk_folder(path: Path, questions: Path | None) -> Iterator[tuple[Path, str]]:
    """(file, "") of what is to be read in a folder, and (file or folder, reason) of what is not."""
    root, faults = _resolve_path(path), list[OSError]()
    apart = _resolve_path(questions) if questions else None
    for folder, folders, names in os.walk(path, onerror=faults.append):
        here = Path(folder)
        deep = len(here.relative_to(path).parts) >= MAX_DEPTH
        inner = {
            name: _find_reason(_find_folder_reason, here / name, deep)
            for name in sorted(folders)
            if not name.startswith(".")
        }
        yield from ((here / name, reason) for name, reason in inner.items() if reason)
        folders[:] = [name for name, reason in inner.items() if not reason]
        for name in sorted(n for n in names if not n.startswith(".")):
            yield here / name, _find_reason(_find_file_reason, here / name, root, apart)
    yield from ((Path(fault.filename), f"cannot be read ({fault.strerror})") for fault in faults)


def _resolve_path(path: Path) -> Path:
    """Where a path leads; `Path.resolve` raises where a link leads round in a circle."""
    return Path(os.path.realpath(path))


def _find_reason(why: Callable[..., str], *given: Any) -> str:
    """Why something in a folder is not read, also where the system does not even let it be looked
    at.
    """
    try:
        return why(*given)
    except OSError as fault:
        return f"cannot be read ({fault.strerror})"


def _find_folder_reason(folder: Path, deep: bool) -> str:
    if folder.is_symlink():
        return "a link to a folder"
    if deep:
        return f"more than {MAX_DEPTH} folders deep"
    return RUN_FOLDER if _is_run(folder) else ""


def _is_run(folder: Path) -> bool:
    try:
        return (folder / LEDGER_FILE).is_file() and (folder / MANIFEST_FILE).is_file()
    except (
        OSError
    ):  # a folder that is locked is put aside where it is walked through, under its own name
        return False


def _find_file_reason(file: Path, root: Path, questions: Path | None) -> str:
    real = _resolve_path(file)
    if not real.is_relative_to(root):
        return "a link that leads out of the folder"
    if not file.is_file():
        return "not a file"
    if real == questions:
        return "the questions of the exam (--questions)"
    return "" if file.suffix.lower() in SUFFIXES else "of an unknown kind"


def _read_file_documents(
    file: Path, source: str, named: bool, reading: ReadDocuments
) -> Iterator[Document]:
    """The documents of a file. One that cannot be read is put aside, or is an error where the
    person named it.
    """
    try:
        yield from _read_file(file, source, reading)
    except (OSError, ValueError, DataError) as fault:
        reason = f"cannot be read ({fault.strerror})" if isinstance(fault, OSError) else str(fault)
        if not isinstance(fault, DataError) and named:
            raise DataError(f"{reason}.", where=str(file), cure="Mend or remove it.") from None
        if named:
            raise
        reading.skipped.append(
            BadLine(
                source,
                f"{fault.what} {fault.cure}".rstrip(".")
                if isinstance(fault, DataError)
                else reason,
            )
        )


def _read_file(file: Path, source: str, reading: ReadDocuments) -> Iterator[Document]:
    kind = SUFFIXES[file.suffix.lower()]
    if file.stat().st_size > MAX_FILE_BYTES:
        raise TooLarge(f"is larger than {MAX_FILE_BYTES >> 20} MB")
    if kind == "rows":
        yield from _read_rows(file, source, reading)
        return
    if kind in ("html", "pdf", "docx"):
        title, pages, notes = parse_in_child(kind, file)
        safe = [clean_text(page) for page in pages]
        text, starts = join_pages(safe)
        yield _make_document(
            source,
            clean_text(title),
            text,
            starts if kind == "pdf" else (),
            _add_cleaned_note(notes, safe != pages),
            file,
        )
        return
    raw, notes = _read_text(file)
    safe_text = clean_text(raw.replace("\r\n", "\n").replace("\r", "\n"))
    mended = safe_text != raw.replace("\r\n", "\n").replace("\r", "\n")
    title, text = (
        read_markdown(safe_text) if kind == "markdown" else ("", join_wrapped_lines(safe_text))
    )
    title = title or find_heading(text)
    yield _make_document(source, title, text, (), _add_cleaned_note(notes, mended), file)


def _read_text(file: Path) -> tuple[str, tuple[str, ...]]:
    with file.open("rb") as handle:
        data = handle.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise TooLarge(f"is larger than {MAX_FILE_BYTES >> 20} MB")
    if other := next((what for magic, what in MAGIC.items() if data.startswith(magic)), ""):
        raise ValueError(f"is {other}")
    text, note = decode_text(data)
    return text, (note,) if note else ()


def _add_cleaned_note(notes: tuple[str, ...], mended: bool) -> tuple[str, ...]:
    return (*notes, CLEANED_NOTE) if mended else notes


def _make_document(
    source: str, title: str, text: str, pages: tuple[int, ...], notes: tuple[str, ...], file: Path
) -> Document:
    if not any(char.isalnum() for char in text):
        raise ValueError("holds no text")
    if len(text) > MAX_CHARS:
        raise TooLarge(f"holds more than {MAX_CHARS:,} characters")
    return Document(source, _choose_title(title, file.stem), text, pages, notes)


def find_heading(text: str) -> str:
    """The first line of a plain text, where it is a heading: short, alone, without a stop, and with
    text after it.
    """
    first, _, rest = text.partition("\n\n")
    return (
        first
        if rest
        and "\n" not in first
        and count_words(first) <= MAX_HEAD_WORDS
        and first[-1].isalnum()
        else ""
    )


def _choose_title(title: str, stem: str) -> str:
    """The document's own title, on one line, without what a word processor made of it, else the
    file's name as words.
    """
    own = re.sub(
        r"^Microsoft \w+ - |\.(?:docx?|odt|pptx?|pdf|tex|indd)$", "", " ".join(title.split())
    )[:200]
    return own or clean_text(" ".join(stem.replace("_", " ").replace("-", " ").split()))


def _read_rows(file: Path, source: str, reading: ReadDocuments) -> Iterator[Document]:
    """The documents of a file of JSONL, one after the other, so that none of it is held before it
    is counted.
    """
    rows, mended = RowCounts(), list[BadLine]()
    reading.rows.append(rows)
    try:
        for where, row in read_jsonl(file, rows.bad_lines, mended):
            text = next((row[name] for name in TEXT_FIELDS if isinstance(row.get(name), str)), "")
            if not any(char.isalnum() for char in text):
                rows.bad_lines.append(BadLine(where, 'has no text under "document" or "text"'))
                continue
            if len(text) > MAX_CHARS:
                rows.bad_lines.append(BadLine(where, f"holds more than {MAX_CHARS:,} characters"))
                continue
            rows.good += 1
            title = next((row[name] for name in TITLE_FIELDS if isinstance(row.get(name), str)), "")
            rest = {
                key: value for key, value in row.items() if key not in (*TEXT_FIELDS, *TITLE_FIELDS)
            }
            notes = (CLEANED_NOTE,) if mended and mended[-1].where == where else ()
            yield Document(
                _format_row_source(source, where),
                _choose_title(title, file.stem),
                join_wrapped_lines(text),
                (),
                notes,
                rest,
            )
    finally:
        rows.bad_lines = [
            BadLine(_format_row_source(source, line.where), line.fault) for line in rows.bad_lines
        ]
        reading.skipped += rows.bad_lines


def _format_row_source(source: str, where: str) -> str:
    """The source of a row: the file as a source, and the number of the line."""
    return f"{source}:{where.rpartition(':')[2]}"
