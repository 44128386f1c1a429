"""Cut a document into chunks that fit a prompt, and into sentences with their places.

Departs from Self-Learning-llm (arXiv 2406.11275), which asks about whole documents of one
paragraph.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, pairwise

import regex

from selfteach.materials.documents import Document
from selfteach.materials.documents.listed import (
    MARK,
    Span,
    assign_heads,
    find_recited,
    format_sentence,
    is_informative,
    join_rows,
)
from selfteach.records import JsonObject, digest
from selfteach.sentences import (
    END_CHARS,
    PICTURE,
    SPACED_MARKS,
    UNSPACED_MARKS,
    begins_many_sentences,
    is_open_stop,
)

SentencePlace = tuple[str, int]
"""The document's id, and where the sentence starts in it."""
CountTokens = Callable[[str], int]
"""Counts the tokens of a text."""
LEAD_WORDS = 60
MAX_RARE_SHARE = 200
"""Lower-case letters for one capital above which a text counts as uncapitalized."""
_CLOSERS = r"(?:[\"'”’“«»‹›)\]*_]|[ \u00a0\u202f]»(?=\s|$))*+"
_OPENERS = r"[\"'“‘„‚«‹»›(\[¿¡*_]*"
_END = re.compile(
    rf"(?<![{SPACED_MARKS}])[{SPACED_MARKS}]++{_CLOSERS}(?=\s)|[{UNSPACED_MARKS}][」』”’）]*|\n+"
)
_OPENS = regex.compile(
    rf"\s*(?:{PICTURE}\s*)*{_OPENERS}(?:(?<=«)\s)?[\p{{Lu}}\p{{Lt}}\p{{Lo}}\p{{N}}]"
)
"""The beginning of a sentence: a capital, a number, or a letter of a script without capitals."""
_OPENS_SMALL = re.compile(rf"\s*{_OPENERS}[^\W_]")
_LETTERS = re.compile(r"(?:^|[\s(\"'“])(?![ap]\.?m\.)(?:[a-z]|(?:[a-z]\.)+[a-z])\.$", re.I)
"""A letter, or letters with stops between them: "J.", "U.S."."""
_NUMBERED = re.compile(r"(?:^|[\s(])(?:[Nn]os?|Nr|[Ff]igs?|Eq|[Vv]ol|Art|Kap|Bd|[Cc]h)\.$")
_ROMAN = re.compile(r"[IVXLC]{2,}\b|[B-HJ-Z]\b(?!\.)")
"""What is counted in letters: "vol. II", "Fig. B"."""
_SHORT_SMALL = re.compile(
    r"(?:^|[\s(\"'“])(?:[a-z]|mr|mrs|ms|dr|prof|st|sr|jr|lt|col|gen|capt|rev|hon|"
    r"vs|cf|ca|approx|e\.g|i\.e|etc|al|no|nos|vol|pp|fig|eq|"
    r"inc|ltd|co|corp|(?:[a-z]\.)+[a-z])\.$",
    re.I,
)
"""What ends no sentence in a text without capitals."""
_MIN_WORDS = 3


@dataclass(frozen=True)
class Chunk:
    """Hold a piece of a document.

    `lead` is the document's first sentence; "" if the piece itself has it.
    """

    document: Document
    span: Span
    sentences: tuple[Span, ...]
    lead: str = ""

    @cached_property
    def id(self) -> str:
        """Return the hash of the document and the place in it."""
        return digest(["chunk", self.document.id, self.span.start, self.span.end])

    @property
    def title(self) -> str:
        """Return the title of the document."""
        return self.document.title

    @property
    def text(self) -> str:
        """Return the piece as it is in the document."""
        return self.document.text[self.span.start : self.span.end]

    @property
    def passage(self) -> str:
        """Return the piece after the document's first sentence, as a model reads it."""
        return f"{self.lead} {self.text}" if self.lead else self.text

    def words(self, sentence: int) -> str:
        """Return the text of a sentence on one line, after its head."""
        return format_sentence(self.document.text, self.sentences[sentence])

    def find_informative_sentences(self) -> list[int]:
        """Return the numbers of the sentences that questions can be about."""
        text, headings = self.document.text, self.document.headings
        return [i for i, span in enumerate(self.sentences) if is_informative(text, span, headings)]

    def find_recited_sentences(self) -> list[int]:
        """Return the numbers of the sentences that are recited with the piece, the short ones too.

        A short one says "She died in 1921.": its place among the others tells about whom.
        """
        return find_recited(self.document.text, self.sentences, self.document.headings)

    def get_place(self, sentence: int | None) -> SentencePlace:
        """Return the place of a sentence; None is the whole piece."""
        span = self.span if sentence is None else self.sentences[sentence]
        return self.document.id, span.start

    def describe_source(self, sentence: int | None = None) -> JsonObject:
        """Return the origin of an example, for `Example.source`.

        Args:
            sentence: the number of a sentence; None is the whole piece.
        """
        span = self.span if sentence is None else self.sentences[sentence]
        found: JsonObject = {
            "document": self.document.id,
            "file": self.document.source,
            "title": self.title,
            "start": span.start,
            "end": span.end,
        }
        page = self.document.page(span.start)
        if page is not None:
            found["page"] = page
        if sentence is not None:
            found["sentence"] = sentence
        return found


def find_sentence_spans(
    text: str, start: int = 0, end: int | None = None, *, small: bool | None = None
) -> list[Span]:
    """Return the sentences between two places.

    A line break ends a sentence, so a heading or an item of a list is one, without its mark. An
    initial ("J. Smith") or an abbreviation ends none, nor does a stop before a lower-case letter if
    the text has capitals.

    Args:
        small: the result of `is_uncapitalized` for the text, if it is known already.
    """
    end = len(text) if end is None else end
    small = is_uncapitalized(text) if small is None else small
    opens = _OPENS_SMALL if small else _OPENS
    found = []
    begin = _skip_item_mark(text, start, end)
    for match in _END.finditer(text, start, end):
        if match.end() <= begin:
            continue
        before = text[max(begin, match.end() - 20) : match.end()]
        if match[0][0] in SPACED_MARKS and (
            not opens.match(text, match.end(), end)
            or (small and _SHORT_SMALL.search(before))
            or (match[0] == "." and _is_open_stop(text, begin, match.start(), end))
        ):
            continue
        found.append(_trim_span(text, begin, match.end()))
        begin = _skip_item_mark(text, match.end(), end)
    found.append(_trim_span(text, begin, end))
    return [span for span in found if span.end > span.start]


def _is_open_stop(text: str, start: int, stop: int, end: int) -> bool:
    """Tell whether a stop ends no sentence. A passage has more initials, "by J. Smith", than an
    answer has single letters at the end of a sentence.
    """
    after = text[stop + 1 : min(end, stop + 1 + END_CHARS)].lstrip()
    letters = _LETTERS.search(text[max(start, stop - 20) : stop + 1])
    if letters and not begins_many_sentences(after):
        return True
    if _NUMBERED.search(text[max(start, stop - 20) : stop + 1]) and _ROMAN.match(after):
        return True
    return is_open_stop(text, start, stop, after)


def is_uncapitalized(text: str) -> bool:
    """Tell whether a text has lower-case letters of any script, and almost no capitals."""
    return MAX_RARE_SHARE * sum(map(str.isupper, text)) < sum(map(str.islower, text))


def _skip_item_mark(text: str, start: int, end: int) -> int:
    """Return the start of a line's words, after the mark of an item."""
    mark = MARK.match(text, start, end) if not start or text[start - 1] == "\n" else None
    return mark.end() if mark else start


def split_document_sentences(document: Document) -> list[Span]:
    """Return the sentences of a whole document with their heads."""
    text = document.text
    spans = join_rows(text, find_sentence_spans(text), document.rows)
    return assign_heads(text, spans, document.title, document.rows, document.headings)


def _trim_span(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def split_chunks(document: Document, count: CountTokens, max_tokens: int = 512) -> list[Chunk]:
    """Return the pieces of a document, each of at most `max_tokens` tokens with its lead.

    The parts of a piece are whole paragraphs if they fit, else whole sentences, else words.

    Args:
        count: counts the tokens of a text. A piece has the sum of its parts, each counted with what
            stands before it.
        max_tokens: largest number of tokens of a piece.

    Raises:
        ValueError: `max_tokens` has no room for words besides the lead.
    """
    text = document.text
    sentences = split_document_sentences(document)
    lead = ""
    if sentences:
        lead = " ".join(text[sentences[0].start : sentences[0].end].split())
    if len(lead.split()) > LEAD_WORDS or count(lead) > max_tokens // 3:
        lead = ""
    room = max_tokens - (count(lead) + 1 if lead else 0)
    if room < _MIN_WORDS:
        raise ValueError(f"chunks of {max_tokens} tokens leave no room for text")
    spans = _pack_spans(text, list(_split_parts(text, count, room)), count, room)
    return [
        Chunk(document, span, tuple(_clip_sentences(sentences, span)), lead if number else "")
        for number, span in enumerate(spans)
    ]


def _split_parts(text: str, count: CountTokens, room: int) -> Iterator[tuple[Span, int]]:
    """Yield (span, tokens) of the largest parts that fit: paragraphs, sentences, or words."""
    small = is_uncapitalized(text)
    breaks = [0, *(match.end() for match in re.finditer(r"\n\n", text)), len(text)]
    for start, end in pairwise(breaks):
        paragraph = _trim_span(text, start, end)
        for span in _split_to_fit(text, paragraph, count, room, small):
            yield span, count(text[span.start : span.end])


def _split_to_fit(
    text: str, span: Span, count: CountTokens, room: int, small: bool
) -> Iterator[Span]:
    if span.end - span.start < 2 or count(text[span.start : span.end]) <= room:
        if span.end > span.start:
            yield span
        return
    parts = find_sentence_spans(text, span.start, span.end, small=small)
    if len(parts) < 2:
        middle = (span.start + span.end) // 2
        cut = next((i for i in range(middle, span.end) if text[i].isspace()), middle)
        parts = [_trim_span(text, span.start, cut), _trim_span(text, cut, span.end)]
    for part in parts:
        yield from _split_to_fit(text, part, count, room, small)


def _pack_spans(
    text: str, parts: Sequence[tuple[Span, int]], count: CountTokens, room: int
) -> list[Span]:
    """Join neighbors, as many as fit."""
    found: list[Span] = []
    filled = 0
    for span, tokens in parts:
        joined = count(text[found[-1].end : span.end]) if found else 0
        if found and filled + joined <= room:
            found[-1] = Span(found[-1].start, span.end)
            filled += joined
        else:
            found.append(span)
            filled = tokens
    return found


def _clip_sentences(sentences: Sequence[Span], span: Span) -> Iterator[Span]:
    """Yield the sentences of a piece, cut at its ends."""
    first = bisect_right(sentences, span.start, key=lambda sentence: sentence.end)
    for sentence in islice(sentences, first, None):
        if sentence.start >= span.end:
            return
        start = max(sentence.start, span.start)
        yield replace(sentence, start=start, end=min(sentence.end, span.end))
