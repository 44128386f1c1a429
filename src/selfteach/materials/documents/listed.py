"""Short lines: an item of a list, a row of a table or a price says something only together with the
line that leads it.

    Opening hours          a heading leads, and is no fact by itself
    - Monday: 9 to 17      "Opening hours: Monday: 9 to 17."
    - Sunday: closed       "Opening hours: Sunday: closed."

A line of fewer than `LEAST_WORDS` words is led by a heading, by a line that ends in a colon, by the
sentence before a list, or by the document's title; what comes after a question is led by the
question. Whole lines only: a short sentence within a paragraph stays what it was, too little to be
asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import regex

from selfteach.text import UNSPACED

LEAST_WORDS = 5
"""What has fewer words, and no line that leads it, is a heading, or a leftover."""
MOST_LEADING = 15
"""Words of a line that may lead others."""
MARK = re.compile(r"(?:[-*+•–—◦▪●]|\(?\d{1,3}[.)])[ \t]+(?=\S)")
"""How an item of a list begins."""
_ENDS = re.compile(r"[.!?…。！？][\"'”’)\]」』）]*$")
_ASKS, _LEADS = re.compile(r"[?？]$"), re.compile(r"[:：]$")
_VALUE = re.compile(r"[^:：]*+[:：].*\d")
_CUT = regex.compile(UNSPACED)


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a document's text. `head`: the words of the line that leads
    this one, where one does.
    """

    start: int
    end: int
    head: str = ""


def words_in(text: str) -> int:
    """How many words a text has; in scripts that do not space words each character counts."""
    return len(_CUT.sub(" x ", text).split())


def told(text: str, span: Span) -> str:
    """A sentence on one line, after what leads it."""
    own = " ".join(text[span.start : span.end].split())
    if not span.head:
        return own
    joined = f"{span.head} {own}" if _ASKS.search(span.head) else f"{span.head}: {own}"
    return joined if _ENDS.search(own) else f"{joined}."


def says(text: str, span: Span) -> bool:
    """Whether a sentence can be asked about: something leads it, or it is long enough by itself and
    leads nothing.
    """
    own = text[span.start : span.end]
    return bool(span.head) or (words_in(own) >= LEAST_WORDS and not _LEADS.search(own))


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its mark, and the numbers of its first and last sentence. `opens` and `closes`
    a block between blank lines.
    """

    text: str
    first: int
    last: int
    item: bool
    opens: bool
    closes: bool

    @property
    def short(self) -> bool:
        """Whether it is too little to be asked about by itself."""
        return self.first == self.last and words_in(self.text) < LEAST_WORDS

    @property
    def alone(self) -> bool:
        """Whether blank lines are on both sides."""
        return self.opens and self.closes


def led(text: str, spans: Sequence[Span], title: str) -> list[Span]:
    """The same sentences, of which those that something leads know what.

    Args:
        spans: every sentence of the text, in order.
    """
    found, lines = list(spans), list(_lines(text, spans))
    head, asks, before = (
        "",
        False,
        None,
    )  # what leads, whether it is a question, and the line before

    def lead(number: int, by: str) -> None:
        found[number] = replace(spans[number], head=" ".join(by.split()).rstrip(" :：") or title)

    for n, line in enumerate(lines):
        if before and before.item and line.opens and not line.item:
            head = ""  # the list is over
        after = lines[n + 1] if n + 1 < len(lines) else None
        if _ASKS.search(line.text) or _LEADS.search(line.text):
            head, asks = (
                line.text if words_in(line.text) <= MOST_LEADING else "",
                bool(_ASKS.search(line.text)),
            )
        elif asks and head:
            lead(line.first, head)
            head, asks = "", False
        elif not line.short and not line.item:
            last = spans[line.last]
            ahead = text[last.start : last.end]
            head = (
                ahead.rstrip(".")
                if after and after.item and words_in(ahead) <= MOST_LEADING
                else ""
            )
        elif (line.item and line.first == line.last and (head or line.short)) or (
            line.short and not _heads(line, head, before, after)
        ):
            lead(line.first, head)
        elif line.short:
            head = line.text
        before = line
    return found


def _heads(line: Line, head: str, before: Line | None, after: Line | None) -> bool:
    """Whether a short line that is no item is a heading: nothing leads it, it opens a block, or it
    stands alone before text or a list.
    """
    if _VALUE.match(line.text):
        return False
    if line.alone:
        return not head or (after is not None and (after.item or not after.short))
    under = before is not None and before.alone and before.text == head
    return not head or (line.opens and not under)


def _lines(text: str, spans: Sequence[Span]) -> Iterator[Line]:
    """Sentences by lines."""
    start = 0
    while start < len(spans):
        end = start
        while end + 1 < len(spans) and "\n" not in text[spans[end].end : spans[end + 1].start]:
            end += 1
        ahead = text[spans[start - 1].end if start else 0 : spans[start].start]
        behind = text[spans[end].end : spans[end + 1].start if end + 1 < len(spans) else len(text)]
        item = MARK.match(ahead.rpartition("\n")[2] + "x") is not None
        yield Line(
            text[spans[start].start : spans[end].end],
            start,
            end,
            item,
            not start or "\n\n" in ahead,
            end + 1 == len(spans) or "\n\n" in behind,
        )
        start = end + 1
