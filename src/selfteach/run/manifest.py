"""manifest.json: the origin of this run, and the checksum of each of its files.

It is an export of the ledger, for people and tools.
"""

from __future__ import annotations

import json
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from selfteach.files import read_own_json, write_text
from selfteach.records import JsonMapping, JsonObject
from selfteach.version import VERSION

MANIFEST_FILE = "manifest.json"
PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "safetensors",
    "gguf",
    "openvino-genai",
    "numpy",
    "scikit-learn",
    "rapidfuzz",
)


@cache
def collect_versions() -> JsonObject:
    """Return the versions that numbers may depend on: program, interpreter, platform, packages."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return {
        "selfteach": VERSION,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": found,
    }


def write_manifest(path: Path, facts: JsonMapping) -> None:
    """Write the manifest, atomically."""
    write_text(
        path, json.dumps({**collect_versions(), **facts}, ensure_ascii=False, indent=2) + "\n"
    )


def read_manifest(folder: Path) -> JsonObject:
    """Return the manifest of a run folder; empty if there is none yet.

    Raises:
        IntegrityError: it is damaged.
    """
    path = folder / MANIFEST_FILE
    cure = "Give the command of this run again: it writes this file."
    return read_own_json(path, cure) if path.exists() else {}
