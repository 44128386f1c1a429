"""Errors of a full or failing disk: exit code 5, with the bytes needed and the bytes free.

Also the checks that a user's path is a file, and that a run holds no links.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from selfteach.errors import DataError, ResourceError, SelfteachError, UsageError

FULL_ERRNOS = {errno.ENOSPC: "the disk is full"}
if hasattr(errno, "EDQUOT"):  # Windows has no such error
    FULL_ERRNOS[errno.EDQUOT] = "the disk quota is used up"
DISK_ERRNOS = (*FULL_ERRNOS, errno.EFBIG, errno.EIO)
PROBE_BYTES = 1 << 20
NO_FOLDER = "No usable temporary directory"
"""The words of `tempfile` where every disk that it tries is full."""
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


def require_plain_file(path: Path) -> None:
    """Refuse a link, a pipe or a device in the place of a file or a folder of a run.

    A run folder may come from elsewhere. What is written through a link changes another file.

    Raises:
        UsageError: something else than a file or a folder is there.
    """
    with suppress(OSError):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise UsageError(
                f"is a {'link' if stat.S_ISLNK(mode) else 'pipe or a device'}, "
                "and a run holds files alone.",
                where=path,
                cure="Remove it. To keep a run on another disk, let its whole folder be the link.",
            )


def require_writable(path: Path) -> None:
    """Refuse a folder, which need not exist yet, that a command could not make or write in.

    A file without a name is written in the nearest folder that exists; nothing is left of it.

    Raises:
        UsageError: the folder cannot be made, or nothing can be written there.
        ResourceError: the disk is full or failing.
    """
    there = path.absolute()
    while not there.exists():
        there = there.parent
    with convert_disk_errors(path):
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        tempfile.TemporaryFile(dir=there).close()


def find_error_number(fault: BaseException) -> int | None:
    """Return the number of the operating system's error behind a fault, or None.

    Some libraries have it in their words alone: `[Errno 28]` (shutil), `(os error 28)`
    (safetensors).
    """
    if isinstance(fault, OSError) and fault.errno:
        return fault.errno
    found = re.search(r"\[Errno (\d+)\]|\(os error (\d+)\)", str(fault))
    return int(found[1] or found[2]) if found else None


def probe_disk(path: Path, needed: int = 0) -> int | None:
    """Return the number of the error with which a file beside `path` fails to grow, or None.

    Some libraries, SQLite among them, tell that a write failed, but not why.

    Args:
        needed: the bytes that must be free at least.
    """
    try:
        if get_free_bytes(path) < needed:
            return errno.ENOSPC
        with tempfile.TemporaryFile(dir=path if path.is_dir() else path.parent) as probe:
            probe.seek(path.stat().st_size if path.is_file() else 0)
            probe.write(bytes(PROBE_BYTES))
    except OSError as fault:
        return fault.errno
    return None


def make_disk_error(
    fault: BaseException, path: Path | None = None, needed: int = 0
) -> SelfteachError:
    """Return the selfteach error for an error of the operating system.

    Args:
        path: the file or the folder that was written; by default the one that the error names, or
            the fullest of those where selfteach writes.
        needed: the bytes that were to be written, where they are known.
    """
    named = getattr(fault, "filename", None)
    places = [Path(), Path(os.environ.get("TMPDIR") or "/tmp")]
    path = path or (Path(named) if named else min(places, key=get_free_bytes))
    code = find_error_number(fault)
    if code is None or NO_FOLDER in str(fault):
        code = probe_disk(path, needed)
    wanted = f"at least {needed:,} bytes are needed" if needed else "more room is needed"
    if code == errno.EFBIG:
        return ResourceError(
            f"the system limits the size of a file: {wanted}{describe_size_limit()}.",
            where=path,
            cure=f"Raise the limit (ulimit -f) or choose another disk, {RERUN_HINT}",
        )
    if code in FULL_ERRNOS:
        return ResourceError(
            f"{FULL_ERRNOS[code]}: {wanted}, {get_free_bytes(path):,} are free.",
            where=path,
            cure=f"Free disk space, {RERUN_HINT}",
        )
    if code == errno.EIO:
        return ResourceError(
            "the disk failed to read or write (input/output error).",
            where=path,
            cure=f"Check the disk or its mount, {RERUN_HINT}",
        )
    return UsageError(
        f"cannot be used ({getattr(fault, 'strerror', None) or fault}).",
        where=path,
        cure="Check the path and its permissions.",
    )


def describe_size_limit() -> str:
    """Return the largest file that the system allows, in words; "" where it has no such limit."""
    try:
        import resource
    except ImportError:  # Windows
        return ""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return "" if limit == resource.RLIM_INFINITY else f", {limit:,} are allowed"


@contextmanager
def convert_disk_errors(path: Path, needed: int = 0) -> Iterator[None]:
    """Convert the operating system's errors inside the block to selfteach errors."""
    try:
        yield
    except SelfteachError:
        raise
    except Exception as fault:
        if isinstance(fault, OSError) or find_error_number(fault) in DISK_ERRNOS:
            raise make_disk_error(fault, path, needed) from fault
        raise
