"""`selfteach benchmark`: lm-eval on base and taught, one table."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfteach.commands.screen import Screen, print_json, screen
from selfteach.errors import DataError, UsageError
from selfteach.records import write_text
from selfteach.run import finished
from selfteach.run.signals import interruptible

if TYPE_CHECKING:
    from selfteach.evaluate.benchmarks import Line, Tasks

FILE = "benchmark.json"
ARMS = ("base", "taught")


@dataclass(frozen=True)
class Options:
    """Which tasks, and how."""

    tasks: tuple[str, ...]
    limit: int | None = None
    shots: int | None = None
    as_json: bool = False
    debug: bool = False
    adapter: str = ""

    @property
    def file(self) -> str:
        """Where the results go; those of another adapter than the run's own beside them."""
        return f"benchmark.{self.adapter}.json" if self.adapter else FILE


def benchmark(folder: Path, options: Options) -> None:
    """Prints the table and writes it beside the exam.

    Raises:
        UsageError: lm-eval is not installed, or does not know a task.
        DataError: no task has its data here.
    """
    from selfteach.evaluate.suites import resolved

    adapter, base = finished.adapter(folder, options.adapter), finished.base(folder)
    if not options.tasks:
        raise UsageError("names no task.", where="--tasks", cure="For instance --tasks glue,mmlu.")
    if importlib.util.find_spec("lm_eval") is None:
        raise UsageError(
            "lm-eval is not installed.",
            where="selfteach benchmark",
            cure="Run: pip install lm-eval",
        )
    wanted = resolved(options.tasks)
    with screen(None, debug=options.debug) as shown, interruptible(shown.say):
        from selfteach.evaluate import benchmarks

        shown.display.stage("tasks")
        tasks = benchmarks.find(wanted.tasks)
        for what, why in {**wanted.without, **tasks.missing}.items():
            shown.say(f"left out: {what}: {why}")
        if not tasks.names:
            raise DataError(
                f"of {len(tasks.missing)} tasks none has its data here.",
                where="--tasks",
                cure=(
                    "Give the machine access to the hub, fetch the data sets there first, "
                    "or name a task's .yaml file with data of yours."
                ),
            )
        found = {
            arm: sat(base, adapter if arm == "taught" else None, tasks, options, arm, shown)
            for arm in ARMS
        }
        rows = benchmarks.lines(found)
    stated = as_rows(rows, {**wanted.without, **tasks.missing}, found, options)
    write_text(folder / options.file, _json(stated))
    if options.as_json:
        print_json({"run": str(folder), **stated})
    else:
        show(rows, stated, folder / options.file)


def sat(
    base: str, adapter: Path | None, tasks: Tasks, options: Options, arm: str, shown: Screen
) -> dict[str, Any]:
    """One model's results. It is in memory only while it is asked."""
    from selfteach.evaluate.benchmarks import measure
    from selfteach.models.hf import Hf

    shown.display.stage(arm)
    hf = Hf.load(base, adapter=adapter, progress=shown.display.say)
    return measure(hf, tasks, limit=options.limit, shots=options.shots)


def as_rows(
    rows: Sequence[Line],
    missing: Mapping[str, str],
    found: Mapping[str, Mapping[str, Any]],
    options: Options,
) -> dict[str, Any]:
    """What is written and what `--json` prints."""
    from importlib.metadata import version

    return {
        "lm_eval": version("lm_eval"),
        "adapter": options.adapter or finished.OWN,
        "limit": options.limit,
        "shots": options.shots,
        "rows": [
            {**asdict(row), "change": asdict(row.change) if row.change else None} for row in rows
        ],
        "missing": dict(missing),
        "cut": {arm: found[arm]["cut"] for arm in ARMS},
    }


def _json(value: Any) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def show(rows: Sequence[Line], stated: Mapping[str, Any], file: Path) -> None:
    """Prints a table, and below it what is missing from it."""
    import sys

    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from selfteach.report.table import inert

    table = Table("task", "metric", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("n", *ARMS, "taught - base"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        change = (
            f"{row.change.value:+.3f} [{row.change.low:+.3f}, {row.change.high:+.3f}]"
            if row.change
            else "–"
        )
        values = (_value(row, arm) for arm in ARMS)
        arrow = "" if row.higher_is_better else " (lower is better)"
        table.add_row(
            Text(inert(row.task)),
            Text(inert(row.metric) + arrow),
            str(row.n or "–"),
            *map(Text, values),
            Text(change),
        )
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 140)
    console.print(table)
    notes = [
        "± is lm-eval's standard error; the interval of the difference is of 95 %, paired by row."
    ]
    notes += [f"{len(stated['missing'])} left out, named above."] if stated["missing"] else []
    notes += (
        [f"Only {stated['limit']} rows of each task: not a result to quote."]
        if stated["limit"]
        else []
    )
    notes += [
        f"{n} prompts of {arm} were longer than the context and lost their beginning."
        for arm, n in stated["cut"].items()
        if n
    ]
    for note in (*notes, str(file)):
        console.print(Text(inert(note)))


def _value(row: Line, arm: str) -> str:
    error = row.errors[arm]
    return f"{row.values[arm]:.3f}" + ("" if error is None else f" ± {error:.3f}")
