"""What a power loss leaves of a folder: only what was synced is sure to be on the disk."""

from __future__ import annotations

import os
import random
from pathlib import Path

SECTOR_BYTES = 512
LOSSES = ("all", "contents", "some sectors")
"""What is lost of what was not synced: new names and contents; contents alone, as on a file system
that keeps the order of names; or some sectors of the contents."""


class DurableFiles:
    """Keep account of what is on the disk of a folder, from the syncs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._folders: set[int] = set()
        self._held: dict[int, int] = {}
        self.keep(folder)

    def keep(self, path: Path) -> None:
        """Note that a file or the names in a folder are on the disk now."""
        if not path.exists():
            return
        number = self._hold(path)
        if path.is_dir():
            self._names[number] = {found.name: self._hold(found) for found in path.iterdir()}
        else:
            self._contents[number] = path.read_bytes()

    def _hold(self, path: Path) -> int:
        """Return the number of a file's inode; held open, no other file gets the same one."""
        number = path.stat().st_ino
        if number not in self._held:
            self._held[number] = os.open(path, os.O_RDONLY)
        if path.is_dir():
            self._folders.add(number)
        return number

    def write(self, target: Path, loss: str, seed: int = 0) -> None:
        """Write what a power loss leaves now."""
        target.mkdir(parents=True)
        if loss == "all":
            self._write_names(self.folder.stat().st_ino, target)
            return
        shuffle = random.Random(seed)
        for path in sorted(self.folder.rglob("*")):
            copy = target / path.relative_to(self.folder)
            if path.is_dir():
                copy.mkdir(exist_ok=True)
            elif not path.name.endswith("-shm"):
                kept = self._contents.get(path.stat().st_ino, b"")
                if loss == "some sectors":
                    kept = mix_sectors(kept, path.read_bytes(), shuffle)
                copy.write_bytes(kept)

    def _write_names(self, number: int, target: Path) -> None:
        for name, inner in self._names.get(number, {}).items():
            if inner in self._folders:
                (target / name).mkdir()
                self._write_names(inner, target / name)
            elif not name.endswith("-shm"):
                (target / name).write_bytes(self._contents.get(inner, b""))


def mix_sectors(kept: bytes, newest: bytes, shuffle: random.Random) -> bytes:
    """Return contents of which each sector is either the synced or the newest one."""
    mixed = b""
    for start in range(0, max(len(kept), len(newest)), SECTOR_BYTES):
        sectors = [data[start : start + SECTOR_BYTES] for data in (kept, newest)]
        mixed += shuffle.choice([sector for sector in sectors if sector])
    return mixed
