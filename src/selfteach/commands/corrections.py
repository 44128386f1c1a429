"""`selfteach corrections`: the options become a configuration and a call of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.screen import print_notice, print_notices
from selfteach.commands.teach import teach
from selfteach.config import CorrectionsConfig as Settings
from selfteach.judge.check import keeps_check
from selfteach.materials.columns import parse_columns
from selfteach.materials.corrections import KEYS, Corrections, Edit
from selfteach.materials.criticism import make_checks
from selfteach.materials.unread_columns import describe_unread_columns
from selfteach.methods.corrections.read_corrections import (
    check_settings,
    read_material,
    refuse_too_little,
    warn_of_few,
)
from selfteach.methods.input_sources import describe_dropped, describe_repaired
from selfteach.text import format_count, shorten_text

MAX_SHOWN_QUOTES = 3
"""So many quoted parts of answers are shown of each criticism."""


def run_corrections(
    edits: Path | None,
    prompts: Path | None,
    own: Mapping[str, Any],
    options: TeachOptions,
    *,
    columns: str,
    skip_bad_rows: bool,
) -> None:
    """Teach corrections; with `dry_run` describe the material and the cost instead.

    Args:
        columns: "OURS=YOURS,...", other names of columns.
    """
    resolved = options.resolve(Settings, own)
    config: Settings = resolved.config
    check_settings(edits, prompts, config)
    material = read_material(
        edits,
        prompts=prompts,
        columns=columns,
        skip_bad_rows=skip_bad_rows,
        max_bad_rows=config.max_bad_rows,
    )
    named = parse_columns(columns, KEYS)
    for file in (edits, prompts):
        print_notices(describe_unread_columns(file, KEYS, named))
    refuse_too_little(material.value, config)
    if warning := warn_of_few(material.value):
        print_notice(warning)
    teach(
        "corrections",
        material,
        resolved,
        options,
        plan=lambda: describe_material(material.value, config),
    )


def describe_material(material: Corrections, config: Settings) -> Mapping[str, Any]:
    """Return what was read and how it is understood, without a model."""
    criticisms = [
        f'"{edits[0].feedback}", of {format_count(len(edits), "answers")}'
        f"{describe_quotes(edits)}: {describe_checks(edits, config)}"
        for edits in material.group_by_feedback(config.check)
    ]
    return {
        "corrections": len(material.edits),
        "unchanged": len(material.approved),
        "criticisms": criticisms,
        "prompts": len(material.prompts),
        "conflicts": material.describe_conflicts(),
        "repaired_rows": describe_repaired(material.cleaned_rows),
        "dropped_rows": describe_dropped(material.outcomes),
    }


def describe_quotes(edits: Sequence[Edit]) -> str:
    """Return which words of the answers a criticism is about, or "" where it is about the whole."""
    quotes = [f'"{shorten_text(edit.quote)}"' for edit in edits if edit.quote]
    shown = quotes[:MAX_SHOWN_QUOTES] + ["..."] * (len(quotes) > MAX_SHOWN_QUOTES)
    return f", about {', '.join(shown)}" if quotes else ""


def describe_checks(edits: Sequence[Edit], config: Settings) -> str:
    """Return the checks that a criticism asks for, or say that it needs a judge."""
    checks: Sequence[str] = (config.check,)
    if not config.check:
        answers = [edit.answer or "" for edit in edits]
        checks = make_checks(edits[0].feedback, answers, keeps_check)
    return " and ".join(checks) or "its form is not recognized, so a judge will be calibrated"
