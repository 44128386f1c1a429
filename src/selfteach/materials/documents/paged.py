"""Read the text of PDF and of DOCX.

This runs only inside `child`, because the files are not trusted and their formats are complex.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from selfteach.materials.documents.layout import (
    KEPT_BREAK,
    continues_list,
    find_joint,
    join_wrapped_lines,
)
from selfteach.materials.documents.limits import (
    MAX_CHARS,
    MAX_PAGES,
    MAX_PARTS,
    MAX_RATIO,
    MAX_UNPACKED_BYTES,
    SMALL_BYTES,
    TooLarge,
)
from selfteach.materials.documents.listed import MIN_WORDS, clear_placeholder, count_words
from selfteach.materials.documents.note_marks import raise_number
from selfteach.materials.documents.tables import format_rows
from selfteach.sentences import SENTENCE_MARKS
from selfteach.text import REPLACEMENT, format_count

_ENDS = re.compile(rf"[{SENTENCE_MARKS}:;][\"'”’“«»‹›)\]]*$")

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
BLOCKS = (f"{WORD}p", f"{WORD}tbl")
AROUND = tuple(f"{WORD}{name}" for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml"))
"""Elements of a DOCX that hold paragraphs and are none."""
CONTENTS = f'{WORD}val="Table of Contents"'
MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"
ON = "not(@w:val='0' or @w:val='false' or @w:val='off')"
"""A mark that is not switched off."""
RUNS = (
    f".//*[self::w:r or (local-name() = 'r' and namespace-uri() = '{MATH}')]"
    "[not(ancestor::w:del or ancestor::w:moveFrom or ancestor::w:rt)]"
    f"[not(w:rPr/*[self::w:strike or self::w:dstrike or self::w:vanish][{ON}])]"
)
"""The runs of a paragraph and of its formulas that a reader sees and that are not struck out."""
NOTES = ".//w:footnoteReference[not(ancestor::w:del)] | .//w:endnoteReference[not(ancestor::w:del)]"
HEAD_ROWS = f"./w:tr[1]/w:trPr/w:tblHeader[{ON}]"
"""The mark of a first row that names the columns."""
NUMBERING = "./w:pPr/w:numPr/w:numId/@w:val"
"""The number of the list to which a paragraph or a style belongs; 0 is none."""
MAX_STYLES = 10
"""Largest number of styles of which each is based on the next."""
BOXES = ".//w:txbxContent[not(ancestor::w:del or ancestor::w:moveFrom)]"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
"""What an older program shows: the same text box again."""
LEFT_OUT = "page heads and page feet"
MAX_NUMBERS = 8
"""A page's own number is one of so many in a line."""
END_CHARS = 20
"""The end of a sentence is looked for in so many characters."""


def read_pdf(path: Path) -> tuple[str, list[str], str]:
    """Return (title, the text of each page, note), without the margins of the pages.

    The note says how many lines were left out and how many pages hold no text; it is "" for none.

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
    title = str((reader.metadata.title if reader.metadata else "") or "")
    kept = remove_margins(pages)
    left_out = sum(len(_list_lines(page)) for page in pages)
    left_out -= sum(len(_list_lines(page)) for page in kept)
    empty = sum(not page.strip() for page in pages)
    notes = []
    if left_out:
        notes.append(f"{format_count(left_out, 'lines')} of {LEFT_OUT} left out")
    if empty:
        notes.append(f"without text: {empty:,} of {format_count(len(pages), 'pages')} (pictures?)")
    return clear_placeholder(title), [join_wrapped_lines(page) for page in kept], "; ".join(notes)


def remove_margins(pages: Sequence[str]) -> list[str]:
    """Return the pages without first and last lines that three in five pages share.

    A line is shared if it is the same, or the same but for a number that rises by one with each
    page; a line with other numbers says something on each page. Fewer than four pages stay as they
    are.
    """
    if len(pages) < 4:
        return list(pages)
    split = [_list_lines(page) for page in pages]
    kept = list(pages)
    for end in (0, -1):
        forms = [
            _list_margin_forms(lines[end], i) if lines else [] for i, lines in enumerate(split)
        ]
        shared = Counter(form for own in forms for form in own)
        for i, lines in enumerate(split):
            if any(shared[form] >= 0.6 * len(pages) for form in forms[i]):
                cut = kept[i].partition if end == 0 else kept[i].rpartition
                before, _, after = cut(lines[end])
                kept[i] = before + after
    return kept


def _list_lines(page: str) -> list[str]:
    return [line for line in page.split("\n") if line.strip()]


def _list_margin_forms(line: str, page: int) -> list[str]:
    """Return a line, and the line with each of its numbers as the distance to the page's own. A
    sentence has no such number: "It was open in 2016." may stand above "It was open in 2017.".
    """
    line = line.strip()
    forms = [line]
    if _ENDS.search(line) and count_words(line) >= MIN_WORDS:
        return forms
    for found in islice(re.finditer(r"(?<!\d)\d{1,6}(?!\d)", line), MAX_NUMBERS):
        distance = int(found[0]) - page
        forms.append(f"{line[: found.start()]}\0{distance}\0{line[found.end() :]}")
    return forms


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
            elif continues_list(text, page):
                text += "\n"
            else:
                text = text[: len(text) - cut] + between
        starts.append(len(text))
        text += page
    return text, tuple(starts)


def read_docx(
    path: Path, headings: list[str] | None = None, rows: list[str] | None = None
) -> tuple[str, list[str], str]:
    """Return (title, one text, note): paragraphs and tables in their order, without footnotes. The
    note says how many of those were left out; it is "" for none.

    Args:
        headings: gets the paragraphs of the styles Title and Heading.
        rows: gets the rows of tables.

    Raises:
        ValueError: the file is no DOCX, or unpacks to too much.
    """
    inspect_zip(path)
    from docx import Document
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    document = Document(str(path))
    title = clear_placeholder(document.core_properties.title or "")
    parts = list[str]()
    listed = set[int]()  # the numbers of the parts that are items
    lists = dict[int, str]()  # of those whose style is no list, the number of their list
    room = MAX_CHARS
    for element in _iterate_blocks(document.element.body):
        if element.tag == f"{WORD}tbl":
            items = _read_table(Table(element, document))
            found = "\n".join(items)
            if rows is not None:
                rows += items
        else:
            block = Paragraph(element, document)
            style = (block.style and block.style.name) or ""
            found = _read_runs(element)
            if style.startswith(("Title", "Heading")):
                found = " ".join(found.split())
                title = title or found
                if headings is not None and found:
                    headings.append(found)
            elif found.strip() and style.startswith("List"):
                listed.add(len(parts))
            elif found.strip() and (number := _find_list(block)):
                listed.add(len(parts))
                lists[len(parts)] = number
            found = found.replace("\n", KEPT_BREAK)
        room -= len(found)
        if room < 0:
            raise TooLarge(f"holds more than {MAX_CHARS:,} characters")
        if found.strip():
            parts.append(found)
    for n in listed:
        beside = listed & {n - 1, n + 1}
        if n not in lists or any(lists.get(m, lists[n]) == lists[n] for m in beside):
            parts[n] = f"- {parts[n]}"
    left_out = len(document.element.body.xpath(NOTES))
    note = f"{format_count(left_out, 'footnotes')} left out" if left_out else ""
    return title, [join_wrapped_lines("\n\n".join(parts))], note


def _find_list(paragraph: Any) -> str:
    """Return the number of the list of a paragraph, its style, or one that this is based on; "" for
    none, and where one of these styles is one of headings.
    """
    numbers = paragraph._p.xpath(NUMBERING)
    style = paragraph.style
    for _ in range(MAX_STYLES):
        if style is None or (style.name or "").startswith(("Title", "Heading")):
            break
        numbers += style.element.xpath(NUMBERING)
        style = style.base_style
    else:
        style = None
    number = str(numbers[0]) if numbers and style is None else "0"
    return "" if number == "0" else number


def _iterate_blocks(body: Any) -> Iterator[Any]:
    """Yield the paragraphs and tables of a body, a cell, or a part of them. Those in content
    controls and in tracked insertions are of the text, and those in the text boxes of a paragraph
    follow it; a table of contents is not.
    """
    for element in body.iterchildren(*BLOCKS, *AROUND):
        if element.tag in BLOCKS:
            yield element
            if element.tag == BLOCKS[0]:
                for box in element.xpath(BOXES):
                    if _is_own(box, element) and next(box.iterancestors(FALLBACK), None) is None:
                        yield from _iterate_blocks(box)
        elif not element.findall(
            f"./{WORD}sdtPr/{WORD}docPartObj/{WORD}docPartGallery[@{CONTENTS}]"
        ):
            yield from _iterate_blocks(element)


def _read_runs(paragraph: Any) -> str:
    """Return the text of a paragraph, also of its links, fields, content controls and tracked
    insertions, and without what is deleted, struck out or hidden.
    """
    return "".join(_read_run(run) for run in paragraph.xpath(RUNS) if _is_own(run, paragraph))


def _read_run(run: Any) -> str:
    if run.tag != f"{WORD}r":
        return "".join(part.text or "" for part in run.iterchildren(f"{{{MATH}}}t"))
    text = str(run.text)
    if run.xpath("./w:rPr/w:vertAlign[@w:val='superscript']"):
        text = raise_number(text)
    return text + REPLACEMENT * len(run.xpath("./w:sym"))


def _is_own(part: Any, paragraph: Any) -> bool:
    """Tell whether a part of a paragraph is in no other one, as in a text box of it."""
    return next(part.iterancestors(BLOCKS[0])) is paragraph


def _read_table(table: Any) -> list[str]:
    """Return the rows as items of a list. Rows that Word repeats on each page name the columns."""
    rows = [_read_cells(row.cells) for row in table.rows]
    return format_rows(rows, headed=bool(table._tbl.xpath(HEAD_ROWS)) or None)


def _read_cells(cells: Sequence[Any]) -> list[str]:
    """Return the text of each cell. A merged cell appears several times and is read once."""
    return [
        "" if n and cell._tc is cells[n - 1]._tc else _read_cell(cell)
        for n, cell in enumerate(cells)
    ]


def _read_cell(cell: Any) -> str:
    """Return the paragraphs of a cell, and the rows of tables in it: "Top: 9 kg; Base: 11 kg"."""
    from docx.table import Table

    parts = []
    for block in _iterate_blocks(cell._tc):
        if block.tag == BLOCKS[0]:
            parts.append(_read_runs(block))
        else:
            rows = _read_table(Table(block, cell))
            parts.append("; ".join(row.removeprefix("- ") for row in rows if row))
    return "\n".join(parts)


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
