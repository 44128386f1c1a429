"""`selfteach inspect`: what invented tasks are like, of a run that may still be under way or of any
file of tasks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfteach.commands.screen import print_json
from selfteach.errors import UsageError
from selfteach.run import finished

PAGE_FILE = "inspection.html"


def run_inspect(
    run: Path | None,
    file: Path | None,
    seeds: Path | None,
    out: Path | None,
    *,
    skip: bool = False,
    as_json: bool,
) -> None:
    """Writes the page and prints the numbers.

    Raises:
        UsageError: neither a run nor a file, or both; a run that has invented nothing yet.
    """
    if (run is None) == (file is None):
        raise UsageError(
            "needs a run or a file of tasks.", cure="Give --run DIR, or FILE with --seeds FILE."
        )
    page, found = _inspect_run(run, out) if run else _inspect_file(file, seeds, out, skip)  # type: ignore[arg-type]
    if as_json:
        print_json(
            {"page": str(page)}
            | {key: value for key, value in found.items() if key not in ("read", "twins")}
        )
        return
    near, spread, labels = found["nearest_seed"], found["diversity"], found["labels"]
    print(
        f"{found['tasks']:,} tasks with {found['instances']:,} instances, against "
        f"{found['seeds']:,} seeds"
    )
    print(
        f"ROUGE-L to the nearest seed: mean {near['mean']:.2f}; by tenths "
        f"{' '.join(map(str, near['histogram']))}"
    )
    print(
        f"{spread['verbs']:,} verbs, {spread['pairs']:,} pairs of verb and noun, "
        f"distinct-2 {spread['distinct_2']:.2f}"
    )
    print(
        f"{labels['classification']:,} classifications, {labels['other']:,} others; "
        f"{labels['with_input']:,} instances have an input"
    )
    print(page)


def _inspect_run(run: Path, out: Path | None) -> tuple[Path, dict[str, Any]]:
    from selfteach.report.page import write_report
    from selfteach.report.read_run import read_run

    found = read_run(finished.check_run_folder(run)).notes.get("inspection")
    if not found:
        raise UsageError(
            "has ended no round of invention yet.",
            where=str(run),
            cure=f"`selfteach status {run}` shows how far it is.",
        )
    return write_report(run, "inspect.j2", out or run / PAGE_FILE), found


def _inspect_file(
    file: Path, seeds: Path | None, out: Path | None, skip: bool
) -> tuple[Path, dict[str, Any]]:
    from selfteach.files import write_text
    from selfteach.materials.tasks import OWN_SEEDS, read_tasks
    from selfteach.report.page import render_inspection
    from selfteach.select.inspection import inspect_tasks

    path = out or Path(f"{file.stem}.{PAGE_FILE}")
    if path.resolve() in {p.resolve() for p in (file, seeds) if p}:
        raise UsageError("is one of the files that are read.", where="--out")
    tasks, shown = (read_tasks(source, skip=skip).seeds for source in (file, seeds or OWN_SEEDS))
    found = inspect_tasks(tasks, [task.instruction for task in shown])
    write_text(path, render_inspection(file.name, found))
    return path, found
