"""Teach development rules with several seeds, and measure each on hand-written prompts.

    python -m bench.rules --out .bench/rules.jsonl [--seeds 3] [--rules football my.yaml]
    python -m bench.rules --table .bench/rules.jsonl
    python -m bench.rules --out .bench/old.jsonl --code CHECKOUT
    python -m bench.rules --compare .bench/old.jsonl .bench/rules.jsonl

`--rules` names files of bench/rule_files, or other files of that form; the default is all of them.
`--code` runs the command of another checkout; its adapters are measured by this code, so both
versions answer the same prompts.
Each finished run is a line of the file with its model, settings, commit and processor, so the same
command goes on where it was stopped, on another machine too: docs/log/rule_runs.jsonl grows like
that. At another commit a rule is taught again. A rule that the program refuses has a line as well;
a run that failed (a crash, a kill, a full disk) has none, so the same command tries it again.
`--keep` names a folder for the runs themselves, by commit; an interrupted run goes on there, too.
`--jobs 8` has eight runs at once, which one accelerator holds: a small model leaves it idle most of
the time.
`--table` prints the runs, each figure with its 95 % interval; the medians of each commit; and how
many rules have the same verdict on all seeds of a commit. `--compare` prints new minus old, paired
by rule, seed, model and settings; of several commits in a file the last line counts. Its 95 %
bootstrap intervals are the wider ones of two, over runs and over rules, whose seeds go together.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from bench.rule_prompts import FILES
from selfteach import statistics
from selfteach.errors import DataError
from selfteach.files import read_jsonl

ROOT = Path(__file__).resolve().parents[1]
RULES = sorted(path.stem for path in FILES.glob("*.yaml") if path.stem != "general")
FIGURES = (
    "greedy broken",
    "T=1 broken",
    "needless neighbors",
    "needless general",
    "kl_nats",
    "top1",
    "seconds",
)
Row = dict[str, Any]


class RunFailed(Exception):
    """Report a run that ended neither with an exam nor with a refusal of its rule."""


def measure_rule(name: str, seed: int, given: argparse.Namespace) -> Row:
    """Teach one rule with one seed, and return its figures, or that the program refuses the rule.

    Raises:
        RunFailed: the run or its measurement ended otherwise.
    """
    file = find_rule_file(name)
    spec = yaml.safe_load(file.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        place = (given.keep or Path(folder)).resolve() / read_commit(given.code)
        run = place / f"{file.stem}-{seed}"
        words = ["-m", "selfteach", "feedback", spec["rule"], "--seed", str(seed)]
        words += ["--out", str(run), "--config", str(given.config)]
        words += ["--model", given.model]
        for key in ("check", "when", "then"):
            words += [f"--{key}", spec[key]] if spec.get(key) else []
        for name_of_subject in spec.get("also", ()) if given.also else ():
            words += ["--also", name_of_subject]
        done = call(given.code.resolve(), words)
        if done.returncode == DataError.exit_code:
            return {"verdict": done.stderr.strip()[-200:], "refused": True}
        if done.returncode:
            raise RunFailed(describe_failure(words, done))
        exam = json.loads((run / "exam.json").read_text("utf-8"))
        cost = run / "cost.json"  # versions without it have its numbers in exam.json
        spent = json.loads(cost.read_text("utf-8")) if cost.is_file() else exam["cost"]
        measure = ["-m", "bench.rule_prompts", str(run), str(file), "--model", given.model]
        measured = json.loads(call(ROOT, measure, must=True).stdout.strip().splitlines()[-1])
    seconds = {"seconds": round(spent["seconds"], 1)}
    return {"refused": False} | summarize_run(exam, measured) | seconds


def find_rule_file(name: str) -> Path:
    """Return the file of a development rule, or of a path.

    Raises:
        SystemExit: there is none.
    """
    path = FILES / f"{name}.yaml" if name in RULES else Path(name)
    if not path.is_file():
        raise SystemExit(f"--rules: {name} is no file, and none of {', '.join(RULES)}")
    return path.resolve()


def summarize_run(exam: Mapping[str, Any], measured: Mapping[str, Any]) -> Row:
    """Return the figures of a run: the hand-written prompts' and those of its own exam."""
    drift = exam.get("drift") or {}
    own = exam["kept"].get("tuned") or exam["kept"].get("taught") or {}
    found = {key: measured[key] for key in ("needless neighbors", "needless general")}
    found |= {"s": measured["s"]} if "s" in measured else {}
    intervals = dict(measured.get("intervals", {}))
    for key, name in (("kl_nats", "kl_nats"), ("top1", "top1_agreement")):
        if drift:
            intervals[key] = [round(drift[name][side], 4) for side in ("low", "high")]
    return {
        **measured["tuned"],
        **found,
        "intervals": intervals,
        "base greedy broken": measured["base"]["greedy broken"],
        "base T=1 broken": measured["base"]["T=1 broken"],
        "kl_nats": drift["kl_nats"]["value"] if drift else 0.0,
        "top1": drift["top1_agreement"]["value"] if drift else 1.0,
        "own kept": own["greedy"]["value"] if own else None,
        "verdict": exam["verdict"]["word"],
        "sentence": exam["verdict"]["sentence"],
    }


def call(
    code: Path, words: Sequence[str], *, must: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run Python with the code of a checkout, and where it lacks a package, PYTHONPATH's.

    Raises:
        RunFailed: it must end well, and does not.
    """
    folders = [str(code / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=code,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
    )
    if must and done.returncode:
        raise RunFailed(describe_failure(words, done))
    return done


def describe_failure(words: Sequence[str], done: subprocess.CompletedProcess[str]) -> str:
    """Return which command failed, its exit code, and the end of what it said."""
    return f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr[-2000:]}"


def run_rules(given: argparse.Namespace) -> None:
    """Run what the file does not hold yet, seed by seed, as many at once as `jobs` says.

    Raises:
        SystemExit: some runs failed; the others were made.
    """
    given.out.parent.mkdir(parents=True, exist_ok=True)
    done = {identify(row) for row in read_rows(given.out)}
    planned = [start_row(name, seed, given) for seed in range(given.seeds) for name in given.rules]
    with ThreadPoolExecutor(given.jobs) as pool:
        runs = [pool.submit(run_rule, row, given) for row in planned if identify(row) not in done]
        failed = 0
        try:
            for run in as_completed(runs):
                if isinstance(fault := run.exception(), RunFailed):
                    print(fault, file=sys.stderr, flush=True)
                    failed += 1
                    continue
                with given.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(run.result()) + "\n")
                print(json.dumps(run.result()), flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failed:
        raise SystemExit(f"{failed} of {len(runs)} runs failed; the same command tries them again.")


def start_row(name: str, seed: int, given: argparse.Namespace) -> Row:
    """Return what the line of a run begins with."""
    return {
        "rule": name,
        "seed": seed,
        "model": Path(given.model).name,
        "config": Path(given.config).stem + (" --also" if given.also else ""),
        "commit": read_commit(given.code),
        "processor": read_processor(),
        "device": read_device(),
    }


def identify(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a run is known by: its case, and its commit."""
    return *get_case(row), row.get("commit", "")


def get_case(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the rule, seed, model and settings of a run; a line of before they were noted is of
    the embedded model with the quick settings.
    """
    return row["rule"], row["seed"], row.get("model", "embedded"), row.get("config", "quick")


def run_rule(row: Row, given: argparse.Namespace) -> Row:
    """Teach one rule, and return its line of the file."""
    return row | measure_rule(row["rule"], row["seed"], given)


def read_commit(checkout: Path) -> str:
    """Return the short name of a checkout's commit; "" where it is none."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short=8", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def read_processor() -> str:
    """Return the name of the processor, as the system tells it."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text("utf-8").splitlines() if cpus.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def read_device() -> str:
    """Return the name of the accelerator; "cpu" where there is none."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file; none if there is no file."""
    return [row for _, row in read_jsonl(path)] if path.is_file() else []


def print_table(path: Path) -> None:
    """Print each run, and of each commit the median and the range of each figure."""
    rows = read_rows(path)
    names = [*FIGURES, "s"]
    print("| rule | seed | model, settings | commit | " + " | ".join(names) + " | verdict |")
    print("|---" * (len(names) + 5) + "|")
    for row in sorted(rows, key=identify):
        cells = [format_figure(row, name) for name in names]
        rule, seed, model, config, commit = identify(row)
        start = f"| {rule} | {seed} | {model}, {config} | {commit} | "
        print(start + " | ".join(cells) + f" | {read_verdict(row)} |")
    print("\n| median, range | runs | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 2) + "|")
    for commit in dict.fromkeys(row.get("commit", "") for row in rows):
        own = [row for row in rows if row.get("commit", "") == commit]
        cells = [format_range([row[name] for row in own if name in row]) for name in names]
        print(f"| {commit or 'no commit'} | {len(own)} | " + " | ".join(cells) + " |")
    print(f"\n{count_same_verdicts(rows)}")


def read_verdict(row: Mapping[str, Any]) -> str:
    """Return the verdict of a run, or that its rule is refused."""
    return "refused" if row["refused"] else str(row["verdict"])


def count_same_verdicts(rows: Sequence[Row]) -> str:
    """Return how many rules have the same verdict on all their seeds of a commit."""
    verdicts: dict[tuple[Any, ...], list[tuple[int, str]]] = {}
    for row in rows:
        rule, seed, *others = identify(row)
        verdicts.setdefault((rule, *others), []).append((seed, read_verdict(row)))
    several = [own for own in verdicts.values() if len({seed for seed, _ in own}) > 1]
    same = sum(len({verdict for _, verdict in own}) == 1 for own in several)
    return f"the same verdict on all seeds: {same} of {len(several)} rules with several seeds"


def format_range(values: Sequence[float]) -> str:
    """Return the median of some runs' values, with the least and the greatest if they differ."""
    if not values:
        return ""
    between = f", {min(values):.4f} to {max(values):.4f}" if min(values) < max(values) else ""
    return f"{median(values):.4f}{between}"


def format_figure(row: Row, name: str) -> str:
    """Return a figure of a run with its interval, as far as the run has them."""
    if name not in row:
        return ""
    interval = row.get("intervals", {}).get(name)
    between = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    return f"{row[name]:.3f}{between}"


def compare(old: Path, new: Path) -> None:
    """Print the mean of each figure and the paired difference.

    Raises:
        SystemExit: no run is in both files.
    """
    pairs = pair_rows(read_rows(old), read_rows(new))
    if not pairs:
        raise SystemExit(
            f"--compare: {old} and {new} share no rule with one seed, model and settings; teach "
            "one rule with both versions"
        )
    commits = [list_commits([pair[side] for pair in pairs]) for side in (0, 1)]
    print(f"{len(pairs)} runs of each, of {commits[0]} and of {commits[1]}")
    groups = [one["rule"] for one, _ in pairs]
    for figure in FIGURES:
        before = [one[figure] for one, _ in pairs]
        after = [other[figure] for _, other in pairs]
        gaps = [b - a for a, b in zip(before, after, strict=True)]
        change = statistics.mean(gaps, groups)
        print(
            f"{figure}: {sum(before) / len(pairs):.4f} -> {sum(after) / len(pairs):.4f}, "
            f"{change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}]"
        )


def list_commits(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the commits of runs."""
    return ", ".join(dict.fromkeys(str(row.get("commit", "")) or "no commit" for row in rows))


def pair_rows(old: Sequence[Mapping[str, Any]], new: Sequence[Row]) -> list[tuple[Any, Any]]:
    """Return the runs that both have (`get_case`), without refused ones: of a run that a file has
    at several commits the last line.
    """
    before = {get_case(row): row for row in old if not row["refused"]}
    after = {get_case(row): row for row in new if not row["refused"]}
    return [(before[case], row) for case, row in after.items() if case in before]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path(".bench/rules.jsonl"))
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the runs stay")
    parser.add_argument("--code", type=Path, default=ROOT)
    parser.add_argument("--config", type=Path, default=Path("quick"))
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--also", action="store_true", help="give the files' other names as well")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, for an accelerator")
    parser.add_argument("--rules", nargs="+", default=RULES, metavar="NAME|FILE")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("OLD", "NEW"))
    options = parser.parse_args()
    if options.compare:
        compare(*options.compare)
    elif options.table:
        print_table(options.table)
    else:
        for rule in options.rules:
            find_rule_file(rule)
        run_rules(options)
