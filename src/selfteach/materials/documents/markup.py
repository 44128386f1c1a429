"""Text of HTML and of Markdown. HTML is parsed only inside `child`: the standard parser takes
quadratic time on hostile input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from selfteach.materials.documents.layout import paragraphs
from selfteach.materials.documents.limits import MAX_CHARS, TooMuch
from selfteach.materials.documents.tables import (
    MOST_ACROSS,
    MOST_DOWN,
    MOST_IN_CELL,
    Cell,
    joined_lines,
    read_pipes,
)

BLOCKS = {
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "dialog",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "html",
    "legend",
    "li",
    "main",
    "menu",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "tfoot",
    "thead",
    "title",
    "tr",
    "ul",
}
APART = {"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "canvas"}
AROUND = {"nav", "footer", "menu"}
"""What stands around a page's text, outside of its articles."""
CONTROLS = {"button", "select", "datalist", "textarea"}
"""What a form is filled in with; the text beside them is text."""
ARTICLES = {"article", "main"}
VOID = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
    "wbr",
}
UNCLOSED = {
    "p": BLOCKS | {"td", "th"},
    "li": {"li"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
    "td": {"td", "th", "tr"},
    "th": {"td", "th", "tr"},
    "tr": {"tr", "tbody", "tfoot"},
}
"""Elements that end without a tag of their own where one of these begins, or where what holds them
ends.
"""
HOLDERS = (BLOCKS | {"body"}) - UNCLOSED.keys() - {"hr", "option"}
ITEMS = {"li", "dd"}
CELLS = {"td", "th"}
GROUPS = {"thead", "tbody", "tfoot"}
LEFT_OUT = "navigation, page foot or controls"
_EMPTY = re.compile(r"\n(?:- \s*)+")


@dataclass(frozen=True, slots=True)
class _Begun:
    """Where the parts of a cell begin, and how far it says that it reaches."""

    place: int
    tag: str
    across: int
    down: int


class _Table:
    """A table that is being read: the cells of each row, and the rows before which a head or a body
    begins.
    """

    def __init__(self) -> None:
        self.rows: list[list[_Begun]] = []
        self.groups: list[int] = []

    def tell(self, parts: list[str], room: int) -> int:
        """Puts the table into the parts as a list, and says how many characters there is room for
        now; leaves them where it lays a page out, or holds nothing.

        Raises:
            TooMuch: it repeats so much that it has no room.
        """
        if max(map(len, self.rows), default=0) < 2:
            return room
        places = [cell.place for row in self.rows for cell in row]
        ends = dict(zip(places, [*places[1:], len(parts)], strict=True))
        texts = {place: "".join(parts[place : ends[place]]).strip() for place in places}
        if any(
            "\n" in text or text.startswith("- ") or len(text) > MOST_IN_CELL
            for text in texts.values()
        ):
            return room
        cells = [
            [Cell(" ".join(texts[c.place].split()), c.across, c.down, c.tag == "th") for c in row]
            for row in self.rows
        ]
        lines, room = list[str](), room + sum(map(len, texts.values()))
        for line in joined_lines(cells, self.groups):
            room -= len(line)
            if room < 0:
                raise TooMuch(f"holds more than {MAX_CHARS:,} characters")
            lines.append(line)
        parts[places[0] :] = ["\n\n", "\n".join(lines), "\n\n"]
        return room


class _Unread:
    """What is not read: from a tag to its end. `kind` says why, `chars` how much of it a reader
    would have seen.
    """

    def __init__(self, kind: str, tag: str) -> None:
        self.kind, self.chars = kind, 0
        self._tag, self._depth = tag, 1
        self._held = HOLDERS if tag in UNCLOSED else {tag}

    def opens(self, tag: str) -> bool:
        """Whether it is at its end, because this cannot stand within it."""
        if self._depth == 1 and tag in UNCLOSED.get(self._tag, ()):
            return True
        self._depth += tag in self._held
        return False

    def closes(self, tag: str) -> tuple[bool, bool]:
        """Whether it is at its end, and whether that end is its own."""
        own = tag == self._tag and (self._depth == 1 or tag in self._held)
        self._depth -= tag in self._held or own
        return self._depth == 0, own


class _Reader(HTMLParser):
    """Reads a page. `kinds`: what is left out of it beside scripts: what stands `around` its text,
    what is `hidden`, or both.
    """

    def __init__(self, kinds: set[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.titles: dict[str, list[str]] = {"title": [], "h1": []}
        self.left_out = 0
        self.unread: _Unread | None = None
        self._kinds, self._room, self._articles, self._heading = kinds, MAX_CHARS, 0, ""
        self._tables: list[_Table] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.unread and not self.unread.opens(tag):
            return
        kind = "" if tag in VOID else self._why_unread(tag, dict(attrs))
        self.unread = _Unread(kind, tag) if kind else None
        self._articles += tag in ARTICLES and not kind
        if not kind or tag in CELLS:  # an unread cell keeps its column
            self._break(tag, opens=True)
            self._heading = tag if tag in self.titles else self._heading
            self._lay(tag, dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if self.unread:
            ends, own = self.unread.closes(tag)
            if not ends:
                return
            self.left_out += self.unread.chars
            self.unread = None
            if own:
                self._break(tag)
                return
        if tag == "table" and self._tables:
            self._room = self._tables.pop().tell(self.parts, self._room)
        self._articles -= tag in ARTICLES and self._articles > 0
        self._break(tag)
        self._heading = "" if tag == self._heading else self._heading

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.unread:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if self.unread:
            self.unread.chars += len("".join(data.split())) if self.unread.kind == "around" else 0
            return
        self._room -= len(data)
        if self._room < 0:
            raise TooMuch(f"holds more than {MAX_CHARS:,} characters")
        if self._heading:
            self.titles[self._heading].append(data)
        if self._heading != "title":
            self.parts.append(re.sub(r"\s+", " ", data))

    def _why_unread(self, tag: str, attrs: dict[str, str | None]) -> str:
        if tag in APART:
            return "apart"
        if "hidden" in self._kinds and (
            "hidden" in attrs or (attrs.get("aria-hidden") or "").strip().lower() == "true"
        ):
            return "hidden"
        around = tag in CONTROLS or (tag in AROUND and not self._articles)
        return "around" if around and "around" in self._kinds else ""

    def _lay(self, tag: str, attrs: dict[str, str | None]) -> None:
        """Notes where tables, their rows and their cells begin."""
        if tag == "table":
            self._tables.append(_Table())
        elif self._tables and tag in GROUPS:
            self._tables[-1].groups.append(len(self._tables[-1].rows))
        elif self._tables and tag == "tr":
            self._tables[-1].rows.append([])
        elif self._tables and tag in CELLS:
            rows = self._tables[-1].rows or [[]]
            rows[-1].append(
                _Begun(
                    len(self.parts),
                    tag,
                    _span(attrs, "colspan", MOST_ACROSS),
                    _span(attrs, "rowspan", MOST_DOWN),
                )
            )
            self._tables[-1].rows = rows

    def _break(self, tag: str, *, opens: bool = False) -> None:
        item = "\n- " if opens else "\n"
        self.parts.append(
            "\n"
            if tag == "br"
            else " "
            if tag in CELLS
            else item
            if tag in ITEMS
            else "\n\n"
            if tag in BLOCKS
            else ""
        )


def _span(attrs: dict[str, str | None], name: str, most: int) -> int:
    """How far a cell reaches; 0 is as far as its group goes. What is no number, or a number of very
    many digits, is read at no cost.
    """
    found = re.match(r"\s*\+?(\d{1,9})", attrs.get(name) or "")
    return min(int(found[1]) or (most if name == "rowspan" else 1), most) if found else 1


def read_html(text: str) -> tuple[str, str, str]:
    """(title, text, note): what a reader would see, without what stands around it (navigation, the
    page's foot, controls). The note says how much that was; "" where it was nothing.

    Where a navigation is opened and never closed, it is read, rather than lose the page behind it;
    so is what is hidden.
    """
    kinds = {"around", "hidden"}
    reader = _read(text, kinds)
    while reader.unread and reader.unread.kind in kinds:
        kinds.remove(reader.unread.kind)
        reader = _read(text, kinds)
    note = f"{reader.left_out:,} characters of {LEFT_OUT} left out" if reader.left_out else ""
    title = next(
        (
            " ".join("".join(found).split())
            for found in reader.titles.values()
            if "".join(found).strip()
        ),
        "",
    )
    return title, paragraphs(_EMPTY.sub("\n- ", "".join(reader.parts))), note


def _read(text: str, kinds: set[str]) -> _Reader:
    reader = _Reader(kinds)
    reader.feed(text)
    reader.close()
    return reader


def declared_encoding(data: bytes) -> str:
    """What the first kilobyte of a page says its encoding is."""
    found = re.search(rb"charset\s*=\s*[\"']?([\w.:-]{1,40})", data[:1024], re.I)
    return found[1].decode("ascii") if found else ""


_FRONT = re.compile(r"\A---\n(?:.{0,500}\n){0,200}?---\n")
_FENCE = re.compile(r"^[ \t]*+(?:```[^`\n]*|~~~.*)$", re.M)
_QUOTE = re.compile(r"^[ \t]{0,3}(?:>[ \t]?)*>(?:[ \t]|$)", re.M)
_HEADING = re.compile(r"^#{1,6}(?!\S)(.*)$", re.M)
_RULE = re.compile(r"^[^\S\n]*+(?:[-=*_][^\S\n]*+){3,}+$", re.M)
_LINK = re.compile(
    r"!?\[([^\[\]\n]{0,500})\](?:\([^()\s]{0,2000}(?:\s+\"[^\"\n]{0,500}\")?\)|\[[^\[\]\n]{0,200}\])"
)
_STARS = re.compile(r"(\*\*|\*)(?=\S)([^*\n]{1,1000}?)(?<=\S)\1")
_SCORES = re.compile(
    r"(?<![^\W_])(?<!/)(__|_)(?=[^\s_])((?:[^_\n]|(?<=\w)_++(?=\w)){1,1000}?)(?<=\S)\1(?![^\W_]|/)"
)
_TICKS = re.compile(r"(?P<ticks>`++)|\n[ \t]*+(?=\n)")
_SIGNS = re.compile(
    r"(?P<escaped>\\[\\`])|(?P<ticks>`++)"
    r"|<(?P<link>[a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]{0,2000}|[\w.!#$%&'*+/=?^{|}~-]{1,64}@[\w.-]{1,255})>"
    r"|(?P<comment><!--)|</?[a-zA-Z][^<>\n]{0,500}>"
)
MOST_IN_COMMENT = 5000
_KEPT = re.compile("\0(\\d+)\0")


def read_markdown(text: str) -> tuple[str, str]:
    """(title, text): the first heading, and the words without the marks of headings, quotes and
    emphases; links keep their words, code its signs."""
    parts = _FENCE.split(
        _FRONT.sub("", text.replace("\0", ""), count=1)
    )  # every second one is code
    kept = list[str]()
    prose = [
        read_pipes(_unmarked(_RULE.sub("", _set_aside(_QUOTE.sub("", part), kept))))
        for part in parts[::2]
    ]
    heading = next(
        (
            words
            for part in prose
            for found in _HEADING.finditer(part)
            if (words := _heading(found))
        ),
        "",
    )
    parts[::2] = [
        _restored(_HEADING.sub(lambda found: f"\n{_heading(found)}\n", part), kept)
        for part in prose
    ]
    return _restored(heading, kept), paragraphs("".join(parts))


def _set_aside(text: str, kept: list[str]) -> str:
    """The text without tags, and with the number of a place in `kept` for each code and each
    address: no later step changes their signs.
    """
    found, place, closing = list[str](), 0, _closing(text)
    while sign := _SIGNS.search(text, place):
        found.append(text[place : sign.start()])
        place = sign.end()
        if sign["ticks"] and (end := closing.get(sign.start())):
            found.append(_as_places(_code(text[place:end]), kept))
            place = end + len(sign["ticks"])
        elif sign["link"]:
            found.append(_as_places(sign["link"], kept))
        elif sign["comment"] and (over := text.find("-->", place, place + MOST_IN_COMMENT)) >= 0:
            place = over + len("-->")
        elif sign["ticks"] or sign["escaped"] or sign["comment"]:
            found.append(sign[0])
    return "".join((*found, text[place:]))


def _closing(text: str) -> dict[int, int]:
    """For each run of backticks where the next one of its length begins, in the same paragraph.
    Read from the end, so each is met once.
    """
    closing, later = dict[int, int](), dict[int, int]()
    for run in reversed(list(_TICKS.finditer(text))):
        if not run["ticks"]:
            later.clear()
            continue
        length = len(run[0])
        if length in later:
            closing[run.start()] = later[length]
        later[length] = run.start()
    return closing


def _code(text: str) -> str:
    """A code without the spaces that part it from its backticks."""
    return text[1:-1] if text[:1] == text[-1:] == " " and text.strip() else text


def _as_places(text: str, kept: list[str]) -> str:
    """Places for a text; a bar that a table needs marked stays where a table sees it."""
    pieces = text.split(r"\|")
    kept += pieces
    return r"\|".join(f"\0{n}\0" for n in range(len(kept) - len(pieces), len(kept)))


def _restored(text: str, kept: list[str]) -> str:
    return _KEPT.sub(lambda found: kept[int(found[1])], text)


def _unmarked(text: str) -> str:
    """The words of links and of what is stressed. Twice, for what is stressed within what is
    stressed.
    """
    text = _LINK.sub(r"\1", text)
    for _ in range(2):
        text = _SCORES.sub(r"\2", _STARS.sub(r"\2", text))
    return text


def _heading(found: re.Match[str]) -> str:
    """The words of a heading, without the marks that close it."""
    return found[1].strip().rstrip("#").rstrip()
