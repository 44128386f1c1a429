"""Read the text of HTML (selectolax, on Lexbor) and of Markdown (markdown-it-py).

HTML is parsed only inside `child`. The Markdown parser is written in Python and takes linear time,
so it runs in the main process.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from selfteach.materials.documents.layout import (
    KEPT_BREAK,
    WRAPPED_LENGTHS,
    join_lines,
    join_wrapped_lines,
)
from selfteach.materials.documents.limits import MAX_CHARS, TooLarge
from selfteach.materials.documents.listed import (
    QUESTION,
    clear_placeholder,
    lead_item,
    leads_items,
    normalize_line,
)
from selfteach.materials.documents.note_marks import raise_number
from selfteach.materials.documents.tables import (
    MAX_ACROSS,
    MAX_CELL_CHARS,
    MAX_DOWN,
    TableCell,
    format_cells,
    format_rows,
)
from selfteach.sentences import ends_sentence

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from selectolax.lexbor import LexborNode

BLOCKS = re.compile(
    "address|article|aside|blockquote|body|caption|center|dd|details|dialog|div|dl|dt|fieldset|"
    "figcaption|figure|footer|form|h[1-6]|header|hr|html|legend|li|main|menu|nav|ol|option|p|pre|"
    "section|summary|table|tbody|tfoot|thead|tr|ul"
)
NO_TEXT = re.compile("canvas|iframe|math|noscript|object|rp|rt|script|style|svg|template|title")
"""Elements whose content is no text of the page; `rt` is how a word beside it is read."""
AROUND = frozenset(("nav", "footer", "menu"))
"""Elements around the text of a page. They are text inside an article."""
CONTROLS = frozenset(("button", "select", "datalist", "textarea"))
"""Elements that a user presses or fills in."""
STRUCK = frozenset(("del", "s", "strike"))
"""Elements with words that no longer hold."""
_NEEDS_STRUCK = re.compile(r"\b(?:was|were|from|of|than|statt|war|von)\W{0,3}\Z", re.I)
"""What stands before struck-out words that its sentence needs: "Was $99 now $79."."""
BEFORE_STRUCK_CHARS = 12
"""That is looked for in so many characters."""
EDIT_LINK = "mw-editsection"
"""The class of the links of Wikipedia with which a reader edits a part."""
HEADINGS = re.compile(r"h[1-6]")
ARTICLES = frozenset(("article", "main"))
HIDING_STYLES = (("display", "none"), ("visibility", "hidden"))
"""Inline styles of an element that nobody sees: a property and its value."""
_STYLE_COMMENT = re.compile(r"/\*.*?\*/", re.S)
ITEMS = frozenset(("li", "dd"))
CELLS = frozenset(("td", "th"))
_CELL_SIGNS = ".,;:!?-–—/&+"
"""The end of a line of a cell that needs no comma before the next one."""
GROUPS = frozenset(("thead", "tbody", "tfoot"))
LEFT_OUT = "navigation, page foot or controls"
GONE = "\x00"
"""A line that is left out."""
END = "selfteach-end"
"""An element that is added behind the page. The elements that hold it were never closed."""

_XHTML = re.compile(r"\A\ufeff?\s*<\?xml\s|http://www\.w3\.org/1999/xhtml")
XHTML_CHARS = 2000
"""The beginning of a page, which tells whether it is XHTML."""
_CLOSED_ITSELF = re.compile(r"<(iframe|noscript|script|style|textarea|title)\b([^<>]*)/>", re.I)
"""An element that HTML would read as one that is never closed."""


def read_html(
    text: str, headings: list[str] | None = None, rows: list[str] | None = None
) -> tuple[str, str, str]:
    """Return (title, text, note) of a page without navigation, page foot, controls, hidden text.

    The note says how many characters were left out; it is "" for none. An element that is never
    closed is read, also a navigation or a hidden one: it would hide the rest of the page.

    Args:
        headings: gets the headings.
        rows: gets the rows of tables.

    Raises:
        TooLarge: joined cells of tables repeat more than MAX_CHARS characters.
    """
    from selectolax.lexbor import LexborHTMLParser

    if _XHTML.search(text, 0, XHTML_CHARS):
        text = _CLOSED_ITSELF.sub(r"<\1\2></\1>", text)
    tree = LexborHTMLParser(f"{text}<{END}></{END}>")
    end = tree.css_first(END)
    if end is None:  # inside a comment or a text area that is never closed
        tree = LexborHTMLParser(text)
    page = _Page(end, _find_closed(text))
    page.read(tree.root)
    if headings is not None:
        headings += page.headings
    if rows is not None:
        rows += page.rows
    note = f"{page.left_out:,} characters of {LEFT_OUT} left out" if page.left_out else ""
    title = tree.css_first("title:not(svg title)")
    return (
        (clear_placeholder(_get_line(title)) if title else "") or page.title,
        join_wrapped_lines("".join(page.parts)),
        note,
    )


def _find_closed(text: str) -> frozenset[str]:
    """Return the elements with struck-out words that all have their own end. One without an end
    would strike out the rest of the page.
    """
    return frozenset(
        tag
        for tag in STRUCK
        if len(re.findall(rf"<{tag}(?=[\s/>])", text, re.I))
        <= len(re.findall(rf"</{tag}\s*>", text, re.I))
    )


def _get_line(node: LexborNode) -> str:
    return " ".join(node.text().split())


class _Table:
    """Hold the cells of a table that is being read."""

    def __init__(self) -> None:
        self.rows: list[list[TableCell]] = []
        self.groups: list[int] = []
        self.breaks: list[list[bool]] = []  # of each row the cells with breaks in them
        self.start: int | None = None  # number of the part with which the first cell begins
        self.cell_start = 0

    def is_data(self) -> bool:
        """Tell whether it has columns of short cells. Another table lays a page out, and so does
        one row of cells with breaks, or breaks in every cell of a row if no cell is a name.
        """
        cells = [cell for row in self.rows for cell in row]
        if len(self.rows) == 1 and any(self.breaks[0]):
            return False
        is_broken = any(len(row) > 1 and all(row) for row in self.breaks)
        if is_broken and not any(cell.names for cell in cells):
            return False
        texts = [cell.text for cell in cells]
        short = not any(
            "\n" in t or KEPT_BREAK in t or t.startswith("- ") or len(t) > MAX_CELL_CHARS
            for t in texts
        )
        return short and max(map(len, self.rows), default=0) > 1


@dataclass
class _Item:
    """Hold an item of a list that is being read.

    `start` is the number of its first part, `end` that behind its words. `words` has its words
    before a list within it; None if they are not read to their end. `is_link` tells whether a link
    to a part of the page is in it, as in a table of contents.
    """

    start: int
    end: int = 0
    words: str | None = None
    is_link: bool = False


class _Page:
    """Collect the text of a page in parts: words, line breaks, and "- " before an item of a list.
    The breaks of `<br>` and `<pre>` are the author's (KEPT_BREAK). A short item within an item
    stands behind the words of that one.

    Args:
        end: the element behind the page; None if an element that is never closed swallowed it.
        struck: the elements with words that no longer hold.
    """

    def __init__(self, end: LexborNode | None, struck: Set[str]) -> None:
        self.parts: list[str] = []
        self.title = ""
        self.headings: list[str] = []
        self.rows: list[str] = []
        self.left_out = 0
        self._struck = struck
        self._end_found = end is not None
        self._never_closed = set[int]()
        while end is not None:
            self._never_closed.add(end.mem_id)
            end = end.parent
        self._tables: list[_Table] = []
        self._items: list[_Item] = []
        self._item_begins = False
        self._heading_start = 0
        self._articles = 0
        self._pre = 0
        self._room = MAX_CHARS

    def read(self, root: LexborNode | None) -> None:
        """Visit every element and text in order. It is a loop because pages nest without limit."""
        node = root
        while node is not None:
            if self._open(node):
                if node.first_child is not None:
                    node = node.first_child
                    continue
                self._close(node)
            while node is not None and node.next is None:
                node = node.parent
                if node is not None:
                    self._close(node)
            node = node.next if node is not None else None

    def _open(self, node: LexborNode) -> bool:
        """Read a text or begin an element. Tell whether the element is to be read."""
        tag = node.tag or ""
        if node.is_text_node:
            text = node.text_content or ""
            self._read_text(raise_number(text) if _is_raised(node) else text)
        if not node.is_element_node or NO_TEXT.fullmatch(tag):
            return False
        if self._is_left_out(node, tag):
            self._break(tag)
            if tag in CELLS:  # it keeps its column
                self._begin_cell()
                self._end_cell(node)
            return False
        self._break(tag)
        if HEADINGS.fullmatch(tag):
            self._heading_start = len(self.parts)
        elif tag == "br":
            self.parts.append(KEPT_BREAK)
        elif tag in ITEMS:
            self._end_words()
            self._items.append(_Item(len(self.parts)))
            self._item_begins = True
        elif tag == "a" and self._items and node.attrs.sget("href").startswith("#"):
            self._items[-1].is_link = True
        elif tag == "table":
            self._tables.append(_Table())
        elif self._tables and tag in GROUPS:
            self._tables[-1].groups.append(len(self._tables[-1].rows))
        elif self._tables and tag == "tr":
            self._tables[-1].rows.append([])
            self._tables[-1].breaks.append([])
        elif self._tables and tag in CELLS:
            self._begin_cell()
        self._articles += tag in ARTICLES
        self._pre += tag == "pre"
        return True

    def _close(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if HEADINGS.fullmatch(tag) and node.mem_id not in self._never_closed:
            self._end_heading(tag)
        elif tag in ITEMS:
            self._item_begins = False
            self._end_words()
            self._items.pop()
        elif self._tables and tag in CELLS:
            self._end_cell(node)
        elif tag == "table":
            self._end_table(self._tables.pop())
        self._articles -= tag in ARTICLES
        self._pre -= tag == "pre"
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in CELLS:
            self.parts.append(" ")
        elif tag in ITEMS:
            self.parts.append("\n")
        elif BLOCKS.fullmatch(tag):
            self.parts.append("\n\n")

    def _read_text(self, text: str) -> None:
        words = text if self._pre else re.sub(r"\s+", " ", text)
        if self._item_begins and words.strip():
            self._item_begins = False
            words = f"- {words.lstrip()}"
        self.parts.append(words.replace("\n", KEPT_BREAK))

    def _is_left_out(self, node: LexborNode, tag: str) -> bool:
        """Tell whether an element is hidden, struck out, around the text, or a control; count the
        last two.
        """
        if node.mem_id in self._never_closed or (tag == "textarea" and not self._end_found):
            return False
        hidden = node.attrs.sget("aria-hidden").strip().lower() == "true"
        if hidden or "hidden" in node.attrs or _hides(node.attrs.sget("style")):
            return True
        if tag in self._struck:
            before = "".join(part[-BEFORE_STRUCK_CHARS:] for part in self.parts[-2:])
            return _NEEDS_STRUCK.search(before) is None
        is_control = tag in CONTROLS or EDIT_LINK in node.attrs.sget("class").split()
        if not is_control and (tag not in AROUND or self._articles):
            return False
        for inner in node.traverse(include_text=True):
            holder = inner.parent.tag if inner.parent else None
            if inner.is_text_node and not NO_TEXT.fullmatch(holder or ""):
                self.left_out += len("".join((inner.text_content or "").split()))
        return True

    def _end_words(self) -> None:
        """Keep the words of the item that is being read, before a list in it or at its end."""
        if not self._items or self._items[-1].words is not None:
            return
        item = self._items[-1]
        text = "".join(self.parts[item.start :]).strip(f"{KEPT_BREAK} \n")
        item.words = text.removeprefix("- ").replace(KEPT_BREAK, "\n")
        item.end = len(self.parts)
        if len(self._items) > 1 and not item.is_link and text.startswith("- "):
            first = next(n for n in range(item.start, len(self.parts)) if self.parts[n][:2] == "- ")
            outer = self._items[-2]
            if item.words and leads_items(outer.words or ""):
                led = f"{outer.words} {item.words}"
                self.parts[outer.start : outer.end] = [""] * (outer.end - outer.start)
            else:
                led = lead_item(item.words, outer.words or "")
            self.parts[first] = f"- {led.removesuffix(item.words)}{self.parts[first][2:]}"
            item.words = led

    def _end_heading(self, tag: str) -> None:
        """Keep the words of a heading, and put them on one line if no block parts them."""
        text = "".join(self.parts[self._heading_start :]).replace(KEPT_BREAK, " ")
        if "\n" not in text:
            self.parts[self._heading_start :] = [text.strip()]
        heading = " ".join(text.split()).removeprefix("- ")
        self.headings.append(heading)
        if tag == "h1":
            self.title = self.title or heading

    def _begin_cell(self) -> None:
        table = self._tables[-1]
        table.cell_start = len(self.parts)
        table.start = table.cell_start if table.start is None else table.start

    def _end_cell(self, node: LexborNode) -> None:
        table = self._tables[-1]
        parts = self.parts[table.cell_start :]
        table.breaks[-1].append(KEPT_BREAK in "".join(parts).strip(f"{KEPT_BREAK} \n"))
        text = _join_cell(parts, names=node.tag == "th")
        across = _parse_span(node.attrs.sget("colspan"), MAX_ACROSS, 1)
        down = _parse_span(node.attrs.sget("rowspan"), MAX_DOWN, MAX_DOWN)
        table.rows[-1].append(TableCell(text, across, down, node.tag == "th"))

    def _end_table(self, table: _Table) -> None:
        """Put the rows of a table of data into the place of its text."""
        if not table.is_data():
            return
        lines = list[str]()
        for line in format_cells(table.rows, table.groups):
            self._room -= len(line)
            if self._room < 0:
                raise TooLarge(f"holds more than {MAX_CHARS:,} characters")
            lines.append(line)
        self.rows += lines
        self.parts[table.start :] = ["\n\n", "\n".join(lines), "\n\n"]


def _join_cell(parts: Sequence[str], *, names: bool) -> str:
    """Return the lines of a cell on one line. Commas part those that no sign parts, but for a name
    and for what goes on with a small letter.
    """
    groups = groupby(parts, key=KEPT_BREAK.__eq__)
    lines = ["".join(group).strip(f"{KEPT_BREAK} \n") for is_break, group in groups if not is_break]
    joined = list[str]()
    for line in filter(None, lines):
        if joined:
            begins = not names and line[0].isalnum() and not line[0].islower()
            joined.append(", " if begins and joined[-1][-1] not in _CELL_SIGNS else " ")
        joined.append(line)
    return "".join(joined)


def _is_raised(node: LexborNode) -> bool:
    """Tell whether a text stands above the line, also as the only link there."""
    parent = node.parent
    is_link = parent is not None and parent.tag == "a"
    holder = parent.parent if is_link and parent else parent
    if holder is None or holder.tag != "sup":
        return False
    behind = holder.next.text() if holder.next else ""
    return not behind.lstrip().startswith(("/", "⁄"))  # a fraction


def _hides(style: str) -> bool:
    """Tell whether an inline style hides its element. As in CSS the last value of a property
    counts, and one that is marked as important before others.
    """
    values = dict[str, tuple[bool, str]]()
    for part in _STYLE_COMMENT.sub("", style).lower().split(";"):
        name, _, value = (piece.strip() for piece in part.partition(":"))
        value, mark, _ = value.partition("!")
        is_important = bool(mark)
        if is_important or not values.get(name, (False, ""))[0]:
            values[name] = (is_important, value.strip())
    return any(values.get(name, (False, ""))[1] == value for name, value in HIDING_STYLES)


def _parse_span(value: str, most: int, all_of_them: int) -> int:
    """Return the number of columns or rows of a cell; 0 means all of them, no number means one."""
    found = re.match(r"\s*\+?(\d{1,9})", value)
    return min(int(found[1]) or all_of_them, most) if found else 1


def find_declared_encoding(data: bytes) -> str:
    """Return the encoding that the first kilobyte of a page declares; "" for none."""
    found = re.search(rb"charset\s*=\s*[\"']?([\w.:-]{1,40})", data[:1024], re.I)
    return found[1].decode("ascii") if found else ""


_FRONT = re.compile(
    r"\A(?:---[ \t]*\n(?:#.*\n){0,20}(?=[\"']?[\w.-]{1,60}[\"']?[ \t]{0,9}:\s)"
    r"(?:.{0,5000}\n){0,200}?(?:---|\.\.\.)[ \t]*\n"
    r"|\+\+\+[ \t]*\n(?:#.*\n){0,20}(?=[\w.-]{1,60}[ \t]{0,9}=)"
    r"(?:.{0,5000}\n){0,200}?\+\+\+[ \t]*\n)"
)
"""Values with their keys before a text: YAML between rules (three dots may end it), or TOML between
plus signs. Without a key it is a rule, and text follows.
"""
_FRONT_TITLE = re.compile(
    r"^[\"']?title[\"']?[ \t]*(?::[ \t]+|=[ \t]*(?=[\"']))"
    r"(?:\"(?P<double>(?:[^\"\\\n]|\\.)*)\"|'(?P<single>(?:[^'\n]|'')*)'|"
    r"(?P<plain>[^\s\"'>|#].*?))(?:[ \t]+#.*|[ \t]*)$",
    re.M | re.I,
)
"""The title among these values on one line, in quotation marks or without; a comment may follow."""
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_BREAK_TAG = re.compile(rf"<(?P<end>/?)(?P<name>br|{BLOCKS.pattern})(?=[\s/>])[^<>]*>", re.I)
_CELL_TAG = re.compile(r"</?t[dh](?=[\s/>])[^<>]*>", re.I)
_BREAK_IN_LINE = re.compile(
    r"</?(?:br|p|div|[uod]l|li|d[td]|tr|table|h[1-6r]|blockquote|center|details|summary|pre)[\s/>]",
    re.I,
)
"""Tags that part the lines of a paragraph. `<option>` is a word of the author there."""
_LINES = frozenset(("li", "dd", "dt", "tr", "thead", "tbody", "tfoot"))
"""Elements without blank lines around them."""
_EMPHASIS_ENDS = frozenset(("strong_close", "em_close"))
_TASK = re.compile(r"\A\[([ xX])\][ \t]+")
"""The mark of a task, done or not, before the words of an item."""
_PROGRAM = re.compile(r"<(script|style)\b[^<>]*>.*?</\1\s*>", re.I | re.S)
APART = frozenset(("heading_open", "heading_close", "hr", "fence", "code_block", "table_close"))
"""Tokens with a blank line before and behind their text, even if the file has none."""


@cache
def _make_markdown_parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def read_front_title(text: str) -> str:
    """Return the title in the YAML front matter of a Markdown text; "" for none."""
    front = _FRONT.match(text)
    found = _FRONT_TITLE.search(front[0]) if front else None
    if found is None:
        return ""
    if found["double"] is not None:
        return re.sub(r"\\(.)", r"\1", found["double"]).strip()
    return (found["plain"] or found["single"].replace("''", "'")).strip()


def read_markdown(
    text: str, headings: list[str] | None = None, rows: list[str] | None = None
) -> tuple[str, str]:
    """Return (title, text) of CommonMark with tables: the first heading, and the words.

    A short item within an item stands behind the words of that one, but for a table of contents.
    Marks of headings, quotes and emphasis are left out, and so are HTML tags, what is struck out,
    and the marks of tasks if all are done or all are open. Links and pictures keep their words,
    items of lists their marks, and code its signs and line breaks. Other lines are joined, unless
    the author broke them with two spaces, a backslash or `<br>`, or they are a question and its
    answer.

    Args:
        headings: gets all headings.
        rows: gets the rows of tables.
    """
    text = _FRONT.sub("", text, count=1)
    source = text.split("\n")
    tokens = _make_markdown_parser().parse(text)
    lines = list[str]()
    cells: list[list[str]] | None = None
    titles = {
        normalize_line(_get_words(token))
        for before, token in pairwise(tokens)
        if before.type == "heading_open"
    }
    tasks = [_TASK.match(token.content) for token in tokens if token.type == "inline"]
    has_equal_tasks = len({task[1].lower() for task in tasks if task}) == 1
    open_items = list[tuple[str, int]]()  # their words, and the numbers of their lines
    title = mark = ""
    for n, token in enumerate(tokens):
        if token.type in APART or (token.map and not source[token.map[0] - 1].strip("> \t")):
            lines.append("")
        if token.type == "list_item_open":
            mark = f"{token.info}{token.markup} "
            open_items.append(("", 0))
        elif token.type == "list_item_close":
            mark = ""
            open_items.pop()
        elif token.type == "table_open":
            cells = []
        elif token.type == "tr_open" and cells is not None:
            cells.append([])
        elif token.type == "inline" and cells is not None:
            cells[-1].append(_get_words(token))
        elif token.type == "inline":
            words = _get_words(token)
            if mark:
                words = _TASK.sub("", words) if has_equal_tasks else words
                if len(open_items) > 1 and normalize_line(words) not in titles:
                    outer, place = open_items[-2]
                    if words and leads_items(outer):
                        words = f"{outer} {words}"
                        lines[place] = GONE
                    else:
                        words = lead_item(words, outer)
                open_items[-1] = words, len(lines)
            lines.append(mark + words.replace("\n", KEPT_BREAK) if words else "")
            mark = ""
            if tokens[n - 1].type == "heading_open":
                heading = " ".join(words.split())
                title = title or heading
                if headings is not None:
                    headings.append(heading)
        elif token.type in ("fence", "code_block"):
            lines += [token.content.replace("\n", KEPT_BREAK), ""]
        elif token.type == "html_block":
            found = _read_html_block(token.content)
            lines += ["", mark + found, ""] if _BREAK_TAG.search(token.content) else [found]
            mark = "" if found else mark
        elif token.type == "table_close" and cells is not None:
            items = format_rows(cells, headed=True)
            lines += [*items, ""]
            cells = None
            if rows is not None:
                rows += items
    return title, join_wrapped_lines("\n".join(line for line in lines if line != GONE))


def _get_words(token: Token) -> str:
    """Return the words of a token and of the tokens in it, with the line breaks of the author."""
    if token.children is not None:
        lines = [""]
        emphasized = [False]
        num_struck = 0
        for child in token.children:
            if child.type == "s_open":
                before = lines[-1][-BEFORE_STRUCK_CHARS:]
                num_struck += num_struck > 0 or _NEEDS_STRUCK.search(before) is None
            elif child.type == "s_close":
                num_struck = max(num_struck - 1, 0)
            if child.type == "softbreak":
                lines.append("")
                emphasized.append(False)
            elif not num_struck:
                lines[-1] += _get_words(child)
                if child.type != "text" or child.content:
                    emphasized[-1] = child.type in _EMPHASIS_ENDS
        return _join_lines(lines, emphasized)
    if token.type == "hardbreak":
        return "\n"
    if token.type == "html_inline":
        if _CELL_TAG.match(token.content):
            return " "
        return "\n" if _BREAK_IN_LINE.match(token.content) else ""
    return token.content


def _join_lines(lines: Sequence[str], emphasized: Sequence[bool]) -> str:
    """Return the lines of a paragraph on one line, but for questions with their answers below.

    Args:
        emphasized: tells of each line whether it ends with emphasis. A question that does may be as
            long as a wrapped line.
    """
    groups: list[list[str]] = [[]]
    for line, is_emphasized in zip(lines, emphasized, strict=True):
        begins = not groups[-1] or ends_sentence(groups[-1][-1])
        is_apart = is_emphasized or len(line) < WRAPPED_LENGTHS.start
        if begins and is_apart and QUESTION.search(line):
            groups += [[line], []]
        else:
            groups[-1].append(line)
    return "\n".join(join_lines(group) for group in groups if group)


def _read_html_block(html: str) -> str:
    """Return the words of HTML in Markdown, with a KEPT_BREAK where its tags part lines, and two
    where they part paragraphs.
    """
    html = _remove_programs(html)
    found = mark = ""
    start = breaks = 0
    for tag in [*_BREAK_TAG.finditer(html), None]:
        if words := _read_html_words(html[start : tag.start() if tag else len(html)]):
            found += KEPT_BREAK * (breaks if found else 0) + mark + words
            breaks, mark = 0, ""
        if tag:
            start = tag.end()
            name = tag["name"].lower()
            breaks = breaks + 1 if name == "br" else max(breaks, 1 if name in _LINES else 2)
            if name in ITEMS:
                mark = "" if tag["end"] else "- "
    return found


def _read_html_words(html: str) -> str:
    """Return the words of HTML without blocks. Marks of Markdown in it are left out."""
    text = _TAG.sub("", _CELL_TAG.sub(" ", html))
    if not text.strip():
        return ""
    inner = _make_markdown_parser().parseInline(text)
    return " ".join("".join(_get_words(part) for part in inner).split())


def _remove_programs(html: str) -> str:
    """Return HTML without comments, scripts and styles; a comment that is never closed is words."""
    first, *others = html.split("<!--")
    for other in others:
        comment, end, behind = other.partition("-->")
        first += behind if end else f"<!--{comment}"
    return _PROGRAM.sub("", first)
