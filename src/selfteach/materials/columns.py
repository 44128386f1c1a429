"""The names of a row's parts, as people have them: other words, capitals, and columns that are
empty in this row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from selfteach.errors import DataError, UsageError
from selfteach.registry import did_you_mean

Columns = Mapping[str, str]
"""Our name by the file's own."""


def parse_columns(text: str, known: Collection[str]) -> dict[str, str]:
    """`prompt=question,correction=fixed` as {"question": "prompt", "fixed": "correction"}.

    Raises:
        UsageError: another form, a name of ours that there is not, or one that is given twice.
    """
    found: dict[str, str] = {}
    for item in filter(str.strip, text.split(",")):
        name, _, own = (part.strip() for part in item.partition("="))
        if name not in known:
            raise UsageError(
                f'there is no column "{name}".', where="--columns", cure=did_you_mean(name, known)
            )
        if not own or name in found.values() or own.casefold() in found:
            raise UsageError(
                f"{item.strip()!r} names no column of its own.",
                where="--columns",
                cure="Write prompt=question,answer=reply.",
            )
        found[own.casefold()] = name
    return found


def rename_columns(
    row: Mapping[str, Any], where: str, columns: Columns | None = None
) -> dict[str, Any]:
    """The filled parts of a row by their names, which may be written large or small.

    Args:
        columns: other names for some of them. What stands under our own name is then something
            else.

    Raises:
        DataError: two filled parts have one name.
    """
    found: dict[str, Any] = {}
    for key, value in row.items():
        own = key.strip().casefold()
        name = (columns or {}).get(own, own)
        if is_empty(value) or (name == own and name in (columns or {}).values()):
            continue
        if name in found:
            raise DataError(f'"{name}" stands in it twice.', where=where, cure="Leave one of them.")
        found[name] = value
    return found


def is_empty(value: Any) -> bool:
    """Whether nothing stands in a cell. Zero and false are something."""
    return value is None or (
        isinstance(value, str | list | dict)
        and not (value.strip() if isinstance(value, str) else value)
    )
