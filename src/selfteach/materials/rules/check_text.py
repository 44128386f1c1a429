"""The text of checks: quote a value, join checks, list the conditions of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from selfteach.text import BULLETS, shorten_text

_CONDITION = re.compile(
    r"""(?P<not>not\s+)?(?P<name>[a-z_]+)\s*=?\s*(?P<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s()"']+)"""
)
BULLET = rf"(?:[{BULLETS}]|\\+(?![ \\t]*\\d))"
"""The pattern of a bullet, as it stands in quotation marks in a check."""
_NUMBER = r"\\(?\\d{1,2}[.)]"
_BOLD = r"(?:\\*\\*|__)"
ITEM_MARK = (
    rf"[ \\t]*(?:{BULLET}|{_NUMBER}|{_BOLD}{_NUMBER}"
    rf"(?:{_BOLD}|(?=[^\\n]*?{_BOLD}[^\\w\\s]?[ \\t]+\\S)))[ \\t]"
)
"""The same of what stands before the words of a list item; a line that is all bold is a heading."""
LIST_ITEM = rf"(?:^|\\n){ITEM_MARK}"
"""The same of the beginning of a list item."""


def quote_value(value: str) -> str:
    """Return a value in quotation marks, as a condition of a check has it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def join_checks(checks: Sequence[str]) -> str:
    """Return the check that all these checks must hold."""
    different = list(dict.fromkeys(checks))
    if len(different) == 1:
        return different[0]
    return " and ".join(f"({check})" if " or " in check else check for check in different)


class CheckDemand(NamedTuple):
    """Hold one condition that a check demands of every answer."""

    name: str
    value: str
    negated: bool = False

    def __str__(self) -> str:
        mark = "=" if re.fullmatch(r"\w+", self.value) and "_" in self.name else " "
        return f"{'not ' if self.negated else ''}{self.name}{mark}{shorten_text(self.value)}"


@lru_cache(maxsize=1024)
def list_conditions(check: str) -> tuple[CheckDemand, ...]:
    """Return the conditions of a check that is a conjunction; what stands in an "or" is no demand.

    `not (a or b)` demands `not a` and `not b`.
    """
    found: list[CheckDemand] = []
    for part in _split_top(check, "and"):
        negated = re.fullmatch(r"not\s*\((.*)\)", part, re.S)
        inner = re.fullmatch(r"\((.*)\)", part, re.S)
        if negated:
            parts = _split_top(negated[1], "or")
            matches = [_CONDITION.fullmatch(each) for each in parts]
            found += [_make_condition(match, True) for match in matches if match]
        elif inner and len(_split_top(inner[1], "or")) == 1:
            found += list_conditions(inner[1])
        elif match := _CONDITION.fullmatch(part):
            found.append(_make_condition(match, False))
    return tuple(found)


def _make_condition(match: re.Match[str], negated: bool) -> CheckDemand:
    value = re.sub(r"""^(["'])(.*)\1$""", r"\2", match["value"], flags=re.S)
    value = value.replace('\\"', '"').replace("\\\\", "\\")
    return CheckDemand(match["name"], value, bool(match["not"]) != negated)


def _split_top(check: str, word: str) -> list[str]:
    """Split a check at a word that stands outside of parentheses and quotation marks."""
    tokens = re.findall(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[()]|\s+|[^\s()"']+|["']""", check)
    parts = [""]
    depth = 0
    for token in tokens:
        depth += (token == "(") - (token == ")")
        if depth == 0 and token.lower() == word:
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts]
