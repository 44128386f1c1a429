"""Run `selfteach feedback` on development rules and seeds, and compare two versions of the code.

    python -m bench.rules --out .bench/new.jsonl [--seeds 3] [--rules dogs cars]
    python -m bench.rules --out .bench/old.jsonl --code CHECKOUT
    python -m bench.rules --compare .bench/old.jsonl .bench/new.jsonl

`--code` runs the command of another checkout; its adapters are measured by this code, so both
versions answer the same hand-written prompts (bench.adherence). Each finished run is a line of the
file, so the same command goes on where it was stopped. `--compare` prints new minus old, paired by
rule and seed, with 95 % bootstrap intervals.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.prompt_files import PROMPTS
from selfteach import statistics
from selfteach.files import read_jsonl

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = {
    "elephants": "elephant",
    "dogs": r"\bdogs?\b|pupp|canine",
    "cars": r"\bcars?\b|automobile|vehicle",
    "coffee": "coffee|espresso|latte",
    "music": "music|song",
}
"""The development rules "Do not talk about ...", and what breaks them."""
FIGURES = ("greedy broken", "T=1 broken", "kl_nats", "near degraded", "seconds")
Row = dict[str, Any]


def measure_rule(name: str, seed: int, code: Path, config: Path) -> Row:
    """Run one rule with one seed, and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = ["feedback", f"Do not talk about {name}.", "--seed", str(seed), "--out", str(run)]
        started = time.monotonic()
        call(code, ["-m", "selfteach", *words, "--config", str(config)])
        seconds = time.monotonic() - started
        exam = json.loads((run / "exam.json").read_text("utf-8"))
        prompts = str(PROMPTS / f"{name}.txt")
        options = ["--prompts", prompts, "--broken", PATTERNS[name]]
        measured = json.loads(call(ROOT, ["-m", "bench.adherence", str(run), *options]))
    near = exam["near"]
    tuned = near.get("tuned") or near["taught"]  # the arm's name before the redesign
    return {
        "greedy broken": measured["tuned"]["greedy broken"],
        "T=1 broken": measured["tuned"]["T=1 broken"],
        "kl_nats": measured["general"]["kl_nats"],
        "near degraded": near["base"]["value"] - tuned["value"],
        "seconds": round(seconds, 1),
    }


def call(code: Path, words: Sequence[str]) -> str:
    """Run Python with the code of a checkout; return the last line that it prints."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=code,
        env={**os.environ, "PYTHONPATH": str(code / "src")},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return (done.stdout.strip().splitlines() or [""])[-1]


def run_rules(given: argparse.Namespace) -> None:
    """Run what the file does not hold yet, seed by seed."""
    given.out.parent.mkdir(parents=True, exist_ok=True)
    done = {(row["rule"], row["seed"]) for row in read_rows(given.out)}
    for seed in range(given.seeds):
        for name in given.rules:
            if (name, seed) in done:
                continue
            figures = measure_rule(name, seed, given.code.resolve(), given.config.resolve())
            row = {"rule": name, "seed": seed, **figures}
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)


def read_rows(path: Path) -> list[Row]:
    """Return the finished runs of a file."""
    return [row for _, row in read_jsonl(path)] if path.is_file() else []


def compare(old: Path, new: Path) -> None:
    """Print the mean of each figure and the paired difference."""
    pairs = pair_rows(read_rows(old), read_rows(new))
    print(f"{len(pairs)} runs of each")
    for figure in FIGURES:
        before = [one[figure] for one, _ in pairs]
        after = [other[figure] for _, other in pairs]
        change = statistics.mean([b - a for a, b in zip(before, after, strict=True)])
        print(
            f"{figure}: {sum(before) / len(pairs):.4f} -> {sum(after) / len(pairs):.4f}, "
            f"{change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}]"
        )


def pair_rows(old: Sequence[Mapping[str, Any]], new: Sequence[Row]) -> list[tuple[Any, Any]]:
    """Return the runs of the same rule and seed in both."""
    by_key = {(row["rule"], row["seed"]): row for row in old}
    keys = [(row["rule"], row["seed"]) for row in new]
    return [(by_key[key], row) for key, row in zip(keys, new, strict=True) if key in by_key]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(".bench/rules.jsonl"))
    parser.add_argument("--code", type=Path, default=ROOT)
    parser.add_argument("--config", type=Path, default=Path("quick"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rules", nargs="+", choices=list(PATTERNS), default=list(PATTERNS))
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("OLD", "NEW"))
    options = parser.parse_args()
    if options.compare:
        compare(*options.compare)
    else:
        run_rules(options)
