"""A layer between a program and its files, for fault tests: it sees every change below a folder
before it happens, also those of SQLite.

    FileLayer(folder, at).install()  # for the rest of this process: use it in a forked one

`at(call)` may do nothing, end the process, or raise an OSError in place of the call. SQLite gets
that error as one of its own codes. Syncs are not passed on: a killed process loses nothing, and
`synced` may keep account of what a power loss would leave.

SQLite writes in C. Its table of file operations is changed in this process by ctypes. Where its
library cannot be found, `install` returns False, and its changes are not seen.
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import io
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Call:
    """One change of a file that is about to happen.

    Attributes:
        name: open, write, truncate, fsync, rename, unlink, mkdir or rmdir.
        write_half: does the first half of a write.
        number: 1 for the first change.
    """

    name: str
    path: Path
    write_half: Callable[[], object]
    number: int


class FileLayer:
    """Call `at` before every change below a folder, and `synced` after every sync.

    Attributes:
        at: what is called.
        passed: the number of changes so far.
    """

    def __init__(
        self,
        folder: Path,
        at: Callable[[Call], object],
        synced: Callable[[Path], object] = lambda path: None,
    ) -> None:
        self.folder = folder.resolve()
        self.passed = 0
        self.at = at
        self._synced = synced
        self._busy = False

    def see(self, name: str, path: Path, write_half: Callable[[], object] = lambda: None) -> None:
        """Report a change, unless it is elsewhere or `at` itself makes it."""
        if self._busy or not path.is_relative_to(self.folder):
            return
        self.passed += 1
        self._busy = True
        try:
            self.at(Call(name, path, write_half, self.passed))
        finally:
            self._busy = False

    def sync(self, path: Path) -> None:
        """Report a sync before it happens and when it is done."""
        self.see("fsync", path)
        self.sync_done(path)

    def sync_done(self, path: Path) -> None:
        """Report that a file or a folder is on the disk."""
        if path.is_relative_to(self.folder):
            self._synced(path)

    def install(self) -> bool:
        """Take the place of Python's and SQLite's calls; return whether SQLite's were found."""
        shutil._USE_CP_SENDFILE = False  # type: ignore[attr-defined]
        for called, name in CALLS.items():
            setattr(os, called, self._wrap(getattr(os, called), name))
        os.fsync = lambda handle: self.sync(find_path(handle))
        os.open = self._wrap_os_open(os.open)
        io.open = builtins.open = self._wrap_open(io.open)  # type: ignore[assignment]
        return watch_sqlite(self)

    def _wrap(self, real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(path: Any, *more: Any, **how: Any) -> Any:
            self.see(name, find_path(path, how.get("dir_fd")))
            return real(path, *more, **how)

        return call

    def _wrap_os_open(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, *more: Any, **how: Any) -> int:
            if flags & os.O_CREAT:
                self.see("open", find_path(path, how.get("dir_fd")))
            return real(path, flags, *more, **how)

        return call

    def _wrap_open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        layer = self

        class Watched(io.FileIO):
            """A file whose writes are seen."""

            def write(self, data: Any) -> int:
                view = memoryview(data).cast("B")
                half = view[: len(view) // 2]
                layer.see("write", find_path(self.fileno()), lambda: io.FileIO.write(self, half))
                return io.FileIO.write(self, view)

        def call(file: Any, mode: str = "r", buffering: int = -1, *more: Any, **how: Any) -> Any:
            if not set(mode) & set("wax+") or not find_path(file).is_relative_to(layer.folder):
                return real(file, mode, buffering, *more, **how)
            if not isinstance(file, int):
                layer.see("open", find_path(file))
            own = {key: how.pop(key) for key in ("closefd", "opener") if key in how}
            raw = Watched(file, mode.replace("t", "").replace("b", ""), **own)
            if buffering == 0:
                return raw
            binary = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return binary if "b" in mode else io.TextIOWrapper(binary, *more, **how)

        return call


CALLS = {
    "mkdir": "mkdir",
    "rmdir": "rmdir",
    "unlink": "unlink",
    "remove": "unlink",
    "rename": "rename",
    "replace": "rename",
    "truncate": "truncate",
    "ftruncate": "truncate",
}


def find_path(file: Any, folder: int | None = None) -> Path:
    """Return the path of a file: of a name, of a name in an open folder, or of a handle."""
    if isinstance(file, int):
        return Path(os.readlink(f"/proc/self/fd/{file}"))
    name = Path(os.fsdecode(file))
    if folder is not None:
        name = Path(os.readlink(f"/proc/self/fd/{folder}"), name)
    return name.absolute()


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs` of sqlite.org/c3ref/vfs.html, as far as it is needed."""


_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_void_p,
)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_Vfs._fields_ = [
    ("version", ctypes.c_int),
    ("file_bytes", ctypes.c_int),
    ("max_path", ctypes.c_int),
    ("next", ctypes.c_void_p),
    ("name", ctypes.c_char_p),
    ("data", ctypes.c_void_p),
    ("open", _OPEN),
    ("delete", _DELETE),
]
_WRITE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods` of sqlite.org/c3ref/io_methods.html, version 3."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("close", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("write", _WRITE),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        ("others", ctypes.c_void_p * 13),
    )


SQLITE_CODES = {
    "open": sqlite3.SQLITE_CANTOPEN,
    "write": sqlite3.SQLITE_IOERR_WRITE,
    "truncate": sqlite3.SQLITE_IOERR_TRUNCATE,
    "fsync": sqlite3.SQLITE_IOERR_FSYNC,
    "unlink": sqlite3.SQLITE_IOERR_DELETE,
}
"""What SQLite's own file operations return where the system's call fails."""
_kept_alive: list[Any] = []


def watch_sqlite(layer: FileLayer) -> bool:
    """Report SQLite's changes of files to a layer; return False if its library is not found."""
    library = load_sqlite()
    if library is None:
        return False
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    vfs = library.sqlite3_vfs_find(None).contents
    paths: dict[int, Path] = {}
    tables: dict[int, _Methods] = {}

    def report(name: str, path: Path, write_half: Callable[[], object] = lambda: None) -> int:
        try:
            if name == "fsync":
                layer.sync(path)
                if path.name.endswith("-wal"):  # the first sync of a log is one of its folder too
                    layer.sync_done(path.parent)
            else:
                layer.see(name, path, write_half)
        except OSError as fault:
            full = fault.errno == errno.ENOSPC and name in ("write", "truncate")
            return sqlite3.SQLITE_FULL if full else SQLITE_CODES[name]
        return sqlite3.SQLITE_OK

    def make_table(real: _Methods) -> _Methods:
        table = _Methods.from_buffer_copy(real)

        real_write = copy_pointer(_WRITE, real.write)
        real_truncate = copy_pointer(_TRUNCATE, real.truncate)

        def write(file: int, data: int, size: int, place: int) -> int:
            code = report("write", paths[file], lambda: real_write(file, data, size // 2, place))
            return code or int(real_write(file, data, size, place))

        def truncate(file: int, size: int) -> int:
            return report("truncate", paths[file]) or int(real_truncate(file, size))

        table.write = _WRITE(write)
        table.truncate = _TRUNCATE(truncate)
        table.sync = _SYNC(lambda file, flags: report("fsync", paths[file]))
        return table

    real_open = copy_pointer(_OPEN, vfs.open)
    real_delete = copy_pointer(_DELETE, vfs.delete)

    def open_file(own: int, name: int | None, file: int, flags: int, out: int) -> int:
        path = find_path(ctypes.string_at(name)) if name else Path("/a temporary file")
        if not path.exists() and (code := report("open", path)):
            return code
        code = int(real_open(own, name, file, flags, out))
        pointer = ctypes.c_void_p.from_address(file)
        if code == sqlite3.SQLITE_OK and pointer.value:
            address = pointer.value
            if address not in tables:
                tables[address] = make_table(_Methods.from_address(address))
            paths[file] = path
            pointer.value = ctypes.addressof(tables[address])
        return code

    def delete_file(own: int, name: int, sync: int) -> int:
        path = find_path(ctypes.string_at(name))
        if path.exists() and (code := report("unlink", path)):
            return code
        return int(real_delete(own, name, sync))

    callbacks = (_OPEN(open_file), _DELETE(delete_file))
    _kept_alive.append((tables, callbacks))
    vfs.open, vfs.delete = callbacks
    return True


def copy_pointer(kind: Any, pointer: Any) -> Any:
    """Return a function of its own: one that was read from a table changes with the table."""
    return kind(ctypes.cast(pointer, ctypes.c_void_p).value)


def load_sqlite() -> Any | None:
    """Return the SQLite library of this process, or None where it is not a shared one."""
    maps = Path("/proc/self/maps")
    if not sys.platform.startswith("linux") or not maps.exists():
        return None
    for line in maps.read_text().splitlines():
        if "libsqlite3" in line:
            return ctypes.CDLL(line.split(maxsplit=5)[5])
    return None
