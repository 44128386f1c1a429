"""`selfteach documents`: the options become a configuration and a call of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.teach import teach
from selfteach.config import DocumentsConfig as Settings
from selfteach.materials.documents.material import Documents
from selfteach.methods.documents.read_documents import (
    count_sentences,
    count_short_sentences,
    read_material,
    refuse_too_little,
)
from selfteach.methods.input_sources import describe_repaired
from selfteach.models.resolve_model_path import check_model_name


def run_documents(
    paths: Sequence[Path], questions: Path | None, own: Mapping[str, Any], options: TeachOptions
) -> None:
    """Teach documents; with `dry_run` describe the material and the cost instead."""
    resolved = options.resolve(Settings, own)
    material = read_material(paths, questions=questions)
    refuse_too_little(material.value, resolved.config)
    if resolved.config.select.nli:
        check_model_name(resolved.config.select.nli)
    teach("documents", material, resolved, options, plan=lambda: describe_material(material.value))


def describe_material(material: Documents) -> Mapping[str, Any]:
    """Return what was read, without a model."""
    reading = material.reading
    return {
        "documents": len(reading.documents),
        "titles": [document.title for document in reading.documents],
        "characters": sum(len(document.text) for document in reading.documents),
        "sentences": count_sentences(material),
        "short_sentences": count_short_sentences(material),
        "questions": len(material.questions),
        "repaired_rows": describe_repaired(reading.cleaned_rows),
        "dropped_rows": describe_repaired(reading.skipped),
    }
