"""Find the parts of an answer that no repair may write otherwise: code, addresses and paths."""

from __future__ import annotations

import re

import regex

CODE_BLOCK = regex.compile(r"^ *```[^\n`]*\n.*?(?:^ *```|\Z)", regex.M | regex.S)
"""A fenced code block; one that a limit of tokens has cut is not closed."""
INLINE_CODE = regex.compile(r"(?<!`)`(?!`)(?P<code>[^`\n]+)`(?!`)")
ADDRESS = r"\S*(?:://|@|\bwww\.)\S*"
_EXACT = regex.compile(
    rf"(?P<block>{CODE_BLOCK.pattern})|{INLINE_CODE.pattern}|{ADDRESS}|(?<![\w/-])--\w[\w-]*|"
    r"(?<![\w/])(?:~|\.{1,2})?/\w\S*",
    regex.M | regex.S,
)
_FENCE = re.compile(r"^ *```", re.M)
_EMOTICON = re.compile(r"[:;=]['-]?\(")
_BLOCK_START = re.compile(r"\s*(?:```|\||#{1,6}\s|[-*•+]\s|\d{1,2}[.)]\s)")
Span = tuple[int, int]


def find_exact_spans(text: str) -> list[Span]:
    """Return the places of code blocks, code within a line, addresses, options and paths."""
    return [found.span() for found in _EXACT.finditer(text)]


def touches(found: re.Match[str], spans: list[Span]) -> bool:
    """Return whether a match lies in one of these places, in part or as a whole."""
    return any(start < found.end() and found.start() < end for start, end in spans)


def drop_code(text: str) -> str:
    """Return a text without its code blocks."""
    return str(CODE_BLOCK.sub("", text))


def begins_block(text: str) -> bool:
    """Return whether a text begins with code, a table, a heading or an item of a list, before which
    nothing can stand in its line.
    """
    return _BLOCK_START.match(text) is not None


def is_open(text: str) -> bool:
    """Return whether a text ends within a code block, a quotation or brackets."""
    if len(_FENCE.findall(text)) % 2:
        return True
    rest = _EMOTICON.sub("", drop_code(text))
    quotes = len(re.findall(r'(?<!\d)"', rest))  # 5" is a length
    return quotes % 2 == 1 or rest.count("“") > rest.count("”") or rest.count("(") > rest.count(")")
