"""Join wrapped lines into paragraphs, which blank lines separate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf

import regex

from selfteach.materials.documents.listed import (
    MAX_HEAD_WORDS,
    MIN_WORDS,
    QUESTION,
    VALUE,
    count_words,
    may_be_heading,
)
from selfteach.sentences import GERMAN_MONTHS, SENTENCE_MARKS
from selfteach.text import UNSPACED

WRAPPED_LENGTHS = range(40, 121)
"""Lengths, in characters, of a line that the next line continues. A shorter line is a heading or a
verse, a longer one a whole paragraph.
"""
COLUMN_CHARS = 25
"""The least width of a column whose wrapped lines are all shorter than WRAPPED_LENGTHS."""
_BULLET = re.compile(rf"[-*+•–—◦▪●]\s|\(?\d{{1,3}}[.)]\s(?!(?:{GERMAN_MONTHS})\b)|#{{1,6}}\s|\|")
_UNSURE_BULLET = re.compile(r"[-–—]\s|\(?\d{1,3}[.)]\s")
"""The mark of an item, or a dash or a number within a sentence."""
_BEFORE_ITEM = re.compile(rf"[{SENTENCE_MARKS}:：;][\"'”’“«»‹›)\]」』）]*$")
"""The end of a line behind which a list may begin."""
MAX_WORD_CHARS = 20
KEPT_BREAK = "\0"
"""A line break of the author, in code or in verse: no wrapped line goes on behind it."""
_RULE = re.compile(r"([=\-_*~#])\1{2,}$")
"""A line of signs under a heading or between parts."""
_UNDERLINE = re.compile(r"([=\-~])\1{3,}$")
_MAX_DIFFERENCE = 3
"""How much longer or shorter than its heading, in characters, an underline may be."""
_KEPT_BREAKS = re.compile(f"{KEPT_BREAK}+")
_HYPHEN = re.compile(r"\w[-‐]$")
_JOINS_WORDS = re.compile(r"(?:und|oder|bis|and|or)\b")
"""A word before which a hyphen stands for the rest of a word: "Ein- und Ausfuhr"."""
JOINT_CHARS = 8
"""Characters of a part's end that decide how it is joined with the next."""
_SOFT_HYPHEN = "\u00ad"
"""A hyphen that is only seen where a line is divided at it."""
_UNSPACED_END = regex.compile(rf"(?:{UNSPACED}\p{{M}}*|[。、，；：！？」』）》])$")
_UNSPACED_START = regex.compile(rf"{UNSPACED}|[「『（《]")


def join_wrapped_lines(text: str) -> str:
    """Return the text with single spaces, joined lines, and blank lines between paragraphs. Each
    KEPT_BREAK in it becomes a line break.

    The first line is a heading and not joined if it may be one (`may_be_heading`) and was not
    wrapped: the next line begins with a capital, and its first word had room before it.
    """
    blocks: list[list[str]] = [[]]
    for line in text.split("\n"):
        if words := _join_words(line):
            blocks[-1].append(words)
        elif blocks[-1]:
            blocks.append([])
    if _begins_with_heading(blocks[0]):
        blocks[:1] = [blocks[0][:1], blocks[0][1:]]
    joined = "\n\n".join("\n".join(_join_lines(lines)) for lines in blocks if lines)
    return _KEPT_BREAKS.sub(lambda found: "\n" * min(len(found[0]), 2), joined)


def part_underlined_headings(text: str) -> tuple[str, list[str]]:
    """Return a plain text whose underlined headings stand between blank lines and without their
    lines of signs, and these headings. Text follows each of them.

    A line of signs that also stands below a line of another length separates parts.
    """
    lines = [line.strip() for line in text.split("\n")]
    last = max((n for n, line in enumerate(lines) if any(map(str.isalnum, line))), default=0)
    separators = {
        line
        for above, line in pairwise(lines)
        if above and _UNDERLINE.match(line) and not _is_as_long(above, line)
    }
    kept = list[str]()
    headings = list[str]()
    for n, line in enumerate(text.split("\n")):
        is_underline = lines[n] not in separators and _is_underline(
            lines[n], [above.strip() for above in kept[-2:]]
        )
        if is_underline and n < last:
            headings.append(kept.pop().strip())
            if kept and _UNDERLINE.match(kept[-1].strip()):
                kept.pop()
            kept += ["", headings[-1], ""]
        else:
            kept.append(line)
    return "\n".join(kept), headings


def _is_as_long(heading: str, line: str) -> bool:
    return abs(len(heading) - len(line)) <= _MAX_DIFFERENCE


def _is_underline(line: str, above: Sequence[str]) -> bool:
    """Tell whether a line underlines a heading, of about its length.

    Args:
        above: the two lines above it. The first one is blank, or a line of signs, too.
    """
    if not above or not _UNDERLINE.match(line):
        return False
    heading = above[-1]
    is_sentence = _BEFORE_ITEM.search(heading) and not QUESTION.search(heading)
    return (
        (len(above) == 1 or not above[0] or _UNDERLINE.match(above[0]) is not None)
        and _is_as_long(heading, line)
        and any(map(str.isalnum, heading))
        and VALUE.match(heading) is None
        and count_words(heading) <= MAX_HEAD_WORDS
        and not (is_sentence and count_words(heading) >= MIN_WORDS)
    )


_SPEAKS = re.compile(r"(?:[AQ]|Answer|Question|Antwort|Frage): ")
"""The beginning of a question or an answer in a list of them."""


def continues_list(before: str, after: str) -> bool:
    """Return whether a text begins with an item, a heading or a row. A dash or a number may stand
    within a sentence, unless the line before it is an item, too.
    """
    last = before.rpartition("\n")[2]
    is_sure = not _UNSURE_BULLET.match(after) or _BULLET.match(last)
    return _BULLET.match(after) is not None and bool(is_sure)


def _join_words(line: str) -> str:
    """Return a line with single spaces, and without breaks at its ends."""
    parts = [" ".join(part.split()) for part in line.split(KEPT_BREAK)]
    return KEPT_BREAK.join(parts).strip(KEPT_BREAK)


def _begins_with_heading(lines: list[str]) -> bool:
    if len(lines) < 2 or len(lines[0]) not in WRAPPED_LENGTHS:
        return False
    first, second = lines[:2]
    has_room = _count_needed(first, second) <= max(map(len, lines))
    return has_room and second[0].isupper() and may_be_heading(first)


def find_joint(before: str, after: str) -> tuple[int, str]:
    """Return how two parts of a paragraph are joined: how many characters of the first one's end
    are left out, and what is put between them.

    A word that is divided between the parts is joined. It keeps its hyphen before a capital and a
    figure ("mid-1950s"). Scripts without spaces get none.

    Args:
        before: the end of the first part.
    """
    end = before[-JOINT_CHARS:]
    if end.endswith(_SOFT_HYPHEN):
        return 1, ""
    if _HYPHEN.search(end) and not _JOINS_WORDS.match(after):
        if after[:1].islower():
            return 1, ""
        if after[:1].isupper() or after[:1].isdigit():
            return 0, ""
    return 0, "" if _UNSPACED_END.search(end) and _UNSPACED_START.match(after) else " "


def join_lines(lines: Sequence[str]) -> str:
    """Return the lines of a paragraph on one line."""
    parts = list(lines[:1])
    for line in lines[1:]:
        cut, between = find_joint(parts[-1], line)
        parts[-1] = parts[-1][: len(parts[-1]) - cut]
        parts += [between, line]
    return "".join(parts)


def _join_lines(lines: list[str]) -> Iterator[str]:
    width = _find_width(lines)
    last = lines[0]
    parts = [last]
    in_list = _BULLET.match(last) is not None
    for n, line in enumerate(lines[1:], 1):
        is_item = _BULLET.match(line) and (
            in_list
            or not _UNSURE_BULLET.match(line)
            or _BEFORE_ITEM.search(last)
            or any(map(_BULLET.match, lines[n + 1 : n + 2]))
        )
        in_list = in_list or bool(is_item)
        is_wrapped = (
            len(last) in WRAPPED_LENGTHS
            or last.endswith(_SOFT_HYPHEN)
            or _count_needed(last, line) > width
        )
        if not is_wrapped or is_item or _RULE.match(line) or _SPEAKS.match(line):
            yield _remove_soft_hyphens("".join(parts))
            parts = [line]
        else:
            cut, between = find_joint(last, line)
            parts[-1] = parts[-1][: len(parts[-1]) - cut]
            parts += [between, line]
        last = line
    yield _remove_soft_hyphens("".join(parts))


def _find_width(lines: Sequence[str]) -> float:
    """Return the width of a column: the next word had no room in any line of it that goes on.

    It is the widest line, if that is a wrapped one. A column of shorter lines shows itself: no line
    had room for the next word, but where a sentence ends, and one begins with a small letter. Else
    there is no such width.
    """
    width = max(map(len, lines))
    if width in WRAPPED_LENGTHS:
        return width
    is_filled = all(
        _count_needed(one, other) > width or _BEFORE_ITEM.search(one)
        for one, other in pairwise(lines)
    )
    goes_on = any(line[0].islower() for line in lines[1:])
    return width if COLUMN_CHARS <= width < WRAPPED_LENGTHS.start and is_filled and goes_on else inf


def _count_needed(line: str, after: str) -> int:
    """Return how wide a line would be with the first word of the next one. A longer one than
    MAX_WORD_CHARS is an address, or a line of a script without spaces.
    """
    return len(line) + 1 + min(len(after.split(maxsplit=1)[0]), MAX_WORD_CHARS)


def _remove_soft_hyphens(line: str) -> str:
    """Return a line without soft hyphens; one that divides a word at its end becomes a hyphen."""
    if line.endswith(_SOFT_HYPHEN):
        line = f"{line[:-1]}-"
    return line.replace(_SOFT_HYPHEN, "")
