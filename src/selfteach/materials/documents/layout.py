"""Join wrapped lines into paragraphs, which blank lines separate."""

from __future__ import annotations

import re
from collections.abc import Iterator

WRAPPED_LENGTHS = range(40, 121)
"""Lengths, in characters, of a line that the next line continues. A shorter line is a heading or a
verse, a longer one a whole paragraph.
"""
_BULLET = re.compile(r"[-*+•–—◦▪●]\s|\(?\d{1,3}[.)]\s|#{1,6}\s|\|")
_HYPHEN = re.compile(r"\w-$")


def join_wrapped_lines(text: str) -> str:
    """Return the text with single spaces, joined lines, and blank lines between paragraphs."""
    blocks: list[list[str]] = [[]]
    for line in text.split("\n"):
        if words := line.split():
            blocks[-1].append(" ".join(words))
        elif blocks[-1]:
            blocks.append([])
    return "\n\n".join("\n".join(_join_lines(lines)) for lines in blocks if lines)


def _join_lines(lines: list[str]) -> Iterator[str]:
    last = lines[0]
    parts = [last]
    for line in lines[1:]:
        if len(last) not in WRAPPED_LENGTHS or _BULLET.match(line):
            yield "".join(parts)
            parts = [line]
        elif _HYPHEN.search(last) and line[0].islower():
            parts[-1] = parts[-1][:-1]  # the word was divided at the end of the line
            parts.append(line)
        else:
            parts.append(f" {line}")
        last = line
    yield "".join(parts)
