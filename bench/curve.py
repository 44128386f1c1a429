"""Measure how many prompts in scope a rule needs, on hand-written prompts.

    python -m bench.curve RUN bench/rule_files/elephants.yaml --out .bench/curve.jsonl
        [--sizes 4 8 16 32 64] [--orders balanced random] [--seeds 0 1 2] [--model MODEL]
    python -m bench.curve --table .bench/curve.jsonl

Trains on a part of a finished run's examples: those of N prompts in scope, and all anchors. A seed
draws the prompts and begins the training. *balanced* takes them from the run's clusters in turn,
*random* as they come. Each point is a line of the file, so the same command goes on where it was
stopped.

N90 is the least N with which nine of ten greedy answers in scope keep the rule, and at most one of
twenty outside is needless. The setting `curve` asks the run's own exam instead.

Source: ELVF, part II, how much data is needed. Departs: prompts that people wrote, and no recovery.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from bench.rule_prompts import measure_model, read_spec, summarize
from selfteach.config import FeedbackConfig, resolve
from selfteach.files import read_jsonl
from selfteach.materials.examples import read_examples
from selfteach.methods.feedback.data_curve import alternate_clusters, find_n90
from selfteach.models.hf import HfModel
from selfteach.records import Example, JsonObject, get_user_text
from selfteach.run.finished import LESSON_FILE
from selfteach.run.ledger import Ledger
from selfteach.train.train import train

SIZES = (4, 8, 16, 32, 64)
ORDERS = ("balanced", "random")
Row = dict[str, Any]


def order_prompts(
    prompts: Sequence[str], cluster_of: Mapping[str, int], order: str, seed: int
) -> list[str]:
    """Return the prompts in one of the orders; the first N are a point's."""
    shuffled = random.Random(seed).sample(prompts, len(prompts))
    return alternate_clusters(shuffled, cluster_of) if order == "balanced" else shuffled


def list_points(given: argparse.Namespace) -> Iterator[tuple[int, str, int]]:
    """Yield seed, order and number of each point that the file does not have."""
    done = [row for _, row in read_jsonl(given.out)] if given.out.exists() else []
    known = {(row["rule"], row["seed"], row["order"], row["prompts"]) for row in done}
    for seed in given.seeds:
        for order in given.orders:
            for size in given.sizes:
                if (given.file.stem, seed, order, size) not in known:
                    yield seed, order, size


def measure_points(given: argparse.Namespace) -> None:
    """Train and measure each point, and add it to the file."""
    spec = read_spec(given.file)
    examples = read_examples(given.run / "examples.jsonl").examples
    inside = [get_user_text(one.prompt) for one in examples if one.kind == "in_scope"]
    prompts = list(dict.fromkeys(inside))
    with closing(Ledger(given.run / "run.db", readonly=True)) as ledger:
        clusters = (ledger.get_note("clusters") or {}).get("points", ())
    place = {point["prompt"]: point["cluster"] for point in clusters}
    base = measure_model(HfModel.load(given.model), spec)
    for seed, order, size in list_points(given):
        taken = order_prompts(prompts, place, order, seed)[:size]
        if len(taken) < size:
            continue  # the run has fewer prompts
        left_out = set(prompts) - set(taken)
        own = [one for one in examples if get_user_text(one.prompt) not in left_out]
        with tempfile.TemporaryDirectory() as folder:
            adapter = train_again(given.run, own, given.model, Path(folder), seed)
            tuned = measure_model(HfModel.load(given.model, adapter=adapter), spec)
        measured = summarize(spec, base, tuned)
        row = {"rule": given.file.stem, "seed": seed, "order": order, "prompts": size, **measured}
        with given.out.open("a", encoding="utf-8") as out:
            print(json.dumps(row), file=out)
        print(json.dumps(row), flush=True)


def train_again(
    run: Path, examples: Sequence[Example], model: str, folder: Path, seed: int
) -> Path:
    """Train on examples as a finished run did; return the adapter."""
    training = json.loads((run / LESSON_FILE).read_text("utf-8"))["training"]
    settings = resolve(FeedbackConfig, run / "config.yaml").config.train
    settings = settings.model_copy(update=training["settings"])
    found = train(
        HfModel.load(model), examples, settings, folder, seed=seed, defaults=training["objectives"]
    )
    return found.adapter


def to_point(row: Row) -> JsonObject:
    """Return a row as a point of the run's own curve, for N90."""
    needless = max(row["needless neighbors"], row["needless general"])
    return {
        "examples": row["prompts"],
        "order": row["order"],
        "kept": {"value": round(1 - row["tuned"]["greedy broken"], 4)},
        "overapplied": {"value": needless},
    }


def print_table(rows: Sequence[Row]) -> None:
    """Print the medians over seeds of each rule, order and number, and N90 of each seed."""
    for rule in sorted({row["rule"] for row in rows}):
        for order in ORDERS:
            own = [row for row in rows if row["rule"] == rule and row["order"] == order]
            for size in sorted({row["prompts"] for row in own}):
                points = [row for row in own if row["prompts"] == size]
                print(f"{rule} {order} {size} ({len(points)} seeds): {describe_points(points)}")
            for seed in sorted({row["seed"] for row in own}):
                enough = find_n90([to_point(row) for row in own if row["seed"] == seed])
                print(f"{rule} {order} seed {seed}: N90 {enough[order]}")


def describe_points(points: Sequence[Row]) -> str:
    """Return the medians and the ranges of points, in percent."""
    told = []
    for name in ("greedy broken", "T=1 broken", "needless neighbors", "needless general"):
        shares = [100 * (row["tuned"] if name in row["tuned"] else row)[name] for row in points]
        told.append(f"{name} {median(shares):.0f} ({min(shares):.0f} to {max(shares):.0f})")
    return ", ".join(told)


def main(words: Sequence[str] | None = None) -> None:
    """Measure the points of a run, or print those of a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=ORDERS)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--table", type=Path, help="print the points of a file")
    given = parser.parse_args(words)
    if given.table:
        return print_table([row for _, row in read_jsonl(given.table)])
    if not (given.run and given.file and given.out):
        parser.error("give RUN, FILE and --out, or --table")
    measure_points(given)
    return None


if __name__ == "__main__":
    main()
