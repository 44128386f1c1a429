"""A row of a table as a line that can be understood alone, with the name of each column: "Year:
2019; Revenue: 12.4 million".
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

MAX_CELL_CHARS = 300
"""Characters; a table with more in a cell lays a page out, and its text is read as it stands."""
MAX_ACROSS, MAX_DOWN = 50, 1000
"""Columns in which a cell may be joined with others, and rows that it may reach down: a number in a
page costs nothing by being large.
"""
MAX_HEAD_ROWS = 3
"""Rows that name the columns together."""
Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A cell of a table: how many columns and rows it takes, and whether it says that it names
    others.
    """

    text: str
    across: int = 1
    down: int = 1
    names: bool = False


_GAP = Cell("")
Laid = list[Cell]
"""A row as it is seen: the cell that covers each column, so a joined one is met several times."""


def format_rows(rows: Rows, headed: bool | None = None) -> list[str]:
    """Return the rows as items of a list. A table of two columns without a head is a list of names
    and what belongs to them.

    Args:
        headed: whether the first row names the columns; None if nothing says so: it does if it has
            three columns or more, all named, without a figure.
    """
    cells = [
        [Cell(" ".join(text.split()), names=headed is True and n == 0) for text in row]
        for n, row in enumerate(rows)
    ]
    return list(format_cells(cells))


def format_cells(rows: Sequence[Sequence[Cell]], groups: Sequence[int] = ()) -> Iterator[str]:
    """The rows of a table with joined cells as items of a list. A cell that reaches down is told in
    each of its rows, one that reaches across once, under the names of all its columns; one that
    takes a whole row stands under none, and leads what is below if it is a head.

    Args:
        groups: the rows before which a head or a body begins; no cell reaches into the next.
    """
    laid = [row for row in _laid_out(rows, frozenset(groups)) if any(cell.text for cell in row)]
    width = max(map(_columns, laid), default=0)
    first = next((n for n, row in enumerate(laid) if not _whole(row, width)), len(laid))
    depth = _depth(laid[first:], width)
    names = _joined_names(laid[first : first + depth])
    for n, row in enumerate(laid):
        if _whole(row, width) and (n < first or row[0].names):
            yield from ("", row[0].text, "")
        elif _whole(row, width):
            yield f"- {row[0].text}"
        elif not first <= n < first + depth:
            yield f"- {'; '.join(_cells(*_once(names, row)))}"


def _laid_out(rows: Sequence[Sequence[Cell]], groups: frozenset[int]) -> Iterator[Laid]:
    """Every row that has a cell of its own, with those that reach into it from above."""
    above: dict[
        int, tuple[Cell, int]
    ] = {}  # for each column the cell that reaches down, and the first row without it
    for n, row in enumerate(rows):
        if n in groups:
            above = {}
        if not row:
            continue
        above = {column: (cell, end) for column, (cell, end) in above.items() if end > n}
        laid, own, last = list[Cell](), deque(row), max(above, default=-1)
        while own or len(laid) <= last:
            column = len(laid)
            if column in above:
                laid.append(above[column][0])
                continue
            cell = own.popleft() if own else _GAP
            end = next(
                (
                    c
                    for c in range(column + 1, MAX_ACROSS)
                    if c in above or c >= column + cell.across
                ),
                MAX_ACROSS,
            )
            laid += [cell] * max(end - column, 1)
            if cell.down > 1:
                above |= {c: (cell, n + min(cell.down, MAX_DOWN)) for c in range(column, end)}
        yield laid


def _columns(row: Laid) -> int:
    """How many columns a row surely has: pages are careless about how far its last cell reaches."""
    return row.index(row[-1]) + 1


def _whole(row: Laid, width: int) -> bool:
    return row[0].across > 1 and row[0] is row[-1] and len(row) >= width


def _depth(laid: Sequence[Laid], width: int) -> int:
    """How many rows name the columns. Where no cell says so, it is one that could, and that nothing
    reaches out of.
    """
    if len(laid) < 2:
        return 0
    named = next(
        (
            n
            for n, row in enumerate(laid)
            if _whole(row, width) or not all(cell.names for cell in row)
        ),
        len(laid),
    )
    if named:
        return named if named <= MAX_HEAD_ROWS and named < len(laid) else 1
    said = any(cell.names for row in laid for cell in row)
    return int(
        not said
        and _names([cell.text for cell in laid[0]])
        and all(cell.down < 2 for cell in laid[0])
    )


def _joined_names(head: Sequence[Laid]) -> list[str]:
    """The name of each column, from the top: "Ships In" where "In" and "Out" stand below "Ships"."""
    return [
        " ".join(dict.fromkeys(cell.text for cell in cells if cell.text))
        for cells in zip_longest(*head, fillvalue=_GAP)
    ]


def _once(names: Sequence[str], row: Laid) -> tuple[list[str], list[str]]:
    """The names and the texts of a row, where each cell stands once with the names of all its
    columns.
    """
    over: dict[Cell, dict[str, None]] = {}
    for n, cell in enumerate(row):
        over.setdefault(cell, {}).update(dict.fromkeys(names[n : n + 1]))
    return [", ".join(filter(None, over[cell])) for cell in over] if names else [], [
        cell.text for cell in over
    ]


def _names(row: Sequence[str]) -> bool:
    return (
        len(row) > 2
        and all(row)
        and len(set(row)) == len(row)
        and not re.search(r"\d", "".join(row))
    )


def _cells(head: Sequence[str], row: Sequence[str]) -> Iterator[str]:
    if head:
        yield from (
            f"{name}: {cell}" if name else cell
            for name, cell in zip_longest(head[: len(row)], row, fillvalue="")
            if cell
        )
        return
    first, *rest = [cell for cell in row if cell]
    yield f"{first}: {rest[0]}" if rest else first
    yield from rest[1:]
