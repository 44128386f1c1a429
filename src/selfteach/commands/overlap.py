"""`selfteach overlap`: the rows of a dataset that repeat no kept row before them."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from selfteach.commands.screen import Screen, open_screen, print_json
from selfteach.dedup.filter import BLOCK, OverlapFilter, SimilarText
from selfteach.dedup.rouge import WORD_SPLITTERS
from selfteach.disk import convert_disk_errors
from selfteach.errors import DataError, SelfteachError, UsageError
from selfteach.files import BadLine, read_jsonl
from selfteach.materials.rows import read_rows
from selfteach.records import get_user_text, parse_messages
from selfteach.run.signals import delay_interrupts, handle_interrupts

MAX_BAD_SHARE = 0.1  # above this the file is not what the user takes it for
MAX_BAD_SHOWN = 5
WHOLE_FILE_SUFFIXES = (".json", ".csv", ".tsv")
"""Endings of files that are read as a whole; every other one is taken for JSONL, of any length."""


@dataclass(frozen=True)
class OverlapOptions:
    """What counts as a repetition, and where the rows go."""

    out: Path
    dropped: Path | None = None
    field: str = "instruction"
    threshold: float = 0.7
    words: str = "rouge"
    workers: int | None = None
    debug: bool = False


@dataclass(frozen=True, slots=True)
class OverlapRow:
    """A row of the dataset with its place and the text that is compared."""

    where: str
    row: dict[str, Any]
    text: str


@dataclass
class OverlapCounts:
    """What was read so far, and what is needed to say what a dropped row is like."""

    lines: array[int] = field(
        default_factory=lambda: array("Q")
    )  # the line of each text that the filter has seen, by its number
    known: int = 0  # how many of them are of the file to compare with
    texts: dict[int, str] = field(default_factory=dict)  # the kept ones, where they are wanted
    kept: int = 0
    dropped: int = 0
    wordless: int = 0
    bad: list[BadLine] = field(default_factory=list)


def filter_overlap(
    first: Path, second: Path | None, options: OverlapOptions, *, as_json: bool
) -> None:
    """Filters the rows of a file against themselves, or those of a second file against the first
    and themselves.
    """
    _check_options(first, second, options)
    asked, tally = second or first, OverlapCounts()
    with ExitStack() as stack:
        shown = stack.enter_context(open_screen(None, debug=options.debug))
        stack.enter_context(handle_interrupts(shown.print_line))
        out = stack.enter_context(open_atomic(options.out))
        dropped = stack.enter_context(open_atomic(options.dropped)) if options.dropped else None
        sieve = stack.enter_context(
            OverlapFilter(options.threshold, WORD_SPLITTERS[options.words], options.workers)
        )
        if second:
            _add_reference_rows(first, sieve, tally, options, shown)
        _filter_rows(asked, first, sieve, tally, options, shown, out, dropped)
        _print_warnings(tally, options, shown)
    found = {
        "out": str(options.out),
        "kept": tally.kept,
        "dropped": tally.dropped,
        "bad_lines": len(tally.bad),
    }
    print_json(found) if as_json else print(
        f"{options.out}: {tally.kept:,} rows kept, {tally.dropped:,} dropped"
    )


def _check_options(first: Path, second: Path | None, options: OverlapOptions) -> None:
    if not 0 <= options.threshold <= 1:
        raise UsageError(
            "must lie between 0 and 1.", where="--threshold", cure="Self-Instruct takes 0.7."
        )
    if options.words not in WORD_SPLITTERS:
        raise UsageError(
            f'there is no "{options.words}".',
            where="--words",
            cure=f"Give one of: {', '.join(WORD_SPLITTERS)}.",
        )
    written = [path.resolve() for path in (options.out, options.dropped) if path]
    read = [path.resolve() for path in (first, second) if path]
    if len({*written}) < len(written) or {*written} & {*read}:
        raise UsageError(
            "is read or written twice.",
            where=str(options.dropped or options.out),
            cure="Give each file a path of its own.",
        )


def _add_reference_rows(
    path: Path, sieve: OverlapFilter, tally: OverlapCounts, options: OverlapOptions, shown: Screen
) -> None:
    shown.display.start_stage(f"read {path.name}", count_lines(path), "rows")
    for block in read_blocks(path, options.field, tally):
        if options.dropped:
            tally.texts |= {len(tally.lines) + k: row.text for k, row in enumerate(block)}
        _record_lines(block, tally)
        sieve.add([row.text for row in block])
        shown.display.advance(len(block))
    tally.known = len(tally.lines)


def _filter_rows(
    path: Path,
    first: Path,
    sieve: OverlapFilter,
    tally: OverlapCounts,
    options: OverlapOptions,
    shown: Screen,
    out: TextIO,
    dropped: TextIO | None,
) -> None:
    words = WORD_SPLITTERS[options.words]
    shown.display.start_stage(f"filter {path.name}", count_lines(path), "rows")
    for block in read_blocks(path, options.field, tally):
        start = len(tally.lines)
        _record_lines(block, tally)
        for number, (row, like) in enumerate(
            zip(block, sieve.decide([row.text for row in block]), strict=True), start
        ):
            if like is None:
                tally.kept += 1
                tally.wordless += not words(row.text)
                _write_row(out, row.row)
                if dropped:
                    tally.texts[number] = row.text
            else:
                tally.dropped += 1
                if dropped:
                    _write_row(
                        dropped,
                        _make_dropped_row(
                            row, like, tally, first if like.number < tally.known else path
                        ),
                    )
        shown.display.advance(len(block))
    if not tally.kept + tally.dropped:
        raise DataError("holds no row.", where=str(path), cure="Give one JSON object a line.")
    for bad in tally.bad if dropped else ():
        _write_row(dropped, {"reason": "bad line", "where": bad.where, "fault": bad.fault})


def _make_dropped_row(
    row: OverlapRow, like: SimilarText, tally: OverlapCounts, file: Path
) -> dict[str, Any]:
    """The line of a dropped row: why, and what it is like, so that the two can be read side by
    side.
    """
    number = tally.lines[like.number]
    where = f"{file.name}[{number}]" if file.suffix.lower() == ".json" else f"{file.name}:{number}"
    found = {
        "where": where,
        "similarity": round(like.similarity, 6),
        "text": tally.texts[like.number],
    }
    return {"reason": "overlap", "where": row.where, "like": found, "row": row.row}


def _record_lines(block: list[OverlapRow], tally: OverlapCounts) -> None:
    tally.lines.extend(
        int(row.where.rstrip("]").rpartition("[" if row.where.endswith("]") else ":")[2])
        for row in block
    )


def _write_row(handle: TextIO | None, row: dict[str, Any]) -> None:
    if handle:
        handle.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def _print_warnings(tally: OverlapCounts, options: OverlapOptions, shown: Screen) -> None:
    for bad in tally.bad[:MAX_BAD_SHOWN]:
        shown.print_line(f"{bad.where}: left out: {bad.fault}.")
    if len(tally.bad) > MAX_BAD_SHOWN:
        shown.print_line(
            f"{len(tally.bad) - MAX_BAD_SHOWN:,} more bad lines were left out"
            + ("." if options.dropped else "; --dropped FILE lists them.")
        )
    if tally.wordless:
        hint = (
            " --words unicode compares words of every script." if options.words == "rouge" else ""
        )
        shown.print_line(
            f"{tally.wordless:,} kept rows hold no word that is compared, and so are "
            f"like nothing.{hint}"
        )


def read_blocks(path: Path, name: str, tally: OverlapCounts) -> Iterator[list[OverlapRow]]:
    """The rows of a file by the block; what is no row, or has no text there, is noted as bad.

    Raises:
        DataError: the first row has no such field, or too many lines are bad.
    """
    rows, read, before = _read_rows(path, name, tally.bad), 0, len(tally.bad)
    while block := list(islice(rows, BLOCK)):
        yield block
        read += len(block)
    if (bad := len(tally.bad) - before) > MAX_BAD_SHARE * (read + bad):
        what = (
            f"{bad:,} of {read + bad:,} lines cannot be used; the first: "
            f"{tally.bad[before].where}: {tally.bad[before].fault}."
        )
        raise DataError(what, where=str(path), cure="Mend or remove them.")


def _read_rows(path: Path, name: str, bad: list[BadLine]) -> Iterator[OverlapRow]:
    known, read = False, read_rows if path.suffix.lower() in WHOLE_FILE_SUFFIXES else read_jsonl
    for where, row in read(path, bad):
        if name not in row and not known:
            there = ", ".join(list(row)[:20]) or "none"
            raise DataError(
                f'has no field "{name}".',
                where=where,
                cure=f"Give --field one of those that it has: {there}.",
            )
        known = True
        try:
            yield OverlapRow(where, row, _get_text(row, name))
        except (ValueError, SelfteachError) as fault:
            bad.append(
                BadLine(
                    where,
                    fault.what.rstrip(".") if isinstance(fault, SelfteachError) else str(fault),
                )
            )


def _get_text(row: dict[str, Any], name: str) -> str:
    """The text of a field; of messages the last turn of the user."""
    if name not in row:
        raise ValueError(f'no field "{name}"')
    value = row[name]
    if isinstance(value, list):
        return get_user_text(parse_messages(value))
    if not isinstance(value, str):
        raise ValueError(f'"{name}" is no text')
    return value


def count_lines(path: Path) -> int:
    """How many rows a file has, for the progress alone; 0 where that is not its lines, or it cannot
    be read.
    """
    if path.suffix.lower() in WHOLE_FILE_SUFFIXES or not path.is_file():
        return 0
    try:
        with path.open("rb") as handle:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: handle.read(1 << 20), b""))
    except OSError:
        return 0


@contextmanager
def open_atomic(path: Path) -> Iterator[TextIO]:
    """A file that appears whole or not at all, and whose folder is proven to be writable at once."""
    with convert_disk_errors(path):
        if path.is_dir():
            raise UsageError("is a folder.", where=str(path), cure="Give the path of a file.")
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("w", encoding="utf-8", errors="replace") as handle:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
            with delay_interrupts():
                os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
