"""Documents: files of several kinds become plain text and chunks for questions.

`read_documents` reads files, and `split_chunks` cuts them. Every chunk and every sentence knows its
file, title, page and place in the document's text.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

from selfteach.records import JsonMapping, digest


@dataclass(frozen=True)
class Document:
    """Hold one text.

    `source` is the file as the person named it (`notes.jsonl:3` for a row). `text` is the cleaned
    text of the file; all spans are characters of it. `pages` has the start of each page in `text`,
    and `notes` has the changes that the reader made. `headings` has the lines that are its title or
    head a part of it, as far as the file tells, in the form of `listed.normalize_line`. `rows` has
    the rows of its tables in this form.
    """

    source: str
    title: str
    text: str
    pages: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    fields: JsonMapping = field(default_factory=dict)
    """Other keys of a row of JSONL, for example its questions."""
    headings: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()

    @cached_property
    def id(self) -> str:
        """Return the hash of the text. The same text in two files is one document."""
        return digest(["document", self.text])

    def page(self, place: int) -> int | None:
        """Return the page of a character, from 1; None if the file has no pages."""
        return bisect_right(self.pages, place) if self.pages else None
