"""The material of a finished run, read again from the places that the run recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from selfteach import registry
from selfteach.errors import DataError, UsageError
from selfteach.methods.corrections import read_corrections as corrections_material
from selfteach.methods.documents import read_documents as documents_material
from selfteach.methods.feedback import read_rule as feedback_material
from selfteach.methods.method import Material
from selfteach.methods.tasks import read_tasks as tasks_material

READ_AGAIN: Mapping[str, Callable[..., Material]] = {
    "feedback": feedback_material.read_again,
    "corrections": corrections_material.read_again,
    "documents": documents_material.read_again,
    "tasks": tasks_material.read_again,
}


def read_again(
    method: str,
    folder: Path,
    identity: Mapping[str, Any],
    sources: Mapping[str, Any] | None,
    config: Any,
) -> Material:
    """Read the material of a finished run again.

    Raises:
        UsageError: the run has no record of its files.
        DataError: a file has changed since.
    """
    if sources is None and method != "feedback":
        raise UsageError(
            "does not say where its files are.",
            where=str(folder),
            cure="It was made with an older version: teach it again.",
        )
    if method in READ_AGAIN:
        found = READ_AGAIN[method](sources, identity, config)
    else:
        found = read_plug_in(method, (sources or {}).get("source"), config)
    for key, value in found.identity.items():
        if identity.get(key) != value:
            raise DataError(
                f"its {key} have changed since.",
                where=str(folder),
                cure="Bring the old files back, or teach them anew.",
            )
    return found


def read_plug_in(method: str, material: Any, config: Any) -> Material:
    """Read material as a method of another package does.

    Raises:
        UsageError: there is no such method, or it reads no material.
    """
    found = registry.load_registered("methods", method)
    if getattr(found, "read", None) is None:
        raise UsageError(
            f'"{method}" does not say how it reads material.',
            cure=f"Use selfteach.{method}(...)."
            if method in registry.BUILT_IN_NAMES["methods"]
            else "",
        )
    read: Material = found.read(material, config)
    return read
