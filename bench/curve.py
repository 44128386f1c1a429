"""Measure how many prompts in scope a rule needs, on hand-written prompts.

    python -m bench.curve RUN bench/rule_files/elephants.yaml --out .bench/curve.jsonl
        [--sizes 4 8 16 32 64] [--orders balanced random] [--seeds 0 1 2] [--model MODEL]
        [--plot FILE.svg]
    python -m bench.curve --table .bench/curve.jsonl [--plot FILE.svg [--rule elephants]]

Trains on a part of a finished run's examples: those of N prompts in scope, and all anchors. A seed
draws the prompts and begins the training. *balanced* takes them from the run's clusters in turn,
*random* as they come. Each point is a line of the file, so the same command goes on where it was
stopped. The points of a rule are of one run and one model.

N90 is the least N with which nine of ten greedy answers in scope keep the rule, and at most one of
twenty outside is needless. The setting `curve` asks the run's own exam instead.

`--plot` draws the share of kept answers by N, from the lines of the file alone: a line of medians
for each order, a band from the lowest to the highest seed, and N90 of the medians.

Source: ELVF, part II, how much data is needed. Departs: prompts that people wrote, and no recovery.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.rule_prompts import measure_model, read_spec, summarize
from selfteach.config import FeedbackConfig, resolve
from selfteach.files import read_jsonl, write_text
from selfteach.materials.examples import read_examples
from selfteach.methods.feedback.data_curve import (
    MIN_KEPT_SHARE,
    alternate_clusters,
    find_n90,
)
from selfteach.models.hf import HfModel
from selfteach.records import Example, JsonObject, get_user_text
from selfteach.report.drawing import PROMPTED, SOFT, TUNED, draw
from selfteach.run.finished import LESSON_FILE
from selfteach.run.ledger import Ledger
from selfteach.train.train import train

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZES = (4, 8, 16, 32, 64)
ORDERS = ("balanced", "random")
LOOKS = {"balanced": (TUNED, "o"), "random": (PROMPTED, "s")}
"""The color and the mark of each order in the plot."""
Row = dict[str, Any]


def order_prompts(
    prompts: Sequence[str], cluster_of: Mapping[str, int], order: str, seed: int
) -> list[str]:
    """Return the prompts in one of the orders; the first N are a point's."""
    shuffled = random.Random(seed).sample(prompts, len(prompts))
    return alternate_clusters(shuffled, cluster_of) if order == "balanced" else shuffled


def read_points(file: Path) -> list[Row]:
    """Return the points of a file; none if there is no file yet."""
    return [row for _, row in read_jsonl(file)] if file.exists() else []


def name_source(given: argparse.Namespace) -> Row:
    """Return the rule, the run and the model of the points."""
    names = {"run": given.run.resolve().name, "model": Path(given.model).name}
    return {"rule": given.file.stem, **names}


def list_points(given: argparse.Namespace) -> Iterator[tuple[int, str, int]]:
    """Yield seed, order and number of each point that the file does not have.

    Raises:
        SystemExit: the file has points of the rule from another run, or of another model.
    """
    source = name_source(given)
    done = [row for row in read_points(given.out) if row["rule"] == source["rule"]]
    for row in done:
        if {**source, **row} != {**row, **source}:
            own = {name: row.get(name, value) for name, value in source.items()}
            raise SystemExit(f"{given.out} has points of {own}; name another file")
    known = {(row["rule"], row["seed"], row["order"], row["prompts"]) for row in done}
    for seed in given.seeds:
        for order in given.orders:
            for size in given.sizes:
                if (given.file.stem, seed, order, size) not in known:
                    yield seed, order, size


def measure_points(given: argparse.Namespace) -> None:
    """Train and measure each point, and add it to the file."""
    points = list(list_points(given))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    spec = read_spec(given.file)
    examples = read_examples(given.run / "examples.jsonl").examples
    inside = [get_user_text(one.prompt) for one in examples if one.kind == "in_scope"]
    prompts = list(dict.fromkeys(inside))
    with closing(Ledger(given.run / "run.db", readonly=True)) as ledger:
        clusters = (ledger.get_note("clusters") or {}).get("points", ())
    place = {point["prompt"]: point["cluster"] for point in clusters}
    base = measure_model(HfModel.load(given.model), spec)
    for seed, order, size in points:
        taken = order_prompts(prompts, place, order, seed)[:size]
        if len(taken) < size:
            continue  # the run has fewer prompts
        left_out = set(prompts) - set(taken)
        own = [one for one in examples if get_user_text(one.prompt) not in left_out]
        with tempfile.TemporaryDirectory() as folder:
            adapter = train_again(given.run, own, given.model, Path(folder), seed)
            tuned = measure_model(HfModel.load(given.model, adapter=adapter), spec)
        measured = summarize(spec, base, tuned)
        row = {**name_source(given), "seed": seed, "order": order, "prompts": size, **measured}
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


def choose_rule(rows: Sequence[Row], rule: str) -> list[Row]:
    """Return the rows of a rule; without a name those of the only rule.

    Raises:
        ValueError: there is no row of it, or several rules and no name.
    """
    rules = sorted({row["rule"] for row in rows})
    if rule:
        own = [row for row in rows if row["rule"] == rule]
        if not own:
            raise ValueError(f"no point of {rule!r}; there are: {', '.join(rules) or 'none'}")
        return own
    if len(rules) != 1:
        raise ValueError(f"--rule names the rule to draw; there are: {', '.join(rules) or 'none'}")
    return list(rows)


def get_kept_share(row: Row, arm: str = "tuned") -> float:
    """Return the share of greedy answers in scope that keep the rule."""
    return 1 - float(row[arm]["greedy broken"])


def summarize_order(rows: Sequence[Row], order: str) -> dict[int, list[float]]:
    """Return the shares of kept answers of all seeds, by number of prompts."""
    found: dict[int, list[float]] = {}
    for row in sorted(rows, key=lambda row: int(row["prompts"])):
        if row["order"] == order:
            found.setdefault(row["prompts"], []).append(get_kept_share(row))
    return found


def find_n90_of_medians(rows: Sequence[Row], order: str) -> int | None:
    """Return N90 of the medians over seeds: of kept answers, and of needless ones."""
    points = []
    for size in sorted({row["prompts"] for row in rows if row["order"] == order}):
        own = [to_point(row) for row in rows if (row["order"], row["prompts"]) == (order, size)]
        point = {"examples": size, "order": order}
        for key in ("kept", "overapplied"):
            point[key] = {"value": median(one[key]["value"] for one in own)}
        points.append(point)
    return find_n90(points).get(order)


def draw_curve(rows: Sequence[Row]) -> str:
    """Return the plot of one rule's points as SVG."""
    rule = rows[0]["rule"]
    return draw(partial(paint_curve, rows), f"Share of kept answers by number of prompts: {rule}")


def paint_curve(rows: Sequence[Row], axes: Axes) -> list[tuple[Any, str]]:
    """Draw a line and a band for each order, N90, and what the base keeps. Return the marks with
    their names.
    """
    legend: list[tuple[Any, str]] = []
    for order in ORDERS:
        shares = summarize_order(rows, order)
        if not shares:
            continue
        color, mark = LOOKS[order]
        medians = [median(own) for own in shares.values()]
        line = axes.plot(list(shares), medians, color=color, marker=mark)[0]
        lowest = [min(own) for own in shares.values()]
        highest = [max(own) for own in shares.values()]
        axes.fill_between(list(shares), lowest, highest, color=color, alpha=0.2, linewidth=0)
        enough = find_n90_of_medians(rows, order)
        if enough is not None:
            axes.axvline(enough, color=color, linestyle=":")
        reached = "not reached" if enough is None else enough
        legend.append((line, f"{order}: N90 {reached}"))
    base = axes.axhline(get_kept_share(rows[0], "base"), color=SOFT, linestyle="-.", linewidth=1)
    legend.append((base, "the base"))
    bar = axes.axhline(MIN_KEPT_SHARE, color=SOFT, linestyle="--", linewidth=1)
    legend.append((bar, f"{100 * MIN_KEPT_SHARE:.0f} % kept"))
    label_axes(rows, axes)
    return legend


def label_axes(rows: Sequence[Row], axes: Axes) -> None:
    """Set the scales, the ticks and the words of the axes."""
    sizes = sorted({row["prompts"] for row in rows})
    seeds = len({row["seed"] for row in rows})
    axes.set_xscale("log", base=2)
    axes.set_autoscalex_on(False)  # it warns about a single value
    axes.set_xlim(sizes[0] / 1.2, sizes[-1] * 1.2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    axes.set_xlabel("prompts in scope that are learned, beside all anchors")
    axes.set_ylabel("greedy answers that keep the rule")
    band = f"median of {seeds} seeds; band: lowest to highest" if seeds > 1 else "one seed"
    axes.set_title(f"{rows[0]['rule']}, hand-written prompts ({band})", fontsize=9, loc="left")


def main(words: Sequence[str] | None = None) -> None:
    """Measure the points of a run, or print those of a file; draw them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=ORDERS)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--table", type=Path, help="print the points of a file")
    parser.add_argument("--plot", type=Path, help="draw the points as an SVG file")
    parser.add_argument("--rule", default="", help="the rule to draw, if the file has several")
    given = parser.parse_args(words)
    if given.table:
        rows = [row for _, row in read_jsonl(given.table)]
        print_table(rows)
    else:
        if not (given.run and given.file and given.out):
            parser.error("give RUN, FILE and --out, or --table")
        measure_points(given)
        rows = read_points(given.out)
        given.rule = given.rule or given.file.stem
    if given.plot:
        try:
            own = choose_rule(rows, given.rule)
        except ValueError as fault:
            parser.error(str(fault))
        write_text(given.plot, draw_curve(own))


if __name__ == "__main__":
    main()
