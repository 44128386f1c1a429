"""The material of tasks: seed tasks of people, and perhaps tasks for the exam alone."""

from __future__ import annotations

from contextlib import ExitStack

from selfteach.config import TasksConfig as Settings
from selfteach.errors import DataError, UsageError
from selfteach.judge.pairwise import PAIRWISE_JUDGES
from selfteach.judge.setup import refuse_unknown_name
from selfteach.materials.rows import join_outcomes
from selfteach.materials.tasks import OWN_SEEDS, Tasks, read_tasks
from selfteach.materials.templates import LIBRARY, get_templates
from selfteach.methods.input_sources import (
    Source,
    as_file,
    hash_sources,
    name_of,
    note_sources,
    noted_source,
    require_file,
)
from selfteach.methods.method import Material
from selfteach.records import JsonMapping

MIN_SEEDS = 8


def read_material(
    seeds: Source = None,
    *,
    test: Source = None,
    skip_bad_rows: bool = False,
    max_bad_rows: float = 0.1,
) -> Material:
    """Read seed tasks; without any the package's own are taken.

    Args:
        seeds: a file, or rows with instruction, input and output.
        test: tasks for the exam alone.
        skip_bad_rows: leave rows out that cannot be used.
        max_bad_rows: the greatest share of such rows.

    Raises:
        DataError: nothing in them can be used.
    """
    seeds = require_file(seeds, "tasks")
    test = require_file(test, "test")
    value = read_files(seeds, test, skip=skip_bad_rows, max_bad=max_bad_rows)
    taken: Source = OWN_SEEDS if seeds is None else seeds
    name = f"tasks {name_of(seeds, '')}".strip()
    sources = {**note_sources(seeds=seeds, test=test), "skip_bad_rows": skip_bad_rows}
    return Material(name, value, hash_sources(seeds=taken, test=test), sources, value.cleaned_rows)


def read_files(seeds: Source, test: Source, *, skip: bool, max_bad: float) -> Tasks:
    """Read both sources as one material.

    Raises:
        DataError: nothing in them can be used.
    """
    with ExitStack() as stack:
        seeds_file = stack.enter_context(as_file(seeds, "tasks")) or OWN_SEEDS
        test_file = stack.enter_context(as_file(test, "test"))
        found = read_tasks(seeds_file, skip=skip, max_bad_share=max_bad)
        if test_file:
            more = read_tasks(test_file, skip=skip, max_bad_share=max_bad)
            found.test = more.seeds
            found.cleaned_rows = found.cleaned_rows + more.cleaned_rows
            found.outcomes = join_outcomes(found.outcomes, more.outcomes, "test")
    return found


def read_again(sources: JsonMapping | None, identity: JsonMapping, config: Settings) -> Material:
    """Read the material of an earlier run again, from the places in its note."""
    noted = sources or {}
    return read_material(
        noted_source(noted, "seeds"),
        test=noted_source(noted, "test"),
        skip_bad_rows=bool(noted["skip_bad_rows"]),
        max_bad_rows=config.max_bad_rows,
    )


def check_settings(config: Settings) -> None:
    """Refuse what does not fit together, before any file is read.

    Raises:
        UsageError: the message says what would fit.
    """
    if not config.templates:
        raise UsageError(
            "there is no template to write examples in.",
            where="templates",
            cure='For instance templates=["plain"].',
        )
    unfit = [own.name for own in get_templates(config.templates) if own.form != "chat"]
    if unfit:
        fitting = ", ".join(dict.fromkeys(t.name for t in LIBRARY if t.form == "chat"))
        raise UsageError(
            f'"{unfit[0]}" is plain text to be continued; examples are turns of a conversation.',
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
    refuse_unknown_name(config.judge.name, PAIRWISE_JUDGES, has_teacher=bool(config.teacher))


def refuse_too_little(material: Tasks, config: Settings) -> None:
    """Refuse too few seeds, before any model is loaded.

    Raises:
        DataError: the message counts the seeds.
        UsageError: the settings leave no seed to show, or nothing to be examined on.
    """
    if config.test_share == 1 or not (config.test_share or material.test):
        raise UsageError(
            "leaves no seed to show." if config.test_share else "leaves no task for the exam.",
            where=f"test_share={config.test_share:g}",
            cure="Give a share between 0 and 1, or 0 with tasks for the exam (--test FILE).",
        )
    if len(material.seeds) < MIN_SEEDS:
        dropped = sum(row.state == "dropped" for row in material.outcomes.values())
        raise DataError(
            f"too few different seed tasks ({len(material.seeds)}); rows left out: {dropped}.",
            cure=(
                f"At least {MIN_SEEDS} are needed; without a file the package's own "
                f"{len(read_tasks().seeds)} are taken."
            ),
        )
