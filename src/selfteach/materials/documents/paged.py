"""Read the text of PDF and of DOCX.

This runs only inside `child`, because the files are not trusted and their formats are complex.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from selfteach.materials.documents.layout import KEPT_BREAK, find_joint, join_wrapped_lines
from selfteach.materials.documents.limits import (
    MAX_CHARS,
    MAX_PAGES,
    MAX_PARTS,
    MAX_RATIO,
    MAX_UNPACKED_BYTES,
    SMALL_BYTES,
    TooLarge,
)
from selfteach.materials.documents.tables import format_rows
from selfteach.sentences import SENTENCE_MARKS
from selfteach.text import REPLACEMENT

_ENDS = re.compile(rf"[{SENTENCE_MARKS}:;][\"'”’“«»‹›)\]]*$")

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
BLOCKS = (f"{WORD}p", f"{WORD}tbl")
AROUND = tuple(f"{WORD}{name}" for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml"))
"""Elements of a DOCX that hold paragraphs and are none."""
CONTENTS = f'{WORD}val="Table of Contents"'
RUNS = (
    ".//w:r[not(ancestor::w:del or ancestor::w:moveFrom or ancestor::w:txbxContent or "
    "ancestor::w:rt)]"
)
"""The runs of a paragraph that a reader sees."""
END_CHARS = 20
"""The end of a sentence is looked for in so many characters."""


def read_pdf(path: Path) -> tuple[str, list[str]]:
    """Return (title, the text of each page), without the margins of the pages.

    Raises:
        ValueError: the file is encrypted, or holds no text or too much.
    """
    from pypdf import PdfReader

    reader = PdfReader(path, strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise ValueError("is encrypted; save it without a password")
    if len(reader.pages) > MAX_PAGES:
        raise TooLarge(f"has more than {MAX_PAGES:,} pages")
    pages: list[str] = []
    for page in reader.pages:
        pages.append(page.extract_text().replace(KEPT_BREAK, REPLACEMENT))
        if sum(map(len, pages)) > MAX_CHARS:
            raise TooLarge(f"holds more than {MAX_CHARS:,} characters")
    if not any(page.strip() for page in pages):
        raise ValueError(
            "holds no text; if its pages are pictures, run a text recognition over it first"
        )
    title = (reader.metadata.title if reader.metadata else "") or ""
    return str(title), [join_wrapped_lines(page) for page in remove_margins(pages)]


def remove_margins(pages: Sequence[str]) -> list[str]:
    """Return the pages without first and last lines that three in five pages share.

    Lines that differ only in numbers count as shared. Fewer than four pages stay as they are.
    """
    if len(pages) < 4:
        return list(pages)
    split = [_list_lines(page) for page in pages]
    kept = list(pages)
    for end in (0, -1):
        shared = Counter(_mask_numbers(lines[end]) for lines in split if lines)
        common = {line for line, count in shared.items() if count >= 0.6 * len(pages)}
        for i, lines in enumerate(split):
            if lines and _mask_numbers(lines[end]) in common:
                cut = kept[i].partition if end == 0 else kept[i].rpartition
                before, _, after = cut(lines[end])
                kept[i] = before + after
    return kept


def _list_lines(page: str) -> list[str]:
    return [line for line in page.split("\n") if line.strip()]


def _mask_numbers(line: str) -> str:
    return re.sub(r"\d+", "#", line.strip())


def join_pages(pages: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """Return (text, the start of each page in it). A sentence or a word may continue on the next
    page.
    """
    text = ""
    starts = []
    for page in pages:
        if text and page:
            cut, between = find_joint(text[-END_CHARS:], page)
            if _ENDS.search(text[-END_CHARS:]):
                text += "\n\n"
            else:
                text = text[: len(text) - cut] + between
        starts.append(len(text))
        text += page
    return text, tuple(starts)


def read_docx(path: Path) -> tuple[str, list[str]]:
    """Return (title, one text): paragraphs and tables in their order.

    Raises:
        ValueError: the file is no DOCX, or unpacks to too much.
    """
    inspect_zip(path)
    from docx import Document
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    document = Document(str(path))
    title = document.core_properties.title or ""
    parts = []
    room = MAX_CHARS
    for element in _iterate_blocks(document.element.body):
        if element.tag == f"{WORD}tbl":
            rows = Table(element, document).rows
            found = "\n".join(format_rows([_read_cells(row.cells) for row in rows]))
        else:
            block = Paragraph(element, document)
            style = (block.style and block.style.name) or ""
            found = _read_runs(element)
            if style.startswith("List") and found.strip():
                found = f"- {found}"
            elif style.startswith(("Title", "Heading")):
                title = title or found.strip()
        room -= len(found)
        if room < 0:
            raise TooLarge(f"holds more than {MAX_CHARS:,} characters")
        parts.append(found)
    return title, [join_wrapped_lines("\n\n".join(parts))]


def _iterate_blocks(body: Any) -> Iterator[Any]:
    """Yield the paragraphs and tables of a body, a cell, or a part of them. Those in content
    controls and in tracked insertions are of the text; a table of contents is not.
    """
    for element in body.iterchildren(*BLOCKS, *AROUND):
        if element.tag in BLOCKS:
            yield element
        elif not element.findall(
            f"./{WORD}sdtPr/{WORD}docPartObj/{WORD}docPartGallery[@{CONTENTS}]"
        ):
            yield from _iterate_blocks(element)


def _read_runs(paragraph: Any) -> str:
    """Return the text of a paragraph, also of its links, fields, content controls and tracked
    insertions, and without what is deleted.
    """
    return "".join(run.text for run in paragraph.xpath(RUNS))


def _read_cells(cells: Sequence[Any]) -> list[str]:
    """Return the text of each cell. A merged cell appears several times and is read once."""
    return [
        "" if n and cell._tc is cells[n - 1]._tc else _read_cell(cell._tc)
        for n, cell in enumerate(cells)
    ]


def _read_cell(cell: Any) -> str:
    return "\n".join(_read_runs(block) for block in _iterate_blocks(cell) if block.tag == BLOCKS[0])


def inspect_zip(path: Path) -> None:
    """Refuse an archive that would unpack to too much.

    The check uses the declared sizes. The unpacker stops at them, so false sizes do no harm.

    Raises:
        ValueError: the file is no archive, or a decompression bomb.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError) as fault:
        raise ValueError(f"is no DOCX file ({fault})") from None
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise TooLarge(f"unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB or {MAX_PARTS:,} parts")
    for part in parts:
        if part.file_size > SMALL_BYTES and part.file_size > MAX_RATIO * max(part.compress_size, 1):
            raise TooLarge(f"is packed more than {MAX_RATIO} to 1, as a decompression bomb is")
