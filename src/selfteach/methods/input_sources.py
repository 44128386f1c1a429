"""The sources of material: files, or Python values that are read as a file would be.

Identity is by content: the name and the SHA-256 sum of a file, or the sum of the values. So an
edited file is another run.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfteach.errors import DataError, SelfteachError, UsageError, describe_kind
from selfteach.files import BadLine, hash_file, write_bytes
from selfteach.models.check_safety import check_adapter_files, compute_adapter_fingerprint
from selfteach.records import JsonMapping, JsonObject
from selfteach.run.ledger import Outcome

Rows = Sequence[JsonMapping] | Sequence[str]
"""Rows of a table, or texts, as a Python list."""
Source = str | Path | Rows | None
"""A path, or rows."""
SUM_LENGTH = 16


def require_file(source: Any, name: str) -> Source:
    """Return a source that is a path or a list of rows.

    Raises:
        UsageError: it is something else, a single mapping for instance.
    """
    if source is None or isinstance(source, str | Path):
        return source
    rows = list_items(source, name)
    if rows is not None and all(isinstance(row, str) for row in rows):
        return rows
    if rows is not None and all(isinstance(row, Mapping) for row in rows):
        return convert_rows(rows)
    raise UsageError(
        f"{name} is {describe_kind(source)}.",
        where=name,
        cure="Give a path, or a list of mappings or of texts.",
    )


def list_items(source: Any, name: str) -> list[Any] | None:
    """Return the items of a list or of something like it, those of a set in an order that is the
    same in each process; None for anything else, a single mapping for instance.

    Raises:
        UsageError: it is a table of pandas or polars, whose items are no rows.
    """
    if hasattr(source, "columns"):
        cure = 'Give its rows: df.to_dict("records") with pandas, df.to_dicts() with polars.'
        raise UsageError(f"{name} is {describe_kind(source)}.", where=name, cure=cure)
    if isinstance(source, set | frozenset):  # the keys of a mapping have an order
        return sorted(source, key=str)
    if isinstance(source, Iterable) and not isinstance(source, Mapping | bytes):
        return list(source)
    return None


def is_nan(cell: Any) -> bool:
    """Return whether a cell is not a number."""
    return isinstance(cell, float) and math.isnan(cell)


def convert_value(value: Any) -> Any:
    """Return a value of numpy or pandas, or a date, as JSON can hold it.

    Raises:
        TypeError: it is another one.
    """
    if type(value).__name__ in ("NAType", "NaTType"):  # empty cells of pandas
        return None
    for method in ("isoformat", "tolist"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"{describe_kind(value)} is no value of JSON")


def convert_rows(rows: Sequence[JsonMapping]) -> list[JsonObject]:
    """Return rows with the values that `write_rows` writes.

    Raises:
        UsageError: a value that JSON cannot hold.
    """
    return [json.loads(line) for line in write_rows(rows).splitlines()]


def write_rows(rows: Rows) -> bytes:
    """Return rows as JSONL; a text becomes a row with a prompt. A lone surrogate is written as its
    escape, so that the reader replaces and notes it. NaN, which is an empty cell of pandas, becomes
    null.

    Raises:
        UsageError: a value that JSON cannot hold.
    """
    lines = []
    for number, row in enumerate(rows, start=1):
        value: JsonMapping = row if isinstance(row, Mapping) else {"prompt": row}
        try:
            filled = {key: None if is_nan(cell) else cell for key, cell in value.items()}
            lines.append(json.dumps(filled, ensure_ascii=False, default=convert_value) + "\n")
        except (TypeError, ValueError) as fault:
            column = find_unwritable_column(value)
            raise UsageError(
                f"{column} cannot be written as JSON ({fault}).",
                where=f"row {number}",
                cure="Give a text or a number there, or leave the column out.",
            ) from fault
    return "".join(lines).encode("utf-8", "backslashreplace")


def find_unwritable_column(row: JsonMapping) -> str:
    """Return the first column of a row that JSON cannot hold."""
    for key, cell in row.items():
        try:
            json.dumps({key: cell}, default=convert_value)
        except (TypeError, ValueError):
            return f'"{key}"'
    return "a column"


@contextmanager
def as_file(source: Source, name: str) -> Iterator[Path | None]:
    """Yield a source as a file: a path as it is; rows as `name`.jsonl in a temporary folder.

    Messages about rows name them `name.jsonl:LINE`, as of any other file, and never the temporary
    folder.
    """
    if source is None:
        yield None
    elif isinstance(source, str | Path):
        yield Path(source)
    else:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{name}.jsonl"
            write_bytes(file, write_rows(source))
            try:
                yield file
            except SelfteachError as fault:
                fault.where = fault.where.replace(f"{folder}{os.sep}", "")
                fault.args = tuple(
                    str(text).replace(f"{folder}{os.sep}", "") for text in fault.args
                )
                raise


def hash_sources(**sources: Source) -> dict[str, str]:
    """Return the name and the sum of each source that is given, for a run's identity.

    A text is a path; a sentence is given as a list of one text.

    Raises:
        UsageError: a file cannot be read.
    """
    found = {}
    for key, source in sources.items():
        if isinstance(source, str | Path):
            path = Path(source)
            try:
                found[key] = f"{path.name} {hash_file(path)[:SUM_LENGTH]}"
            except (OSError, ValueError) as fault:  # a path with a NUL is a ValueError
                reason = getattr(fault, "strerror", None) or fault
                raise UsageError(
                    f"cannot be read as a file ({reason}).",
                    where=f"{key} {str(source)[:80]!r}",
                    cure="Give the path of a file, or texts in a list: [text].",
                ) from fault
        elif source is not None:
            found[key] = f"rows {hashlib.sha256(write_rows(source)).hexdigest()[:SUM_LENGTH]}"
    return found


def identify_earlier_adapter(adapter: Path) -> dict[str, str]:
    """Return the path and the sum of the adapter that a run continues, for the run's identity.

    Raises:
        UsageError: it is no PEFT adapter.
    """
    check_adapter_files(adapter)
    adapter_sum = compute_adapter_fingerprint("", adapter)[:SUM_LENGTH]
    return {"from": str(adapter.resolve()), "from_sum": adapter_sum}


def identify_same_earlier_adapter(material: JsonMapping, run: Path) -> dict[str, str]:
    """Return what `identify_earlier_adapter` returned for a finished run; {} if it continues none.

    Args:
        material: the run's material, as its identity holds it.
        run: its folder, for the message.

    Raises:
        DataError: the adapter has changed since.
        UsageError: it is gone.
    """
    if "from" not in material:
        return {}
    found = identify_earlier_adapter(Path(material["from"]))
    if found["from_sum"] != material["from_sum"]:
        raise DataError(
            "continues an adapter that has changed since.",
            where=str(run),
            cure=f"Bring the old {material['from']} back, or run its command again with --new.",
        )
    return found


def note_sources(**sources: Source) -> JsonObject:
    """Return what a later command needs to read the same again: paths, or the rows themselves."""
    found: JsonObject = {}
    for key, source in sources.items():
        if isinstance(source, str | Path):
            found[key] = str(Path(source).resolve())
        else:
            found[key] = None if source is None else list(source)
    return found


def noted_source(row: JsonMapping, key: str) -> Source:
    """Return one source from a note of `note_sources`."""
    value = row.get(key)
    if not value:
        return None
    return Path(value) if isinstance(value, str) else list(value)


def name_of(source: Source, otherwise: str) -> str:
    """Return the name of a run: that of the file, or another word if there is none."""
    return Path(source).stem if isinstance(source, str | Path) else otherwise


def describe_repaired(lines: Iterable[BadLine]) -> list[str]:
    """Describe rows that were repaired or put aside, one a line."""
    return [f"{line.where}: {line.fault}" for line in lines]


def describe_dropped(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Describe rows that are not learned from: the fault that was found, or the drop reason."""
    found = []
    for row in outcomes.values():
        if row.state == "dropped":
            found.append(f"{row.id}: {(row.body or {}).get('fault') or row.reason}")
    return found
