"""`selfteach tasks`: the seeds are read before any model is, a run is opened, the method teaches,
the result is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from selfteach.config import Tasks as Settings
from selfteach.config import resolve
from selfteach.errors import DataError, UsageError
from selfteach.materials.tasks import OWN_SEEDS, Tasks, read_tasks
from selfteach.materials.templates import LIBRARY, chosen

LEAST = 8


@dataclass(frozen=True)
class Files:
    """What the person brings; without seeds the package's own are taken."""

    seeds: Path | None
    test: Path | None
    skip_bad_rows: bool

    def read(self, most_bad: float) -> Tasks:
        """The material of both files.

        Raises:
            DataError: nothing in them can be used.
        """
        found = read_tasks(self.seeds or OWN_SEEDS, skip=self.skip_bad_rows, most_bad=most_bad)
        if self.test:
            more = read_tasks(self.test, skip=self.skip_bad_rows, most_bad=most_bad)
            found.test, found.mended = more.seeds, found.mended + more.mended
            found.fates |= more.fates if self.test.name != (self.seeds or OWN_SEEDS).name else {}
        return found

    def sums(self) -> dict[str, str]:
        """For the run's identity: a changed file is another run."""
        return sums(seeds=self.seeds or OWN_SEEDS, test=self.test)

    def noted(self) -> dict[str, Any]:
        """What a later command needs to read the same again."""
        return {**places(seeds=self.seeds, test=self.test), "skip_bad_rows": self.skip_bad_rows}

    @staticmethod
    def from_noted(row: Mapping[str, Any]) -> Files:
        """The inverse of `noted`."""
        return Files(place(row, "seeds"), place(row, "test"), bool(row["skip_bad_rows"]))


def tasks(files: Files, own: Mapping[str, Any], options: Options) -> None:
    """Teaches tasks, or with `dry_run` says what was read."""
    resolved = resolve(Settings, options.file, options.sets, options.settings(own))
    config: Settings = resolved.config
    refuse(config)
    material = files.read(config.max_bad_rows)
    enough(material)
    ready("tasks", resolved, options)
    if options.dry_run:
        plan(material, config, as_json=options.as_json)
        return
    name = f"tasks {files.seeds.stem}" if files.seeds else "tasks"
    teach(
        "tasks",
        Brought(name, material, files.sums(), files.noted(), material.mended),
        resolved,
        options,
    )


def refuse(config: Settings) -> None:
    """Refuses what does not fit together.

    Raises:
        UsageError: and says what would.
    """
    if not config.templates:
        raise UsageError(
            "there is no template to write examples in.",
            where="templates",
            cure='For instance templates=["plain"].',
        )
    if odd := [template.name for template in chosen(config.templates) if template.form != "chat"]:
        fitting = ", ".join(dict.fromkeys(t.name for t in LIBRARY if t.form == "chat"))
        raise UsageError(
            f'"{odd[0]}" is plain text to be continued; lessons are turns of a conversation.',
            where="templates",
            cure=(
                f"Take some of: {fitting}. `selfteach templates FILE --out FILE` writes "
                "datasets in every template."
            ),
        )
    if config.mode == "magpie" and ("#" in config.teacher or "://" in config.teacher):
        raise UsageError(
            "an endpoint gives no way to let the model write the user's turn.",
            where="mode",
            cure="Use self-instruct or alpaca with it.",
        )


def enough(material: Tasks) -> None:
    """Looks before any model is loaded whether there are enough seeds.

    Raises:
        DataError: there are not; the message counts what there is.
    """
    if len(material.seeds) < LEAST:
        dropped = sum(fate.state == "dropped" for fate in material.fates.values())
        raise DataError(
            f"{len(material.seeds)} different seed tasks are too few, {dropped} rows left out.",
            cure=(
                f"At least {LEAST} are needed; without a file the package's own "
                f"{len(read_tasks().seeds)} are taken."
            ),
        )


def plan(material: Tasks, config: Settings, *, as_json: bool) -> None:
    """Prints what was read and how it would be asked, without a model."""
    from selfteach.generate.invent import invention
    from selfteach.records import Sampling

    shown = invention(config.mode, material.seeds, [], Sampling(), 0, config.seed).request.prompt
    stated = {
        "seeds": len(material.seeds),
        "instances": sum(len(task.instances) for task in material.seeds),
        "classification": sum(task.classification is True for task in material.seeds),
        "test": len(material.test),
        "mended": told(material.mended),
        "left_out": left_out(material.fates),
        "a_prompt": shown
        if isinstance(shown, str)
        else "the header of the user's turn, and nothing else",
    }
    show_plan(stated, as_json=as_json)
