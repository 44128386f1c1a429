"""The text of checks: quote a value, join checks, find demands that no answer can meet together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_CONDITION = re.compile(
    r"""(?P<not>not\s+)?(?P<name>[a-z_]+)\s*=?\s*(?P<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s()"']+)"""
)
_ONE_VALUE = ("starts", "ends", "language", "spelling")
"""An answer meets these for one value only."""


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
        return f"{'not ' if self.negated else ''}{self.name}{mark}{self.value}"


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


_LETTERS = {r"\p{Lu}", r"\p{Ll}"}
"""A text without both has no letters."""
_UNITS = ("characters", "words", "sentences", "paragraphs")


def find_clash(first: str, second: str) -> tuple[CheckDemand, CheckDemand] | None:
    """Return a demand of each check that no answer can meet together, or None."""
    for one in list_conditions(first):
        for other in list_conditions(second):
            if clash(one, other):
                return one, other
    return None


def clash(one: CheckDemand, other: CheckDemand) -> bool:
    """Return whether no answer can meet both demands."""
    if one.name == other.name and _fold(one) == _fold(other):
        return one.negated != other.negated
    if one.negated != other.negated:
        forbidden, wanted = (one, other) if one.negated else (other, one)
        is_text = wanted.name in ("starts", "ends", "contains") and forbidden.name == "contains"
        return (
            is_text and re.search(rf"\b{re.escape(_fold(forbidden))}\b", _fold(wanted)) is not None
        )
    if one.negated:
        return {one.value, other.value} == _LETTERS and one.name == other.name == "regex"
    if one.name == other.name == "format":
        return True
    if one.name == other.name and one.name in _ONE_VALUE:
        return not _agree(one, other)
    return _leave_no_room(one, other) or _leave_no_room(other, one)


def _fold(demand: CheckDemand) -> str:
    return demand.value if demand.name == "regex" else demand.value.casefold()


def _agree(one: CheckDemand, other: CheckDemand) -> bool:
    """Return whether two beginnings, or two endings, fit into one answer."""
    first, second = _fold(one), _fold(other)
    if one.name == "starts":
        return first.startswith(second) or second.startswith(first)
    return one.name == "ends" and (first.endswith(second) or second.endswith(first))


def _leave_no_room(least: CheckDemand, most: CheckDemand) -> bool:
    """Return whether a lower bound is above an upper bound of the same unit."""
    unit = least.name.removeprefix("min_")
    if least.name == unit or not most.name.startswith("max_"):
        return False
    other = most.name.removeprefix("max_")
    # a paragraph has a sentence or more, a sentence a word, and a word a character
    is_comparable = _UNITS.index(unit) >= _UNITS.index(other)
    return is_comparable and int(least.value) > int(most.value)
