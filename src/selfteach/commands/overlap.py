"""`selfteach overlap`: filter the rows of a dataset that repeat an earlier row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO

from selfteach.commands.output_file import (
    WHOLE_FILE_SUFFIXES,
    open_atomic,
    refuse_existing,
    refuse_other_ending,
    refuse_shared_paths,
)
from selfteach.commands.screen import Screen, open_screen, print_result
from selfteach.dedup.filter import BLOCK, OverlapFilter, SimilarText
from selfteach.dedup.rouge import WORD_SPLITTERS
from selfteach.disk import open_file
from selfteach.errors import DataError, SelfteachError, UsageError
from selfteach.files import BadLine, read_jsonl, set_aside
from selfteach.materials.rows import read_rows
from selfteach.records import JsonObject, get_user_text, parse_messages
from selfteach.run.signals import handle_interrupts
from selfteach.text import format_count

MAX_BAD_SHARE = 0.1
"""Above this share of bad lines the file is probably the wrong one."""
MAX_BAD_SHOWN = 5


@dataclass(frozen=True)
class OverlapOptions:
    """Hold what counts as a repetition, and the files for the rows."""

    out: Path
    dropped: Path | None = None
    field: str = "instruction"
    threshold: float = 0.7
    words: str = "rouge"
    workers: int | None = None
    debug: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class OverlapRow:
    """Hold a row of the dataset with its place and the text that is compared."""

    where: str
    row: JsonObject
    text: str


@dataclass
class OverlapCounts:
    """Hold the counts of a filter, and the places and texts of the rows that it has kept.

    Attributes:
        seen: how many rows the filter has seen.
        kept_rows: the place and the text of each kept row, by its number, if `--dropped` needs
            them.
        repaired: how many rows were repaired; `first_repaired` is the first of them.
    """

    seen: int = 0
    kept_rows: dict[int, tuple[str, str]] = field(default_factory=dict)
    kept: int = 0
    dropped: int = 0
    wordless: int = 0
    bad: list[BadLine] = field(default_factory=list)
    repaired: int = 0
    first_repaired: BadLine | None = None

    def count_repaired(self, lines: list[BadLine]) -> None:
        """Count repaired rows, and forget them: a file may have any number."""
        self.repaired += len(lines)
        self.first_repaired = self.first_repaired or next(iter(lines), None)
        lines.clear()


def filter_overlap(
    first: Path, second: Path | None, options: OverlapOptions, *, as_json: bool
) -> None:
    """Filter the rows of a file against themselves.

    With two files, filter the rows of the second one against the first and against themselves.
    """
    _check_options(first, second, options)
    tally = OverlapCounts()
    with ExitStack() as stack:
        screen = stack.enter_context(open_screen(None, debug=options.debug))
        stack.enter_context(handle_interrupts(screen.print_line))
        out = stack.enter_context(open_atomic(options.out))
        dropped = stack.enter_context(open_atomic(options.dropped)) if options.dropped else None
        sieve = stack.enter_context(
            OverlapFilter(options.threshold, WORD_SPLITTERS[options.words], options.workers)
        )
        if second:
            _add_reference_rows(first, sieve, tally, options, screen)
        _filter_rows(second or first, sieve, tally, options, screen, out, dropped)
        _print_warnings(tally, options, screen)
    found = {
        "out": str(options.out),
        "kept": tally.kept,
        "dropped": tally.dropped,
        "bad_lines": len(tally.bad),
    }
    text = f"{options.out}: {format_count(tally.kept, 'rows')} kept, {tally.dropped:,} dropped"
    print_result(found, text, as_json=as_json)


def _check_options(first: Path, second: Path | None, options: OverlapOptions) -> None:
    """Refuse wrong options and files that cannot be read, before anything is loaded or written."""
    if options.words not in WORD_SPLITTERS:
        raise UsageError(
            f'there is no "{options.words}".',
            where="--words",
            cure=f"Give one of: {', '.join(WORD_SPLITTERS)}.",
        )
    written = [path for path in (options.out, options.dropped) if path]
    refuse_shared_paths(written, [path for path in (first, second) if path])
    for path in written:
        refuse_other_ending(path)
        refuse_existing(path, force=options.force)
    for path in filter(None, (first, second)):
        open_file(path).close()


def _add_reference_rows(
    path: Path, sieve: OverlapFilter, tally: OverlapCounts, options: OverlapOptions, screen: Screen
) -> None:
    screen.display.start_stage(f"read {path.name}", count_lines(path), "rows")
    for block in read_blocks(path, options.field, tally):
        if options.dropped:
            for number, row in enumerate(block, tally.seen):
                tally.kept_rows[number] = row.where, row.text
        tally.seen += len(block)
        sieve.add([row.text for row in block])
        screen.display.advance(len(block))


def _filter_rows(
    path: Path,
    sieve: OverlapFilter,
    tally: OverlapCounts,
    options: OverlapOptions,
    screen: Screen,
    out: TextIO,
    dropped: TextIO | None,
) -> None:
    split_words = WORD_SPLITTERS[options.words]
    screen.display.start_stage(f"filter {path.name}", count_lines(path), "rows")
    for block in read_blocks(path, options.field, tally):
        decisions = sieve.decide([row.text for row in block])
        for number, (row, like) in enumerate(zip(block, decisions, strict=True), tally.seen):
            if like is None:
                tally.kept += 1
                tally.wordless += not split_words(row.text)
                _write_row(out, row.row)
                if dropped:
                    tally.kept_rows[number] = row.where, row.text
                continue
            tally.dropped += 1
            if dropped:
                _write_row(dropped, _make_dropped_row(row, like, tally))
        tally.seen += len(block)
        screen.display.advance(len(block))
    if not tally.kept + tally.dropped:
        raise DataError("holds no row.", where=str(path), cure="Give one JSON object per line.")
    if dropped:
        for bad in tally.bad:
            _write_row(dropped, {"reason": "bad line", "where": bad.where, "fault": bad.fault})


def _make_dropped_row(row: OverlapRow, like: SimilarText, tally: OverlapCounts) -> JsonObject:
    """Return a dropped row with the reason and the row that it repeats."""
    where, text = tally.kept_rows[like.number]
    found = {"where": where, "similarity": round(like.similarity, 6), "text": text}
    return {"reason": "overlap", "where": row.where, "like": found, "row": row.row}


def _write_row(handle: TextIO, row: JsonObject) -> None:
    handle.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def _print_warnings(tally: OverlapCounts, options: OverlapOptions, screen: Screen) -> None:
    for bad in tally.bad[:MAX_BAD_SHOWN]:
        screen.print_line(f"{bad.where}: left out: {bad.fault}.")
    if len(tally.bad) > MAX_BAD_SHOWN:
        more = format_count(len(tally.bad) - MAX_BAD_SHOWN, "further bad lines")
        where = "" if options.dropped else "; --dropped FILE lists all of them"
        screen.print_line(f"{more} left out{where}.")
    if tally.first_repaired:
        first = tally.first_repaired
        screen.print_line(
            f"repaired rows: {tally.repaired:,}; the first: {first.where}: {first.fault}."
        )
    if tally.wordless:
        hint = (
            " --words unicode compares words of every script." if options.words == "rouge" else ""
        )
        screen.print_line(
            f"{tally.wordless:,} kept rows contain no comparable word, so they are "
            f"similar to no row.{hint}"
        )


def read_blocks(path: Path, name: str, tally: OverlapCounts) -> Iterator[list[OverlapRow]]:
    """Yield the rows of a file in blocks; add lines without a usable text to the bad ones.

    Raises:
        DataError: the first row has no such field, or too many lines are bad.
    """
    rows = _read_rows(path, name, tally)
    read = 0
    before = len(tally.bad)
    while block := list(islice(rows, BLOCK)):
        yield block
        read += len(block)
    bad = tally.bad[before:]
    if len(bad) > MAX_BAD_SHARE * (read + len(bad)):
        what = (
            f"{len(bad):,} of {read + len(bad):,} lines cannot be used; the first: "
            f"{bad[0].where}: {bad[0].fault}."
        )
        raise DataError(what, where=str(path), cure="Repair or remove them.")


def _read_rows(path: Path, name: str, tally: OverlapCounts) -> Iterator[OverlapRow]:
    known = False
    bad = tally.bad
    cleaned: list[BadLine] = []
    read = read_rows if path.suffix.lower() in WHOLE_FILE_SUFFIXES else read_jsonl
    for where, row in read(path, bad, cleaned):
        tally.count_repaired(cleaned)
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
        except SelfteachError as fault:
            set_aside(bad, where, fault.what.rstrip("."))
        except ValueError as fault:
            set_aside(bad, where, str(fault))


def _get_text(row: JsonObject, name: str) -> str:
    """Return the text of a field; messages give the last turn of the user."""
    if name not in row:
        raise ValueError(f'no field "{name}"')
    value = row[name]
    if isinstance(value, list):
        return get_user_text(parse_messages(value))
    if not isinstance(value, str):
        raise ValueError(f'"{name}" is no text')
    return value


def count_lines(path: Path) -> int:
    """Count the rows of a file, for the progress alone; return 0 if this is not possible."""
    if path.suffix.lower() in WHOLE_FILE_SUFFIXES or not path.is_file():
        return 0
    try:
        with path.open("rb") as handle:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: handle.read(1 << 20), b""))
    except OSError:
        return 0
