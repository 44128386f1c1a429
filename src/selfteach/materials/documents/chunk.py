"""Chunks: pieces of a document that fit a prompt, cut between paragraphs; and its sentences, each
with its place.

Departs from Self-Learning-llm (arXiv 2406.11275), which asks about whole documents of one
paragraph.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from selfteach.materials.documents import Document
from selfteach.materials.documents.listed import MARK, Span, led, says, told
from selfteach.records import digest

CountTokens = Callable[[str], int]
"""How many tokens a text has."""
LEAD_WORDS = 60
MAX_RARE_SHARE = 200
"""A text with fewer than one capital in so many small letters begins its sentences with small ones.
"""
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|[。！？][」』”’）]*|\n+")
_OPENS = re.compile(r"\s*[\"'“‘(\[«]*[^\W_a-z]")
_OPENS_SMALL = re.compile(r"\s*[\"'“‘(\[«]*[^\W_]")
_SHORT = re.compile(
    r"(?:^|[\s(\"'“])(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Lt|Col|Gen|Capt|Rev|Hon|vs|cf|ca|approx|e\.g|i\.e|etc|al|No|Nos|vol|pp|Fig|Eq|"
    r"Inc|Ltd|Co|Corp|(?:[A-Za-z]\.)+[A-Za-z])\.$"
)
_SHORT_SMALL = re.compile(_SHORT.pattern, re.I)
_MIN_WORDS = 3


@dataclass(frozen=True)
class Chunk:
    """A piece of a document. `lead` is the document's first sentence, empty where the piece holds
    it itself.
    """

    document: Document
    span: Span
    sentences: tuple[Span, ...]
    lead: str = ""

    @cached_property
    def id(self) -> str:
        """The hash of the document and the place in it. Computed once: it is asked for with every
        row.
        """
        return digest(["chunk", self.document.id, self.span.start, self.span.end])

    @property
    def title(self) -> str:
        """The document's."""
        return self.document.title

    @property
    def text(self) -> str:
        """The piece as it stands in the document."""
        return self.document.text[self.span.start : self.span.end]

    @property
    def passage(self) -> str:
        """The piece after the document's first sentence: what a model is shown."""
        return f"{self.lead} {self.text}" if self.lead else self.text

    def words(self, sentence: int) -> str:
        """The text of a sentence, on one line, after the line that leads it, where one does."""
        return told(self.document.text, self.sentences[sentence])

    def find_informative_sentences(self) -> list[int]:
        """The sentences that can be asked about."""
        return [i for i, span in enumerate(self.sentences) if says(self.document.text, span)]

    def describe_source(self, sentence: int | None = None) -> dict[str, Any]:
        """Where an example comes from: for `Example.source`. Without a sentence, the whole piece."""
        span = self.span if sentence is None else self.sentences[sentence]
        found: dict[str, Any] = {
            "document": self.document.id,
            "file": self.document.source,
            "title": self.title,
            "start": span.start,
            "end": span.end,
        }
        page = self.document.page(span.start)
        return (
            found
            | ({"page": page} if page is not None else {})
            | ({} if sentence is None else {"sentence": sentence})
        )


def find_sentence_spans(
    text: str, start: int = 0, end: int | None = None, *, small: bool | None = None
) -> list[Span]:
    """The sentences between two places. An initial ("J. Smith") or an abbreviation ends none, nor
    does a stop before a small letter where the text has capitals.

    A line break ends one: what is no sentence (a heading, an item of a list) stands alone, without
    the mark of an item.

    Args:
        small: whether the text is `is_uncapitalized`, where that is known already.
    """
    end = len(text) if end is None else end
    opens, short = (
        (_OPENS_SMALL, _SHORT_SMALL)
        if (is_uncapitalized(text) if small is None else small)
        else (_OPENS, _SHORT)
    )
    found, begin = [], _skip_item_mark(text, start, end)
    for match in _END.finditer(text, start, end):
        if match.end() <= begin:
            continue
        if match[0][0] in ".!?…" and not (
            opens.match(text, match.end(), end)
            and not short.search(text[max(begin, match.end() - 20) : match.end()])
        ):
            continue
        found.append(_trim_span(text, begin, match.end()))
        begin = _skip_item_mark(text, match.end(), end)
    found.append(_trim_span(text, begin, end))
    return [span for span in found if span.end > span.start]


def is_uncapitalized(text: str) -> bool:
    """Whether a text has next to no capital letters, of whatever script; one without small letters
    is none.
    """
    return MAX_RARE_SHARE * sum(map(str.isupper, text)) < sum(map(str.islower, text))


def _skip_item_mark(text: str, start: int, end: int) -> int:
    """Where a line's words begin, after the mark of an item."""
    mark = MARK.match(text, start, end) if not start or text[start - 1] == "\n" else None
    return mark.end() if mark else start


def split_document_sentences(document: Document) -> list[Span]:
    """The sentences of a whole document, each with what leads it."""
    return led(document.text, find_sentence_spans(document.text), document.title)


def _trim_span(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def split_chunks(document: Document, count: CountTokens, max_tokens: int = 512) -> list[Chunk]:
    """The pieces of a document, each of at most `max_tokens` tokens with its lead: whole paragraphs
    where they fit, else whole sentences, else words.

    Args:
        count: how many tokens a text has; a piece's are taken for the sum of its parts' and one for
            each join.

    Raises:
        ValueError: `max_tokens` has no room for a word beside the lead.
    """
    text = document.text
    all_sentences = split_document_sentences(document)
    lead = (
        " ".join(text[all_sentences[0].start : all_sentences[0].end].split())
        if all_sentences
        else ""
    )
    if len(lead.split()) > LEAD_WORDS or count(lead) > max_tokens // 3:
        lead = ""
    room = max_tokens - (count(lead) + 1 if lead else 0)
    if room < _MIN_WORDS:
        raise ValueError(f"chunks of {max_tokens} tokens leave no room for text")
    spans = _pack_spans(list(_split_parts(text, count, room)), room)
    return [
        Chunk(
            document, span, tuple(_clip_sentences(all_sentences, span)), "" if number == 0 else lead
        )
        for number, span in enumerate(spans)
    ]


def _split_parts(text: str, count: CountTokens, room: int) -> Iterator[tuple[Span, int]]:
    """(span, tokens) of the largest parts that fit: paragraphs, sentences, or words."""
    small = is_uncapitalized(text)
    breaks = [0, *(match.end() for match in re.finditer(r"\n\n", text)), len(text)]
    for start, end in pairwise(breaks):
        paragraph = _trim_span(text, start, end)
        for span in (
            _split_to_fit(text, paragraph, count, room, small)
            if paragraph.end > paragraph.start
            else ()
        ):
            yield span, count(text[span.start : span.end])


def _split_to_fit(
    text: str, span: Span, count: CountTokens, room: int, small: bool
) -> Iterator[Span]:
    if count(text[span.start : span.end]) <= room:
        yield span
        return
    inner = find_sentence_spans(text, span.start, span.end, small=small)
    if len(inner) > 1:
        for sentence in inner:
            yield from _split_to_fit(text, sentence, count, room, small)
        return
    middle = (span.start + span.end) // 2
    cut = next((i for i in range(middle, span.end) if text[i].isspace()), middle)
    for half in (_trim_span(text, span.start, cut), _trim_span(text, cut, span.end)):
        if half.end > half.start:
            yield from (
                _split_to_fit(text, half, count, room, small)
                if half != span and len(text[half.start : half.end]) > 1
                else (half,)
            )


def _pack_spans(parts: Sequence[tuple[Span, int]], room: int) -> list[Span]:
    """Neighbours together, as many as fit."""
    found: list[Span] = []
    filled = 0
    for span, tokens in parts:
        if found and filled + 1 + tokens <= room:
            found[-1] = Span(found[-1].start, span.end)
            filled += 1 + tokens
        else:
            found.append(span)
            filled = tokens
    return found


def _clip_sentences(sentences: Sequence[Span], span: Span) -> Iterator[Span]:
    """The sentences of a piece, cut at its ends."""
    first = bisect_right(sentences, span.start, key=lambda s: s.end)
    for n in range(first, len(sentences)):
        sentence = sentences[n]
        if sentence.start >= span.end:
            return
        yield replace(
            sentence, start=max(sentence.start, span.start), end=min(sentence.end, span.end)
        )
