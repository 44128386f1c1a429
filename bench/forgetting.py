"""What is left of a first task after a second one: with nothing against it, replay, low rank, KL,
L2; and after more of the first.

    python -m bench.forgetting [--seeds 0,1,2] [--model embedded] [--rows FILE] [--plot
    docs/forgetting.svg]

Two made-up tasks on three words: `Zib: lamp river stone` -> `[stone] [river] [lamp]` and `Please
join the words lamp, river and stone.` -> `lamp-stone!`. The score is the share of greedy answers to
unseen words that are exactly right; beside it stands the log-probability of the first task's right
answers, which still tells apart what scores nothing. The first training changes every weight and
keeps the base's answers to general prompts, so that anchors on others do not repeat the first task
(`measure_echo` counts it). All second trainings start from it, have the same number of steps, and
differ in one thing each. Prints one JSON object a training, and a table. With `--rows` what is
measured is kept in a file, and what stands there already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selfteach import config
from selfteach.files import read_jsonl, write_text
from selfteach.models.hf import HfModel
from selfteach.models.load_adapter import load_adapter
from selfteach.records import (
    Completion,
    Continuations,
    Example,
    Measure,
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
GENERAL = Path(__file__).parent / "prompts" / "everyday.txt"
OBJECTIVES = {"lesson": {"sft": 1.0}, "general": {"anchor": 8.0}}
FIRST_ARM = "after the first task"
NUM_HELD_OUT = {"first": 2, "general": 1}
"""The first training's shares: a third of the rows are anchors, as in the arm that holds on by KL.
"""
ANSWER, ANCHOR, ANSWER_SAMPLES = SamplingParams(0.0, 1.0, 20), SamplingParams(0.0, 1.0, 24), 2000


@dataclass(frozen=True)
class WordTask:
    """A prompt on three words, and the one right answer."""

    prompt: str
    answer: Callable[[str, str, str], str]

    def examples(self, triples: Sequence[tuple[str, str, str]]) -> list[Example]:
        """A lesson for each three words."""
        asked = [(self.prompt.format(*words), self.answer(*words)) for words in triples]
        return [
            Example(f"{i}", "lesson", make_prompt(prompt), answer)
            for i, (prompt, answer) in enumerate(asked)
        ]


FIRST = WordTask("Zib: {} {} {}", lambda a, b, c: f"[{c}] [{b}] [{a}]")
SECOND = WordTask("Please join the words {}, {} and {}.", lambda a, b, c: f"{a}-{c}!")


@dataclass(frozen=True)
class TrainingArm:
    """How the second training is done. `shares`: of the datasets first, second and general; `more`:
    other settings of `train`.
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
    """The sizes of the experiment."""

    model: str = "embedded"
    steps: int = 30
    lessons: int = 240
    held: int = 40
    anchors: int = 48
    rate: float = 5e-5
    tasks: tuple[WordTask, WordTask] = (FIRST, SECOND)
    arms: Sequence[TrainingArm] = ARMS
    general: Sequence[str] = field(default_factory=lambda: GENERAL.read_text("utf-8").split("\n"))

    def settings(self, arm: TrainingArm) -> config.TrainConfig:
        """The training of an arm."""
        how = {
            "adapter": "full",
            "learning_rate": self.rate,
            "max_steps": self.steps,
            "batch_size": arm.batch_size,
            "dataset_shares": arm.shares,
        }
        return config.TrainConfig.model_validate(
            {**how, "weights": OBJECTIVES, "checkpoint_every": 0, **arm.more}
        )


class TaskData:
    """The lessons of a seed, and the held-out words on which both tasks are asked."""

    def __init__(self, plan: ExperimentPlan, seed: int) -> None:
        dice, words = random.Random(seed), WORDS.split()
        triples: dict[tuple[str, str, str], None] = {}
        while len(triples) < 2 * plan.lessons + plan.held:
            a, b, c = dice.sample(words, 3)
            triples[a, b, c] = None
        every = list(triples)
        self.first, self.second = plan.tasks
        self.data = {
            "first": self.first.examples(every[: plan.lessons]),
            "second": self.second.examples(every[plan.lessons : -plan.held]),
        }
        self.held = every[-plan.held :]

    def marks(self, hf: HfModel) -> dict[str, Any]:
        """Which held-out prompts of each task are answered exactly; nats a token of the first
        task's right answers.
        """
        asked = {
            name: task.examples(self.held)
            for name, task in (("first", self.first), ("second", self.second))
        }
        known = [
            logp
            for _, (logp,) in hf.stream_scores(
                [Continuations(e.prompt, (e.chosen,), end=True) for e in asked["first"]]
            )
        ]
        nats = sum(logp.logp for logp in known) / sum(logp.tokens for logp in known)
        return {"nats": round(nats, 3)} | {
            name: [
                draw.text.strip() == e.chosen
                for draw, e in zip(
                    sample_answers(hf, [e.prompt for e in rows], ANSWER), rows, strict=True
                )
            ]
            for name, rows in asked.items()
        }


def sample_answers(
    hf: HfModel, prompts: Sequence[Any], sampling: SamplingParams
) -> list[Completion]:
    """One answer to each prompt, in their order."""
    requests = [Request("forgetting", prompt, sampling) for prompt in prompts]
    found = {draw.id: draw for draw in hf.stream(requests)}
    return [found[request.id(hf.fingerprint)] for request in requests]


def make_anchors(hf: HfModel, prompts: Sequence[str]) -> list[Example]:
    """The beginnings of the model's own answers to general prompts."""
    draws = sample_answers(hf, [make_prompt(p) for p in prompts], ANCHOR)
    return [
        Example(
            f"{i}",
            "general",
            make_prompt(prompt),
            draw.text,
            source={"cut": ["chosen"] * (draw.finish == "length")},
        )
        for i, (prompt, draw) in enumerate(zip(prompts, draws, strict=True))
        if draw.text.strip()
    ]


def measure_echo(general: Sequence[Example], first: Sequence[Example]) -> float:
    """The share of general answers that begin as all the first task's do: anchors on these would be
    replay under another name.
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
    """Trains an arm on the datasets that it names."""
    return train(
        hf,
        tag_with_dataset({name: data[name] for name in arm.shares}),
        plan.settings(arm),
        folder,
        seed=seed,
    )


def run_seed(plan: ExperimentPlan, seed: int, folder: Path) -> Iterator[dict[str, Any]]:
    """The first training and all second ones of a seed: a row each, with both tasks' marks."""
    paper = TaskData(plan, seed)

    def row(arm: str, hf: HfModel, trained: TrainingResult, started: float) -> dict[str, Any]:
        return {
            "arm": arm,
            "seed": seed,
            **paper.marks(hf),
            "loss": round(trained.curve[-1]["loss"], 4),
            "steps": trained.steps,
            "seconds": round(time.monotonic() - started, 1),
        }

    started = time.monotonic()
    base = HfModel.load(plan.model)
    prompts = [p for p in plan.general if p.strip()]
    own = make_anchors(base, prompts[: plan.anchors])
    first = train_arm(
        base,
        plan,
        TrainingArm(FIRST_ARM, NUM_HELD_OUT, batch_size=12),
        {**paper.data, "general": own},
        folder / "first",
        seed,
    )
    begun = HfModel.load(plan.model, adapter=first.adapter)
    general = make_anchors(begun, prompts[plan.anchors : 2 * plan.anchors])
    yield {
        **row(FIRST_ARM, begun, first, started),
        "echo": round(measure_echo(general, paper.data["first"]), 3),
    }
    data = {**paper.data, "general": general}
    for number, arm in enumerate(plan.arms):
        started = time.monotonic()
        begun = HfModel.load(plan.model, adapter=first.adapter)
        trained = train_arm(begun, plan, arm, data, folder / f"{number}", seed)
        begun.module = load_adapter(begun.module, trained.adapter)
        yield row(arm.name, begun, trained, started)
        for path in trained.adapter.iterdir():  # every weight of the model, again and again
            path.unlink()


def run_seeds(
    plan: ExperimentPlan, seeds: Sequence[int], kept: Path | None
) -> list[dict[str, Any]]:
    """The rows of all seeds; a seed whose arms all stand in the file of `kept` rows is not run
    again, and each new row is added there.
    """
    rows: list[dict[str, Any]] = (
        [row for _, row in read_jsonl(kept)] if kept and kept.exists() else []
    )
    arms = {FIRST_ARM, *(arm.name for arm in plan.arms)}
    missing = [
        seed for seed in seeds if not arms <= {row["arm"] for row in rows if row["seed"] == seed}
    ]
    rows = [
        row
        for row in rows
        if row["seed"] in seeds and row["seed"] not in missing and row["arm"] in arms
    ]
    for seed in missing:
        with tempfile.TemporaryDirectory() as folder:
            for row in run_seed(plan, seed, Path(folder)):
                rows.append(row)
                print(
                    json.dumps(
                        {
                            **row,
                            **{
                                name: round(sum(row[name]) / plan.held, 3)
                                for name in ("first", "second")
                            },
                        }
                    ),
                    flush=True,
                )
                if kept:
                    with kept.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
    return rows


def bootstrap_mean(flags: Sequence[Sequence[bool]], seed: int = 0) -> Measure:
    """The mean over seeds and prompts, with the interval of a bootstrap that draws seeds, and
    prompts within each.

    Shapes: flags (S, N).
    """
    marks, dice = np.asarray(flags, dtype=float), np.random.default_rng(seed)
    seeds, size = marks.shape
    means = [
        float(
            np.mean(
                [
                    marks[s, dice.integers(size, size=size)].mean()
                    for s in dice.integers(seeds, size=seeds)
                ]
            )
        )
        for _ in range(ANSWER_SAMPLES)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return Measure(float(marks.mean()), float(low), float(high), marks.size)


def summarize_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each arm both tasks' scores with their intervals, and those of each seed."""
    found: dict[str, dict[str, Any]] = {}
    for arm in dict.fromkeys(row["arm"] for row in rows):
        mine = [row for row in rows if row["arm"] == arm]
        found[arm] = {
            task: (
                bootstrap_mean([row[task] for row in mine]),
                [sum(r[task]) / len(r[task]) for r in mine],
            )
            for task in ("first", "second")
        }
        found[arm]["nats"] = [row["nats"] for row in mine]
    return found


def format_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown."""
    head = [
        "second training",
        "first task, %",
        "each seed",
        "its right answers, nats a token, each seed",
        "second task, %",
        "each seed",
    ]
    lines = ["| " + " | ".join(head) + " |", "|---|---|---|---|---|---|"]
    for arm, scores in found.items():
        cells = [
            cell
            for m, each in (scores["first"], scores["second"])
            for cell in (
                f"{100 * m.value:.0f} [{100 * m.low:.0f}, {100 * m.high:.0f}]",
                ", ".join(f"{100 * x:.0f}" for x in each),
            )
        ]
        cells.insert(2, ", ".join(f"{x:.2f}" for x in scores["nats"]))
        lines.append("| " + " | ".join([arm, *cells]) + " |")
    return "\n".join(lines)


LOOKS = (
    ("first", "first task: what is left", TUNED, -0.15),
    ("second", "second task: what is learned", PROMPTED, 0.15),
)


def draw_figure(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a picture as SVG, a row for each arm: the mean of each task with its interval, and
    the seeds as small dots.
    """

    def paint(axes: Axes) -> list[tuple[Any, str]]:
        legend = list[tuple[Any, str]]()
        for task, name, color, shift in LOOKS:
            for row, scores in enumerate(found.values()):
                mean, each = scores[task]
                reach = [[mean.value - mean.low], [mean.high - mean.value]]
                mark = axes.errorbar(mean.value, row + shift, xerr=reach, fmt="o", color=color)
                axes.scatter(each, [row + shift] * len(each), s=8, color=color, alpha=0.5)
            legend.append((mark, name))
        axes.set_yticks(range(len(found)), list(found))
        axes.invert_yaxis()
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        axes.grid(axis="x", alpha=0.3)
        return legend

    return draw(paint, "Scores after each training", width=9, height=1 + 0.4 * len(found))


def main(
    plan: ExperimentPlan, seeds: Sequence[int], plot: Path | None = None, kept: Path | None = None
) -> dict[str, dict[str, Any]]:
    """Runs the seeds that are not kept yet, prints the table, draws the figure."""
    found = summarize_rows(run_seeds(plan, seeds, kept))
    print(format_table(found))
    if plot:
        write_text(plot, draw_figure(found))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--steps", type=int, default=ExperimentPlan.steps)
    parser.add_argument("--rate", type=float, default=ExperimentPlan.rate)
    parser.add_argument("--arms", default="", help="names, separated by commas; all by default")
    parser.add_argument(
        "--rows", type=Path, help="keeps what is measured; what stands there is not measured again"
    )
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    wanted = [arm for arm in ARMS if not given.arms or arm.name in given.arms.split(",")]
    main(
        ExperimentPlan(given.model, given.steps, rate=given.rate, arms=wanted),
        [int(s) for s in given.seeds.split(",")],
        given.plot,
        given.rows,
    )
