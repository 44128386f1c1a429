"""Text of HTML and of Markdown. HTML is parsed only inside `child`: the standard parser takes quadratic time on hostile input."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from selfteach.materials.documents.layout import paragraphs
from selfteach.materials.documents.limits import MAX_CHARS, TooMuch
from selfteach.materials.documents.tables import MOST_IN_CELL, read_pipes, table_lines

BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "legend", "li", "main", "menu",
    "nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "title", "tr", "ul",
}  # fmt: skip
APART = {"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "canvas"}
AROUND = {"nav", "footer", "aside", "menu", "form", "button", "select"}
"""What stands around a page's text."""
ITEMS = {"li", "dd"}
CELLS = {"td", "th"}
_EMPTY = re.compile(r"\n(?:- \s*)+")


class _Table:
    """A table that is being read: where the parts of each cell begin."""

    def __init__(self) -> None:
        self.rows: list[list[tuple[int, str]]] = []

    def tell(self, parts: list[str]) -> list[str]:
        """The parts with the table as a list; as they are where it lays a page out, or holds nothing."""
        places = [place for row in self.rows for place, _ in row]
        ends = dict(zip(places, [*places[1:], len(parts)], strict=True))
        cells = [[("".join(parts[a : ends[a]]).strip(), tag) for a, tag in row] for row in self.rows]
        texts = [text for row in cells for text, _ in row]
        if max(map(len, cells), default=0) < 2 or any("\n" in text or text.startswith("- ") or len(text) > MOST_IN_CELL for text in texts):
            return parts
        first = [tag for _, tag in cells[0]]
        headed = set(first) == {"th"} or (None if all(tag == "td" for row in cells for _, tag in row) else False)
        lines = table_lines([[text for text, _ in row] for row in cells], headed)
        return [*parts[: places[0]], "\n\n", "\n".join(lines), "\n\n"]


class _Reader(HTMLParser):
    def __init__(self, skipped: set[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.titles: dict[str, list[str]] = {"title": [], "h1": []}
        self._skipped, self._inside, self._depth, self._room = skipped, "", 0, MAX_CHARS
        self._heading = ""
        self._tables: list[_Table] = []

    @property
    def unclosed(self) -> bool:
        return self._depth > 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._depth:
            self._depth += tag == self._inside
        elif tag in self._skipped:
            self._inside, self._depth = tag, 1
        else:
            self._break(tag, opens=True)
            self._heading = tag if tag in self.titles else self._heading
            self._lay(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._depth:
            self._depth -= tag == self._inside
        else:
            if tag == "table" and self._tables:
                self.parts = self._tables.pop().tell(self.parts)
            self._break(tag)
            self._heading = "" if tag == self._heading else self._heading

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._depth:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._depth:
            return
        self._room -= len(data)
        if self._room < 0:
            raise TooMuch(f"holds more than {MAX_CHARS:,} characters")
        if self._heading:
            self.titles[self._heading].append(data)
        if self._heading != "title":
            self.parts.append(re.sub(r"\s+", " ", data))

    def _lay(self, tag: str) -> None:
        """Notes where tables, their rows and their cells begin."""
        if tag == "table":
            self._tables.append(_Table())
        elif self._tables and tag == "tr":
            self._tables[-1].rows.append([])
        elif self._tables and tag in CELLS:
            rows = self._tables[-1].rows
            rows[-1:] = [[*(rows[-1] if rows else []), (len(self.parts), tag)]]

    def _break(self, tag: str, *, opens: bool = False) -> None:
        item = "\n- " if opens else "\n"
        self.parts.append("\n" if tag == "br" else " " if tag in CELLS else item if tag in ITEMS else "\n\n" if tag in BLOCKS else "")


def read_html(text: str) -> tuple[str, str]:
    """(title, text): what a reader would see, without what stands around it (navigation, forms, scripts).

    Where a navigation is opened and never closed, it is read, rather than lose the page behind it.
    """
    reader = _Reader(APART | AROUND)
    reader.feed(text)
    reader.close()
    if reader.unclosed:
        reader = _Reader(APART)
        reader.feed(text)
        reader.close()
    title = next((" ".join("".join(found).split()) for found in reader.titles.values() if "".join(found).strip()), "")
    return title, paragraphs(_EMPTY.sub("\n- ", "".join(reader.parts)))


def declared_encoding(data: bytes) -> str:
    """What the first kilobyte of a page says its encoding is."""
    found = re.search(rb"charset\s*=\s*[\"']?([\w.:-]{1,40})", data[:1024], re.I)
    return found[1].decode("ascii") if found else ""


_FRONT = re.compile(r"\A---\n(?:.{0,500}\n){0,200}?---\n")
_FENCE = re.compile(r"^(?:```|~~~).*$", re.M)
_HEADING = re.compile(r"^#{1,6}(?!\S)(.*)$", re.M)
_RULE = re.compile(r"^[^\S\n]*+(?:[-=*_][^\S\n]*+){3,}+$", re.M)
_LINK = re.compile(r"!?\[([^\[\]\n]{0,500})\](?:\([^()\s]{0,2000}(?:\s+\"[^\"\n]{0,500}\")?\)|\[[^\[\]\n]{0,200}\])")
_MARKS = re.compile(r"(\*\*|__|\*|`)(?=\S)([^*`\n]{1,1000}?)(?<=\S)\1")
_TAG = re.compile(r"<!--.{0,5000}?-->|</?[a-zA-Z][^<>\n]{0,500}>", re.S)


def read_markdown(text: str) -> tuple[str, str]:
    """(title, text): the first heading, and the words without headings' and emphases' marks; links keep their words, code its signs."""
    parts = _FENCE.split(_FRONT.sub("", text, count=1))  # every second one is code
    prose = [read_pipes(_MARKS.sub(r"\2", _LINK.sub(r"\1", _RULE.sub("", _TAG.sub("", part))))) for part in parts[::2]]
    heading = next((words for part in prose for found in _HEADING.finditer(part) if (words := _heading(found))), "")
    parts[::2] = [_HEADING.sub(lambda found: f"\n{_heading(found)}\n", part) for part in prose]
    return heading, paragraphs("".join(parts))


def _heading(found: re.Match[str]) -> str:
    """The words of a heading, without the marks that close it."""
    return found[1].strip().rstrip("#").rstrip()
