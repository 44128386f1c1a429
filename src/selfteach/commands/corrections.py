"""`selfteach corrections`: the files are read before any model is, a run is opened, the method
teaches, the result is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfteach.commands.lesson import (
    Brought,
    left_out,
    place,
    places,
    ready,
    show_plan,
    sums,
    teach,
    told,
)
from selfteach.commands.options import Options
from selfteach.config import Corrections as Settings
from selfteach.config import resolve
from selfteach.errors import DataError, UsageError
from selfteach.materials import columns as names
from selfteach.materials.corrections import (
    KEYS,
    Corrections,
    Edit,
    joined,
    read_corrections,
    read_prompts,
)
from selfteach.materials.criticism import conditions
from selfteach.records import to_json

LEAST = 2


@dataclass(frozen=True)
class Files:
    """What the person brings. `columns`: our names of columns that the files call otherwise."""

    edits: Path | None
    prompts: Path | None
    skip_bad_rows: bool
    columns: names.Columns = field(default_factory=dict)

    def read(self, most_bad: float) -> Corrections:
        """The material of both files.

        Raises:
            DataError: nothing in them can be learned from.
        """
        parts = []
        if self.edits:
            parts.append(
                read_corrections(
                    self.edits, skip=self.skip_bad_rows, most_bad=most_bad, columns=self.columns
                )
            )
        if self.prompts:
            parts.append(
                read_prompts(
                    self.prompts, skip=self.skip_bad_rows, most_bad=most_bad, columns=self.columns
                )
            )
        return joined(parts)

    def sums(self) -> dict[str, str]:
        """For the run's identity: a changed file, or one that is read otherwise, is another run."""
        return sums(edits=self.edits, prompts=self.prompts) | (
            {"columns": to_json(self.columns)} if self.columns else {}
        )

    def noted(self) -> dict[str, Any]:
        """What a later command needs to read the same again."""
        return {
            **places(edits=self.edits, prompts=self.prompts),
            "skip_bad_rows": self.skip_bad_rows,
            "columns": dict(self.columns),
        }

    @staticmethod
    def from_noted(row: Mapping[str, Any]) -> Files:
        """The inverse of `noted`."""
        return Files(
            place(row, "edits"),
            place(row, "prompts"),
            bool(row["skip_bad_rows"]),
            row.get("columns") or {},
        )


def named(text: str) -> names.Columns:
    """What `--columns` says.

    Raises:
        UsageError: it cannot be read.
    """
    return names.parse(text, KEYS)


def corrections(files: Files, own: Mapping[str, Any], options: Options) -> None:
    """Teaches corrections, or with `dry_run` says what was read."""
    resolved = resolve(Settings, options.file, options.sets, options.settings(own))
    config: Settings = resolved.config
    refuse(files, config)
    material = files.read(config.max_bad_rows)
    enough(material, config)
    ready("corrections", resolved, options)
    if options.dry_run:
        plan(material, config, as_json=options.as_json)
        return
    name = (files.edits or files.prompts or Path("corrections")).stem
    teach(
        "corrections",
        Brought(name, material, files.sums(), files.noted(), material.mended),
        resolved,
        options,
    )


def refuse(files: Files, config: Settings) -> None:
    """Refuses what does not fit together.

    Raises:
        UsageError: and says what is missing.
    """
    if files.edits is None and files.prompts is None:
        raise UsageError(
            "there is nothing to correct.",
            cure="Give a file of corrections, or --prompts FILE with --teacher or --review.",
        )
    if config.review and config.teacher:
        raise UsageError("--review and --teacher exclude each other.", cure="Choose who corrects.")
    if files.prompts and not (config.teacher or config.review):
        raise UsageError(
            "nobody corrects the answers to --prompts.",
            cure="Give --teacher, or --review to correct them yourself.",
        )
    if config.review and not files.prompts:
        raise UsageError("--review needs prompts to answer.", cure="Give --prompts FILE.")
    if config.rounds > 1 and not config.teacher:
        raise UsageError(
            "a new round needs someone who corrects the new answers.",
            where="rounds",
            cure="Give --teacher, or one round.",
        )


def enough(material: Corrections, config: Settings) -> None:
    """Looks before any model is loaded whether there is something to learn and something to be
    examined on.

    Raises:
        DataError: there is not; the message counts what there is.
    """
    asked = {e.prompt for e in (*material.edits, *material.approved)} | set(material.prompts)
    teaches = bool(material.edits or config.teacher or config.review)
    if material.criticisms or (len(asked) >= LEAST and teaches):
        return
    counts = (
        f"{len(material.edits)} corrections, {len(material.approved)} unchanged answers, "
        f"{len(material.prompts)} other prompts"
    )
    dropped = sum(fate.state == "dropped" for fate in material.fates.values())
    raise DataError(
        f"too little to learn from and to be examined on: {counts}, {dropped} rows left out.",
        cure=(
            f"At least {LEAST} different prompts and one correction are needed; --prompts "
            "FILE --teacher NAME brings more."
        ),
    )


def plan(material: Corrections, config: Settings, *, as_json: bool) -> None:
    """Prints what was read and how it is understood, without a model."""
    said = [
        f'"{mine[0].feedback}", of {len(mine)} answers: {understood(mine, config)}'
        for mine in material.by_feedback(config.check)
    ]
    stated = {
        "corrections": len(material.edits),
        "unchanged": len(material.approved),
        "criticisms": said,
        "prompts": len(material.prompts),
        "conflicts": material.conflicts(),
        "mended": told(material.mended),
        "left_out": left_out(material.fates),
    }
    show_plan(stated, as_json=as_json)


def understood(said: Sequence[Edit], config: Settings) -> str:
    """The checks that a criticism asks for, or that it needs a judge."""
    checks = (
        (config.check,)
        if config.check
        else conditions(said[0].feedback, [e.answer or "" for e in said])
    )
    return " and ".join(checks) or "its form is not recognised, so a judge will be calibrated"
