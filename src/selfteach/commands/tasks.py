"""`selfteach tasks`: the options become a configuration and a call of the API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.teach import check_before_run, show_plan, teach
from selfteach.config import TasksConfig as Settings
from selfteach.config import resolve
from selfteach.materials.tasks import Tasks
from selfteach.methods.sources import describe_dropped, describe_repaired
from selfteach.methods.tasks.material import read_material, refuse, refuse_too_little


def run_tasks(
    seeds: Path | None,
    test: Path | None,
    own: Mapping[str, Any],
    options: TeachOptions,
    *,
    skip_bad_rows: bool = False,
) -> None:
    """Teach tasks, or with `dry_run` say what was read."""
    resolved = resolve(Settings, options.file, options.sets, options.settings(own))
    config: Settings = resolved.config
    refuse(config)
    material = read_material(
        seeds, test=test, skip_bad_rows=skip_bad_rows, max_bad_rows=config.max_bad_rows
    )
    refuse_too_little(material.value)
    check_before_run("tasks", resolved, options)
    if options.dry_run:
        show_material(material.value, config, as_json=options.as_json)
        return
    teach("tasks", material, resolved, options)


def show_material(material: Tasks, config: Settings, *, as_json: bool) -> None:
    """Print what was read and how it would be asked, without a model."""
    from selfteach.generate.invent import make_invention_request
    from selfteach.records import SamplingParams

    shown = make_invention_request(
        config.mode, material.seeds, [], SamplingParams(), 0, config.seed
    ).request.prompt
    stated = {
        "seeds": len(material.seeds),
        "instances": sum(len(task.instances) for task in material.seeds),
        "classification": sum(task.classification is True for task in material.seeds),
        "test": len(material.test),
        "mended": describe_repaired(material.cleaned_rows),
        "left_out": describe_dropped(material.outcomes),
        "a_prompt": shown
        if isinstance(shown, str)
        else "the header of the user's turn, and nothing else",
    }
    show_plan(stated, as_json=as_json)
