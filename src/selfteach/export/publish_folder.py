"""A folder with a model that other people may get: its license, and modes that follow the umask."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import files
from pathlib import Path

from selfteach.models.fetch_default_model import EMBEDDED

LICENSE_NAMES = ("LICENSE*", "LICENCE*", "NOTICE*")


def publish_folder(folder: Path, base: str, base_folder: Path) -> None:
    """Add the license of the base, and give all files the modes of the user's umask.

    safetensors writes files that only their owner can read.

    Args:
        base: the name of the base model.
        base_folder: the folder of its files.
    """
    for license in find_licenses(base, base_folder):
        shutil.copyfile(license, folder / license.name)
    allowed = 0o666 & ~read_umask()
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(allowed)


def find_licenses(base: str, base_folder: Path) -> list[Path]:
    """Return the license files of a base; the default model has that of this package."""
    there = [path for name in LICENSE_NAMES for path in base_folder.glob(name)]
    found = [path for path in there if path.is_file()]
    if found or base != EMBEDDED:
        return found
    own = [Path(str(file.locate())) for file in files("selfteach") or () if file.name == "LICENSE"]
    return [path for path in own if path.is_file()]


def read_umask() -> int:
    """Return the umask of this process."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
