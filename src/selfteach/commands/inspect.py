"""`selfteach inspect`: statistics of invented tasks, from a run or any file of tasks."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from selfteach.commands.last_run import LAST, find_last_run
from selfteach.commands.output_file import refuse_existing, refuse_shared_paths
from selfteach.commands.screen import print_json, print_notice, print_notices
from selfteach.errors import UsageError
from selfteach.records import JsonMapping, JsonObject
from selfteach.run import finished
from selfteach.text import format_count

if TYPE_CHECKING:  # `inspect` of a run needs none of it
    from selfteach.materials.tasks import Task

PAGE_FILE = "inspection.html"
MAX_BAD_SHARE = 1.0
"""With `--skip-bad-rows` every bad row is left out, and named."""


def run_inspect(
    run: Path | None,
    file: Path | None,
    seeds: Path | None,
    out: Path | None,
    *,
    force: bool,
    skip: bool,
    as_json: bool,
) -> None:
    """Write the page and print the numbers.

    Raises:
        UsageError: neither a run nor a file, or both; seeds beside a run; a run that has invented
            nothing yet; or the file of the page exists, and `--force` is not given. A run's own
            page is written again.
    """
    if file == Path(LAST) and not file.exists():  # behind options, where the parser alone tells it
        file = find_last_run()
    if run is None and file is not None and file.is_dir():
        run, file = file, None
    if run is not None and seeds is not None:
        raise UsageError(
            "a run has its own seeds.",
            where="--seeds",
            cure="Leave it out, or give a file of tasks.",
        )
    if run is not None and file is None:
        page = out or run / PAGE_FILE
        refuse_existing(page, force=force or out is None)
        found = _inspect_run(run, page)
    elif file is not None and run is None:
        page = out or Path(f"{file.stem}.{PAGE_FILE}")
        refuse_existing(page, force=force)
        found = _inspect_file(file, seeds, page, skip)
    else:
        raise UsageError(
            "needs a run or a file of tasks.", cure="Give --run DIR, or FILE with --seeds FILE."
        )
    if as_json:
        numbers = {key: value for key, value in found.items() if key not in ("read", "twins")}
        print_json({"page": str(page)} | numbers)
        return
    print_statistics(found)
    print(page)


def print_statistics(found: JsonMapping) -> None:
    """Print the numbers of invented tasks, in a line for each kind of them."""
    near = found["nearest_seed"]
    spread = found["diversity"]
    labels = found["labels"]
    print(
        f"{format_count(found['tasks'], 'tasks')} with "
        f"{format_count(found['instances'], 'instances')}, against "
        f"{format_count(found['seeds'], 'seeds')}"
    )
    print(
        f"ROUGE-L to the nearest seed: mean {near['mean']:.2f}; by tenths "
        f"{' '.join(map(str, near['histogram']))}"
    )
    print(
        f"{format_count(spread['verbs'], 'verbs')}, {format_count(spread['pairs'], 'pairs')} of "
        f"verb and noun, distinct-2 {spread['distinct_2']:.2f}"
    )
    print(
        f"{format_count(labels['classification'], 'classifications')}, "
        f"{format_count(labels['other'], 'others')}; "
        f"{format_count(labels['with_input'], 'instances')} with an input"
    )


def _inspect_run(run: Path, page: Path) -> JsonObject:
    from selfteach.report.page import write_report
    from selfteach.report.read_run import read_run

    typed = shlex.quote(str(run))
    identity, _ = finished.find_material(run)
    if identity["kind"] != "tasks":
        raise UsageError(
            f"is a run of `selfteach {identity['kind']}`, which invents no tasks.",
            where=run,
            cure="Give a run of `selfteach tasks`, or a file of tasks.",
        )
    found: JsonObject | None = read_run(finished.check_readable(run)).notes.get("inspection")
    if not found:
        raise UsageError(
            "is not done with its invention.",
            where=str(run),
            cure=(
                f"`selfteach status {typed}` shows its progress, and `selfteach inspect "
                f"{shlex.quote(str(run / 'tasks.jsonl'))}` its tasks so far."
            ),
        )
    if not found["tasks"]:
        raise UsageError(
            "has no invented task that was kept.",
            where=run,
            cure=f"`selfteach report {typed}` lists the dropped ones with their reasons.",
        )
    write_report(run, "inspect.j2", page)
    return found


def _inspect_file(file: Path, seeds: Path | None, page: Path, skip: bool) -> JsonObject:
    from selfteach.files import write_text
    from selfteach.materials.tasks import OWN_SEEDS
    from selfteach.report.page import render_inspection
    from selfteach.select.inspection import inspect_tasks

    refuse_shared_paths([page], [place for place in (file, seeds) if place])
    tasks = _read_tasks(file, skip)
    known = _read_tasks(seeds or OWN_SEEDS, skip)
    found = inspect_tasks(tasks, [task.instruction for task in known])
    write_text(page, render_inspection(file.name, found))
    return found


def _read_tasks(file: Path, skip: bool) -> list[Task]:
    """Return the tasks of a file. Print which rows are left out, and which were repaired."""
    from selfteach.files import BadLine
    from selfteach.materials.rows import list_first_lines, summarize_repaired
    from selfteach.materials.tasks import read_tasks

    read = read_tasks(file, skip=skip, max_bad_share=MAX_BAD_SHARE)
    faults = {row.id: (row.body or {}).get("fault") for row in read.outcomes.values()}
    bad = [BadLine(place, str(fault)) for place, fault in faults.items() if fault]
    if bad:
        print_notice(f"dropped rows: {len(bad):,}")
        print_notices(list_first_lines(bad))
    print_notices(summarize_repaired(read.cleaned_rows))
    return read.seeds
