"""Sums of exported files: whether a file is still the one that a run wrote.

The ledger also keeps a compressed copy of each text file, so a damaged one can be written again.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from selfteach.files import hash_file
from selfteach.records import JsonObject

FileState = Literal["whole", "present", "missing", "changed", "unreadable"]
"""`present` is a file without a sum, because a command writes it anew."""
MAX_COPY_BYTES = 64 << 20
"""The ledger keeps no copy of a larger file."""


def compute_sum(data: bytes) -> JsonObject:
    """Return the length and the SHA-256 sum of an exported file, as the manifest holds them."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def check_file(path: Path, expected: Any) -> FileState:
    """Compare a file with its entry in a manifest."""
    if not isinstance(expected, dict):
        expected = {}
    try:
        if not path.is_file():
            return "changed" if path.exists() else "missing"
        same = path.stat().st_size == expected.get("bytes")
        return "whole" if same and hash_file(path) == expected.get("sha256") else "changed"
    except OSError:
        return "unreadable"


def check_files(folder: Path, sums: Mapping[str, Any], below: str = "") -> dict[str, FileState]:
    """Compare exported files with their sums; return the state of each by its name.

    Args:
        below: only this file, or the files of this folder; by default all.
    """
    found = {}
    for name, expected in sums.items():
        if name.endswith("/"):  # the sum of a folder; its files are in the list too
            continue
        if not below or name == below or name.startswith(f"{below}/"):
            found[name] = check_file(folder / name, expected)
    return found


def list_broken(states: Mapping[str, FileState]) -> dict[str, FileState]:
    """Return the files that are not whole."""
    return {name: state for name, state in states.items() if state not in ("whole", "present")}


def describe_states(states: Mapping[str, FileState]) -> str:
    """Return "exam.json is missing, adapter/x is changed" for a message."""
    return ", ".join(f"{name} is {state}" for name, state in states.items())


def pack_copy(data: bytes) -> str:
    """Compress a file to text for the ledger; "" if it is too large."""
    if len(data) > MAX_COPY_BYTES:
        return ""
    return base64.b64encode(zlib.compress(data)).decode("ascii")


def unpack_copy(packed: Any, expected: Any) -> bytes | None:
    """Return a file from its text in the ledger; None unless it has the expected sum."""
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(packed), MAX_COPY_BYTES)
    except (TypeError, ValueError, zlib.error):
        return None
    return data if compute_sum(data) == expected else None
