"""Train the examples of finished rules again with other settings, and measure each adapter.

    python -m bench.retrain RUN ... --variants VARIANTS.yaml --out .bench/retrain.jsonl
        [--seeds 0 1] [--jobs 16] [--model MODEL]
    python -m bench.retrain --table .bench/retrain.jsonl

A run's folder is named after its rule, as `bench.rules --keep` names it: football-0. VARIANTS.yaml
holds the names and the changes of each variant, of which the first is what the others are held
against:

    as it is: {}
    short anchors: {anchor_tokens: 8}                   # how many of an anchor's tokens are kept
    beginnings: {short_copies: 8}                       # neighbors once more, so many tokens long
    no dpo: {set: ["train.weights={in_scope: {sft: 1}}"]}   # settings, as `--set` has them

The prompts are the hand-written ones of the rule, of bench/rule_files/more too, and up to 40 and 80
of the run's own exam in scope and near. A run's lessons are what most of its time goes into, and
they stay: sixteen trainings at once with their answers take a minute on an accelerator. Each is a
line of the file, so the same command goes on where it was stopped; with another model, or other
changes under a variant's name, it needs another file. The table has the differences,
paired by prompt, with 95 % intervals over prompts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bench.prompt_files import sample_answers
from bench.rule_prompts import FILES, MAX_TOKENS, is_needless, read_spec
from bench.rules import read_rows
from selfteach import statistics
from selfteach.config import FeedbackConfig, resolve
from selfteach.evaluate.drift import compute_drift
from selfteach.judge.check import parse_check
from selfteach.materials.examples import read_examples
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Completion, Example, make_prompt
from selfteach.run.finished import LESSON_FILE
from selfteach.text import REPLACEMENT
from selfteach.train.train import train

FIGURES = ("greedy broken", "T=1 broken", "needless neighbors", "needless general")
MOST_OWN = {"in_scope": 40, "neighbors": 80}
"""How many prompts of the run's own exam are asked."""
EXAM_SCOPES = {"in_scope": "target", "neighbors": "near"}
OUTSIDE = ("near", "general")
Row = dict[str, Any]
Answers = dict[str, list[Completion]]


@dataclass(frozen=True)
class Job:
    """Hold one training: the run whose examples it takes, the variant, and the seed."""

    run: Path
    name: str
    variant: Mapping[str, Any]
    seed: int
    model: str

    @property
    def rule(self) -> str:
        """Return the name of the run's rule."""
        return self.run.name.rpartition("-")[0] or self.run.name

    @property
    def key(self) -> tuple[str, str, int]:
        """Return what a line of the file is known by."""
        return self.run.name, self.name, self.seed


def read_prompts_of_run(run: Path, rule: str) -> dict[str, Any]:
    """Return the rule's file with the further prompts, and those of the run's own exam."""
    spec = read_spec(FILES / f"{rule}.yaml")
    more = FILES / "more" / f"{rule}.yaml"
    if more.is_file():
        spec["neighbors"] = spec["neighbors"] + yaml.safe_load(more.read_text("utf-8"))["neighbors"]
    asked = json.loads((run / "exam.json").read_text("utf-8"))["answers"]
    for part, scope in EXAM_SCOPES.items():
        own = [one["prompt"] for one in asked if one["scope"] == scope]
        spec[part] = spec[part] + [text for text in own if isinstance(text, str)][: MOST_OWN[part]]
    return spec


@cache
def load_base(model: str) -> HfModel:
    """Return the base, once a process."""
    return HfModel.load(model)


@cache
def answer_with_base(model: str, run: Path, rule: str) -> tuple[dict[str, Any], Answers]:
    """Return a run's prompts, and the base's greedy answers, once a process."""
    spec = read_prompts_of_run(run, rule)
    sampler = open_sampler(load_base(model))
    scopes = ("in_scope", "neighbors", "general")
    return spec, {scope: sample_answers(sampler, spec[scope], 0.0, MAX_TOKENS) for scope in scopes}


def change_examples(
    examples: Sequence[Example], variant: Mapping[str, Any], model: HfModel
) -> list[Example]:
    """Return the examples of a variant: anchors shortened, or neighbors there once more."""
    changed = list(examples)
    if tokens := variant.get("anchor_tokens"):
        changed = [shorten(one, tokens, model) if one.kind in OUTSIDE else one for one in changed]
    if tokens := variant.get("short_copies"):
        near = [one for one in changed if one.kind == "near"]
        changed += [replace(shorten(one, tokens, model), id=f"{one.id} again") for one in near]
    return changed


def shorten(example: Example, tokens: int, model: HfModel) -> Example:
    """Return an example with the first tokens of its answer, as an answer that was cut."""
    ids = model.encode_answer(example.chosen, end=False)
    if len(ids) <= tokens:
        return example
    chosen = model.decode(ids[:tokens]).rstrip(REPLACEMENT)
    return replace(example, chosen=chosen, source={**example.source, "cut": ["chosen"]})


def measure_job(job: Job) -> Row:
    """Train one variant, and return which prompts it breaks the rule on or answers needlessly."""
    spec, base = answer_with_base(job.model, job.run, job.rule)
    model = load_base(job.model)
    read = read_examples(job.run / "examples.jsonl").examples
    examples = change_examples(read, job.variant, model)
    training = json.loads((job.run / LESSON_FILE).read_text("utf-8"))["training"]
    sets = [f"train.{name}={json.dumps(value)}" for name, value in training["settings"].items()]
    sets += [*job.variant.get("set", ()), "train.checkpoint_every=0"]
    settings = resolve(FeedbackConfig, job.run / "config.yaml", sets).config.train
    with tempfile.TemporaryDirectory() as folder:
        found = train(
            HfModel.load(job.model),
            examples,
            settings,
            Path(folder),
            seed=job.seed,
            defaults=training["objectives"],
        )
        tuned = HfModel.load(job.model, adapter=found.adapter)
        row = {"rule": job.rule, "run": job.run.name, "variant": job.name, "seed": job.seed}
        row |= {"model": Path(job.model).name, "changes": dict(job.variant)}
        row |= flag_answers(spec, base, tuned)
        pairs = [
            (make_prompt(prompt), answer.text)
            for prompt, answer in zip(spec["general"], base["general"], strict=True)
        ]
        cut = [answer.finish == "length" for answer in base["general"]]
        drift = compute_drift(model, tuned, pairs, cut=cut)
    return row | {"kl_nats": drift.kl_nats.value, "top1": drift.top1_agreement.value}


def flag_answers(spec: Mapping[str, Any], base: Answers, tuned: HfModel) -> Row:
    """Return for each figure a flag for each prompt, 1 where the tuned model's answer is wrong."""
    sampler = open_sampler(tuned)
    check = parse_check(spec["broken"])
    effect = parse_check(spec.get("effect") or spec["broken"])
    row: Row = {}
    for figure, temperature in (("greedy broken", 0.0), ("T=1 broken", 1.0)):
        answers = sample_answers(sampler, spec["in_scope"], temperature, MAX_TOKENS)
        row[figure] = [int(not check.keeps(answer.text)) for answer in answers]
    for scope in ("neighbors", "general"):
        answers = sample_answers(sampler, spec[scope], 0.0, MAX_TOKENS)
        pairs = zip(base[scope], answers, strict=True)
        row[f"needless {scope}"] = [
            int(is_needless(dict(spec), lambda one: effect.keeps(one.text), before, after))
            for before, after in pairs
        ]
    return row


def run_jobs(given: argparse.Namespace) -> None:
    """Run what the file does not hold yet, as many at once as `jobs` says.

    Raises:
        SystemExit: the file has lines of another model, or of other changes of the same name.
    """
    variants = yaml.safe_load(given.variants.read_text("utf-8"))
    model = Path(given.model).name
    known = set()
    for row in read_rows(given.out):
        changes = variants.get(row["variant"], row.get("changes"))
        if row.get("model", model) != model or row.get("changes", changes) != changes:
            what = f"{row['variant']!r} of {row['run']} with other settings"
            raise SystemExit(f"{given.out} has {what}; name another file")
        known.add(identify(row))
    jobs = [
        Job(run.resolve(), name, variant, seed, given.model)
        for seed in given.seeds
        for name, variant in variants.items()
        for run in given.runs
    ]
    left = [job for job in jobs if job.key not in known]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.jobs, mp_context=context) as pool:
        for done in as_completed([pool.submit(measure_job, job) for job in left]):
            row = done.result()
            with given.out.open("a", encoding="utf-8") as out:
                print(json.dumps(row), file=out)
            asked = [figure for figure in FIGURES if row[figure]]  # some rules hold everywhere
            shares = {figure: round(statistics.mean(row[figure]).value, 3) for figure in asked}
            print(*identify(row), shares, flush=True)


def identify(row: Mapping[str, Any]) -> tuple[str, str, int]:
    """Return what a line of the file is known by."""
    return row["run"], row["variant"], row["seed"]


def print_table(rows: Sequence[Row]) -> None:
    """Print the first variant's shares, and what each other one changes of the same runs."""
    by_variant: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        by_variant.setdefault(row["variant"], {}).setdefault(row["run"], []).append(row)
    if not by_variant:
        return
    first, *others = by_variant
    whole = average_flags(by_variant[first], by_variant[first])
    kl = average(by_variant[first], "kl_nats")
    shares = ", ".join(
        f"{name} {100 * statistics.mean(own).value:.1f} %" for name, own in whole.items() if own
    )
    print(f"{first}: {len(by_variant[first])} runs, {shares}, KL {kl:.4f}")
    for name in others:
        own = by_variant[name]
        reference = {run: by_variant[first][run] for run in own if run in by_variant[first]}
        before = average_flags(reference, reference)
        after = average_flags(own, reference)
        told = []
        for figure in FIGURES:
            if not before[figure]:
                continue
            change = statistics.mean(
                [b - a for a, b in zip(before[figure], after[figure], strict=True)]
            )
            low, middle, high = (100 * x for x in (change.low, change.value, change.high))
            told.append(f"{figure} {middle:+.1f} [{low:+.1f}, {high:+.1f}]")
        kls = f"KL {average(reference, 'kl_nats'):.4f} -> {average(own, 'kl_nats'):.4f}"
        print(f"{name}: {len(reference)} runs, {', '.join(told)}, {kls}")


def average_flags(
    rows: Mapping[str, Sequence[Row]], runs: Mapping[str, Any]
) -> dict[str, list[float]]:
    """Return for each figure the mean flag over seeds of each prompt, run after run."""
    found: dict[str, list[float]] = {figure: [] for figure in FIGURES}
    for run in runs:
        for figure in FIGURES:
            flags = zip(*(row[figure] for row in rows[run]), strict=True)
            found[figure] += [sum(own) / len(own) for own in flags]
    return found


def average(rows: Mapping[str, Sequence[Row]], figure: str) -> float:
    """Return the mean of a figure over runs and seeds."""
    values: list[float] = [row[figure] for own in rows.values() for row in own]
    return sum(values) / max(len(values), 1)


def main(words: Sequence[str] | None = None) -> None:
    """Train variants and measure them, or print the table of a file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN")
    parser.add_argument("--variants", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0,))
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--table", type=Path, help="print the table of a file")
    given = parser.parse_args(words)
    if given.table:
        return print_table(read_rows(given.table))
    if not (given.runs and given.variants and given.out):
        parser.error("give RUN ..., --variants and --out, or --table")
    run_jobs(given)
    return None


if __name__ == "__main__":
    main()
