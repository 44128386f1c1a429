"""One process for each run.

The lock is the system's, so it ends with its process: filelock takes it on every system. The file
holds the pid for people to read.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from filelock import lock_descriptor

from selfteach.disk import require_plain_file
from selfteach.errors import UsageError

LOCK_FILE = "run.lock"
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
NO_WAIT = getattr(os, "O_NONBLOCK", 0)
"""Flags of `os.open`; Windows has neither."""


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
        flags = os.O_RDWR | os.O_CREAT | NO_LINK
        is_mine = False
        while not is_mine:
            self._handle = os.open(folder / LOCK_FILE, flags, 0o644)
            try:
                self._take(folder, what)
                is_mine = self._is_of(folder)
            finally:
                if not is_mine:  # an open handle would keep the lock until the process ends
                    os.close(self._handle)

    def _take(self, folder: Path, what: str) -> None:
        """Lock the open file, and write the pid into it."""
        if not _try_lock(self._handle):
            pid = _read_pid(self._handle) or "unknown"
            raise UsageError(
                f"the {what} is in use by process {pid}.",
                where=folder,
                cure="Wait for it, or stop it; `selfteach status` shows its progress.",
            )
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, f"{os.getpid()}\n".encode())

    def _is_of(self, folder: Path) -> bool:
        """Return whether the locked file is still in the folder. A run that never began removes
        its own, while another process waits for it.
        """
        try:
            return os.path.samestat(os.fstat(self._handle), os.stat(folder / LOCK_FILE))
        except FileNotFoundError:
            return False

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
    """Try to lock for a quarter of a second: somebody who only looks holds it for a moment."""
    for _ in range(5):
        if lock_descriptor(handle, blocking=False):
            return True
        time.sleep(0.05)
    return False


def _read_pid(handle: int) -> str:
    """Return the pid in the file; "" where there is none, or the lock forbids to read."""
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        return os.read(handle, 32).decode("ascii", "replace").strip()
    except OSError:
        return ""


def find_lock_owner(folder: Path) -> int | None:
    """Return the pid of the process that works in this folder now, or None."""
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDONLY | NO_LINK | NO_WAIT)
    except OSError:
        return None
    try:
        return None if _try_lock(handle) else int(_read_pid(handle) or 0)
    except OSError:  # the file system knows no locks
        return None
    finally:
        os.close(handle)
