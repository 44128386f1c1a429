"""Run the tests that train something over seeds, instruction sets, threads and dtypes, and print by
how much each assertion about an outcome held.

    python tools/margins.py                          the plan: 51 runs, some hours on two cores
    python tools/margins.py --seeds 3 --sets avx2    seeds 0 to 2 on one instruction set
    python tools/margins.py --table                  print the table of the finished runs
    python tools/margins.py --markdown               the same as Markdown, for the log

The plan covers every value of every switch: 10 seeds on each instruction set with one thread in
float32, 4 seeds on each in bf16, and 3 seeds on each with two threads. `--seeds`, `--sets`,
`--threads` or `--dtypes` replace it by the product of their values. The defaults are 10 seeds, all
three sets, one thread and float32.

Each run is a line of .bench/margins.jsonl. The same command goes on with the runs that are missing
for the same code (the trees of src and tests in git); so it may be stopped at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SETS = {
    # always both variables: one alone mixes kernels of torch and oneDNN that do not fit together
    "native": {},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "default": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}
DTYPES = ("float32", "bf16")
SEEDS = 10
Row = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """The switches of one run of the tests."""

    seed: int
    instructions: str
    threads: int
    dtype: str

    def make_environment(self, margins: Path) -> dict[str, str]:
        """Return the environment of the run; its margins go to the file `margins`."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")
        }
        return {
            **inherited,
            **SETS[self.instructions],
            "SELFTEACH_TEST_SEED": str(self.seed),
            "SELFTEACH_TEST_THREADS": str(self.threads),
            "SELFTEACH_TEST_DTYPE": self.dtype,
            "SELFTEACH_TEST_MARGINS": str(margins),
        }

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"seed {self.seed}, {self.instructions}, {threads}, {self.dtype}"


def list_planned_variants() -> list[Variant]:
    """Return the runs of the plan, seed by seed, so that a part of it covers every value too."""
    found = []
    for seed in range(SEEDS):
        for name in SETS:
            found.append(Variant(seed, name, 1, "float32"))
            if seed < 4:
                found.append(Variant(seed, name, 1, "bf16"))
            if seed < 3:
                found.append(Variant(seed, name, 2, "float32"))
    return found


def choose_variants(given: argparse.Namespace) -> list[Variant]:
    """Return the plan, or the product of the values that the command line names."""
    if not (given.seeds or given.sets or given.threads or given.dtypes):
        return list_planned_variants()
    seeds = range(given.seeds or SEEDS)
    values = product(
        seeds, given.sets or list(SETS), given.threads or [1], given.dtypes or ["float32"]
    )
    return [Variant(*value) for value in values]


def get_code_version() -> str:
    """Return the git trees of src and tests, which change only with the code."""
    revisions = subprocess.run(
        ["git", "rev-parse", "HEAD:src", "HEAD:tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    changed = subprocess.run(
        ["git", "status", "--porcelain", "src", "tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    trees = " ".join(tree[:12] for tree in revisions.stdout.split())
    return f"{trees} changed" if changed.stdout.strip() else trees


def get_processor_name() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def run_tests(variant: Variant, selection: Sequence[str], timeout: float) -> Row:
    """Run the tests once, at low priority.

    Returns their outcomes by test id ("passed", "skipped" or the error's first line), the margins
    they recorded, pytest's exit code and the seconds.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        margins = Path(folder, "margins.jsonl")
        command = [
            *(["nice", "-n", "15"] if os.name == "posix" else []),
            sys.executable,
            *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-o", "junit_family=xunit1", f"--junitxml={report}"),
            *selection,
        ]
        started = time.monotonic()
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=variant.make_environment(margins),
                capture_output=True,
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{variant}: not finished after {timeout:.0f} s") from None
        outcomes = read_outcomes(report) if report.is_file() else {}
        if not outcomes:
            raise SystemExit(f"{variant}: pytest ran no test.\n{done.stdout}{done.stderr}")
        recorded = margins.read_text("utf-8").splitlines() if margins.is_file() else []
        return {
            "exit_code": done.returncode,
            "seconds": round(time.monotonic() - started, 1),
            "outcomes": outcomes,
            "margins": [json.loads(line) for line in recorded],
        }


def read_outcomes(report: Path) -> dict[str, str]:
    """Return the outcome of each test of a JUnit report, by test id."""
    found = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        name = f"{case.get('file') or case.get('classname')}::{case.get('name')}"
        outcome = "passed"
        for child in case:
            if child.tag == "skipped":
                outcome = "skipped"
            elif child.tag in ("failure", "error"):
                outcome = (child.get("message") or child.tag).splitlines()[0][:200]
        found[name] = outcome
    return found


def read_rows(path: Path) -> list[Row]:
    """Return the runs of the file without a line that was cut off."""
    found = []
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def print_table(rows: Iterable[Row], markdown: bool) -> None:
    """Print the margins of each assertion and the tests that were not green in every run.

    The columns are the bound, the worst value, the least margin and the run that had it.
    """
    measured: dict[tuple[str, str], list[tuple[Row, Row]]] = defaultdict(list)
    outcomes: dict[str, list[tuple[Row, str]]] = defaultdict(list)
    for row in rows:
        for test, outcome in row["outcomes"].items():
            if outcome != "skipped":
                outcomes[test].append((row, outcome))
        for margin in row["margins"]:
            measured[shorten_test_id(margin["test"]), margin["name"]].append((margin, row))
    header = ["test", "what", "bound", "worst", "least margin", "at", "green"]
    table = []
    for (test, name), found in sorted(measured.items()):
        worst, row = min(found, key=lambda pair: pair[0]["margin"])
        green = sum(margin["margin"] >= 0 for margin, _ in found)
        cells = [f"{worst[key]:.4g}" for key in ("bound", "value", "margin")]
        table.append([test, name, *cells, str(get_variant(row)), f"{green} of {len(found)}"])
    print_rows(header, table, markdown)
    print()
    red = []
    for test, results in sorted(outcomes.items()):
        failed = [(row, outcome) for row, outcome in results if outcome != "passed"]
        if failed:
            row, reason = failed[0]
            share = f"{len(results) - len(failed)} of {len(results)}"
            red.append([shorten_test_id(test), share, str(get_variant(row)), reason])
    tests = len(outcomes)
    runs = sum(len(results) for results in outcomes.values())
    if red:
        print(f"{len(red)} of {tests} tests were not green in every run:")
        print_rows(["test", "green", "first red at", "why"], red, markdown)
    else:
        print(f"All {tests} tests were green in every run ({runs} outcomes).")


def shorten_test_id(test: str) -> str:
    """Return the id of a test without its folder and the suffix of its file."""
    file, _, name = test.partition("::")
    return f"{Path(file).stem}::{name}"


def get_variant(row: Row) -> Variant:
    """Return the switches of a stored run."""
    return Variant(**row["variant"])


def print_rows(header: Sequence[str], rows: Sequence[Sequence[str]], markdown: bool) -> None:
    """Print a table, aligned or as Markdown."""
    if markdown:
        for cells in (header, ["---"] * len(header), *rows):
            print("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        return
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for cells in (header, *rows):
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        print("  ".join(padded).rstrip())


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N-1")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), help="instruction sets")
    parser.add_argument("--threads", nargs="+", type=int, metavar="N", help="threads of torch")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, help="dtype of the toy models")
    parser.add_argument("--out", type=Path, default=ROOT / ".bench" / "margins.jsonl")
    parser.add_argument("--limit", type=int, metavar="N", help="stop after N runs")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for one run")
    parser.add_argument("--table", action="store_true", help="print the table and run nothing")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--any-code", action="store_true", help="also show runs of other code")
    parser.add_argument(
        "pytest",
        nargs="*",
        default=["-m", "training and not slow"],
        help='arguments of pytest, after "--"; by default -m "training and not slow"',
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the missing runs, then print the table."""
    given = make_parser().parse_args(arguments)
    code = get_code_version()
    rows = read_rows(given.out)
    same = [row for row in rows if given.any_code or row["code"] == code]
    done = {(get_variant(row), tuple(row["pytest"])) for row in same}
    if not given.table and not given.markdown:
        missing = [v for v in choose_variants(given) if (v, tuple(given.pytest)) not in done]
        given.out.parent.mkdir(parents=True, exist_ok=True)
        for number, variant in enumerate(missing[: given.limit], 1):
            row = {
                "variant": asdict(variant),
                "code": code,
                "processor": get_processor_name(),
                "pytest": given.pytest,
                **run_tests(variant, given.pytest, given.timeout),
            }
            same.append(row)
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            red = [t for t, o in row["outcomes"].items() if o not in ("passed", "skipped")]
            state = (
                "green" if not red else f"{len(red)} red: " + ", ".join(map(shorten_test_id, red))
            )
            print(f"{number}/{len(missing)} {variant}: {row['seconds']} s, {state}", flush=True)
    if not same:
        raise SystemExit(f"{given.out} holds no run of this code. Run tools/margins.py first.")
    print_table(same, given.markdown)


if __name__ == "__main__":
    main()
