"""Read documents: files and folders of txt, md, html, pdf, docx and jsonl, within bounds."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from selfteach.errors import DataError
from selfteach.extras import require_module
from selfteach.files import BadLine, read_jsonl, set_aside
from selfteach.materials.documents import Document
from selfteach.materials.documents.child import parse_in_child
from selfteach.materials.documents.encoding import decode_text
from selfteach.materials.documents.layout import join_wrapped_lines, part_underlined_headings
from selfteach.materials.documents.limits import (
    MAX_CHARS,
    MAX_DEPTH,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_LOST_S,
    MAX_TOTAL_CHARS,
    TooLarge,
)
from selfteach.materials.documents.listed import (
    MAX_HEAD_WORDS,
    collect_headings,
    collect_rows,
    count_words,
    guess_heading,
    normalize_line,
)
from selfteach.materials.documents.markup import read_front_title, read_markdown
from selfteach.materials.documents.note_marks import (
    cut_last_marks,
    describe_note_marks,
    raise_numbers,
    remove_note_marks,
)
from selfteach.materials.documents.paged import join_pages
from selfteach.materials.rows import CLEANED_NOTE
from selfteach.records import JsonMapping
from selfteach.run.manifest import MANIFEST_FILE
from selfteach.run.run_folder import LEDGER_FILE, STATE_FILE
from selfteach.text import clean_text, unify_line_ends

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
PARSERS = {"html": "selectolax", "pdf": "pypdf", "docx": "docx"}
"""The modules of the extra `documents` that read the other kinds."""
MAGIC = {
    b"%PDF-": "a PDF file; rename it to .pdf",
    b"PK\x03\x04": "a packed file; if it is a DOCX, rename it to .docx",
}
TEXT_FIELDS = ("document", "text")
TITLE_FIELDS = ("title", "topic")
QUESTION_FIELDS = frozenset(("questions", "question"))
_URL = re.compile(r"(?:https?|ftp|file):/", re.IGNORECASE)
"""The beginning of a URL; a path has only one slash of its two."""
_PAGE_BREAK = re.compile(r"\n?[\f\v]")
"""A form feed begins a page, in which a sentence may go on."""
RUN_FOLDER = "the folder of a run"
STUDENT_FOLDER = "the folder of a student"


@dataclass
class RowCounts:
    """Hold the number of usable rows of a JSONL file, and its bad lines."""

    good: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)


@dataclass
class ReadDocuments:
    """Hold the documents, what was skipped with its reason, and the places that were cleaned.

    Attributes:
        rows: the counts of each JSONL file.
        question_rows: (source, id of the document, keys) of rows that have questions.
        lost_s: seconds spent on documents that could not be parsed.
    """

    documents: list[Document] = field(default_factory=list)
    skipped: list[BadLine] = field(default_factory=list)
    cleaned_rows: list[BadLine] = field(default_factory=list)
    rows: list[RowCounts] = field(default_factory=list)
    question_rows: list[tuple[str, str, JsonMapping]] = field(default_factory=list)
    lost_s: float = 0.0


def read_documents(
    paths: Sequence[Path], max_total_chars: int = MAX_TOTAL_CHARS, questions: Path | None = None
) -> ReadDocuments:
    """Read every document in these files and folders, in a stable order.

    Folders are read with their subfolders, but without hidden files, links to folders, links to
    places outside, and folders of runs and students. A repeated text is read once, with the
    questions of both.

    Args:
        paths: files and folders.
        max_total_chars: largest number of characters of all documents.
        questions: a file that is no document, also in a folder that is read.

    Raises:
        DataError: a path is missing, a *named* file cannot be read, there is no document, or the
            documents are too large. Or documents that cannot be parsed took too long in all.
    """
    reading = ReadDocuments()
    seen: dict[str, str] = {}
    names: set[str] = set()
    room = max_total_chars
    for path in paths:
        for file, name, named in _list_files(path, reading, questions):
            source = _name_apart(file, name, names)
            names.add(source)
            for document in _read_file_documents(file, source, named, reading):
                place = document.source
                repeated = document.id in seen
                has_questions = not QUESTION_FIELDS.isdisjoint(document.fields)
                if has_questions:
                    reading.question_rows.append((place, document.id, document.fields))
                if has_questions or not repeated:
                    reading.cleaned_rows += [BadLine(place, note) for note in document.notes]
                if repeated:
                    reading.skipped.append(BadLine(place, f"the same text as {seen[document.id]}"))
                    continue
                room -= len(document.text)
                if room < 0:
                    raise DataError(
                        f"more than {max_total_chars:,} characters in all.",
                        where=str(path),
                        cure="Give fewer documents.",
                    )
                seen[document.id] = place
                reading.documents.append(document)
            _check_lost_time(path, reading)
    if not reading.documents:
        why = "; ".join(f"{line.where}: {line.fault}" for line in reading.skipped[:3])
        raise DataError(
            f"no document to learn from{f' ({why})' if why else ''}.",
            where=", ".join(map(str, paths))[:200],
            cure=f"Give files or folders of {', '.join(SUFFIXES)}.",
        )
    return reading


def _name_apart(file: Path, name: str, names: Set[str]) -> str:
    """Return the name of a file as a source, with as many of its folders as tell it from others."""
    parts = file.absolute().parts
    least = len(Path(name).parts)
    tails = ("/".join(parts[-count:]) for count in range(least + 1, len(parts)))
    return next((own for own in chain([name], map(clean_text, tails)) if own not in names), name)


def _check_lost_time(path: Path, reading: ReadDocuments) -> None:
    if reading.lost_s > MAX_LOST_S:
        last = reading.skipped[-1]
        raise DataError(
            f"documents that cannot be read took more than {MAX_LOST_S} s in all; the last is "
            f"{last.where}: {last.fault}.",
            where=str(path),
            cure="Remove such documents, or give fewer at a time.",
        )


def _list_files(
    path: Path, reading: ReadDocuments, questions: Path | None
) -> Iterator[tuple[Path, str, bool]]:
    """Yield (file, its name as a source, whether the person named it)."""
    try:
        mode = path.stat().st_mode
    except OSError as fault:
        if _URL.match(str(path)):
            raise DataError(
                "is a URL, and nothing is fetched from the network.",
                where=str(path),
                cure="Save the page, and give its file.",
            ) from None
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
    root = path.resolve()
    count = 0
    own = _find_own_kind(path)
    for place, reason in [(path, own)] if own else _walk_folder(path, questions):
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
    """Yield (file, "") for each file to read, and (file or folder, reason) for what is skipped."""
    root = _resolve_path(path)
    faults: list[OSError] = []
    excluded = _resolve_path(questions) if questions else None
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
            yield here / name, _find_reason(_find_file_reason, here / name, root, excluded)
    yield from ((Path(fault.filename), f"cannot be read ({fault.strerror})") for fault in faults)


def _resolve_path(path: Path) -> Path:
    """Return the target of a path. `Path.resolve` would raise for a circle of links."""
    return Path(os.path.realpath(path))


def _find_reason(why: Callable[..., str], *given: Any) -> str:
    """Return the reason why something in a folder is not read, also if it is not accessible."""
    try:
        return why(*given)
    except OSError as fault:
        return f"cannot be read ({fault.strerror})"


def _find_folder_reason(folder: Path, deep: bool) -> str:
    if folder.is_symlink():
        return "a link to a folder"
    if deep:
        return f"more than {MAX_DEPTH} folders deep"
    return _find_own_kind(folder)


def _find_own_kind(folder: Path) -> str:
    """Return what a folder of this program's own is, or ""."""
    try:
        if not (folder / MANIFEST_FILE).is_file():
            return ""
        if (folder / LEDGER_FILE).is_file():
            return RUN_FOLDER
        return STUDENT_FOLDER if (folder / STATE_FILE).is_file() else ""
    except OSError:  # `_walk_folder` records a locked folder under its own name
        return ""


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
    """Yield the documents of a file.

    A file that cannot be read is skipped. It is an error if the person named it.
    """
    try:
        yield from _read_file(file, source, reading)
    except DataError as fault:
        if named:
            raise
        reading.skipped.append(BadLine(source, f"{fault.what} {fault.cure}".rstrip(".")))
    except (OSError, ValueError) as fault:
        reason = f"cannot be read ({fault.strerror})" if isinstance(fault, OSError) else str(fault)
        if named:
            raise DataError(f"{reason}.", where=str(file), cure="Mend or remove it.") from None
        reading.skipped.append(BadLine(source, reason))


def _read_file(file: Path, source: str, reading: ReadDocuments) -> Iterator[Document]:
    kind = SUFFIXES[file.suffix.lower()]
    if file.stat().st_size > MAX_FILE_BYTES:
        raise TooLarge(f"is larger than {MAX_FILE_BYTES >> 20} MB")
    if kind == "rows":
        yield from _read_rows(file, source, reading)
        return
    if kind in PARSERS:
        require_module(PARSERS[kind], str(file))
        start = time.monotonic()
        try:
            parsed = parse_in_child(kind, file)
        except ValueError:
            reading.lost_s += time.monotonic() - start
            raise
        safe = [clean_text(page) for page in parsed.pages]
        unmarked = list(map(remove_note_marks, safe))
        num_marks = sum(count for _, count in unmarked)
        text, starts = join_pages([page for page, _ in unmarked])
        title, *headings = map(clean_text, [parsed.title, *parsed.headings])
        if num_marks:
            title, *headings = map(cut_last_marks, [title, *headings])
        headings = [*filter(None, [title]), *headings]
        rows = list(map(clean_text, parsed.rows))
        starts = starts if kind == "pdf" else ()
        notes = parsed.notes
        cleaned = safe != parsed.pages
    else:
        raw, notes = _read_text(file)
        raw = _unify_breaks(raw)
        text = clean_text(raw)
        cleaned = text != raw
        text, num_marks = remove_note_marks(raise_numbers(text) if kind == "markdown" else text)
        headings, rows = [], []
        front = ""
        if kind == "markdown":
            front = read_front_title(text)
            headings += filter(None, [front])
            title, text = read_markdown(text, headings, rows)
        else:
            text, headings = part_underlined_headings(text)
            title, text = "", join_wrapped_lines(text)
        title = title or front or find_heading(text) or guess_heading(text)
        starts = ()
    if not _has_words(text):
        raise ValueError("holds no text")
    if len(text) > MAX_CHARS:
        raise TooLarge(f"holds more than {MAX_CHARS:,} characters")
    if cleaned:
        notes = (*notes, CLEANED_NOTE)
    if num_marks:
        notes = (*notes, describe_note_marks(num_marks))
    yield Document(
        source,
        _choose_title(title, file.stem),
        text,
        starts,
        notes,
        headings=collect_headings([*headings, guess_heading(text)]),
        rows=collect_rows(rows),
    )


def _read_text(file: Path) -> tuple[str, tuple[str, ...]]:
    with file.open("rb") as handle:
        data = handle.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise TooLarge(f"is larger than {MAX_FILE_BYTES >> 20} MB")
    if other := next((what for magic, what in MAGIC.items() if data.startswith(magic)), ""):
        raise ValueError(f"is {other}")
    text, note = decode_text(data)
    return text, (note,) if note else ()


def _unify_breaks(text: str) -> str:
    """Return a text with a line feed at the end of each line and of each page."""
    return _PAGE_BREAK.sub("\n", unify_line_ends(text))


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


def find_heading(text: str) -> str:
    """Return the first line of a plain text if it is a heading, else "".

    A heading is short, alone, without a stop at its end, and before other text.
    """
    first, _, rest = text.strip().partition("\n\n")
    is_line = bool(rest) and "\n" not in first and first[-1:].isalnum()
    return first if is_line and count_words(first) <= MAX_HEAD_WORDS else ""


def part_title(text: str, title: str) -> str:
    """Return a text with a blank line behind its first line, if that is its title."""
    first, _, rest = text.lstrip().partition("\n")
    is_title = bool(rest) and normalize_line(first) == normalize_line(title)
    return f"{first}\n\n{rest}" if is_title else text


def _choose_title(title: str, stem: str) -> str:
    """Return the document's own title on one line, or the name of the file as words.

    The additions of word processors to a title are removed.
    """
    own = re.sub(
        r"^Microsoft \w+ - |\.(?:docx?|odt|pptx?|pdf|tex|indd)$", "", " ".join(title.split())
    )[:200]
    return own or clean_text(" ".join(stem.replace("_", " ").replace("-", " ").split()))


def _read_rows(file: Path, source: str, reading: ReadDocuments) -> Iterator[Document]:
    """Yield the documents of a JSONL file one by one, so that each is counted as it is read."""
    rows = RowCounts()
    cleaned: list[BadLine] = []
    reading.rows.append(rows)
    try:
        for where, row in read_jsonl(file, rows.bad_lines, cleaned, _unify_breaks):
            name, text = _get_name_and_text(row)
            if not _has_words(text):
                set_aside(rows.bad_lines, where, 'has no text under "document" or "text"')
                continue
            if len(text) > MAX_CHARS:
                set_aside(rows.bad_lines, where, f"holds more than {MAX_CHARS:,} characters")
                continue
            rows.good += 1
            text, num_marks = remove_note_marks(text)
            title = _get_first_text(row, TITLE_FIELDS) or name
            text = join_wrapped_lines(part_title(text, title))
            title = title or find_heading(text) or guess_heading(text)
            used = (*TEXT_FIELDS, *TITLE_FIELDS)
            rest = {key: value for key, value in row.items() if key not in used}
            is_cleaned = bool(cleaned) and cleaned[-1].where == where
            notes = (CLEANED_NOTE if is_cleaned else "", describe_note_marks(num_marks))
            yield Document(
                _format_row_source(source, where),
                _choose_title(title, file.stem),
                text,
                (),
                tuple(filter(None, notes)),
                rest,
                collect_headings([title if title != text else "", guess_heading(text)]),
            )
    finally:
        rows.bad_lines = [
            BadLine(_format_row_source(source, line.where), line.fault) for line in rows.bad_lines
        ]
        reading.skipped += rows.bad_lines


def _get_name_and_text(row: JsonMapping) -> tuple[str, str]:
    """Return (name, text) of a row. Of two texts the longer one counts, and a short other one names
    the document; without a name it is "".
    """
    texts = [row[name] for name in TEXT_FIELDS if isinstance(row.get(name), str)]
    texts = sorted(filter(str.strip, texts), key=len)
    name = texts[0] if len(texts) > 1 and count_words(texts[0]) <= MAX_HEAD_WORDS else ""
    return name, texts[-1] if texts else ""


def _get_first_text(row: JsonMapping, names: Sequence[str]) -> str:
    """Return the first text under these names that is not blank, or "": files that join several
    forms leave the columns of the others empty.
    """
    texts = (row[name] for name in names if isinstance(row.get(name), str))
    return next((text for text in texts if text.strip()), "")


def _format_row_source(source: str, where: str) -> str:
    """Return the source of a row: the source of its file, and the number of the line."""
    return f"{source}:{where.rpartition(':')[2]}"
