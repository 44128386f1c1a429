"""Lines become paragraphs: blank lines part them, lines that were wrapped for the page are joined
again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

WRAPPED_LENGTHS = range(40, 121)
"""How long a line is, in characters, that goes on in the next one: shorter is a heading or a verse,
longer a whole paragraph.
"""
_BULLET = re.compile(r"[-*+•–—◦▪●]\s|\(?\d{1,3}[.)]\s|#{1,6}\s|\|")
_HYPHEN = re.compile(r"\w-$")


def join_wrapped_lines(text: str) -> str:
    """The text with single spaces, one blank line between paragraphs, and wrapped lines joined."""
    blocks: list[list[str]] = [[]]
    for line in text.split("\n"):
        if words := line.split():
            blocks[-1].append(" ".join(words))
        elif blocks[-1]:
            blocks.append([])
    return "\n\n".join("\n".join(_join_lines(lines)) for lines in blocks if lines)


def _join_lines(lines: list[str]) -> Iterator[str]:
    parts: list[str] = []
    last = ""
    for line in lines:
        goes_on = bool(parts) and len(last) in WRAPPED_LENGTHS and not _BULLET.match(line)
        if goes_on and _HYPHEN.search(last) and line[0].islower():
            parts[-1] = parts[-1][:-1]  # a word that was divided at the line's end
            parts.append(line)
        elif goes_on:
            parts.append(f" {line}")
        else:
            if parts:
                yield "".join(parts)
            parts = [line]
        last = line
    if parts:
        yield "".join(parts)
