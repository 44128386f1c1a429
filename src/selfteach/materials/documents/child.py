"""Parse HTML, PDF and DOCX in a process of its own, with bounds on memory, time and output.

    python -P -m selfteach.materials.documents.child KIND PATH CPU_S MEMORY_BYTES

It prints one line of JSON: {"title", "pages", "notes", "headings", "rows"} or {"fault"}. The
parsers belong to other projects, and their input is not trusted. A file that makes a parser loop or
exhaust memory ends only that process. The run continues and records the reason.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

from selfteach.child_process import limit_resources, run_module
from selfteach.materials.documents.encoding import decode_text
from selfteach.materials.documents.limits import (
    CPU_S,
    MAX_CHARS,
    MAX_MARKUP_BYTES,
    MEMORY_BYTES,
    WALL_S,
    TooLarge,
)
from selfteach.records import JsonObject


@dataclass(frozen=True)
class ParsedFile:
    """Hold what a parser found.

    Attributes:
        notes: what it left out.
        headings: lines that the file marks as headings.
        rows: the rows of its tables.
    """

    title: str
    pages: list[str]
    notes: tuple[str, ...]
    headings: list[str]
    rows: list[str]


def parse_in_child(
    kind: str, path: Path, cpu_s: int = CPU_S, memory_bytes: int = MEMORY_BYTES
) -> ParsedFile:
    """Return what a child process reads in a file.

    Raises:
        ValueError: the file cannot be parsed within the bounds; the message says why.
    """
    try:
        output = run_module(
            __name__,
            [kind, str(path.absolute())],
            cpu_s=cpu_s,
            memory_bytes=memory_bytes,
            wall_s=WALL_S,
        )
    except TimeoutError:
        raise TooLarge(f"took more than {WALL_S} s to read") from None
    if not output:
        raise TooLarge(
            f"cannot be read within {cpu_s} s of processor time and "
            f"{memory_bytes >> 20} MB of memory"
        )
    found = json.loads(output)
    if "fault" in found:
        raise ValueError(found["fault"])
    notes = tuple(found["notes"])
    return ParsedFile(found["title"], found["pages"], notes, found["headings"], found["rows"])


def _parse_file(kind: str, path: Path) -> JsonObject:
    from selfteach.materials.documents import markup, paged

    headings: list[str] = []
    rows: list[str] = []
    if kind == "html":
        with path.open("rb") as handle:
            data = handle.read(MAX_MARKUP_BYTES + 1)
        if len(data) > MAX_MARKUP_BYTES:
            raise TooLarge(f"is larger than {MAX_MARKUP_BYTES >> 20} MB")
        text, note = decode_text(data, markup.find_declared_encoding(data))
        title, body, left = markup.read_html(text, headings, rows)
        notes = list(filter(None, (note, left)))
        pages = [body]
    elif kind == "pdf":
        title, pages, left = paged.read_pdf(path)
        notes = [left] if left else []
    else:
        title, pages, left = paged.read_docx(path, headings, rows)
        notes = [left] if left else []
    return {"title": title, "pages": pages, "notes": notes, "headings": headings, "rows": rows}


def main(kind: str, path: str, cpu_s: str, memory_bytes: str) -> None:
    """Parse one file and print the result. This runs in the child."""
    logging.disable(logging.CRITICAL)  # parsers log long complaints about files that they can read
    limit_resources(int(cpu_s), int(memory_bytes))
    try:
        found = _parse_file(kind, Path(path))
        if sum(map(len, found["pages"])) > MAX_CHARS:
            raise TooLarge(f"holds more than {MAX_CHARS:,} characters")
    except MemoryError:
        found = {"fault": f"needs more than {int(memory_bytes) >> 20} MB of memory to be read"}
    except Exception as fault:  # a parser may raise anything; the parent sets the file aside
        reason = str(fault)
        if not isinstance(fault, ValueError) or not reason[:1].islower():  # not one of our errors
            reason = f"is damaged, or not of its kind ({type(fault).__name__}: {reason[:120]})"
        found = {"fault": reason}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
