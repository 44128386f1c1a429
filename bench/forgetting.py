"""Measure how much of a first task a model forgets while it learns a second one: without any
protection, with replay, low rank, KL or L2, and after more of the first task.

    python -m bench.forgetting [--seeds 0,1,2] [--model embedded] [--rows FILE] [--plot
    docs/forgetting.svg]

The two tasks are made up, on three words: `Zib: lamp river stone` -> `[stone] [river] [lamp]` and
`Please join the words lamp, river and stone.` -> `lamp-stone!`. The score is the share of greedy
answers to unseen words that are exactly right. The log-probability of the first task's right
answers still differs between models that score zero.

The first training changes every weight and keeps the base's answers to general prompts, so that
anchors on others do not repeat the first task (`measure_echo` counts it). All second trainings
start from it, have the same number of steps, and differ in one setting each. Prints one JSON object
a training, and a table. `--rows` keeps the rows in a file; a later command with the same model,
steps and rate does not measure them again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.prompt_files import PROMPTS, sample_in_order
from selfteach import config
from selfteach.files import read_jsonl, write_text
from selfteach.models.hf import HfModel
from selfteach.models.load_adapter import load_adapter
from selfteach.records import (
    Completion,
    Continuations,
    Example,
    Measure,
    Prompt,
    Request,
    SamplingParams,
    make_prompt,
)
from selfteach.report.drawing import PROMPTED, TUNED, draw
from selfteach.train.dataset_mixture import tag_with_dataset
from selfteach.train.train import TrainingResult, train

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORDS = """apple basket bell bird boat bottle bread bridge brush button candle castle chair circle
clock cloud coat coin crown desk door dress drum field finger fire fish flag flower forest garden
glass gold hammer hand heart horse house island jacket key king lake lamp leaf letter lion map
milk mirror moon mountain needle night ocean paper pencil piano plate queen rain ring river road
rock rope salt shadow ship shirt silver snow spoon star stone storm street sugar sun table thread
tiger tower train tree valley wall water wheel wind window winter wood"""
GENERAL = PROMPTS / "everyday.txt"
OBJECTIVES = {"task": {"sft": 1.0}, "general": {"anchor": 8.0}}
FIRST_ARM = "after the first task"
FIRST_SHARES = {"first": 2, "general": 1}
"""A third of the first training's rows are anchors, as in the arm with KL."""
ANSWER = SamplingParams(0.0, 1.0, 20)
ANCHOR = SamplingParams(0.0, 1.0, 24)
BOOTSTRAP_SAMPLES = 2000
TASKS = ("first", "second")


@dataclass(frozen=True)
class WordTask:
    """Hold a prompt with a place for three words, and the function to the one right answer."""

    prompt: str
    answer: Callable[[str, str, str], str]

    def examples(self, triples: Sequence[tuple[str, str, str]]) -> list[Example]:
        """Return one training example for each three words."""
        return [
            Example(f"{i}", "task", make_prompt(self.prompt.format(*words)), self.answer(*words))
            for i, words in enumerate(triples)
        ]


FIRST = WordTask("Zib: {} {} {}", lambda a, b, c: f"[{c}] [{b}] [{a}]")
SECOND = WordTask("Please join the words {}, {} and {}.", lambda a, b, c: f"{a}-{c}!")


@dataclass(frozen=True)
class TrainingArm:
    """Describe one second training.

    Attributes:
        shares: of the datasets first, second and general.
        more: other settings of `train`.
    """

    name: str
    shares: Mapping[str, float] = field(default_factory=lambda: {"second": 1.0})
    more: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 8


ARMS = (
    TrainingArm("nothing"),
    TrainingArm("replay 1 %", {"second": 0.99, "first": 0.01}),
    TrainingArm("replay 10 %", {"second": 0.9, "first": 0.1}),
    TrainingArm("LoRA", more={"adapter": "lora", "learning_rate": None}),
    TrainingArm("KL on general prompts", {"second": 8, "general": 4}, batch_size=12),
    TrainingArm("L2 to the base, 1", more={"l2": 1.0}),
    TrainingArm("L2 to the base, 10", more={"l2": 10.0}),
    TrainingArm("control: the first again", {"first": 1.0}),
)


@dataclass(frozen=True)
class ExperimentPlan:
    """Hold the tasks, the arms and the sizes of the experiment."""

    model: str = "embedded"
    steps: int = 30
    num_examples: int = 240
    num_held_out: int = 40
    anchors: int = 48
    rate: float = 5e-5
    tasks: tuple[WordTask, WordTask] = (FIRST, SECOND)
    arms: Sequence[TrainingArm] = ARMS
    general: Sequence[str] = field(default_factory=lambda: GENERAL.read_text("utf-8").split("\n"))

    def describe(self) -> dict[str, Any]:
        """Return what a row of the experiment depends on, beside its arm and its seed."""
        return {"model": Path(self.model).name, "steps": self.steps, "rate": self.rate}

    def make_settings(self, arm: TrainingArm) -> config.TrainConfig:
        """Return the training settings of an arm."""
        settings = {
            "adapter": "full",
            "learning_rate": self.rate,
            "max_steps": self.steps,
            "batch_size": arm.batch_size,
            "dataset_shares": arm.shares,
            "weights": OBJECTIVES,
            "checkpoint_every": 0,
            **arm.more,
        }
        return config.TrainConfig.model_validate(settings)


class TaskData:
    """Hold the training examples of a seed, and the held-out words of both tasks."""

    def __init__(self, plan: ExperimentPlan, seed: int) -> None:
        rng = random.Random(seed)
        words = WORDS.split()
        triples: dict[tuple[str, str, str], None] = {}
        while len(triples) < 2 * plan.num_examples + plan.num_held_out:
            a, b, c = rng.sample(words, 3)
            triples[a, b, c] = None
        every = list(triples)
        self.tasks = dict(zip(TASKS, plan.tasks, strict=True))
        self.data = {
            "first": self.tasks["first"].examples(every[: plan.num_examples]),
            "second": self.tasks["second"].examples(every[plan.num_examples : -plan.num_held_out]),
        }
        self.held_out = every[-plan.num_held_out :]

    def measure(self, hf: HfModel) -> dict[str, Any]:
        """Return the flags of exact answers to each task's held-out prompts, and the nats a token
        of the first task's right answers.
        """
        questions = {name: task.examples(self.held_out) for name, task in self.tasks.items()}
        return {
            "nats": round(measure_token_logp(hf, questions["first"]), 3),
            **{name: find_exact_answers(hf, examples) for name, examples in questions.items()},
        }


def measure_token_logp(hf: HfModel, examples: Sequence[Example]) -> float:
    """Return the mean log-probability of the examples' answers, in nats per token."""
    items = [Continuations(example.prompt, (example.chosen,), end=True) for example in examples]
    logps = [logp for _, (logp,) in hf.stream_scores(items)]
    return sum(logp.logp for logp in logps) / sum(logp.tokens for logp in logps)


def find_exact_answers(hf: HfModel, examples: Sequence[Example]) -> list[bool]:
    """Return for each example whether the greedy answer is exactly the right one."""
    answers = sample_answers(hf, [example.prompt for example in examples], ANSWER)
    return [
        answer.text.strip() == example.chosen
        for answer, example in zip(answers, examples, strict=True)
    ]


def sample_answers(
    hf: HfModel, prompts: Sequence[Prompt], sampling: SamplingParams
) -> list[Completion]:
    """Return one answer to each prompt, in their order."""
    return sample_in_order(hf, [Request("forgetting", prompt, sampling) for prompt in prompts])


def make_anchors(hf: HfModel, prompts: Sequence[str]) -> list[Example]:
    """Return anchors: the beginnings of the model's own answers to general prompts."""
    answers = sample_answers(hf, [make_prompt(prompt) for prompt in prompts], ANCHOR)
    anchors = []
    for i, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        if answer.text.strip():
            source = {"cut": ["chosen"] if answer.finish == "length" else []}
            anchors.append(
                Example(f"{i}", "general", make_prompt(prompt), answer.text, source=source)
            )
    return anchors


def measure_echo(general: Sequence[Example], first: Sequence[Example]) -> float:
    """Return the share of general answers that begin as all answers of the first task do.

    Anchors on these would be replay under another name.
    """
    begin = os.path.commonprefix([e.chosen for e in first])  # noqa: RUF071
    return sum(e.chosen.startswith(begin) for e in general) / max(len(general), 1)


def train_arm(
    hf: HfModel,
    plan: ExperimentPlan,
    arm: TrainingArm,
    data: Mapping[str, list[Example]],
    folder: Path,
    seed: int,
) -> TrainingResult:
    """Train an arm on the datasets that it names."""
    examples = tag_with_dataset({name: data[name] for name in arm.shares})
    return train(hf, examples, plan.make_settings(arm), folder, seed=seed)


def run_seed(plan: ExperimentPlan, seed: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Run the first training and all second ones of a seed; yield a row of figures for each."""
    tasks = TaskData(plan, seed)

    def make_row(arm: str, hf: HfModel, trained: TrainingResult, started: float) -> dict[str, Any]:
        return {
            "arm": arm,
            "seed": seed,
            **plan.describe(),
            **tasks.measure(hf),
            "loss": round(trained.curve[-1]["loss"], 4),
            "steps": trained.steps,
            "seconds": round(time.monotonic() - started, 1),
        }

    started = time.monotonic()
    base = HfModel.load(plan.model)
    prompts = [p for p in plan.general if p.strip()]
    anchors = make_anchors(base, prompts[: plan.anchors])
    first = train_arm(
        base,
        plan,
        TrainingArm(FIRST_ARM, FIRST_SHARES, batch_size=12),
        {**tasks.data, "general": anchors},
        folder / "first",
        seed,
    )
    tuned = HfModel.load(plan.model, adapter=first.adapter)
    general = make_anchors(tuned, prompts[plan.anchors : 2 * plan.anchors])
    yield {
        **make_row(FIRST_ARM, tuned, first, started),
        "echo": round(measure_echo(general, tasks.data["first"]), 3),
    }
    data = {**tasks.data, "general": general}
    for number, arm in enumerate(plan.arms):
        started = time.monotonic()
        tuned = HfModel.load(plan.model, adapter=first.adapter)
        trained = train_arm(tuned, plan, arm, data, folder / f"{number}", seed)
        tuned.module = load_adapter(tuned.module, trained.adapter)
        yield make_row(arm.name, tuned, trained, started)
        for path in trained.adapter.iterdir():  # a copy of all weights for each arm
            path.unlink()


def read_kept_rows(path: Path | None, plan: ExperimentPlan) -> list[dict[str, Any]]:
    """Return the rows of earlier commands with the plan's model, steps and rate; none where there
    is no file. Of a seed that was stopped and began again the later row of an arm counts.
    """
    if path is None or not path.exists():
        return []
    own = plan.describe()
    rows = [row for _, row in read_jsonl(path) if {**own, **row} == {**row, **own}]
    return list({(row["seed"], row["arm"]): row for row in rows}.values())


def print_row(row: Mapping[str, Any]) -> None:
    """Print a row with the tasks' scores in place of their flags."""
    scores = {name: round(sum(row[name]) / len(row[name]), 3) for name in TASKS}
    print(json.dumps({**row, **scores}), flush=True)


def run_seeds(
    plan: ExperimentPlan, seeds: Sequence[int], kept: Path | None
) -> list[dict[str, Any]]:
    """Return the rows of all seeds.

    Read a seed with rows of all arms from the file `kept`. Run the others and add their rows there.
    """
    rows = read_kept_rows(kept, plan)
    arms = {FIRST_ARM, *(arm.name for arm in plan.arms)}
    known: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        known[row["seed"]].add(row["arm"])
    done = [seed for seed in seeds if arms <= known[seed]]
    rows = [row for row in rows if row["seed"] in done and row["arm"] in arms]
    for seed in seeds:
        if seed in done:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for row in run_seed(plan, seed, Path(folder)):
                rows.append(row)
                print_row(row)
                if kept:
                    with kept.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
    return rows


def bootstrap_mean(flags: Sequence[Sequence[bool]], seed: int = 0) -> Measure:
    """Return the mean over seeds and prompts, with a 95 % bootstrap interval.

    The bootstrap samples seeds, and prompts within each seed.

    Shapes: flags (S, N).
    """
    scores = np.asarray(flags, dtype=float)
    rng = np.random.default_rng(seed)
    num_seeds, num_prompts = scores.shape
    means = []
    for _ in range(BOOTSTRAP_SAMPLES):
        of_seeds = [
            scores[s, rng.integers(num_prompts, size=num_prompts)].mean()
            for s in rng.integers(num_seeds, size=(num_seeds,))
        ]
        means.append(float(np.mean(of_seeds)))
    low, high = np.percentile(means, [2.5, 97.5])
    return Measure(float(scores.mean()), float(low), float(high), scores.size)


def summarize_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return for each arm both tasks' scores with their intervals, and the scores of each seed."""
    summary: dict[str, dict[str, Any]] = {}
    for arm in dict.fromkeys(row["arm"] for row in rows):
        own = [row for row in rows if row["arm"] == arm]
        summary[arm] = {"nats": [row["nats"] for row in own]}
        for task in TASKS:
            flags = [row[task] for row in own]
            of_seeds = [sum(seed) / len(seed) for seed in flags]
            summary[arm][task] = (bootstrap_mean(flags), of_seeds)
    return summary


def format_scores(mean: Measure, of_seeds: Sequence[float]) -> list[str]:
    """Return two cells in percent: the mean with its interval, and the score of each seed."""
    low, middle, high = (f"{100 * share:.0f}" for share in (mean.low, mean.value, mean.high))
    return [f"{middle} [{low}, {high}]", ", ".join(f"{100 * share:.0f}" for share in of_seeds)]


def format_table(summary: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the summary as a Markdown table."""
    head = [
        "second training",
        "first task, %",
        "each seed",
        "its right answers, nats a token, each seed",
        "second task, %",
        "each seed",
    ]
    lines = ["| " + " | ".join(head) + " |", "|---|---|---|---|---|---|"]
    for arm, scores in summary.items():
        nats = ", ".join(f"{x:.2f}" for x in scores["nats"])
        cells = [arm, *format_scores(*scores["first"]), nats, *format_scores(*scores["second"])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


SERIES = (
    ("first", "first task: what is left", TUNED, -0.15),
    ("second", "second task: what is learned", PROMPTED, 0.15),
)


def draw_figure(summary: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a figure as SVG: for each arm a row with the mean of each task and its interval.

    Small dots are the seeds.
    """

    def paint(axes: Axes) -> list[tuple[Any, str]]:
        legend = list[tuple[Any, str]]()
        for task, name, color, shift in SERIES:
            for row, scores in enumerate(summary.values()):
                mean, each = scores[task]
                reach = [[mean.value - mean.low], [mean.high - mean.value]]
                mark = axes.errorbar(mean.value, row + shift, xerr=reach, fmt="o", color=color)
                axes.scatter(each, [row + shift] * len(each), s=8, color=color, alpha=0.5)
            legend.append((mark, name))
        axes.set_yticks(range(len(summary)), list(summary))
        axes.invert_yaxis()
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        axes.grid(axis="x", alpha=0.3)
        return legend

    return draw(paint, "Scores after each training", width=9, height=1 + 0.4 * len(summary))


def main(
    plan: ExperimentPlan, seeds: Sequence[int], plot: Path | None = None, kept: Path | None = None
) -> dict[str, dict[str, Any]]:
    """Run the seeds that are not kept yet, print the table and draw the figure."""
    summary = summarize_rows(run_seeds(plan, seeds, kept))
    print(format_table(summary))
    if plot:
        write_text(plot, draw_figure(summary))
    return summary


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--steps", type=int, default=ExperimentPlan.steps)
    parser.add_argument("--rate", type=float, default=ExperimentPlan.rate)
    parser.add_argument("--arms", default="", help="names, separated by commas; all by default")
    parser.add_argument(
        "--rows", type=Path, help="keeps the rows in a file; rows of it are not measured again"
    )
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    arms = [arm for arm in ARMS if not given.arms or arm.name in given.arms.split(",")]
    main(
        ExperimentPlan(given.model, given.steps, rate=given.rate, arms=arms),
        [int(s) for s in given.seeds.split(",")],
        given.plot,
        given.rows,
    )
