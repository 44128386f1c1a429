"""`selfteach benchmark`: lm-eval on base and taught, one table."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfteach.commands.screen import Screen, open_screen, print_json
from selfteach.errors import DataError, UsageError
from selfteach.files import write_text
from selfteach.run import finished
from selfteach.run.signals import handle_interrupts

if TYPE_CHECKING:
    from selfteach.evaluate.benchmarks import BenchmarkRow, BenchmarkTasks

RESULTS_FILE = "benchmark.json"
ARMS = ("base", "taught")


@dataclass(frozen=True)
class BenchmarkOptions:
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
        return f"benchmark.{self.adapter}.json" if self.adapter else RESULTS_FILE


def run_benchmark(folder: Path, options: BenchmarkOptions) -> None:
    """Prints the table and writes it beside the exam.

    Raises:
        UsageError: lm-eval is not installed, or does not know a task.
        DataError: no task has its data here.
    """
    from selfteach.evaluate.suites import combine_suites

    adapter, base = finished.find_adapter(folder, options.adapter), finished.read_base_name(folder)
    if not options.tasks:
        raise UsageError("names no task.", where="--tasks", cure="For instance --tasks glue,mmlu.")
    if importlib.util.find_spec("lm_eval") is None:
        raise UsageError(
            "lm-eval is not installed.",
            where="selfteach benchmark",
            cure="Run: pip install lm-eval",
        )
    wanted = combine_suites(options.tasks)
    with open_screen(None, debug=options.debug) as shown, handle_interrupts(shown.print_line):
        from selfteach.evaluate import benchmarks

        shown.display.start_stage("tasks")
        tasks = benchmarks.find_tasks(wanted.tasks)
        for what, why in {**wanted.without, **tasks.missing}.items():
            shown.print_line(f"left out: {what}: {why}")
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
            arm: measure_arm(base, adapter if arm == "taught" else None, tasks, options, arm, shown)
            for arm in ARMS
        }
        rows = benchmarks.make_rows(found)
    stated = make_results(rows, {**wanted.without, **tasks.missing}, found, options)
    write_text(folder / options.file, _to_json(stated))
    if options.as_json:
        print_json({"run": str(folder), **stated})
    else:
        print_table(rows, stated, folder / options.file)


def measure_arm(
    base: str,
    adapter: Path | None,
    tasks: BenchmarkTasks,
    options: BenchmarkOptions,
    arm: str,
    shown: Screen,
) -> dict[str, Any]:
    """One model's results. It is in memory only while it is asked."""
    from selfteach.evaluate.benchmarks import run_benchmarks
    from selfteach.models.hf import HfModel

    shown.display.start_stage(arm)
    hf = HfModel.load(base, adapter=adapter, progress=shown.display.print_line)
    return run_benchmarks(hf, tasks, limit=options.limit, shots=options.shots)


def make_results(
    rows: Sequence[BenchmarkRow],
    missing: Mapping[str, str],
    found: Mapping[str, Mapping[str, Any]],
    options: BenchmarkOptions,
) -> dict[str, Any]:
    """What is written and what `--json` prints."""
    from importlib.metadata import version

    return {
        "lm_eval": version("lm_eval"),
        "adapter": options.adapter or finished.RUN_ADAPTER,
        "limit": options.limit,
        "shots": options.shots,
        "rows": [
            {**asdict(row), "change": asdict(row.change) if row.change else None} for row in rows
        ],
        "missing": dict(missing),
        "cut": {arm: found[arm]["cut"] for arm in ARMS},
    }


def _to_json(value: Any) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def print_table(rows: Sequence[BenchmarkRow], stated: Mapping[str, Any], file: Path) -> None:
    """Prints a table, and below it what is missing from it."""
    import sys

    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from selfteach.report.result_table import strip_controls

    table = Table("task", "metric", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("n", *ARMS, "taught - base"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        change = (
            f"{row.change.value:+.3f} [{row.change.low:+.3f}, {row.change.high:+.3f}]"
            if row.change
            else "–"
        )
        values = (_format_value(row, arm) for arm in ARMS)
        arrow = "" if row.higher_is_better else " (lower is better)"
        table.add_row(
            Text(strip_controls(row.task)),
            Text(strip_controls(row.metric) + arrow),
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
        console.print(Text(strip_controls(note)))


def _format_value(row: BenchmarkRow, arm: str) -> str:
    error = row.errors[arm]
    return f"{row.values[arm]:.3f}" + ("" if error is None else f" ± {error:.3f}")
