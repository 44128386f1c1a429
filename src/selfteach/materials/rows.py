"""Rows of a table: JSONL, JSON (a list of objects) or CSV, each with its place in the file.

All texts are made safe by `text.clean_text`, and their lines end with a line feed: a program that
writes another line end has edited nothing. A row that cannot be read is set aside with its place
and its fault, or stops the reading.
"""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, TypeVar

from selfteach.disk import open_file
from selfteach.errors import DataError
from selfteach.files import (
    JSON_SPACE,
    MAX_LINE_BYTES,
    UTF16_PREFIXES,
    BadLine,
    clean_json,
    make_json_error,
    parse_json_at,
    read_jsonl,
    read_lines,
    set_aside,
)
from selfteach.records import JsonMapping, JsonObject
from selfteach.registry import did_you_mean
from selfteach.run.ledger import Outcome
from selfteach.text import clean_text, format_count, unify_line_ends

MAX_FILE_BYTES = 256 << 20
"""Largest JSON file, which is read as a whole. JSONL and CSV are read line by line and may be of
any length.
"""
MAX_HEAD_BYTES = 4096
"""How much of a file is read to choose the delimiter by its first line with a text."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DELIMITERS = ",;\t"
EXCEL_HEAD = ["sep=", ""]
"""The cells of a first line "sep=;", which tells Excel what parts the columns."""
MAX_SHOWN = 5
MAX_NAMES = 8
MAX_NAME_CHARS = 40
"""How many columns of a wrong row an error names, and how much of each name."""
CLEANED_NOTE = "unsafe characters replaced"
_JSON_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_QUOTED = re.compile(r'"[^"]*+"')
_NO_SPACE = re.compile(f"[^{JSON_SPACE}]")
_JSON_DEPTHS = {"{": 1, "[": 1, "}": -1, "]": -1}
Row = dict[str, Any]
RowReader = Callable[[Path, list[BadLine], list[BadLine]], Iterator[tuple[str, Row]]]
"""Yields (place, row). It records the rows that it cannot read, and those that it cleaned."""
T = TypeVar("T")


def read_rows(
    path: Path, bad: list[BadLine] | None = None, cleaned_rows: list[BadLine] | None = None
) -> Iterator[tuple[str, Row]]:
    """Yield (place, row) in order. The place is `file:line`, or `file[number]` in a JSON list.

    Args:
        bad: receives the rows that cannot be read; if it is None, the first of them stops the
            reading.
        cleaned_rows: receives the places where `clean_text` changed something.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or a row is bad and `bad` is None.
    """
    for where, row in _read_safe_rows(path, bad, cleaned_rows):
        yield where, _unify_line_ends(row)


def _unify_line_ends(value: Any) -> Any:
    """Return a JSON value with the same line ends in all of its texts."""
    if isinstance(value, str):
        return unify_line_ends(value)
    if isinstance(value, dict):
        return {key: _unify_line_ends(part) for key, part in value.items()}
    return [_unify_line_ends(part) for part in value] if isinstance(value, list) else value


def _read_safe_rows(
    path: Path, bad: list[BadLine] | None, cleaned_rows: list[BadLine] | None
) -> Iterator[tuple[str, Row]]:
    form = path.suffix.lower()
    if form in (".jsonl", ".ndjson"):
        yield from read_jsonl(path, bad, cleaned_rows)
        return
    if form not in (".json", ".csv", ".tsv"):
        open_file(path).close()  # a folder, and what is not there, are named as such
        raise DataError(
            f"is of an unknown form ({form or 'no ending'}).",
            where=str(path),
            cure="Give a .jsonl, .json, .csv or .tsv file.",
        )
    parse = _parse_json_rows if form == ".json" else _parse_csv_rows
    for where, row in parse(path):
        try:
            if isinstance(row, ValueError):
                raise row
            safe: Row = clean_json(row)
        except ValueError as fault:
            if bad is None:
                raise DataError(f"{fault}.", where=where, cure="Mend or remove the row.") from None
            set_aside(bad, where, str(fault))
            continue
        if cleaned_rows is not None and safe != row:
            cleaned_rows.append(BadLine(where, CLEANED_NOTE))
        yield where, safe


def read_utf8(path: Path) -> str:
    """Return the text of a whole file.

    Raises:
        DataError: the file is not UTF-8, or too large.
    """
    with open_file(path) as handle:
        data = handle.read(MAX_FILE_BYTES + 1)
    refuse_utf16(data[:4], path)
    if len(data) > MAX_FILE_BYTES:
        raise DataError(
            f"is larger than {MAX_FILE_BYTES >> 20} MB.",
            where=str(path),
            cure="Write it as JSONL, which may be of any length.",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise make_utf8_error(path, data[: fault.start].count(b"\n") + 1) from None


def refuse_utf16(beginning: bytes, path: Path) -> None:
    """Refuse a file that begins as UTF-16 or UTF-32 does.

    Raises:
        DataError: it does.
    """
    if beginning[:2] in UTF16_PREFIXES or b"\x00" in beginning:
        raise DataError(
            "is UTF-16 or UTF-32, not UTF-8.",
            where=str(path),
            cure="Convert it: iconv -f utf-16 -t utf-8.",
        )


def make_utf8_error(path: Path, line: int) -> DataError:
    """Return the error of a line that is not UTF-8."""
    return DataError(
        "not UTF-8.",
        where=f"{path.name}:{line}",
        cure="Convert the file, for instance with `iconv -f latin1 -t utf-8`.",
    )


def _parse_json_rows(path: Path) -> Iterator[tuple[str, Row | ValueError]]:
    """Yield (place, row), and a ValueError in the place of a row that is no object or too long.

    One row is held at a time.
    """
    text = read_utf8(path)
    start = _skip_space(text, 0)
    if not text.startswith("[", start):
        raise DataError(
            "is not a list of objects.",
            where=path.name,
            cure="Write [{...}, {...}], or one object a line in a .jsonl file.",
        )
    try:
        for number, row in enumerate(_parse_json_items(text, start), 1):
            is_row = isinstance(row, dict | ValueError)
            yield f"{path.name}[{number}]", row if is_row else ValueError("not an object")
    except ValueError as fault:
        raise DataError(
            f"{fault}.",
            where=path.name,
            cure="Mend the file, or write it as JSONL: then single bad rows can be left out.",
        ) from None


def _parse_json_items(text: str, start: int) -> Iterator[Any]:
    """Yield the items of the JSON list that begins here.

    A ValueError stands in the place of an item that is too long.

    Raises:
        ValueError: the text is not JSON.
    """
    place = _skip_space(text, start + 1)
    while not text.startswith("]", place):
        end = _find_end(text, place)
        if end - place > MAX_LINE_BYTES:
            yield ValueError(f"the row is longer than {MAX_LINE_BYTES >> 20} MB")
        else:
            item, end = parse_json_at(text, place)
            yield item
        place = _skip_space(text, end)
        if text.startswith(",", place):
            place = _skip_space(text, place + 1)
            if text.startswith("]", place):
                raise make_json_error("Expecting value", text, place)
        elif not text.startswith("]", place):
            raise make_json_error("Expecting ',' delimiter", text, place)
    if text[place + 1 :].strip(JSON_SPACE):
        raise make_json_error("Extra data", text, place + 1)


def _skip_space(text: str, place: int) -> int:
    """Return the first place from here on that is not white space."""
    found = _NO_SPACE.search(text, place)
    return found.start() if found else len(text)


def _find_end(text: str, start: int) -> int:
    """Return the end of the object or list that begins here; the start for anything else."""
    depth = 0
    if text[start : start + 1] in ("{", "["):
        for token in _JSON_TOKEN.finditer(text, start):
            depth += _JSON_DEPTHS.get(text[token.start()], 0)
            if not depth:
                return token.end()
    return start


def _parse_csv_rows(path: Path) -> Iterator[tuple[str, Row | ValueError]]:
    """Yield (place, row), and a ValueError in the place of a row that cannot be read.

    One row is held at a time.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    with open_file(path) as handle:
        refuse_utf16(handle.peek(4)[:4], path)
        head = handle.peek()[:MAX_HEAD_BYTES].decode("utf-8-sig", "replace")
        head = next((line for line in _LINE.findall(head) if line.strip()), "")
        delimiter = _choose_delimiter(path, head)
        lines = csv.reader(_CsvLines(handle, path), delimiter=delimiter, strict=True)
        yield from _name_cells(lines, path)


def split_lines(text: str) -> list[str]:
    """Return the lines of a text. Signs like U+2028 and a form feed are within a line."""
    return [line.rstrip("\r\n") for line in _LINE.findall(text)]


def _choose_delimiter(path: Path, head: str) -> str:
    """Return what parts the columns: tabs in a .tsv file that has some, else the commonest sign."""
    if path.suffix.lower() == ".tsv" and "\t" in head:
        return "\t"
    return max(DELIMITERS, key=_QUOTED.sub("", head).count)


def _name_cells(lines: Any, path: Path) -> Iterator[tuple[str, Row | ValueError]]:
    """Yield (place, row) of the rows of a csv.reader; the first one with a text has the names.

    Of a row that is not CSV each line counts: a quotation mark that is never closed makes one row
    of all that follow.
    """
    names: list[str] = []
    while True:
        first = lines.line_num + 1
        where = f"{path.name}:{first}"
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as fault:
            yield where, ValueError(f"not CSV ({fault})")
            for number in range(first + 1, lines.line_num + 1):
                words = f"in the row of line {first}, which is not CSV"
                yield f"{path.name}:{number}", ValueError(words)
            continue
        except _LongLine as fault:
            yield where, fault
            continue
        if not names:
            if cells != EXCEL_HEAD and "".join(cells).strip():
                names = _read_column_names(cells, where)
        elif "".join(cells[len(names) :]).strip():
            yield where, ValueError(f"{len(cells)} cells under {len(names)} names")
        elif "".join(cells).strip():
            named = zip(names, map(_read_cell, cells), strict=False)
            yield where, {name: cell for name, cell in named if name}


_MESSAGES = re.compile(r"\s*\[\s*\{\s*[\"'](?:role|content|from|value)[\"']\s*:")
"""The beginning of a list of messages, in JSON or as Python shows it."""


def _is_turn(value: Any) -> bool:
    """Tell whether a value is a turn of a conversation."""
    keys = set(value) if isinstance(value, dict) else set()
    return keys >= {"role", "content"} or keys >= {"from", "value"}


def _read_cell(cell: str) -> str | list[Any]:
    """Return the messages that a cell has as text, as an export to CSV writes them; any other cell
    as it is.
    """
    if not _MESSAGES.match(cell):
        return cell
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(cell.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list) and all(map(_is_turn, found)):
            return found
    return cell


class _LongLine(ValueError):
    """Report a line that is longer than MAX_LINE_BYTES."""


class _CsvLines:
    """Iterate over the lines of a file with their ends; after an error it goes on."""

    def __init__(self, handle: IO[bytes], path: Path) -> None:
        self._handle = handle
        self._path = path
        self._number = 0
        self._waiting: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while not self._waiting:
            self._waiting = self._read_line()[::-1]
        return self._waiting.pop()

    def _read_line(self) -> list[str]:
        """Return what stands before the next line feed: several lines, if others part them.

        Raises:
            StopIteration: the file has ended.
        """
        line = self._handle.readline(MAX_LINE_BYTES + 1)
        if not line:
            raise StopIteration
        self._number += 1
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = self._handle.readline(MAX_LINE_BYTES)
            raise _LongLine(f"the line is longer than {MAX_LINE_BYTES >> 20} MB")
        try:
            text = line.removeprefix(BYTE_ORDER_MARK if self._number == 1 else b"").decode("utf-8")
        except UnicodeDecodeError:
            raise make_utf8_error(self._path, self._number) from None
        return _LINE.findall(text)


def _read_column_names(cells: list[str], where: str) -> list[str]:
    """Return the names of the columns. A column without a name is not read.

    Raises:
        DataError: two columns have the same name.
    """
    names = [clean_text(name).strip() for name in cells]
    if twice := next((name for name in names if name and names.count(name) > 1), ""):
        raise DataError(
            f'has two columns "{twice}".', where=where, cure="Rename or remove one of them."
        )
    return names


def convert_rows(
    path: Path,
    read_row: Callable[[Row, str], T],
    cleaned_rows: list[BadLine],
    *,
    skip: bool,
    max_bad_share: float,
    forms: str,
    rows: RowReader = read_rows,
) -> tuple[list[T], dict[str, Outcome]]:
    """Return what `read_row` makes of every row, and the outcomes of the bad rows by their place.

    Args:
        read_row: converts a row at a place; a DataError means a bad row.
        cleaned_rows: receives the places where `clean_text` changed something.
        skip: leave bad rows out if their share is at most `max_bad_share`.
        forms: the forms of a row, for the error.
        rows: yields the rows of the file.

    Raises:
        DataError: the file cannot be read, a row is bad and not `skip`, too many rows are bad, or
            no row is left.
    """
    bad: list[BadLine] = []
    read: list[T] = []
    for where, row in rows(path, bad, cleaned_rows):
        try:
            read.append(read_row(row, where))
        except DataError as fault:
            set_aside(bad, where, f"{fault.what} {fault.cure}".strip().rstrip("."))
    refuse_bad_rows(path, bad, len(read) + len(bad), skip, max_bad_share)
    if not read:
        what = f"has no row that can be used ({len(bad)} bad rows)." if bad else "is empty."
        raise DataError(what, where=str(path), cure=f"A row is {forms}.")
    return read, {
        b.where: Outcome(b.where, "dropped", "cannot be read", {"where": b.where, "fault": b.fault})
        for b in bad
    }


def join_outcomes(
    one: Mapping[str, Outcome], other: Mapping[str, Outcome], name: str
) -> dict[str, Outcome]:
    """Return the outcomes of two files by their place. If the files have the same name, the places
    of the second one begin with `name`.
    """
    if not one.keys() & other.keys():
        return {**one, **other}
    named = [replace(outcome, id=f"{name}: {outcome.id}") for outcome in other.values()]
    return {**one, **{outcome.id: outcome for outcome in named}}


def refuse_bad_rows(
    path: Path, bad: Sequence[BadLine], rows: int, skip: bool, max_bad_share: float
) -> None:
    """Refuse bad rows, unless they may be skipped and are few.

    Raises:
        DataError: naming the first of them.
    """
    if not bad or (skip and len(bad) <= max_bad_share * rows):
        return
    if len(bad) == rows > 1 and len({b.fault for b in bad}) == 1:
        fault = _end_sentence(bad[0].fault)
        raise DataError(f"none of its {rows} rows can be used: {fault}", where=str(path))
    lines = [f"{b.where}: {_end_sentence(b.fault)}" for b in bad[:MAX_SHOWN]]
    if len(bad) > MAX_SHOWN:
        lines.append(f"and {len(bad) - MAX_SHOWN} more.")
    if skip:
        cure = (
            f"At most {max_bad_share:.0%} may be left out (--set max_bad_rows=...); "
            f"is {path.name} the right file?"
        )
    elif len(bad) > max_bad_share * rows:
        cure = (
            f"Mend or remove them. --skip-bad-rows leaves out at most {max_bad_share:.0%}, "
            "and more with --set max_bad_rows=..."
        )
    else:
        cure = (
            f"Mend or remove them; --skip-bad-rows continues without them ({len(bad)} of "
            f"{format_count(rows, 'rows')})."
        )
    raise DataError(
        "\n  ".join([f"{len(bad)} of {format_count(rows, 'rows')} cannot be used:", *lines]),
        where=str(path),
        cure=f"\n{cure}",
    )


def summarize_repaired(lines: Sequence[BadLine]) -> list[str]:
    """Return lines for a person: how many rows were repaired, and what was done to the first."""
    return [f"repaired rows: {len(lines):,}", *list_first_lines(lines)] if lines else []


def list_first_lines(lines: Sequence[BadLine]) -> list[str]:
    """Return lines for a person: the first places with their faults, and how many more."""
    shown = [f"{line.where}: {line.fault}" for line in lines[:MAX_SHOWN]]
    more = len(lines) - MAX_SHOWN
    return [*shown, f"and {more:,} more"] if more > 0 else shown


def _end_sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def suggest_form(names: Iterable[str], known: Collection[str], forms: str) -> str:
    """Return a cure for a row of no known form: its columns, and those of the forms or the nearest
    name of its first unknown one.
    """
    found = [name[:MAX_NAME_CHARS] for name in names]
    unknown = next((name for name in found if name not in known), "")
    if not unknown:
        return f"A row is {forms}."
    near = did_you_mean(unknown, known)
    hint = near if near.startswith("Did") else f"A row is {forms}."
    return f"Its columns are {_show_names(found)}. {hint}"


def _show_names(names: Iterable[str]) -> str:
    """Return the names of columns as text, so many as fit into a line."""
    found = [name[:MAX_NAME_CHARS] for name in names]
    more = f" and {len(found) - MAX_NAMES} more" if len(found) > MAX_NAMES else ""
    return ", ".join(found[:MAX_NAMES]) + more


def read_text(row: JsonMapping, key: str, where: str) -> str | None:
    """Return a text of a row without the space around it; None if it is absent or blank.

    Raises:
        DataError: the value is no text.
    """
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise DataError(f'"{key}" is not a text but {str(value)[:40]!r}.', where=where)
    return clean_text(value).strip() or None if value else None


def read_required_text(row: JsonMapping, key: str, where: str) -> str:
    """Return a text of a row without the space around it.

    Raises:
        DataError: the text is absent or blank, or the value is no text.
    """
    found = read_text(row, key, where)
    if found is None and key not in row:
        raise DataError(
            f'"{key}" is missing.',
            where=where,
            cure=f"Its columns are {_show_names(row)}. Give it, or remove the row.",
        )
    if found is None:
        raise DataError(f'"{key}" is empty.', where=where, cure="Give it, or remove the row.")
    return found


def read_prompt_lines(
    path: Path, bad: list[BadLine], cleaned_rows: list[BadLine]
) -> Iterator[tuple[str, JsonObject]]:
    """Yield the lines of a text file, each as a row with a prompt, and its place.

    Args:
        bad: receives the lines that are no text.
        cleaned_rows: receives the places where `clean_text` changed something.
    """
    number = 0
    for read in read_lines(path):
        for line in [read] if isinstance(read, ValueError) else split_lines(read):
            number += 1
            where = f"{path.name}:{number}"
            if isinstance(line, ValueError):
                set_aside(bad, where, str(line))
                continue
            line = line.replace("\f", " ")
            safe = clean_text(line)
            if safe != line:
                cleaned_rows.append(BadLine(where, CLEANED_NOTE))
            if safe.strip():
                yield where, {"prompt": safe}
