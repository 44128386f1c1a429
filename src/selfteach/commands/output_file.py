"""A file that a command writes: whole or not at all, and over no other file by mistake."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from selfteach.errors import UsageError
from selfteach.files import replace_file

WHOLE_FILE_SUFFIXES = (".json", ".csv", ".tsv")
"""Endings of files that are read as a whole; every other file is read as JSONL, of any length."""


def refuse_existing(path: Path, *, force: bool) -> None:
    """Refuse to write over a file.

    Raises:
        UsageError: the file exists, and `--force` is not given.
    """
    if path.is_file() and not force:
        raise UsageError(
            "exists already.", where=path, cure="Give another path, or --force to write over it."
        )


def refuse_other_ending(path: Path) -> None:
    """Refuse a file for JSONL whose name says that it is of another form.

    Raises:
        UsageError: the name ends in .json, .csv or .tsv.
    """
    if path.suffix.lower() in WHOLE_FILE_SUFFIXES:
        raise UsageError(
            "the rows are written as JSONL.",
            where=path,
            cure=f"Name it {path.with_suffix('.jsonl').name}.",
        )


def refuse_shared_paths(written: Sequence[Path], read: Sequence[Path]) -> None:
    """Refuse to write over a file that is read, or to write one file twice.

    Raises:
        UsageError: two of the paths name the same file.
    """
    taken = {os.path.realpath(path) for path in read}
    for path in written:
        real = os.path.realpath(path)
        if real in taken:
            raise UsageError(
                "is read or written twice.", where=path, cure="Give each file a path of its own."
            )
        taken.add(real)


@contextmanager
def open_atomic(path: Path) -> Iterator[TextIO]:
    """Open a file that appears whole or not at all; an unwritable folder is an error at once.

    A link stays: the file that it leads to is written.

    Raises:
        UsageError: the path is a folder, or cannot be written.
        ResourceError: the disk is full or failing; the old file stays.
    """
    if path.is_dir():
        raise UsageError("is a folder.", where=path, cure="Give the path of a file.")
    if path.is_symlink():
        path = path.resolve()
    with (
        replace_file(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="replace") as handle,
    ):
        yield handle
        handle.flush()
        os.fsync(handle.fileno())
