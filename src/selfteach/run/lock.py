"""One process for each run.

The lock is the system's (flock), so it ends with its process. The file holds the pid for people to
read.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from selfteach.disk import require_plain_file
from selfteach.errors import UsageError

LOCK_FILE = "run.lock"


class RunLock:
    """Hold the lock of a run folder, until `release` or the end of the process.

    Args:
        what: what the folder holds, for the message.

    Raises:
        UsageError: another process holds it, and the message names its pid; or a link is in the
            folder.
    """

    def __init__(self, folder: Path, what: str = "run") -> None:
        refuse_links(folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        self._handle = os.open(folder / LOCK_FILE, flags, 0o644)
        if not _try_lock(self._handle):
            pid = os.pread(self._handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._handle)
            raise UsageError(
                f"the {what} is in use by process {pid}.",
                where=folder,
                cure="Wait for it, or stop it; `selfteach status` shows its progress.",
            )
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Release the lock.

        The file stays: without it two processes could hold two locks.
        """
        os.close(self._handle)


def refuse_links(folder: Path) -> None:
    """Refuse a run folder with a link, a pipe or a device in it, at any depth.

    Raises:
        UsageError: there is one.
    """
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            require_plain_file(Path(place, name))


def _try_lock(handle: int) -> bool:
    """Try to lock for a quarter of a second, because `find_lock_owner` may hold it for a moment."""
    for _ in range(5):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.05)
    return False


def find_lock_owner(folder: Path) -> int | None:
    """Return the pid of the process that works in this folder now, or None."""
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(handle, 32, 0).strip() or b"0")
    finally:
        os.close(handle)
    return None
