"""Documents: files of several kinds become plain text with spans, and chunks that a model can be
asked about.

`read_documents` reads; `chunked` cuts; every chunk and every sentence of it knows its file, title,
page and place in the document's text.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from selfteach.records import digest


@dataclass(frozen=True)
class Document:
    """One text. `source` is the file as the person named it (`notes.jsonl:3` for a row); `pages` is
    where in `text` each page begins.

    Spans everywhere are characters of `text`, which is what the reader made of the file, cleaned;
    `notes` says what was done to it.
    """

    source: str
    title: str
    text: str
    pages: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What else a row of JSONL held, for instance its questions."""

    @cached_property
    def id(self) -> str:
        """The hash of the text: the same text in two files is one document. Computed once: it is
        asked for with every row.
        """
        return digest(["document", self.text])

    def page(self, place: int) -> int | None:
        """The number of the page, from 1, on which a character stands; None where the file has no
        pages.
        """
        return bisect_right(self.pages, place) if self.pages else None
