"""JSONL with errors that name their line, and writes that are whole or absent."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import IO, Any

from selfteach.disk import convert_disk_errors, open_file
from selfteach.errors import DataError, IntegrityError, UsageError
from selfteach.text import clean_text

MAX_LINE_BYTES = 8 * 1024 * 1024
MAX_BAD_LINES = 100_000
MAX_DEPTH = 64
JSON_SPACE = " \t\n\r"
UTF16_PREFIXES = (b"\xff\xfe", b"\xfe\xff", b"{\x00", b"\x00{")
"""The first bytes of a UTF-16 file, with its mark or without."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """Name a line that could not be read, and its fault."""

    where: str
    fault: str


def read_jsonl(
    path: Path,
    bad: list[BadLine] | None = None,
    cleaned_rows: list[BadLine] | None = None,
    prepare: Callable[[str], str] | None = None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (`file:line`, object) for each line, with texts made safe by `clean_text`.

    A bad line goes to `bad`, or raises if there is no such list. A line is bad if it is not JSON as
    RFC 8259 has it (so no NaN, and no key twice), not an object, not UTF-8, longer than
    MAX_LINE_BYTES, nested deeper than MAX_DEPTH, or has a number that 64 bits cannot hold.

    Args:
        cleaned_rows: receives the lines whose texts were changed.
        prepare: changes each text before it is made safe, which is no change for `cleaned_rows`.

    Raises:
        DataError: the file is missing, is a pipe or a device, is UTF-16, or a line is bad and `bad`
            is None.
    """
    for number, line in enumerate(read_lines(path), 1):
        where = f"{path.name}:{number}"
        try:
            row = _parse_line(line)
            if prepare is not None:
                row = change_texts(row, prepare)
            safe = clean_json(row)
        except ValueError as fault:
            if bad is None:
                raise DataError(
                    f"{fault}.", where=where, cure="Correct or remove the line."
                ) from None
            set_aside(bad, where, str(fault))
            continue
        if row is None:
            continue
        if cleaned_rows is not None and safe != row:
            cleaned_rows.append(BadLine(where, "unsafe characters replaced"))
        yield where, safe


def read_lines(path: Path) -> Iterator[str | ValueError]:
    """Yield the lines of a file, and a ValueError in the place of each bad one.

    A line is bad if it is not UTF-8, or longer than MAX_LINE_BYTES.

    Raises:
        DataError: the file is missing, is a pipe or a device, or is UTF-16.
    """
    with open_file(path) as handle:
        if handle.peek(2)[:2] in UTF16_PREFIXES:
            raise DataError(
                "is UTF-16 or UTF-32, not UTF-8.",
                where=path,
                cure="Convert it: iconv -f utf-16 -t utf-8.",
            )
        while line := handle.readline(MAX_LINE_BYTES + 1):
            yield _decode_line(line, handle)


def _decode_line(line: bytes, handle: IO[bytes]) -> str | ValueError:
    """Return the text of a line, or its fault; skip the rest of a line that is too long."""
    if len(line) > MAX_LINE_BYTES:
        while line and not line.endswith(b"\n"):
            line = handle.readline(MAX_LINE_BYTES)
        return ValueError(f"the line is longer than {MAX_LINE_BYTES >> 20} MB")
    try:
        return line.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        return ValueError(
            "not UTF-8; convert the file, for instance with `iconv -f latin1 -t utf-8`"
        )


def set_aside(bad: list[BadLine], where: str, fault: str) -> None:
    """Add a bad line or row to a list.

    Raises:
        DataError: the list is full. A file with so many of them is hardly the right one.
    """
    bad.append(BadLine(where, fault))
    if len(bad) >= MAX_BAD_LINES:
        raise DataError(
            f"reading ends at bad row {len(bad):,}; the first is {bad[0].where}: {bad[0].fault}.",
            where=where,
            cure="Is this the right file?",
        )


def _parse_line(line: str | ValueError) -> dict[str, Any] | None:
    """Return the object of a line, or None for a blank one."""
    if isinstance(line, ValueError):
        raise line
    text = line.strip(string.whitespace)
    if not text:
        return None
    row = parse_json(text)
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    return row


def parse_json(text: str) -> Any:
    """Parse JSON as RFC 8259 has it.

    It accepts no NaN, no key twice, no number beyond 64 bits, and no nesting deeper than MAX_DEPTH.

    Raises:
        ValueError: the text is not such JSON.
    """
    value, end = parse_json_at(text, len(text) - len(text.lstrip(JSON_SPACE)))
    if text[end:].strip(JSON_SPACE):
        raise make_json_error("Extra data", text, end)
    return value


def parse_json_at(text: str, start: int) -> tuple[Any, int]:
    """Return the JSON value that begins at a place of a text, as `parse_json`, and its end.

    Raises:
        ValueError: there is no such JSON.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except RecursionError:
        raise ValueError("not JSON that can be used (nested too deep)") from None
    except ValueError as fault:
        raise ValueError(f"not JSON ({str(fault)[:80]})") from None
    if _is_deeper(value, MAX_DEPTH):
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    return value, end


def make_json_error(what: str, text: str, place: int) -> ValueError:
    """Return the error of a text that is not JSON from a place on."""
    return ValueError(f"not JSON ({json.JSONDecodeError(what, text, place)})")


def read_own_json(path: Path, cure: str) -> dict[str, Any]:
    """Read a JSON object that selfteach wrote.

    Raises:
        IntegrityError: the file is damaged: not JSON, nested too deep, or of another shape.
        UsageError: it cannot be read.
    """
    with convert_disk_errors(path):
        data = path.read_bytes()
    fault = "is not a JSON object"
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        found = None
        fault = f"is not JSON ({str(error)[:80]})"
    if not isinstance(found, dict) or _is_deeper(found, MAX_DEPTH):
        raise IntegrityError(f"{fault}.", where=path, cure=cure)
    return found


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _parse_float(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError("a number out of range")
    return value


def _parse_int(digits: str) -> int:
    if len(digits) > 20 or not -(1 << 63) <= (value := int(digits)) < 1 << 64:
        raise ValueError("an integer of more than 64 bits")
    return value


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(row := dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return row


_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant,
    parse_float=_parse_float,
    parse_int=_parse_int,
    object_pairs_hook=_parse_object,
)


def _is_deeper(value: Any, depth: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth == 0 or any(
        _is_deeper(part, depth - 1) for part in parts if isinstance(part, dict | list)
    )


def clean_json(value: Any) -> Any:
    """Return a JSON value with every text in it made safe by `clean_text`.

    Raises:
        ValueError: two keys of an object become one.
    """
    return change_texts(value, clean_text)


def change_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with every text in it changed, keys among them.

    Raises:
        ValueError: two keys of an object become one.
    """
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        pairs = [(change(key), change_texts(part, change)) for key, part in value.items()]
        return _parse_object(pairs)
    return [change_texts(part, change) for part in value] if isinstance(value, list) else value


def hash_file(path: Path) -> str:
    """Return the SHA-256 sum of a file of any length, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def count_folder_bytes(folder: Path) -> int:
    """Return how many bytes the files of a folder hold, without its subfolders."""
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def find_free_name(path: Path) -> Path:
    """Return a path, or where something is there NAME-2, NAME-3, ..., the first that is free."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(place for place in chain([path], numbered) if not os.path.lexists(place))


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none (invariant 1).

    A temporary file beside it is synced, then renamed. `replace_file` names the errors.
    """
    write_bytes(path, text.encode("utf-8", "replace"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes as `write_text`."""
    with replace_file(path, len(data)) as temporary, temporary.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def refuse_current_folder(path: Path) -> None:
    """Refuse to put another folder in the place of the one that this process works in.

    Raises:
        UsageError: the path is the current folder, or one around it.
    """
    if Path.cwd().is_relative_to(path.resolve()):
        raise UsageError(
            "is the current folder, which stays as it is.",
            where=path,
            cure="Give another folder, or work from another one.",
        )


@contextmanager
def replace_file(path: Path, needed: int = 0) -> Iterator[Path]:
    """Yield a temporary path beside a file; at the end of the block it replaces the file.

    Args:
        needed: the bytes that will be written, where they are known.

    Raises:
        ResourceError: the disk is full or failing; the old file stays.
        UsageError: the place cannot be written, or is a pipe or a device.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UsageError(
            "is a pipe or a device, in whose place no file is written.",
            where=path,
            cure="Give the path of a file.",
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with convert_disk_errors(path, needed):
        try:
            yield temporary
            os.replace(temporary, path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk.

    A file that is synced may lose a new name with the power, until its folder is synced too.
    Windows opens no folders, so there nothing is done.
    """
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as fault:
        if fault.errno != errno.EINVAL:  # a file system that cannot sync folders
            raise
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Wait until what a file holds is on the disk."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def sync_files(folder: Path) -> None:
    """Wait until every file of a folder is on the disk, with its name."""
    for path in (*folder.rglob("*"), folder):
        if path.is_dir():
            sync_folder(path)
        elif path.is_file():
            sync_file(path)


def place_folder(fresh: Path, path: Path) -> None:
    """Give a whole folder its place, where nothing is or an empty folder. After a power loss it is
    there with all its files, or not at all.
    """
    sync_files(fresh)
    if path.exists():
        path.rmdir()
    fresh.rename(path)
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, whose names survive a power loss."""
    missing = [place for place in (path, *path.parents) if not place.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for place in missing:
        sync_folder(place.parent)


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line, atomically."""
    write_text(
        path, "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    )
