"""Give short lines a head: an item of a list or a row of a table is a fact only with its heading.

    Opening hours          a heading, which is no fact by itself
    - Monday: 9 to 17      "Opening hours: Monday: 9 to 17."
    - Sunday: closed       "Opening hours: Sunday: closed."

The head of a line of fewer than `MIN_WORDS` words is a heading, a line that ends in a colon, the
sentence before a list (not before a table), or the document's title with the heading of its part.
What a file marks as a heading heads what is below it, whatever stands above. A row of a table whose
columns have no names gets such a head at any length. The head of an answer is its question. Only
whole lines get a head: a short sentence within a paragraph stays too short for a question, and is
only recited with the others (`find_recited`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

import regex

from selfteach.sentences import GERMAN_MONTHS, SENTENCE_MARKS
from selfteach.text import UNSPACED

MIN_WORDS = 5
"""A line with fewer words and without a head is a heading or a fragment."""
MAX_HEAD_WORDS = 15
MARK = re.compile(rf"(?:[-*+•–—◦▪●]|\(?\d{{1,3}}[.)](?![ \t]+(?:{GERMAN_MONTHS})\b))[ \t]+(?=\S)")
"""The beginning of an item of a list; not of "12. Mai"."""
MAX_MARK_CHARS = 8
"""The number before a heading is looked for in so many characters."""
_ENDS = re.compile(rf"[{SENTENCE_MARKS}][\"'”’“«»‹›)\]」』）]*$")
QUESTION = re.compile(r"[?？؟]$")
_COLON = re.compile(r"[:：]$")
_QUOTES = "\"'”’»)*_"
_OPENING = ('"', "'", "“", "‘", "„", "«", "(", "*", "_")
VALUE = re.compile(r"[^:：]*+[:：].*\d")
"""A value with its name: "Phone: 123"."""
_SAYS = regex.compile(r"(?!\w+ \d+:)[^:：]{1,40}[:：]\s+\p{Ll}")
"""What is said of something with its name: "Sunday: closed", not "Part two: The sea" and not
"Kapitel 2: das Meer".
"""
_LABEL = re.compile(r"(?:[^\W\d]+|\w+\.? (?:\d+|[IVXLC]+)|§ ?\d+)[.!]")
"""A word, or a word and a number, with a stop: "Soup.", "Article 1."."""
_ROW = re.compile(r"[^:;]+: [^;]*(?:; [^:;]+: [^;]*)+")
"""A row of a table, with the names of its columns: it needs no sentence to say what it is."""
_PLACEHOLDER = re.compile(
    r"(?:microsoft \w+ - )?(?:untitled(?:[ -]?(?:document|page|\d+))*|word document|"
    r"powerpoint presentation|(?:document|presentation)\d+)(?:\.\w+)?",
    re.I,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|does|did|can|will|must|may|shall|should)\b",
    re.I,
)
_ASKS = re.compile(r"(?:how|what|when|where|which|who|whom|whose|why)\b", re.I)
_CUT = regex.compile(UNSPACED)


@dataclass(frozen=True, slots=True)
class Span:
    """Hold a sentence: characters `start` to `end` of a document's text.

    `head` has the words of its heading; "" for none.
    """

    start: int
    end: int
    head: str = ""


def count_words(text: str) -> int:
    """Count the words of a text. In scripts without spaces each character counts."""
    return len(_CUT.sub(" x ", text).split())


def format_sentence(text: str, span: Span) -> str:
    """Return a sentence on one line, after its head."""
    own = " ".join(text[span.start : span.end].split())
    if not span.head:
        return own
    joined = f"{span.head} {own}" if QUESTION.search(span.head) else f"{span.head}: {own}"
    return joined if _ENDS.search(own) else f"{joined}."


def normalize_line(text: str) -> str:
    """Return the words of a line, in the form in which headings are compared."""
    return " ".join(text.split()).casefold()


def clear_placeholder(title: str) -> str:
    """Return a title, or "" for the words that a program writes where the author gave no title."""
    return "" if _PLACEHOLDER.fullmatch(" ".join(title.split())) else title


def collect_headings(lines: Iterable[str]) -> frozenset[str]:
    """Return the lines that only head something, of those that a file marks as headings.

    A long one, a whole sentence of `MIN_WORDS` words or more, and a value with its name ("Phone:
    123") may be facts.
    """
    return frozenset(
        normalize_line(line)
        for line in lines
        if count_words(line) <= MAX_HEAD_WORDS
        and not VALUE.match(line)
        and (QUESTION.search(line) or not _ENDS.search(line) or count_words(line) < MIN_WORDS)
    )


def collect_rows(lines: Iterable[str]) -> frozenset[str]:
    """Return the rows of tables, which are items of lists, in the form of `normalize_line`."""
    marks = [MARK.match(line) for line in lines]
    return frozenset(normalize_line(mark.string[mark.end() :]) for mark in marks if mark)


def lead_item(item: str, outer: str) -> str:
    """Return an item of a list after the item that its list is in, if both are short, or the inner
    one goes on with a small letter.

    A colon or a question leads what is below it anyway, and a sentence names nothing.
    """
    names = not re.search(rf"\n|{_ENDS.pattern}|{_COLON.pattern}", outer)
    is_led = not re.search(rf"\n|{QUESTION.pattern}|{_COLON.pattern}", item)
    goes_on = item[:1].islower()
    is_short = count_words(outer) < MIN_WORDS and (goes_on or count_words(item) < MIN_WORDS)
    return f"{outer}: {item}" if item and outer and names and is_led and is_short else item


def leads_items(outer: str) -> bool:
    """Tell whether an item of a list names the items within it: "Part-time:". It then stands before
    each of them and on no line of its own, where it would lead the items behind these, too.
    """
    is_line = "\n" not in outer and count_words(outer) <= MAX_HEAD_WORDS
    return is_line and _COLON.search(outer) is not None


def may_be_heading(line: str) -> bool:
    """Tell whether a line that no file marks as a heading may be one: it is short and has no stop.

    It has no number and no verb like "is" (English only), for then it may be a fact that is said
    nowhere else. It may begin like "How canals are dug".
    """
    says_something = any(map(str.isdigit, line)) or (_VERB.search(line) and not _ASKS.match(line))
    is_short = count_words(line) <= MAX_HEAD_WORDS
    return is_short and line[-1:].isalnum() and not says_something


def guess_heading(text: str) -> str:
    """Return the first line of a text if it may be a heading and a sentence follows it; else "". An
    item of a list is none.
    """
    lines = list(filter(None, (line.strip() for line in text.split("\n", 8))))
    lines = [line for line in lines if any(map(str.isalnum, line))]
    is_followed = len(lines) > 1 and _ENDS.search(lines[1]) and not MARK.match(lines[0])
    return lines[0] if is_followed and may_be_heading(lines[0]) else ""


def is_informative(text: str, span: Span, headings: Set[str] = frozenset()) -> bool:
    """Tell whether questions about a sentence make sense.

    It has words and is no heading and no question. It has a head, or it is long enough and is no
    head of others.

    Args:
        headings: those of the document.
    """
    own = text[span.start : span.end]
    asks = own.rstrip(_QUOTES) if own[:1] in _OPENING else own
    is_question = QUESTION.search(asks) is not None and not _ROW.fullmatch(own)
    if not any(map(str.isalnum, own)) or is_question or _is_marked(text, span, headings):
        return False
    return bool(span.head) or (count_words(own) >= MIN_WORDS and not _COLON.search(own))


def find_recited(text: str, spans: Sequence[Span], headings: Set[str] = frozenset()) -> list[int]:
    """Return the numbers of the sentences that belong to a text recited as a whole: those that
    questions can be about, and the short ones. A heading, and what leads others, is left out.

    Args:
        headings: those of the document.
    """
    heads = {_normalize_head(span.head) for span in spans}
    found = []
    for i, span in enumerate(spans):
        own = text[span.start : span.end]
        is_short_one = (
            _ENDS.search(own)
            and any(map(str.isalnum, own))
            and not _is_marked(text, span, headings)
            and _normalize_head(own) not in heads
        )
        if is_short_one or is_informative(text, span, headings):
            found.append(i)
    return found


def _is_marked(text: str, span: Span, headings: Set[str]) -> bool:
    """Tell whether a sentence is a heading, as far as the file tells. The number before it may be
    a part of the heading: "2. Prices".
    """
    number = text[max(0, span.start - MAX_MARK_CHARS) : span.start].rpartition("\n")[2]
    own = text[span.start : span.end]
    return normalize_line(own) in headings or normalize_line(number + own) in headings


def _normalize_head(text: str) -> str:
    return normalize_line(text).rstrip(" .:：")


@dataclass(frozen=True, slots=True)
class Line:
    """Hold a line without its mark, and the numbers of its first and last sentence.

    `numbered` tells whether its mark is a number, `row` whether it is a row of a table, and
    `heading` whether it is a heading, as far as the file tells. `opens` and `closes` tell whether a
    blank line is before and after it.
    """

    text: str
    first: int
    last: int
    item: bool
    numbered: bool
    row: bool
    heading: bool
    opens: bool
    closes: bool

    @property
    def short(self) -> bool:
        """Tell whether the line is too short for a question."""
        return self.first == self.last and count_words(self.text) < MIN_WORDS

    @property
    def alone(self) -> bool:
        """Tell whether blank lines are on both sides."""
        return self.opens and self.closes

    @property
    def unnamed(self) -> bool:
        """Tell whether it is a row whose columns have no names, such as "Height: 48 m"."""
        return self.row and not _ROW.fullmatch(self.text)


def assign_heads(
    text: str,
    spans: Sequence[Span],
    title: str,
    rows: Set[str] = frozenset(),
    headings: Set[str] = frozenset(),
) -> list[Span]:
    """Return the same sentences, with heads for those that need one.

    Args:
        spans: every sentence of the text, in order.
        title: the head of short lines without another one, with the heading of their part.
        rows: those of the document's tables.
        headings: those of the document.
    """
    found = list(spans)
    lines = _mark_numbered_headings(list(_split_lines(text, spans, rows, headings)))
    head = section = ""
    is_question = in_item = False
    before: Line | None = None

    def assign(line: Line) -> None:
        if before and _ends_sentence_of(before, line):
            return
        words = " ".join(head.split()).rstrip(" .:：") or _join_title(title, section)
        found[line.first] = replace(spans[line.first], head=words)

    for line, after, second in zip_longest(lines, lines[1:], lines[2:]):
        if not any(map(str.isalnum, line.text)):
            head = "" if line.alone else head  # a line of signs parts the text
            continue
        if before and before.item and line.opens and (not line.item or line.row != before.row):
            head = ""  # the list or the table has ended
        continues = in_item and not (line.item or line.opens)
        in_item = line.item or continues
        section = line.text if line.heading else section
        if QUESTION.search(line.text) or _COLON.search(line.text):
            head = line.text if count_words(line.text) <= MAX_HEAD_WORDS else ""
            is_question = QUESTION.search(line.text) is not None
        elif line.heading:
            head = line.text
            is_question = False
        elif is_question and head:
            assign(line)
            head = ""
            is_question = False
        elif not line.short and not line.item:
            last = spans[line.last]
            sentence = text[last.start : last.end]
            leads_list = after and after.item and not _is_row(after, second)
            leads = leads_list and count_words(sentence) <= MAX_HEAD_WORDS
            if not (continues and after and after.item):  # the list goes on under its head
                head = sentence.rstrip(".") if leads else ""
        elif line.item and line.first == line.last and (head or line.short or line.unnamed):
            assign(line)
        elif line.item and not line.short:
            first = spans[line.first]
            if count_words(text[first.start : first.end]) < MIN_WORDS:
                assign(line)
        elif line.short and not continues and _is_heading(line, head, section, before, after):
            head = line.text
        elif line.short:
            assign(line)
        before = line
    return found


def _mark_numbered_headings(lines: Sequence[Line]) -> list[Line]:
    """Return lines of which lone numbered ones before paragraphs are headings: "1. Fees". At least
    one stands between two paragraphs; else they may be the items of a list.
    """
    found = set[int]()
    is_sure = False
    for n, line in enumerate(lines):
        before = lines[n - 1] if n else None
        after = lines[n + 1] if n + 1 < len(lines) else None
        is_lone = line.alone and not (before and (before.item or _COLON.search(before.text)))
        heads = after is not None and not (after.item or after.short or after.heading)
        if is_lone and heads and line.numbered and not line.row and may_be_heading(line.text):
            found.add(n)
            is_sure = is_sure or (before is not None and not before.short)
    if not is_sure:
        return list(lines)
    return [
        replace(line, item=False, heading=True) if n in found else line
        for n, line in enumerate(lines)
    ]


def _ends_sentence_of(before: Line, line: Line) -> bool:
    """Tell whether a line is the end of the sentence above it, which the author broke."""
    goes_on = not (line.opens or line.item) and line.text[0].islower()
    is_open = not (_ENDS.search(before.text) or _COLON.search(before.text))
    is_end = _ENDS.search(line.text) is not None
    return goes_on and is_open and is_end and count_words(before.text) >= MIN_WORDS


def _join_title(title: str, section: str) -> str:
    """Return the title and the heading of a part of the document. A question would be answered."""
    if QUESTION.search(section) or normalize_line(section) in normalize_line(title):
        return title
    return ": ".join(filter(None, (title, " ".join(section.split()).rstrip(" .:："))))


def _is_row(line: Line, after: Line | None) -> bool:
    """Tell whether an item is the first row of a table: the file says so, or the next row has the
    same first column.
    """
    if line.row:
        return True
    if after is None or not (_ROW.fullmatch(line.text) and _ROW.fullmatch(after.text)):
        return False
    return line.text.partition(":")[0] == after.text.partition(":")[0]


def _is_heading(
    line: Line, head: str, section: str, before: Line | None, after: Line | None
) -> bool:
    """Tell whether a short line that is no item is a heading.

    It has no head, it opens a block, or it is alone before text or a list. Below a head, or below
    the marked heading `section`, a sentence is one only before a list or if it is a label. What
    stands before another marked heading is none, if it has a head or is a name with a value.
    """
    leads_list = after is not None and after.item and not after.row
    is_said = _SAYS.match(line.text) is not None and not leads_list
    if VALUE.match(line.text) or is_said or (before and _ends_sentence_of(before, line)):
        return False
    ends_part = after is not None and after.heading
    is_label = _LABEL.fullmatch(line.text) and after is not None and not ends_part
    if is_label and line.opens and head != section and _LABEL.fullmatch(head):
        return True
    is_fact = _ENDS.search(line.text) and not leads_list and not is_label
    if (head or section) and (is_fact or (ends_part and (head or ": " in line.text))):
        return False
    if line.alone:
        return not head or (after is not None and (after.item or not after.short))
    under = before is not None and before.alone and before.text == head
    return not head or (line.opens and not under)


def join_rows(text: str, spans: Sequence[Span], rows: Set[str]) -> list[Span]:
    """Return sentences of which each row of a table is one: a stop in a cell ends none."""
    found: list[Span] = []
    first = 0
    for line in _split_lines(text, spans, rows, frozenset()):
        own = spans[line.first : line.last + 1]
        found += [Span(own[0].start, own[-1].end)] if line.row else own
        first = line.last + 1
    return [*found, *spans[first:]]


def _split_lines(
    text: str, spans: Sequence[Span], rows: Set[str], headings: Set[str]
) -> Iterator[Line]:
    """Yield the lines of a text with their sentences."""
    gaps = [text[a.end : b.start] for a, b in pairwise([Span(0, 0), *spans])]
    gaps.append("\n\n")  # behind the last sentence
    first = 0
    for last, span in enumerate(spans):
        if "\n" in gaps[last + 1]:
            own = text[spans[first].start : span.end]
            mark = gaps[first].rpartition("\n")[2]
            opens = first == 0 or "\n\n" in gaps[first]
            closes = "\n\n" in gaps[last + 1]
            is_numbered = bool(mark) and normalize_line(mark + own) in headings
            is_item = MARK.match(mark + "x") is not None and not (is_numbered and opens and closes)
            yield Line(
                own,
                first,
                last,
                item=is_item,
                numbered=is_item and mark.strip("( ")[:1].isdigit(),
                row=is_item and normalize_line(own) in rows,
                heading=not is_item and (is_numbered or normalize_line(own) in headings),
                opens=opens,
                closes=closes,
            )
            first = last + 1
