"""`selfteach corrections`: the options become a configuration and a call of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.teach import check_before_run, show_plan, teach
from selfteach.config import CorrectionsConfig as Settings
from selfteach.config import resolve
from selfteach.materials.corrections import Corrections, Edit
from selfteach.materials.criticism import make_checks
from selfteach.methods.corrections.material import read_material, refuse, refuse_too_little
from selfteach.methods.sources import describe_dropped, describe_repaired


@dataclass(frozen=True)
class CorrectionFiles:
    """What the person names. `columns`: "OURS=YOURS,...", other names of columns."""

    edits: Path | None
    prompts: Path | None
    skip_bad_rows: bool
    columns: str = ""


def run_corrections(files: CorrectionFiles, own: Mapping[str, Any], options: TeachOptions) -> None:
    """Teach corrections, or with `dry_run` say what was read."""
    resolved = resolve(Settings, options.file, options.sets, options.settings(own))
    config: Settings = resolved.config
    refuse(files.edits, files.prompts, config)
    material = read_material(
        files.edits,
        prompts=files.prompts,
        columns=files.columns,
        skip_bad_rows=files.skip_bad_rows,
        max_bad_rows=config.max_bad_rows,
    )
    refuse_too_little(material.value, config)
    check_before_run("corrections", resolved, options)
    if options.dry_run:
        show_material(material.value, config, as_json=options.as_json)
        return
    teach("corrections", material, resolved, options)


def show_material(material: Corrections, config: Settings, *, as_json: bool) -> None:
    """Print what was read and how it is understood, without a model."""
    said = [
        f'"{mine[0].feedback}", of {len(mine)} answers: {describe_checks(mine, config)}'
        for mine in material.group_by_feedback(config.check)
    ]
    stated = {
        "corrections": len(material.edits),
        "unchanged": len(material.approved),
        "criticisms": said,
        "prompts": len(material.prompts),
        "conflicts": material.describe_conflicts(),
        "mended": describe_repaired(material.cleaned_rows),
        "left_out": describe_dropped(material.outcomes),
    }
    show_plan(stated, as_json=as_json)


def describe_checks(said: Sequence[Edit], config: Settings) -> str:
    """Return the checks that a criticism asks for, or say that it needs a judge."""
    checks = (
        (config.check,)
        if config.check
        else make_checks(said[0].feedback, [e.answer or "" for e in said])
    )
    return " and ".join(checks) or "its form is not recognised, so a judge will be calibrated"
