"""Recovery of the readable rows of a damaged ledger.

The damaged file is kept.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from selfteach.disk import convert_disk_errors
from selfteach.errors import IntegrityError, UsageError
from selfteach.files import find_free_name, sync_file, sync_folder
from selfteach.run.finished import check_ledger
from selfteach.run.ledger import DATABASE_FAULTS, Ledger, is_intact
from selfteach.run.lock import RunLock
from selfteach.run.run_folder import LEDGER_FILE
from selfteach.run.signals import delay_interrupts

TABLES = ("notes", "requests", "answers", "candidates", "events", "embeddings")
BINARY_COLUMNS = {"embeddings": 2}
PAGE = 4096
"""Bytes of a page of SQLite."""
SIZE_OFFSET = 28
"""Where the first page holds the number of pages, in 4 bytes."""
ROWID_LIMIT = 1 << 40
MAX_FAILURES = 4_000
"""Ranges of rowids of a table that may fail before it is given up."""


def recover_ledger(folder: Path) -> dict[str, int]:
    """Replace the ledger of a run by one with every intact row; return the rows saved, by table.

    Lost requests are sent again when the run continues. The damaged file stays beside the new one
    as `run.db.damaged`, that of a second recovery as `run.db.damaged-2`.

    Raises:
        IntegrityError: nothing could be read.
        UsageError: a process works in this folder, there is no ledger, or nothing is damaged.
    """
    path = check_ledger(folder) / LEDGER_FILE
    lock = RunLock(folder)
    try:
        if _is_intact(path):
            raise UsageError("the ledger is whole: there is nothing to recover.", where=path)
        with (
            convert_disk_errors(path),
            tempfile.TemporaryDirectory(dir=folder, prefix=".recover-") as scratch,
        ):
            fresh = Path(scratch) / LEDGER_FILE
            saved = _copy_rows(path, fresh, Path(scratch))
            if not any(saved.values()):
                raise IntegrityError(
                    "nothing of the ledger could be read.",
                    where=path,
                    cure="Start a new run with --new.",
                )
            _replace(path, fresh)
    finally:
        lock.release()
    return saved


def _replace(path: Path, fresh: Path) -> None:
    """Put the fresh ledger in the place of the damaged one, which stays there until then.

    The log goes first, with the damaged file: beside the fresh ledger SQLite would take it for a
    log of that one.
    """
    damaged = find_free_name(path.with_name(f"{LEDGER_FILE}.damaged"))
    log = path.with_name(f"{LEDGER_FILE}-wal")
    with delay_interrupts():
        _link_or_copy(path, damaged)
        if log.exists():
            log.replace(damaged.with_name(f"{damaged.name}-wal"))
        path.with_name(f"{LEDGER_FILE}-shm").unlink(missing_ok=True)
        fresh.replace(path)
        sync_folder(path.parent)


def _link_or_copy(path: Path, other: Path) -> None:
    """Give a file a second name, or where the file system has no such names, a copy."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)
        sync_file(other)


def _is_intact(path: Path) -> bool:
    """Return whether the ledger opens, which reads and checks every row."""
    try:
        Ledger(path, readonly=True).close()
    except IntegrityError:
        return False
    return True


def _copy_rows(path: Path, fresh: Path, scratch: Path) -> dict[str, int]:
    Ledger(fresh).close()
    saved = dict.fromkeys(TABLES, 0)
    for copy in _make_copies(path, fresh, scratch):
        with closing(sqlite3.connect(copy)) as old, closing(sqlite3.connect(fresh)) as new:
            old.text_factory = bytes
            for table in TABLES:
                width = len(new.execute(f"PRAGMA table_info({table})").fetchall())
                for row in _read_rows(old, table):
                    if (whole := _decode_row(table, row, width)) is not None:
                        saved[table] += new.execute(
                            f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * width)})", whole
                        ).rowcount
            new.commit()
    return saved


def _make_copies(path: Path, fresh: Path, scratch: Path) -> Iterator[Path]:
    """Yield a copy of the damaged file, then one with the first page of a new ledger.

    The tables of every ledger begin on the same pages, so the second copy makes a file readable
    whose header or schema is gone.
    """
    as_is = scratch / "as-is.db"
    patched = scratch / "patched.db"
    for copy in (as_is, patched):
        shutil.copyfile(path, copy)
        log = path.with_name(f"{path.name}-wal")
        if log.exists():
            shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
    yield as_is
    first = bytearray(fresh.read_bytes()[:PAGE])
    first[SIZE_OFFSET : SIZE_OFFSET + 4] = (path.stat().st_size // PAGE).to_bytes(4, "big")
    with patched.open("r+b") as handle:
        handle.write(first)
    yield patched


def _read_rows(db: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """Yield the readable rows.

    A range of rowids that cannot be read is halved until only the broken rows are left out. Every
    range fails if the root of the table is broken, so the number of failures is bounded.
    """
    ranges = [(1, ROWID_LIMIT)]
    failures = 0
    while ranges and failures < MAX_FAILURES:
        low, high = ranges.pop()
        try:
            yield from db.execute(
                f"SELECT * FROM {table} NOT INDEXED WHERE rowid BETWEEN ? AND ?", (low, high)
            ).fetchall()
        except DATABASE_FAULTS as fault:
            # No database, or no such table: no range can be read.
            name = getattr(fault, "sqlite_errorname", "SQLITE_ERROR")
            if name in ("SQLITE_NOTADB", "SQLITE_ERROR"):
                return
            failures += 1
            if low < high:
                middle = (low + high) // 2
                ranges += [(middle + 1, high), (low, middle)]


def _decode_row(table: str, row: tuple[Any, ...], width: int) -> tuple[Any, ...] | None:
    """Return the row as text, numbers and bytes, or None if it has changed since it was written."""
    values = list(row)
    for column, value in enumerate(row):
        if isinstance(value, bytes) and column != BINARY_COLUMNS.get(table):
            try:
                values[column] = value.decode()
            except UnicodeDecodeError:
                return None
    return tuple(values) if len(values) == width and is_intact(table, tuple(values)) else None
