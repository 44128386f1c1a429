"""`selfteach tasks`: the options become a configuration and a call of the API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.screen import print_notices
from selfteach.commands.teach import teach
from selfteach.config import TasksConfig as Settings
from selfteach.errors import UsageError
from selfteach.materials.tasks import KEYS, Tasks, count_questions
from selfteach.materials.unread_columns import describe_unread_columns
from selfteach.methods.input_sources import describe_dropped, describe_repaired
from selfteach.methods.tasks.read_tasks import check_settings, read_material, refuse_too_little


def run_tasks(
    seeds: Path | None,
    test: Path | None,
    own: Mapping[str, Any],
    options: TeachOptions,
    *,
    skip_bad_rows: bool = False,
) -> None:
    """Teach tasks; with `dry_run` describe the material and the cost instead.

    Raises:
        UsageError: `--base` and `--model` are both given.
    """
    if own.get("model") and options.model:
        raise UsageError("give --base or --model, not both.", cure="They are the same option.")
    resolved = options.resolve(Settings, own)
    config: Settings = resolved.config
    check_settings(config)
    material = read_material(
        seeds, test=test, skip_bad_rows=skip_bad_rows, max_bad_rows=config.max_bad_rows
    )
    for file in (seeds, test):
        print_notices(describe_unread_columns(file, KEYS))
    refuse_too_little(material.value, config)
    teach(
        "tasks",
        material,
        resolved,
        options,
        plan=lambda: describe_material(material.value, config, verbose=options.verbose),
    )


def describe_material(
    material: Tasks, config: Settings, *, verbose: bool = False
) -> Mapping[str, Any]:
    """Return what was read, without a model.

    Args:
        verbose: also return how the model would be prompted.
    """
    found = {
        "seeds": len(material.seeds),
        "instances": sum(len(task.instances) for task in material.seeds),
        "classification": sum(task.classification is True for task in material.seeds),
        "test": len(material.test),
        "test_questions": count_questions(material.test, config.exam.tasks),
        "repaired_rows": describe_repaired(material.cleaned_rows),
        "dropped_rows": describe_dropped(material.outcomes),
    }
    if verbose:
        found["a_prompt"] = render_prompt(material, config)
    return found


def render_prompt(material: Tasks, config: Settings) -> str:
    """Return the first prompt of the invention."""
    from selfteach.generate.invent import make_invention_request
    from selfteach.records import SamplingParams

    prompt = make_invention_request(
        config.mode, material.seeds, [], SamplingParams(), 0, config.seed
    ).request.prompt
    if not isinstance(prompt, str):
        prompt = "the header of the user's turn, and nothing else"
    return prompt
