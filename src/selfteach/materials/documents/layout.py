"""Join wrapped lines into paragraphs, which blank lines separate."""

from __future__ import annotations

import re
from collections.abc import Iterator

import regex

from selfteach.materials.documents.listed import may_be_heading
from selfteach.text import UNSPACED

WRAPPED_LENGTHS = range(40, 121)
"""Lengths, in characters, of a line that the next line continues. A shorter line is a heading or a
verse, a longer one a whole paragraph.
"""
_BULLET = re.compile(r"[-*+•–—◦▪●]\s|\(?\d{1,3}[.)]\s|#{1,6}\s|\|")
_RULE = re.compile(r"([=\-_*~#])\1{2,}$")
"""A line of signs under a heading or between parts."""
_HYPHEN = re.compile(r"\w[-‐]$")
JOINT_CHARS = 8
"""Characters of a part's end that decide how it is joined with the next."""
_SOFT_HYPHEN = "\u00ad"
"""A hyphen that is only seen where a line is divided at it."""
_UNSPACED_END = regex.compile(rf"(?:{UNSPACED}\p{{M}}*|[。、，；：！？」』）》])$")
_UNSPACED_START = regex.compile(rf"{UNSPACED}|[「『（《]")


def join_wrapped_lines(text: str) -> str:
    """Return the text with single spaces, joined lines, and blank lines between paragraphs.

    The first line is a heading and not joined if it may be one (`may_be_heading`) and was not
    wrapped: the next line begins with a capital, and its first word had room before it.
    """
    blocks: list[list[str]] = [[]]
    for line in text.split("\n"):
        if words := line.split():
            blocks[-1].append(" ".join(words))
        elif blocks[-1]:
            blocks.append([])
    if _begins_with_heading(blocks[0]):
        blocks[:1] = [blocks[0][:1], blocks[0][1:]]
    return "\n\n".join("\n".join(_join_lines(lines)) for lines in blocks if lines)


def _begins_with_heading(lines: list[str]) -> bool:
    if len(lines) < 2 or len(lines[0]) not in WRAPPED_LENGTHS:
        return False
    first, second = lines[:2]
    needed = len(first) + 1 + len(second.split()[0])
    has_room = needed <= max(map(len, lines))
    return has_room and second[0].isupper() and may_be_heading(first)


def find_joint(before: str, after: str) -> tuple[int, str]:
    """Return how two parts of a paragraph are joined: how many characters of the first one's end
    are left out, and what is put between them.

    A word that is divided between the parts is joined, and scripts without spaces get none.

    Args:
        before: the end of the first part.
    """
    end = before[-JOINT_CHARS:]
    if end.endswith(_SOFT_HYPHEN) or (_HYPHEN.search(end) and after[:1].islower()):
        return 1, ""
    return 0, "" if _UNSPACED_END.search(end) and _UNSPACED_START.match(after) else " "


def _join_lines(lines: list[str]) -> Iterator[str]:
    last = lines[0]
    parts = [last]
    for line in lines[1:]:
        is_wrapped = len(last) in WRAPPED_LENGTHS or last.endswith(_SOFT_HYPHEN)
        if not is_wrapped or _BULLET.match(line) or _RULE.match(line):
            yield _remove_soft_hyphens("".join(parts))
            parts = [line]
        else:
            cut, between = find_joint(last, line)
            parts[-1] = parts[-1][: len(parts[-1]) - cut]
            parts += [between, line]
        last = line
    yield _remove_soft_hyphens("".join(parts))


def _remove_soft_hyphens(line: str) -> str:
    """Return a line without soft hyphens; one that divides a word at its end becomes a hyphen."""
    if line.endswith(_SOFT_HYPHEN):
        line = f"{line[:-1]}-"
    return line.replace(_SOFT_HYPHEN, "")
