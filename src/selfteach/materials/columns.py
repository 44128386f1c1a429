"""Names of the parts of a row: other words, capitals, and columns that are empty in this row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from selfteach.errors import DataError, UsageError
from selfteach.records import JsonMapping, JsonObject
from selfteach.registry import did_you_mean

Columns = Mapping[str, str]
"""Our names by the names of the file."""


def parse_columns(text: str, known: Collection[str]) -> dict[str, str]:
    """Parse `prompt=question,correction=fixed` as {"question": "prompt", "fixed": "correction"}.

    Raises:
        UsageError: the form is another one, or a name is unknown or given twice.
    """
    items = [item.partition("=") for item in filter(str.strip, text.split(","))]
    return invert_columns([(name.strip(), own.strip()) for name, _, own in items], known)


def invert_columns(pairs: Iterable[tuple[str, str]], known: Collection[str]) -> dict[str, str]:
    """Return our names by the names of the file.

    Args:
        pairs: our name and that of the file: ("correction", "fixed").

    Raises:
        UsageError: a name is unknown, empty or given twice.
    """
    found: dict[str, str] = {}
    for name, own in pairs:
        if name not in known:
            raise UsageError(
                f'there is no column "{name}".',
                where="--columns",
                cure=did_you_mean(str(name), known),
            )
        plain = own.strip().casefold() if isinstance(own, str) else ""
        if not plain or name in found.values() or plain in found:
            raise UsageError(
                f"{f'{name}={own}'!r} names no column of its own.",
                where="--columns",
                cure="Write prompt=question,answer=reply.",
            )
        found[plain] = name
    return found


def rename_columns(row: JsonMapping, where: str, columns: Columns | None = None) -> JsonObject:
    """Return the filled parts of a row by their names in lower case.

    Args:
        columns: our names by the names of the file. A column of the file that has our name is then
            ignored.

    Raises:
        DataError: two filled parts have the same name.
    """
    renamed = columns or {}
    found: JsonObject = {}
    for key, value in row.items():
        own = key.strip().casefold()
        name = renamed.get(own, own)
        if is_empty(value) or (name == own and name in renamed.values()):
            continue
        if name in found:
            raise DataError(f'"{name}" stands in it twice.', where=where, cure="Leave one of them.")
        found[name] = value
    return found


def is_empty(value: Any) -> bool:
    """Tell whether a cell is empty. Zero and false are values."""
    if isinstance(value, str):
        value = value.strip()
    return value is None or value in ("", [], {})
