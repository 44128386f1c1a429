"""Find the parts of an answer that no repair may write otherwise: code, addresses and paths; and
whether a text ends within something.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

import regex

from selfteach.text import BULLETS

CODE_BLOCK = regex.compile(r"^ *```[^\n`]*\n.*?(?:^ *```|\Z)", regex.M | regex.S)
"""A fenced code block; one that a limit of tokens has cut is not closed."""
INLINE_CODE = regex.compile(r"(?<!`)(?P<marks>`+)(?!`)(?P<code>[^`\n]+)(?P=marks)(?!`)")
ADDRESS = r"(?:(?<!\S)|(?<=`)(?!`))\S*?(?:://|@|\bwww\.)\S*"
"""An address, tried once for each word."""
_EXACT = regex.compile(
    rf"(?P<block>{CODE_BLOCK.pattern})|{INLINE_CODE.pattern}|{ADDRESS}|(?<![\w/-])--\w[\w-]*|"
    r"(?<![\w/])(?:~|\.{1,2})?/\w\S*",
    regex.M | regex.S,
)
NO_PYTHON_NAME = (
    r"(?!(?:name|main|init|file|doc|dict|all|str|repr|len|call|enter|exit|version|slots|iter|eq|"
    r"hash|class|import)__)"
)
"""A pattern behind "__" that makes it no sign of bold words: "__name__" is code."""
_FENCE = re.compile(r"^ *```", re.M)
_EMOTICON = re.compile(r"[:;=]['-]?\(+|\(['-]?[:;=](?!\w)")
_DOUBLE_QUOTE = re.compile(r'(?P<length>[\d½¼¾⅓⅔⅛])?"')
_BLOCK_START = re.compile(
    rf"\s*(?:```|\||#{{1,6}}\s|[{BULLETS}+]\s|(?:\*\*|__)?\(?\d{{1,2}}[.)](?:\*\*|__)?\s)"
)
Span = tuple[int, int]


def find_exact_spans(text: str) -> list[Span]:
    """Return the places of code blocks, code within a line, addresses, options and paths."""
    return [found.span() for found in _EXACT.finditer(text)]


def touches(found: re.Match[str], spans: Sequence[Span]) -> bool:
    """Return whether a match lies in one of these places, in part or as a whole.

    Args:
        spans: in their order, without overlaps.
    """
    place = bisect_right(spans, found.start(), key=lambda span: span[1])
    return place < len(spans) and spans[place][0] < found.end()


def drop_code(text: str) -> str:
    """Return a text without its code blocks."""
    return str(CODE_BLOCK.sub("", text))


def keep_prose(text: str) -> str:
    """Return a text without its code, also that within a line; a text of code alone as it is."""
    prose = str(INLINE_CODE.sub("", drop_code(text)))
    return prose if any(map(str.isalpha, prose)) else text


def begins_block(text: str) -> bool:
    """Return whether a text begins with code, a table, a heading or an item of a list, before which
    nothing can stand in its line.
    """
    return _BLOCK_START.match(text) is not None


def is_open(text: str) -> bool:
    """Return whether a text ends within a code block, a quotation or brackets."""
    rest = str(INLINE_CODE.sub("", text))
    if len(_FENCE.findall(rest)) % 2:
        return True
    rest = _EMOTICON.sub("", drop_code(rest))
    last = rest.rstrip().rpartition("\n\n")[2]  # each paragraph of a speech opens it again
    is_quoted = False
    for found in _DOUBLE_QUOTE.finditer(last):  # 5" is a length where no quotation is open
        is_quoted = not is_quoted and not found["length"]
    if "„" in last:
        is_quoted = is_quoted or last.count("„") > last.count("“") + last.count("”")
    else:
        is_quoted = is_quoted or last.count("“") > last.count("”")
    return is_quoted or rest.count("(") > rest.count(")")
