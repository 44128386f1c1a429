"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfteach.disk import convert_disk_errors
from selfteach.errors import UsageError
from selfteach.files import make_folder, place_folder, refuse_current_folder


def check_unused(out: Path) -> None:
    """Refuse a place that is not empty.

    Raises:
        UsageError: it is not, or it is the current folder.
    """
    refuse_current_folder(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            "exists already.", where=out, cure="Give a new or an empty folder to --out."
        )


@contextmanager
def open_atomic_folder(out: Path, needed: int = 0) -> Iterator[Path]:
    """Yield a folder to write into, which becomes `out` at the end of the block.

    It is not there yet. What a killed process of the same number left in its place is removed: in a
    container every command may have the same one.

    Args:
        needed: the bytes that will be written, where they are known.
    """
    out = out.resolve()
    fresh = out.with_name(f".{out.name}.{os.getpid()}.new")
    with convert_disk_errors(out, needed):
        make_folder(out.parent)
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            yield fresh
            place_folder(fresh, out)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
