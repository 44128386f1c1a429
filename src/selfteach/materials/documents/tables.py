"""Format each row of a table as a line that is clear alone: "Year: 2019; Revenue: 12.4 million"."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

MAX_CELL_CHARS = 300
"""Largest cell, in characters. A table with a larger one is page layout, and stays plain text."""
MAX_ACROSS = 50
"""Largest number of columns of a joined cell, whatever number the page has."""
MAX_DOWN = 1000
"""Largest number of rows of a joined cell."""
MAX_HEAD_ROWS = 3
"""Largest number of rows that name the columns together."""
TableRows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, eq=False)
class TableCell:
    """Hold a cell: its numbers of columns and rows, and whether it is marked as a name."""

    text: str
    across: int = 1
    down: int = 1
    names: bool = False


_GAP = TableCell("")
Laid = list[TableCell]
"""A row as a reader sees it: the cell of each column. A joined cell is in it several times."""


def format_rows(rows: TableRows, headed: bool | None = None) -> list[str]:
    """Return the rows as items of a list.

    A table of two columns without a head is a list of names and their values.

    Args:
        headed: whether the first row names the columns. None is not known: it does if its texts
            look like names (`_are_names`).
    """
    cells = []
    for n, row in enumerate(rows):
        names = headed is True and n == 0
        cells.append([TableCell(" ".join(text.split()), names=names) for text in row])
    return list(format_cells(cells))


def format_cells(rows: Sequence[Sequence[TableCell]], groups: Sequence[int] = ()) -> Iterator[str]:
    """Yield the rows of a table with joined cells as items of a list.

    A cell of several rows is in each of them. A cell of several columns is in the row once, under
    the names of all its columns. A cell of the whole row has no name; it is a heading if it is
    marked as one.

    Args:
        groups: the rows before which a head or a body begins; no cell extends into the next one.
    """
    laid = [row for row in _lay_out(rows, frozenset(groups)) if _has_text(row)]
    # The last cell counts as one column, because its width is often wrong.
    width = max((row.index(row[-1]) + 1 for row in laid), default=0)
    first = next((n for n, row in enumerate(laid) if not _is_whole(row, width)), len(laid))
    body = first + _count_head_rows(laid[first:], width)
    # The name of each column from the top: "Ships In" for "In" below "Ships".
    names = []
    for head in zip_longest(*laid[first:body], fillvalue=_GAP):
        names.append(" ".join(dict.fromkeys(cell.text for cell in head if cell.text)))
    for n, row in enumerate(laid):
        if not _is_whole(row, width):
            if not first <= n < body:
                yield f"- {'; '.join(_format_row(names, row))}"
        elif n < first or row[0].names:
            yield from ("", row[0].text, "")
        else:
            yield f"- {row[0].text}"


def _lay_out(rows: Sequence[Sequence[TableCell]], groups: frozenset[int]) -> Iterator[Laid]:
    """Yield every row that has a cell of its own, with the cells that extend into it from above."""
    # for each column the cell that extends down, and the first row without it
    above: dict[int, tuple[TableCell, int]] = {}
    for n, row in enumerate(rows):
        if n in groups:
            above = {}
        if not row:
            continue
        above = {column: (cell, end) for column, (cell, end) in above.items() if end > n}
        laid: Laid = []
        own = deque(row)
        last = max(above, default=-1)
        while own or len(laid) <= last:
            column = len(laid)
            if column in above:
                laid.append(above[column][0])
                continue
            cell = own.popleft() if own else _GAP
            end = min(column + max(cell.across, 1), max(MAX_ACROSS, column + 1))
            end = min((c for c in above if column < c < end), default=end)
            laid += [cell] * (end - column)
            if cell.down > 1:
                below = (cell, n + min(cell.down, MAX_DOWN))
                above |= dict.fromkeys(range(column, end), below)
        yield laid


def _has_text(row: Laid) -> bool:
    return any(cell.text for cell in row)


def _is_whole(row: Laid, width: int) -> bool:
    """Tell whether one cell takes the whole row."""
    return row[0].across > 1 and row[0] is row[-1] and len(row) >= width


def _count_head_rows(laid: Sequence[Laid], width: int) -> int:
    """Return the number of rows that name the columns.

    If no cell is marked as a name, the first row is one if its texts look like names and none of
    its cells extends down.
    """
    if len(laid) < 2:
        return 0
    marked = 0
    for row in laid:
        if _is_whole(row, width) or not all(cell.names for cell in row):
            break
        marked += 1
    if marked:
        return marked if marked <= MAX_HEAD_ROWS and marked < len(laid) else 1
    if any(cell.names for row in laid for cell in row):
        return 0
    return int(_are_names(laid[0], laid[1:]))


def _are_names(row: Laid, others: Sequence[Laid]) -> bool:
    """Tell whether a row could name the columns.

    Its texts are different, and none is a figure. One may hold a figure behind a word ("Revenue
    2019") if no text below has the same form ("Mill 1", "Mill 2"). Two texts are names if they have
    no figure and the rows below are values: their first ones have figures (a year), or two or more
    have second ones of one form ("3", "12"; not "62 m", "1874", which are values of one thing).
    """
    texts = [cell.text for cell in row]
    distinct = len(texts) > 1 and all(texts) and len(set(texts)) == len(texts)
    if not distinct or any(cell.down > 1 for cell in row):
        return False
    if len(texts) == 2:
        below = [[cell.text for cell in other[:2]] for other in others if len(other) == 2]
        if _has_figure(*texts) or len(below) < len(others):
            return False
        forms = {_get_form(second) for _, second in below}
        is_one_form = len(below) > 1 and len(forms) == 1 and _has_figure(below[0][1])
        return all(_has_figure(first) for first, _ in below) or is_one_form
    for n, text in enumerate(texts):
        forms = {_get_form(other[n].text) for other in others if n < len(other)}
        if _has_figure(text) and (not text[0].isalpha() or _get_form(text) in forms):
            return False
    return True


def _has_figure(*texts: str) -> bool:
    return any(re.search(r"\d", text) for text in texts)


def _get_form(text: str) -> str:
    """Return a text with a sign in the place of each figure."""
    return re.sub(r"\d+(?:[.,\s]\d+)*", "#", text)


def _format_row(names: Sequence[str], row: Laid) -> Iterator[str]:
    """Yield the text of each cell once, after the names of all its columns.

    Without names the first text is the name of the second.
    """
    columns: dict[TableCell, list[str]] = {}
    for n, cell in enumerate(row):
        if cell.text:
            columns.setdefault(cell, []).extend(filter(None, names[n : n + 1]))
    found = [(", ".join(dict.fromkeys(over)), cell.text) for cell, over in columns.items()]
    if not names:
        (_, name), *found = found
        if not found:
            yield name
            return
        found[0] = (name, found[0][1])
    for name, text in found:
        yield f"{name.rstrip(' :：')}: {text}" if name else text
