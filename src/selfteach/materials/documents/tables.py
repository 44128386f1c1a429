"""A row of a table as a line that can be understood alone, with the name of each column: "Year: 2019; Revenue: 12.4 million"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

MOST_IN_CELL = 300
"""Characters; a table with more in a cell lays a page out, and its text is read as it stands."""
Rows = Sequence[Sequence[str]]


def table_lines(rows: Rows, headed: bool | None = None) -> list[str]:
    """The rows as items of a list. A table of two columns without a head is a list of names and what belongs to them.

    Args:
        headed: whether the first row names the columns; None where nothing says so: three columns or more, all named, without a figure.
    """
    told = [[" ".join(cell.split()) for cell in row] for row in rows]
    told = [row for row in told if any(row)]
    head = told[0] if len(told) > 1 and (headed if headed is not None else _names(told[0])) else []
    return [f"- {'; '.join(_cells(head, row))}" for row in (told[1:] if head else told)]


def _names(row: Sequence[str]) -> bool:
    return len(row) > 2 and all(row) and len(set(row)) == len(row) and not re.search(r"\d", "".join(row))


def _cells(head: Sequence[str], row: Sequence[str]) -> Iterator[str]:
    if head:
        yield from (f"{name}: {cell}" if name else cell for name, cell in zip_longest(head[: len(row)], row, fillvalue="") if cell)
        return
    first, *rest = [cell for cell in row if cell]
    yield f"{first}: {rest[0]}" if rest else first
    yield from rest[1:]


def read_pipes(text: str) -> str:
    """Markdown with its tables as lists."""
    lines, found = text.split("\n"), list[str]()
    n = 0
    while n < len(lines):
        if "|" in lines[n] and n + 1 < len(lines) and _rule(lines[n + 1]):
            end = next((i for i in range(n + 2, len(lines)) if "|" not in lines[i]), len(lines))
            found += ["", *table_lines([_piped(line) for line in (lines[n], *lines[n + 2 : end])], True), ""]
            n = end
        else:
            found.append(lines[n])
            n += 1
    return "\n".join(found)


def _rule(line: str) -> bool:
    return "|" in line and "-" in line and not line.strip("|-: \t")


def _piped(line: str) -> list[str]:
    return [cell.replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]
