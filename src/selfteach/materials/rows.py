"""Rows of a table that a person brings: JSONL, JSON (a list of objects) or CSV, each row with its
place in the file.

All texts are made safe by `records.clean`; a row that cannot be read is quarantined with its place
and its fault, or stops the reading.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from selfteach.disk import open_file
from selfteach.errors import DataError
from selfteach.files import (
    MAX_LINE_BYTES,
    UTF16_PREFIXES,
    BadLine,
    clean_json,
    parse_json,
    read_jsonl,
)
from selfteach.run.ledger import Outcome
from selfteach.text import clean_text

MAX_FILE_BYTES = 256 << 20
"""Of a file that has to be read as a whole: JSON and CSV. JSONL is read line by line and may be of
any length.
"""
DELIMITERS = ",;\t"
MAX_SHOWN = 5
Row = dict[str, Any]
RowReader = Callable[[Path, list[BadLine], list[BadLine]], Iterator[tuple[str, Row]]]
"""What yields (place, row), and sets aside what it cannot read and where it mended something."""
T = TypeVar("T")


def read_rows(
    path: Path, bad: list[BadLine] | None = None, cleaned_rows: list[BadLine] | None = None
) -> Iterator[tuple[str, Row]]:
    """Yields (place, row) in order. The place is `file:line`, or `file[number]` in a JSON list.

    Args:
        bad: takes the rows that cannot be read; where it is None the first of them stops the
            reading.
        mended: takes the places where `clean_text` changed something.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or a row is bad and `bad` is None.
    """
    form = path.suffix.lower()
    if form == ".json":
        yield from _read_json(path, bad, cleaned_rows)
    elif form in (".csv", ".tsv"):
        yield from _read_csv(path, bad, cleaned_rows)
    elif form in (".jsonl", ".ndjson"):
        yield from read_jsonl(path, bad, cleaned_rows)
    else:
        raise DataError(
            f"is of an unknown form ({form or 'no ending'}).",
            where=str(path),
            cure="Give a .jsonl, .json, .csv or .tsv file.",
        )


def _read_text(path: Path) -> str:
    """The whole file, which must be UTF-8."""
    with open_file(path) as handle:
        data = handle.read(MAX_FILE_BYTES + 1)
    if data[:2] in UTF16_PREFIXES or b"\x00" in data[:4]:
        raise DataError(
            "is UTF-16 or UTF-32, not UTF-8.",
            where=str(path),
            cure="Convert it: iconv -f utf-16 -t utf-8.",
        )
    if len(data) > MAX_FILE_BYTES:
        raise DataError(
            f"is larger than {MAX_FILE_BYTES >> 20} MB.",
            where=str(path),
            cure="Write it as JSONL, which may be of any length.",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data[: fault.start].count(b"\n") + 1
        raise DataError(
            "not UTF-8.",
            where=f"{path.name}:{line}",
            cure="Convert the file, for instance with `iconv -f latin1 -t utf-8`.",
        ) from None


def _read_json(
    path: Path, bad: list[BadLine] | None, cleaned_rows: list[BadLine] | None
) -> Iterator[tuple[str, Row]]:
    try:
        found = parse_json(_read_text(path))
    except ValueError as fault:
        raise DataError(
            f"{fault}.",
            where=path.name,
            cure="Mend the file, or write it as JSONL: then single bad rows can be left out.",
        ) from None
    if not isinstance(found, list):
        raise DataError(
            "is not a list of objects.",
            where=path.name,
            cure="Write [{...}, {...}], or one object a line in a .jsonl file.",
        )
    for number, row in enumerate(found, 1):
        where = f"{path.name}[{number}]"
        if isinstance(row, dict):
            yield from _clean_row(row, where, bad, cleaned_rows)
        else:
            set_row_aside(bad, where, "not an object")


def _read_csv(
    path: Path, bad: list[BadLine] | None, cleaned_rows: list[BadLine] | None
) -> Iterator[tuple[str, Row]]:
    text = _read_text(path)
    head = text.split("\n", 1)[0]
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=head.count), strict=True
    )
    names: list[str] = []
    while True:
        where = f"{path.name}:{lines.line_num + 1}"
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as fault:
            set_row_aside(bad, where, f"not CSV ({fault})")
            continue
        if not names:
            names = _read_column_names(cells, where)
        elif any(cell.strip() for cell in cells[len(names) :]):
            set_row_aside(bad, where, f"{len(cells)} cells under {len(names)} names")
        elif any(cell.strip() for cell in cells):
            yield from _clean_row(
                {name: cell for name, cell in zip(names, cells, strict=False) if name},
                where,
                bad,
                cleaned_rows,
            )


def _read_column_names(cells: list[str], where: str) -> list[str]:
    """The names of a table's columns; one without a name is not read.

    Raises:
        DataError: two have one name, so that nobody knows which is meant.
    """
    names = [clean_text(name).strip() for name in cells]
    if twice := next((name for name in names if name and names.count(name) > 1), ""):
        raise DataError(
            f'has two columns "{twice}".', where=where, cure="Rename or remove one of them."
        )
    return names


def set_row_aside(bad: list[BadLine] | None, where: str, fault: str) -> None:
    """Sets a row aside.

    Raises:
        DataError: where there is no list for it.
    """
    if bad is None:
        raise DataError(f"{fault}.", where=where, cure="Mend or remove the row.")
    bad.append(BadLine(where, fault))


def convert_rows(
    path: Path,
    read_row: Callable[[Row, str], T],
    cleaned_rows: list[BadLine],
    *,
    skip: bool,
    max_bad_share: float,
    rows: RowReader = read_rows,
) -> tuple[list[T], dict[str, Outcome]]:
    """What `read_row` makes of every row, and the fates of the rows that could not be used.

    Args:
        skip: leave bad rows out where their share is at most `most_bad`.
        rows: what finds the rows in the file.

    Raises:
        DataError: the file cannot be read, or a row is bad and not `skip`, or too many are.
    """
    bad: list[BadLine] = []
    read: list[T] = []
    for where, row in rows(path, bad, cleaned_rows):
        try:
            read.append(read_row(row, where))
        except DataError as fault:  # what is wrong with it, and what would mend it
            bad.append(BadLine(where, " ".join(filter(None, (fault.what, fault.cure))).rstrip(".")))
    refuse_bad_rows(path, bad, len(read) + len(bad), skip, max_bad_share)
    return read, {
        b.where: Outcome(b.where, "dropped", "cannot be read", {"where": b.where, "fault": b.fault})
        for b in bad
    }


def refuse_bad_rows(
    path: Path, bad: Sequence[BadLine], rows: int, skip: bool, max_bad_share: float
) -> None:
    """Stops at rows that cannot be used, unless they may be skipped and are few.

    Raises:
        DataError: naming the first of them.
    """
    if not bad or (skip and len(bad) <= max_bad_share * rows):
        return
    lines = [f"{b.where}: {b.fault}{'' if b.fault.endswith('?') else '.'}" for b in bad[:MAX_SHOWN]]
    if len(bad) > MAX_SHOWN:
        lines.append(f"and {len(bad) - MAX_SHOWN} more.")
    if skip:
        cure = f"At most {max_bad_share:.0%} may be left out (max_bad_rows); is {path.name} the right file?"
    else:
        cure = (
            f"Mend or remove them; --skip-bad-rows continues without them ({len(bad)} of "
            f"{rows} rows)."
        )
    raise DataError(
        "\n  ".join([f"{len(bad)} of {rows} rows cannot be used:", *lines]),
        where=str(path),
        cure=f"\n{cure}",
    )


def _clean_row(
    row: Row, where: str, bad: list[BadLine] | None, cleaned_rows: list[BadLine] | None
) -> Iterator[tuple[str, Row]]:
    """The row with its texts made safe."""
    try:
        safe: Row = clean_json(row)
    except ValueError as fault:
        set_row_aside(bad, where, str(fault))
        return
    if cleaned_rows is not None and safe != row:
        cleaned_rows.append(BadLine(where, "unsafe characters replaced"))
    yield where, safe
