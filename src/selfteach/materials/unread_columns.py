"""Columns that a reader ignores although they would change what is learned: their name is nearly
one that it reads (`answr`), or names a part of a conversation (`system`).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from itertools import islice
from pathlib import Path

from selfteach.errors import DataError
from selfteach.files import BadLine
from selfteach.materials.columns import Columns
from selfteach.materials.rows import read_rows

MAX_ROWS = 1000
"""The rows whose columns are looked at: those of a file rarely change further on."""
MIN_LIKENESS = 0.8
"""Smallest similarity of a misspelt name. `answr` has .91 with `answer`, `score` .73 with
`source`."""
MAX_LENGTH_CHANGE = 2
"""Most letters that a misspelt name lacks or adds: `correct` is no `correction`."""
TEXT_SUFFIX = ".txt"
PARTS = frozenset(
    {
        "answer",
        "completion",
        "context",
        "history",
        "input",
        "original",
        "output",
        "question",
        "response",
        "system",
        "system_prompt",
    }
)
"""Names of parts of a conversation."""


def describe_unread_columns(
    path: Path | None, known: Collection[str], columns: Columns | None = None
) -> list[str]:
    """Return a line for each column of a file that is not read and is nearly one that would be, and
    one for those that hold a part of the conversation.

    A file that cannot be read gives none: its reader says so.

    Args:
        known: the columns that are read.
        columns: our names by the names of the file, of a reader that does not mind their case.
    """
    if path is None or path.suffix.lower() == TEXT_SUFFIX or not path.is_file():
        return []
    named = columns or {}
    bad: list[BadLine] = []
    names: dict[str, None] = {}
    try:
        for _, row in islice(read_rows(path, bad), MAX_ROWS):
            names |= dict.fromkeys(key for key in row if key.strip().casefold() not in named)
    except DataError:
        return []
    if columns is not None:
        read = {name for name in names if name.strip().casefold() in known}
        names = {name: None for name in names if name not in read}
        known = set(known) - {name.strip().casefold() for name in read}
    near = find_misspelt_columns(names, set(known) - set(named.values()))
    found = [
        f'{path.name}: the column "{name}" is not read. Did you mean "{meant}"?'
        for name, meant in near.items()
    ]
    parts = [
        name
        for name in names
        if name.strip().casefold() in PARTS and not {name, name.strip().casefold()} & set(known)
    ]
    if parts := [name for name in parts if name not in near]:
        cure = "" if columns is None else f" (--columns answer={parts[0]} reads it as the answer)"
        found.append(f"{path.name}: not read: {', '.join(parts)}{cure}")
    return found


def find_misspelt_columns(names: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """Return the name that each misspelt column should have.

    A column beside the one that it resembles is no mistake: `answers` beside `answer`.
    """
    given = list(names)
    absent = sorted(set(known) - set(given))
    found = {}
    for name in given:
        plain = name.strip().casefold()
        possible = [own for own in absent if abs(len(own) - len(plain)) <= MAX_LENGTH_CHANGE]
        near = difflib.get_close_matches(plain, possible, 1, MIN_LIKENESS)
        if name not in known and near:
            found[name] = near[0]
    return found
