"""Errors of a full or failing disk: exit code 5, with the bytes needed and the bytes free.

Also the check that a user's path is a file.
"""

from __future__ import annotations

import errno
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from selfteach.errors import DataError, ResourceError, SelfteachError, UsageError

DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RERUN_HINT = "then run the same command again; nothing that was recorded is lost."


def open_file(
    path: Path, *, error: type[SelfteachError] = DataError, cure: str = "Check the path."
) -> BufferedReader:
    """Open a user's file for reading.

    A pipe or a device is refused, because it may give nothing or never end.

    Args:
        error: the class of the error.
        cure: the cure if the file cannot be read.

    Raises:
        DataError: or another `error`: it cannot be read, or is not a file.
    """
    try:
        mode = path.stat().st_mode
        # The system itself refuses to open a folder.
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            return path.open("rb")
    except OSError as fault:
        raise error(f"cannot be read ({fault.strerror}).", where=path, cure=cure) from fault
    raise error(
        "is not a file.",
        where=path,
        cure="Give a file; what a pipe or a device gives, save to one first.",
    )


def get_free_bytes(path: Path) -> int:
    """Return the free bytes of the file system that holds `path`, which need not exist yet."""
    there = path.absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def require_free_bytes(
    path: Path, needed: int, cure: str = "Free disk space or give another --out."
) -> None:
    """Check the free space before the work.

    Raises:
        ResourceError: fewer than `needed` bytes are free.
    """
    if (free := get_free_bytes(path)) < needed:
        raise ResourceError(
            f"{needed:,} bytes are needed and {free:,} are free.", where=path, cure=cure
        )


def make_disk_error(fault: OSError, path: Path, needed: int = 0) -> SelfteachError:
    """Return the selfteach error for an error of the operating system."""
    if fault.errno in DISK_FULL_ERRNOS:
        wanted = f"at least {needed:,} bytes are needed" if needed else "more room is needed"
        limit = " (a file-size limit of the system)" if fault.errno == errno.EFBIG else ""
        return ResourceError(
            f"the disk is full{limit}: {wanted}, {get_free_bytes(path):,} are free.",
            where=path,
            cure=f"Free disk space, {RERUN_HINT}",
        )
    if fault.errno == errno.EIO:
        return ResourceError(
            "the disk failed to read or write (input/output error).",
            where=path,
            cure=f"Check the disk or its mount, {RERUN_HINT}",
        )
    return UsageError(
        f"cannot be used ({fault.strerror or fault}).",
        where=path,
        cure="Check the path and its permissions.",
    )


@contextmanager
def convert_disk_errors(path: Path, needed: int = 0) -> Iterator[None]:
    """Convert the operating system's errors inside the block to selfteach errors."""
    try:
        yield
    except OSError as fault:
        raise make_disk_error(fault, path, needed) from fault
