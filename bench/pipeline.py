"""The whole road of a finished run against the same road from transformers, PEFT and TRL, both
measured here, in turns.

    python -m bench.pipeline [--run RUN] [--slices 8] [--rounds 2] [--batch N] [--rule TEXT]

Equal work: both sides draw the run's requests, score the texts that it scored, embed its prompts,
train on its examples for its epochs, and draw its exam. Each round takes another slice of every
part, one of `--slices`, first ours, then theirs; seconds are scaled up by what was left out.
Loading is measured whole. What only our command does (overlap, clusters, the ledger, the report) is
in its own seconds, which are compared last: those are fair only where the run was made on the same
quiet machine, as it is without `--run`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import drawing
from bench import transformers_pipeline as theirs
from bench.workload import Workload, read_workload, scale_seconds, take_slice
from selfteach.config.training import FeedbackTrainConfig
from selfteach.evaluate.drift import compute_drift
from selfteach.methods.feedback.method import ANCHOR_WEIGHTS
from selfteach.models import Sampler
from selfteach.models.engines import choose_sampler
from selfteach.models.hf import HfModel
from selfteach.models.resolve_model import resolve_model_folder
from selfteach.records import Request, SamplingParams, make_prompt
from selfteach.train.train import train

RULE = "Do not talk about elephants."
OWN_RUN = Path(".bench") / "run"
PARTS = ("load", "draw", "judge", "train", "exam")
EXAM = "exam"
MODELS = 2
"""Base and taught are loaded once each."""


@dataclass
class PartClock:
    """Seconds by part, scaled to the whole run; and the tokens drawn."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    sampled: int = 0

    def measure(self, part: str, whole: int, do: Callable[[Any], Any], rows: Sequence[Any]) -> Any:
        """Does some rows of a part, and counts what the whole would have taken."""
        if not rows:
            return 0
        started = time.monotonic()
        found = do(rows)
        self.seconds[part] += scale_seconds(time.monotonic() - started, whole, len(rows))
        return found


@dataclass(frozen=True)
class Pipeline:
    """The parts of a road as one side does them."""

    load: Callable[[Any], Any]
    draw: Callable[[Sequence[Any]], int]
    score: Callable[[Sequence[Any]], Any]
    embed: Callable[[Sequence[Any]], Any]
    compare: Callable[[Sequence[Any]], Any]
    train: Callable[[Sequence[Any], Path], Any]
    before_drawing: Callable[[], Any]
    before_training: Callable[[], Any]


def make_ours(hf: HfModel, drawer: Sampler, settings: FeedbackTrainConfig, folder: str) -> Pipeline:
    """As `selfteach feedback` does it."""
    kinds = {"in_scope": dict.fromkeys(settings.objective.split("+"), 1.0), **ANCHOR_WEIGHTS}
    return Pipeline(
        load=lambda _: choose_sampler(HfModel.load(folder)),
        draw=lambda requests: sum(d.tokens for d in drawer.stream(requests)),
        score=lambda items: list(hf.stream_scores(items)),
        embed=hf.embed,
        compare=lambda pairs: compute_drift(hf, hf, pairs),
        train=lambda rows, scratch: train(hf, rows, settings, scratch, seed=0, defaults=kinds),
        before_drawing=lambda: list(
            drawer.stream([Request("warm", make_prompt("Hello"), SamplingParams(1.0, 1.0, 4))])
        ),
        before_training=lambda: getattr(drawer, "release_memory", lambda: None)(),
    )


def make_other(
    hf: HfModel, folder: str, settings: Mapping[str, Any], batch: int, autocast: bool
) -> Pipeline:
    """As transformers, PEFT and TRL do it."""
    model, fresh = theirs.load_model(folder), list[Any]()
    return Pipeline(
        load=lambda _: theirs.load_model(folder),
        draw=lambda requests: theirs.sample_answers(model, hf, requests, batch),
        score=lambda items: theirs.score_texts(model, hf, items, batch),
        embed=lambda prompts: theirs.embed_prompts(model, hf, prompts, batch),
        compare=lambda pairs: theirs.measure_kl(model, model, hf, pairs, batch),
        train=lambda rows, scratch: theirs.train_model(
            fresh.pop(), rows, settings, scratch, autocast
        ),
        before_drawing=lambda: None,
        before_training=lambda: fresh.append(
            theirs.load_model(folder)
        ),  # TRL changes the model that it is given; loading is counted once
    )


def run_slice(side: Pipeline, work: Workload, slices: int, number: int, clock: PartClock) -> None:
    """One slice of every part, in the order of the road."""
    clock.measure("load", MODELS, side.load, [None])
    side.before_drawing()
    for (
        stage,
        requests,
    ) in work.draws.items():  # stages follow one another in a run: their draws do not share a batch
        part = EXAM if stage.startswith(EXAM) else "draw"
        clock.sampled += clock.measure(
            part, len(requests), side.draw, take_slice(requests, slices, number)
        )
    clock.measure("judge", len(work.scored), side.score, take_slice(work.scored, slices, number))
    clock.measure(
        "judge", len(work.embedded), side.embed, take_slice(work.embedded, slices, number)
    )
    clock.measure(EXAM, len(work.compared), side.compare, take_slice(work.compared, slices, number))
    kinds = [
        [e for e in work.examples if e.kind == kind]
        for kind in sorted({e.kind for e in work.examples})
    ]
    lessons = [row for rows in kinds for row in take_slice(rows, slices, number)]
    side.before_training()
    with tempfile.TemporaryDirectory() as scratch:
        clock.measure(
            "train", len(work.examples), lambda rows: side.train(rows, Path(scratch)), lessons
        )


def make_own_run(rule: str) -> Workload:
    """Makes a run of our own, with a list of what it scores; its seconds are those of the clock,
    from the command's start to its end.
    """
    shutil.rmtree(OWN_RUN, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "bench.record_scores",
        str(OWN_RUN),
        "feedback",
        rule,
        "--out",
        str(OWN_RUN),
    ]
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return replace(read_workload(OWN_RUN), seconds=time.monotonic() - started)


def format_table(
    clocks: Mapping[str, PartClock], rounds: int, work: Workload
) -> tuple[list[str], dict[str, float]]:
    """The lines to be printed, and the ratios behind them."""
    mine, others = (
        {part: clock.seconds[part] / rounds for part in PARTS} for clock in clocks.values()
    )
    rows = {
        **{part: (mine[part], others[part]) for part in PARTS},
        "together": (sum(mine.values()), sum(others.values())),
    }
    rows["the whole command"] = (work.seconds, sum(others.values()))
    ratios = {name: round(b / a, 2) if a else 0.0 for name, (a, b) in rows.items()}
    lines = [f"{'':18} {'selfteach':>10} {'TRL, transformers':>18} {'ratio':>6}"]
    lines += [
        f"{name:18} {a:9.1f}s {b:17.1f}s {ratios[name]:5.2f}x" for name, (a, b) in rows.items()
    ]
    return lines, ratios


def main(
    run: Path | None = None,
    rule: str = RULE,
    slices: int = 8,
    rounds: int = 2,
    batch: int = 0,
    autocast: bool = False,
) -> dict[str, float]:
    """Measures and prints; returns the ratios."""
    work = read_workload(run) if run else make_own_run(rule)
    folder = str(resolve_model_folder(work.settings["model"]))
    hf = HfModel.load(folder)
    batch = batch or drawing.find_best_batch(
        {
            n: drawing.measure_generate(hf, drawing.read_questions(192), 32, n)
            for n in drawing.BATCHES
        }
    )
    settings = FeedbackTrainConfig(**nest_keys(work.settings, "train."))
    sides = {
        "ours": make_ours(hf, choose_sampler(hf).sampler, settings, folder),
        "theirs": make_other(hf, folder, work.settings, batch, autocast),
    }
    clocks = {name: PartClock() for name in sides}
    for number in range(rounds):
        for name, side in sides.items():
            run_slice(side, work, slices, number, clocks[name])
    asked = sum(map(len, work.draws.values()))
    print(
        f"the road of {asked} draws, {len(work.scored)} scored prompts (of "
        f"{work.scored_of}), {len(work.examples)} examples; measured on"
    )
    print(
        f"{rounds} slices of 1/{slices} each, in turns, and scaled up; generate in "
        f"batches of {batch}; tokens drawn: "
        f"{clocks['ours'].sampled} and {clocks['theirs'].sampled}"
    )
    lines, ratios = format_table(clocks, rounds, work)
    print("\n".join(lines), flush=True)
    return ratios


def nest_keys(flat: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The dotted keys below a prefix as nested mappings."""
    found: dict[str, Any] = {}
    for key, value in flat.items():
        if key.startswith(prefix):
            *path, last = key.removeprefix(prefix).split(".")
            place = found
            for step in path:
                place = place.setdefault(step, {})
            place[last] = value
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `python -m bench` has too."""
    parser.add_argument("--run", type=Path, help="a finished run; without it one is made first")
    parser.add_argument("--rule", default=RULE, help="what the run that is made teaches")
    parser.add_argument(
        "--slices", type=int, default=8, help="each round takes one of so many parts of the work"
    )
    parser.add_argument("--rounds", type=int, default=2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument(
        "--batch", type=int, default=0, help="of `generate`; 0 measures which is best"
    )
    main(**vars(parser.parse_args()))
