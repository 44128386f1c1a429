"""How a damaged table is read: ranges that cannot be read are halved down to the broken rows."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from selfteach.run import recover


class Table:
    """A table of rows 1 to 1,000 of which some cannot be read."""

    def __init__(self, broken: set[int], fault: str = "SQLITE_CORRUPT") -> None:
        self.broken = broken
        self.fault = fault
        self.tries = 0

    def execute(self, query: str, bounds: tuple[int, int]) -> Any:
        low, high = bounds
        self.tries += 1
        if any(low <= row <= high for row in self.broken):
            fault = sqlite3.DatabaseError("broken")
            fault.sqlite_errorname = self.fault
            raise fault
        rows = [(row,) for row in range(max(low, 1), min(high, 1000) + 1)]
        return type("Cursor", (), {"fetchall": lambda self: rows})()


@pytest.mark.parametrize("broken", [set(), {1}, {1000}, {2, 3}, {500, 501, 777}, {1, 512, 1000}])
def test_every_row_but_the_broken_ones_is_read_once_and_in_order(broken: set[int]) -> None:
    table = Table(broken)
    found = [row for (row,) in recover._read_rows(table, "answers")]  # type: ignore[arg-type]
    assert found == [row for row in range(1, 1001) if row not in broken]
    assert table.tries <= 1 + 2 * 41 * len(broken)


def test_a_table_that_cannot_be_read_at_all_is_given_up() -> None:
    table = Table(set(range(1, 100_000)))
    assert list(recover._read_rows(table, "answers")) == []  # type: ignore[arg-type]
    assert 4_000 <= table.tries <= 4_100


@pytest.mark.parametrize("fault", ["SQLITE_NOTADB", "SQLITE_ERROR"])
def test_a_table_that_is_not_there_is_tried_once(fault: str) -> None:
    table = Table({1}, fault)
    assert list(recover._read_rows(table, "answers")) == []  # type: ignore[arg-type]
    assert table.tries == 1
