"""Compare the whole pipeline of a finished run with the same pipeline from transformers, PEFT and
TRL, both measured here, in turns.

    python -m bench.pipeline [--run RUN] [--slices 8] [--rounds 2] [--batch N] [--rule TEXT]

Both sides do equal work: they sample the run's requests, score the texts that it scored, embed its
prompts, train on its examples for its epochs, and sample its exam. Each round takes another slice
of every part, one of `--slices`, first ours, then theirs. The seconds are scaled up to the whole.
Loading is measured whole.

The last line of the table compares the seconds of the whole command, which alone does overlap,
clusters, the ledger and the report. It is fair only if the run was made on the same quiet machine,
as it is without `--run`. Such a run also records its seconds of sampling: its sampled tokens
divided by them stand beside the rate of one full batch.
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

from bench import sampling
from bench import transformers_pipeline as theirs
from bench.prompt_files import read_all_prompts
from bench.workload import Workload, read_workload, scale_seconds, take_slice
from selfteach.config.training import FeedbackTrainConfig
from selfteach.evaluate.drift import compute_drift
from selfteach.methods.feedback.choose_objectives import parse_objective_weights
from selfteach.methods.feedback.training_settings import OBJECTIVE, complete_training
from selfteach.models import Sampler
from selfteach.models.engines import choose_sampler
from selfteach.models.hf import HfModel
from selfteach.models.resolve_model_path import resolve_model_folder
from selfteach.records import Request, SamplingParams, make_prompt
from selfteach.train.train import train

RULE = "Do not talk about elephants."
OWN_RUN = Path(".bench") / "run"
PARTS = ("load", "sample", "judge", "train", "exam")
EXAM = "exam"
MODELS = 2
"""The base and the tuned model are loaded once each."""


@dataclass
class PartClock:
    """Hold the seconds by part, scaled to the whole run, and the number of sampled tokens."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    sampled: int = 0

    def measure(
        self, part: str, whole: int, process: Callable[[Any], Any], rows: Sequence[Any]
    ) -> Any:
        """Run a part on some of its rows and add the seconds that the whole would take."""
        if not rows:
            return 0
        started = time.monotonic()
        found = process(rows)
        self.seconds[part] += scale_seconds(time.monotonic() - started, whole, len(rows))
        return found


@dataclass(frozen=True)
class Pipeline:
    """Hold the parts of the pipeline as one side does them."""

    load: Callable[[Any], Any]
    sample: Callable[[Sequence[Any]], int]
    score: Callable[[Sequence[Any]], Any]
    embed: Callable[[Sequence[Any]], Any]
    compare: Callable[[Sequence[Any]], Any]
    train: Callable[[Sequence[Any], Path], Any]
    before_sampling: Callable[[], Any]
    before_training: Callable[[], Any]


def make_ours(
    hf: HfModel, sampler: Sampler, settings: FeedbackTrainConfig, folder: str
) -> Pipeline:
    """Return the pipeline of `selfteach feedback`."""
    warm = Request("warm", make_prompt("Hello"), SamplingParams(1.0, 1.0, 4))
    kinds = parse_objective_weights(settings.objective or OBJECTIVE)
    return Pipeline(
        load=lambda _: choose_sampler(HfModel.load(folder)),
        sample=lambda requests: sum(answer.tokens for answer in sampler.stream(requests)),
        score=lambda items: list(hf.stream_scores(items)),
        embed=hf.embed,
        compare=lambda pairs: compute_drift(hf, hf, pairs),
        train=lambda rows, scratch: train(hf, rows, settings, scratch, seed=0, defaults=kinds),
        before_sampling=lambda: list(sampler.stream([warm])),
        before_training=getattr(sampler, "release_memory", lambda: None),
    )


def make_other(
    hf: HfModel, folder: str, settings: FeedbackTrainConfig, batch: int, autocast: bool
) -> Pipeline:
    """Return the pipeline from transformers, PEFT and TRL.

    TRL changes the model that it trains: a fresh one is loaded outside of the clock, because
    loading counts once.
    """
    model = theirs.load_model(folder)
    fresh: list[Any] = []
    return Pipeline(
        load=lambda _: theirs.load_model(folder),
        sample=lambda requests: theirs.sample_answers(model, hf, requests, batch),
        score=lambda items: theirs.score_texts(model, hf, items, batch),
        embed=lambda prompts: theirs.embed_prompts(model, hf, prompts, batch),
        compare=lambda pairs: theirs.measure_kl(model, model, hf, pairs, batch),
        train=lambda rows, scratch: theirs.train_model(
            fresh.pop(), rows, settings, scratch, autocast
        ),
        before_sampling=lambda: None,
        before_training=lambda: fresh.append(theirs.load_model(folder)),
    )


def run_slice(side: Pipeline, work: Workload, slices: int, number: int, clock: PartClock) -> None:
    """Run one slice of every part, in the order of the pipeline."""

    def measure(part: str, process: Callable[[Any], Any], rows: Sequence[Any]) -> Any:
        return clock.measure(part, len(rows), process, take_slice(rows, slices, number))

    clock.measure("load", MODELS, side.load, [None])
    side.before_sampling()
    # a run finishes one stage before the next: requests of two stages do not share a batch
    for stage, requests in work.requests.items():
        part = EXAM if stage.startswith(EXAM) else "sample"
        clock.sampled += measure(part, side.sample, requests)
    measure("judge", side.score, work.scored)
    measure("judge", side.embed, work.embedded)
    measure(EXAM, side.compare, work.compared)
    examples = []
    for kind in sorted({example.kind for example in work.examples}):
        own = [example for example in work.examples if example.kind == kind]
        examples += take_slice(own, slices, number)
    side.before_training()
    with tempfile.TemporaryDirectory() as scratch:
        train_in = lambda rows: side.train(rows, Path(scratch))
        clock.measure("train", len(work.examples), train_in, examples)


def make_own_run(rule: str) -> Workload:
    """Make a run that records the texts it scores, and return its work.

    Its seconds are the wall clock of the whole command.
    """
    shutil.rmtree(OWN_RUN, ignore_errors=True)
    module = [sys.executable, "-m", "bench.record_scores", str(OWN_RUN)]
    command = [*module, "feedback", rule, "--out", str(OWN_RUN)]
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return replace(read_workload(OWN_RUN), seconds=time.monotonic() - started)


def format_table(
    clocks: Mapping[str, PartClock], rounds: int, work: Workload
) -> tuple[list[str], dict[str, float]]:
    """Return the lines of the table, and the ratios by line."""
    ours, others = clocks.values()
    rows = {part: (ours.seconds[part] / rounds, others.seconds[part] / rounds) for part in PARTS}
    total_ours = sum(ours.seconds.values()) / rounds
    total_others = sum(others.seconds.values()) / rounds
    rows["together"] = (total_ours, total_others)
    rows["the whole command"] = (work.seconds, total_others)
    ratios = {name: round(b / a, 2) if a else 0.0 for name, (a, b) in rows.items()}
    lines = [f"{'':18} {'selfteach':>10} {'TRL, transformers':>18} {'ratio':>6}"]
    lines += [
        f"{name:18} {a:9.1f}s {b:17.1f}s {ratios[name]:5.2f}x" for name, (a, b) in rows.items()
    ]
    return lines, ratios


def describe_sampling(sampled: tuple[int, float] | None, full_batch: float) -> str:
    """Return the rate of a whole run beside that of one full batch.

    Args:
        sampled: the run's sampled tokens, and its seconds of sampling.
        full_batch: sampled tokens a second.
    """
    if not sampled or not sampled[1]:
        return "sampling of the whole run: not recorded; a run that this bench makes records it"
    tokens, seconds = sampled
    rate = tokens / seconds
    return (
        f"sampling of the whole run: {tokens} tokens in {seconds:.1f} s, {rate:.0f} a second; in "
        f"one full batch {full_batch:.0f}: {rate / full_batch:.2f}x"
    )


def main(
    run: Path | None = None,
    rule: str = RULE,
    slices: int = 8,
    rounds: int = 2,
    batch: int = 0,
    autocast: bool = False,
    full_batch: float = 0.0,
) -> dict[str, float]:
    """Measure and print; return the ratios.

    Args:
        full_batch: sampled tokens a second of our engine in one full batch; 0 measures it.
    """
    work = read_workload(run) if run else make_own_run(rule)
    folder = str(resolve_model_folder(work.settings["model"]))
    hf = HfModel.load(folder)
    if not batch:
        prompts = read_all_prompts()[:192]
        speeds = {n: sampling.measure_generate(hf, prompts, 32, n) for n in sampling.BATCHES}
        batch = sampling.find_best_batch(speeds)
    given = FeedbackTrainConfig(**nest_keys(work.settings, "train."))
    settings = complete_training(given, forbids_subject=work.forbids_subject)
    sides = {
        "ours": make_ours(hf, choose_sampler(hf).sampler, settings, folder),
        "theirs": make_other(hf, folder, settings, batch, autocast),
    }
    clocks = {name: PartClock() for name in sides}
    for number in range(rounds):
        for name, side in sides.items():
            run_slice(side, work, slices, number, clocks[name])
    num_requests = sum(map(len, work.requests.values()))
    print(
        f"the pipeline of {num_requests} requests, {len(work.scored)} scored prompts (of "
        f"{work.num_scored}) and {len(work.examples)} examples; measured on"
    )
    print(
        f"{rounds} slices of 1/{slices} each, in turns, and scaled up; generate in "
        f"batches of {batch}; sampled tokens: "
        f"{clocks['ours'].sampled} and {clocks['theirs'].sampled}"
    )
    lines, ratios = format_table(clocks, rounds, work)
    print("\n".join(lines), flush=True)
    if work.sampled and not full_batch:
        prompts = read_all_prompts()[: sampling.NUM_PROMPTS]
        full_batch = sampling.measure_ours(hf, prompts, sampling.MAX_TOKENS, 1)
    print(describe_sampling(work.sampled, full_batch), flush=True)
    return ratios


def nest_keys(flat: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the dotted keys below a prefix as nested mappings."""
    found: dict[str, Any] = {}
    for key, value in flat.items():
        if key.startswith(prefix):
            *path, last = key.removeprefix(prefix).split(".")
            section = found
            for step in path:
                section = section.setdefault(step, {})
            section[last] = value
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that `python -m bench` has too."""
    parser.add_argument("--run", type=Path, help="a finished run; without it one is made first")
    parser.add_argument("--rule", default=RULE, help="the rule of the run that is made")
    parser.add_argument(
        "--slices", type=int, default=8, help="parts of the work; each round takes one"
    )
    parser.add_argument("--rounds", type=int, default=2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    add_arguments(parser)
    parser.add_argument(
        "--batch", type=int, default=0, help="batch size of `generate`; 0 finds the best one"
    )
    main(**vars(parser.parse_args()))
