"""`selfteach benchmark`: lm-eval on the base and the tuned model, in one table."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selfteach.commands.screen import Screen, open_console, open_screen, print_json
from selfteach.errors import DataError, UsageError
from selfteach.extras import require_extra
from selfteach.files import hash_file, read_own_json, write_text
from selfteach.records import JsonMapping, JsonObject, digest
from selfteach.run import finished
from selfteach.run.signals import handle_interrupts
from selfteach.text import format_count

if TYPE_CHECKING:
    from selfteach.evaluate.benchmarks import BenchmarkRow, BenchmarkTasks

RESULTS_FILE = "benchmark.json"
ARMS = ("base", "tuned")
NUMBERS_COLUMNS = 80
"""The least width of a terminal in which the table has its numbers on one line."""


@dataclass(frozen=True)
class BenchmarkOptions:
    """Hold which tasks are run, and how."""

    tasks: tuple[str, ...]
    limit: int | None = None
    shots: int | None = None
    as_json: bool = False
    debug: bool = False
    adapter: str = ""

    @property
    def file(self) -> str:
        """Return the name of the results file; another adapter has a file of its own."""
        return f"benchmark.{self.adapter}.json" if self.adapter else RESULTS_FILE


def run_benchmark(folder: Path, options: BenchmarkOptions) -> None:
    """Print the table and write it next to the exam.

    Raises:
        UsageError: lm-eval is not installed, or does not know a task.
        DataError: no task has its data here.
    """
    from selfteach.evaluate.suites import combine_suites, refuse_unknown_tasks
    from selfteach.models.four_bit_files import read_adapter_setting

    adapter = finished.find_adapter(folder, options.adapter)
    base = finished.read_base_name(folder)
    four = read_adapter_setting(adapter)
    if not options.tasks:
        raise UsageError("names no task.", where="--tasks", cure="For instance --tasks glue,mmlu.")
    require_extra("bench")
    wanted = combine_suites(options.tasks)
    refuse_unknown_tasks(wanted.tasks)
    with open_screen(None, debug=options.debug) as screen, handle_interrupts(screen.print_line):
        from selfteach.evaluate import benchmarks

        screen.display.start_stage("tasks")
        tasks = benchmarks.find_tasks(wanted.tasks)
        missing = {**wanted.without, **tasks.missing}
        for name, reason in missing.items():
            screen.print_line(f"left out: {name}: {reason}")
        if not tasks.names:
            raise DataError(
                "no task has its data here.",
                where="--tasks",
                cure=(
                    "Give the machine access to the hub, download the data sets first, "
                    "or name a task's .yaml file with data of your own."
                ),
            )
        found = {
            arm: measure_arm(base, path, tasks, options, arm, screen, load_in_4bit=four)
            for arm, path in zip(ARMS, (None, adapter), strict=True)
        }
        rows = benchmarks.make_rows(found)
    results = make_results(rows, missing, found, options)
    results["adapter_sum"] = hash_adapter(adapter)
    text = json.dumps(results, indent=2, ensure_ascii=False) + "\n"
    write_text(folder / options.file, text)
    if options.as_json:
        print_json({"run": str(folder), **results})
    else:
        print_table(rows, results, folder / options.file)


def hash_adapter(adapter: Path) -> str:
    """Return the checksum of an adapter's tensors."""
    return digest([hash_file(file) for file in sorted(adapter.glob("*.safetensors"))])


def read_benchmark(folder: Path) -> JsonMapping | None:
    """Return what this command wrote of a run or of a student; None where it wrote nothing.

    What was measured of another adapter, such as that of a student before its newest lesson, is
    left out, and a line says so.

    Raises:
        IntegrityError: the file is damaged.
    """
    file = folder / RESULTS_FILE
    if not file.exists():
        return None
    found = read_own_json(file, "Run `selfteach benchmark` again, or remove the file.")
    if found.get("adapter_sum") != hash_adapter(finished.find_adapter(folder)):
        print(f"left out: {file} is not of this adapter; benchmark it again", file=sys.stderr)
        return None
    return found


def measure_arm(
    base: str,
    adapter: Path | None,
    tasks: BenchmarkTasks,
    options: BenchmarkOptions,
    arm: str,
    screen: Screen,
    *,
    load_in_4bit: bool,
) -> JsonObject:
    """Return the results of one model, which is in memory only during this call."""
    from selfteach.evaluate.benchmarks import run_benchmarks
    from selfteach.models.hf import HfModel

    screen.display.start_stage(arm)
    hf = HfModel.load(
        base, adapter=adapter, load_in_4bit=load_in_4bit, progress=screen.display.print_line
    )
    return run_benchmarks(hf, tasks, limit=options.limit, shots=options.shots)


def make_results(
    rows: Sequence[BenchmarkRow],
    missing: Mapping[str, str],
    found: Mapping[str, JsonMapping],
    options: BenchmarkOptions,
) -> JsonObject:
    """Return the results as JSON, for the file and for `--json`."""
    from importlib.metadata import version

    return {
        "lm_eval": version("lm_eval"),
        "adapter": options.adapter or finished.RUN_ADAPTER,
        "limit": options.limit,
        "shots": options.shots,
        "rows": [asdict(row) for row in rows],
        "missing": dict(missing),
        "cut": {arm: found[arm]["cut"] for arm in ARMS},
        "ignored": found["base"]["ignored"],
    }


def print_table(rows: Sequence[BenchmarkRow], results: JsonMapping, file: Path) -> None:
    """Print a table, and below it what is missing from it."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from selfteach.report.format_text import NO_INTERVAL
    from selfteach.report.result_table import strip_controls

    console = open_console(140)
    is_wide = console.width >= NUMBERS_COLUMNS
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("task", "metric"):
        table.add_column(name, overflow="fold")
    for name in ("n", *ARMS, "tuned - base"):
        table.add_column(name, justify="right", overflow="fold", no_wrap=is_wide)
    for row in rows:
        change = "–"
        if row.change:
            ends = f"[{row.change.low:+.3f}, {row.change.high:+.3f}]"
            change = f"{row.change.value:+.3f} {ends if row.change.has_interval else NO_INTERVAL}"
        direction = "" if row.higher_is_better else " (lower is better)"
        table.add_row(
            Text(strip_controls(row.task)),
            Text(strip_controls(row.metric) + direction),
            str(row.n or "–"),
            *(Text(_format_value(row, arm)) for arm in ARMS),
            Text(change),
        )
    console.print(table)
    notes = ["± is lm-eval's standard error. The difference has a 95 % interval, paired by row."]
    if results["missing"]:
        notes.append(f"{len(results['missing'])} left out, named above.")
    if results["limit"]:
        notes.append(f"Only {results['limit']} rows of each task: do not quote this result.")
    for arm, count in results["cut"].items():
        if count:
            notes.append(
                "Cut at the beginning, because the context is too short: "
                f"{format_count(count, 'prompts')} of {arm}."
            )
    if results["ignored"]:
        ignored = ", ".join(results["ignored"])
        notes.append(f"Arguments of the tasks that no answer followed: {ignored}.")
    for note in (*notes, str(file)):
        console.print(Text(strip_controls(note)))


def _format_value(row: BenchmarkRow, arm: str) -> str:
    """Return a value with its standard error; none where all rows are equal, which is 0."""
    error = row.errors[arm]
    return f"{row.values[arm]:.3f}" + (f" ± {error:.3f}" if error else "")
