"""manifest.json: what produced this run, and the checksum of everything that it wrote. An export of
the ledger, for people and tools.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from selfteach.files import write_text
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
def collect_versions() -> dict[str, Any]:
    """The program, the interpreter, the kind of platform and the packages that numbers may depend
    on.
    """
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


def write_manifest(path: Path, facts: Mapping[str, Any]) -> None:
    """Writes the manifest, atomically."""
    write_text(
        path, json.dumps({**collect_versions(), **facts}, ensure_ascii=False, indent=2) + "\n"
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder, or nothing where none was written yet."""
    path = folder / MANIFEST_FILE
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found
