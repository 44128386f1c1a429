"""Comparing what may change: adapters and objectives on the same examples, with the same number of
steps, in one table.

  1  prepare: the run's method walks to its training plan again; every request is looked up
  2  cells: every adapter with every objective; what makes no sense together is said, with the
     reason
  3  rates: each cell is trained with a few learning rates; the best on the dev part is kept
  4  exam: the run's own; score, harm on near and general prompts, drift
  5  in context: the base with the instruction and 0, 1, k worked examples in its prompt sits the
     same exam

A finished cell is noted in the ledger, so that the same command goes on with the next one.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import safe_open

from selfteach import registry
from selfteach.errors import DataError, IntegrityError, UsageError
from selfteach.evaluate.exam import TunedModel, measures_to_json
from selfteach.evaluate.retention import measure_retention
from selfteach.methods.compare.in_context import PromptPrefix, make_in_context_model
from selfteach.methods.compare.learning_rates import (
    choose_rate,
    get_default_rate,
    hold_out_examples,
    list_rates,
)
from selfteach.methods.method import ObjectiveWeights, TrainingPlan
from selfteach.methods.runner import (
    TRAINING_FOLDER,
    find_pair_kinds,
    open_tuned,
    remove_scratch,
    train_adapter,
)
from selfteach.methods.session import Session, open_session
from selfteach.models.hooks import get_num_virtual_tokens
from selfteach.models.recorded import Recorded
from selfteach.records import Example, Prompt, get_user_text, make_prompt
from selfteach.report.comparison import draw_figure, find_score
from selfteach.report.read_run import get_path
from selfteach.run.display import Display
from selfteach.run.run_folder import Run
from selfteach.train.adapters import can_join, is_solved
from selfteach.train.memory import MemoryMeter
from selfteach.train.train import TrainingResult
from selfteach.train.trainer import Diverged

RUN_OBJECTIVE, ON_POLICY, SOLVED = "own", "on_policy", "solved"
ROWS_NOTE, BASE_NOTE = "rows", "row base"
COMPARED_OBJECTIVES = (RUN_OBJECTIVE, "sft", "dpo", "sft+dpo", "distill", ON_POLICY, "correction")
"""`own` is what the run itself was trained with; `on_policy` is distillation on answers that the
student draws between steps.
"""
ON_POLICY_SHARE = 0.5
"""Of the examples in a step, the share whose answers the student draws itself under `on_policy`."""


TrainedAdapter = tuple[TrainingResult, float | None]
"""A training, and the most memory that it took."""
DevScorer = Callable[[Recorded, ObjectiveWeights], float]
"""What a model that was taught with these objectives is worth on the dev part: the greater the
better.
"""


@dataclass(frozen=True)
class Comparison:
    """What is compared: names, the factors by which an adapter's own learning rate is multiplied,
    and numbers of worked examples.
    """

    adapters: Sequence[str]
    objectives: Sequence[str]
    factors: Sequence[float]
    shots: Sequence[int] = ()


@dataclass(frozen=True)
class ComparedCell:
    """An adapter with an objective; one that is solved for has none."""

    adapter: str
    objective: str

    @property
    def name(self) -> str:
        """What its adapter is called."""
        return (
            self.adapter
            if self.objective == SOLVED
            else f"{self.adapter}-{self.objective.replace('_', '-')}"
        )


@dataclass(frozen=True)
class FinishedRun:
    """The run that is compared by: its kind, material, examples, what its ledger noted, and the
    prompts of its exam.
    """

    kind: str
    material: Any
    examples: Sequence[Example]
    noted: Mapping[str, Any]
    asked: frozenset[str]


def compare(
    run: Run, finished_run: FinishedRun, comparison: Comparison, display: Display
) -> dict[str, Any]:
    """Fills the cells that are not there yet; returns the table as JSON, with all cells of this
    folder.

    Raises:
        UsageError: the run taught nothing.
        IntegrityError: its steps no longer lead to the prompts of its exam.
    """
    if all(e.role == "hold" for e in finished_run.examples):
        raise UsageError(
            "taught nothing, so there is nothing to compare.",
            where=run.material["run"],
            cure="Compare a run that ended with an adapter.",
        )
    bench = prepare_bench(run, finished_run, display)  # 1
    examples, worth = choose_dev_scorer(bench, finished_run.examples)
    left_out: dict[str, str] = {}
    with run.time_stage("base"):
        base = compute_once(run, BASE_NOTE, partial(examine_baselines, bench, finished_run))
    for cell in list_cells(comparison, examples, left_out, goes_on="from" in run.material):  # 2
        rates = list_rates(
            get_default_rate(cell.adapter, bench.session.config.train), comparison.factors
        )
        try:
            with run.time_stage(cell.name):
                work = partial(run_cell, bench, cell, examples, worth, comparison)
                compute_once(run, f"cell {cell.name} {rates}", work)
        except (UsageError, DataError, Diverged) as fault:  # of this cell; the others are compared
            left_out[cell.name] = str(fault)
    for shots in comparison.shots:
        with run.time_stage(f"{shots}-shot"):
            compute_once(
                run, f"row {shots}-shot", partial(examine_in_context, bench, examples, shots)
            )  # 5
    remove_scratch(run)
    return write_comparison(run, finished_run.kind, base, left_out)


@dataclass(frozen=True)
class Bench:
    """What every adapter is trained by and examined with: the run's session and its plan."""

    session: Session
    plan: TrainingPlan


def prepare_bench(run: Run, past: FinishedRun, display: Display) -> Bench:
    """Open a session of the run's method and prepare its plan (step 1).

    Every request of the run is recorded, so nothing is sampled anew, and the split, the judge and
    the exam are those of the run.

    Raises:
        UsageError: runs of this kind have no exam, or a person would have to correct new answers.
    """
    method = registry.load_registered("methods", past.kind)
    if past.kind == "train":
        raise UsageError("a run of `train` has no exam to compare by.", cure="Compare a method.")
    if getattr(run.resolved.config, "review", False):
        raise UsageError(
            "a person corrected its answers, and nobody corrects new ones.",
            where=str(run.path.parent),
            cure="Compare a run whose teacher is a file, a program or a model.",
        )
    for key, value in past.noted.items():
        if value is not None:
            run.ledger.set_note(key, value)
    with run.time_stage("open"):
        rule = method.rule_of(past.material)
        config = run.resolved.config
        session = open_session(run, config, display, rule, programs=method.allows_programs)
        return Bench(session, method.prepare(session, past.material))


def compute_once(run: Run, key: str, work: Callable[[], dict[str, Any]]) -> Any:
    """What the ledger has noted, or the work's result, which it then notes."""
    if (found := run.ledger.get_note(key)) is None:
        run.ledger.set_note(
            ROWS_NOTE, list(dict.fromkeys([*(run.ledger.get_note(ROWS_NOTE) or []), key]))
        )
        run.ledger.set_note(key, found := work())
    return found


def list_cells(
    comparison: Comparison,
    examples: Sequence[Example],
    left_out: dict[str, str],
    *,
    goes_on: bool = False,
) -> Iterator[ComparedCell]:
    """Step 2. `left_out` takes the cells that make no sense, each with its reason.

    Args:
        goes_on: whether the run goes on from another one, whose adapter has to be joined with each.
    """
    for adapter in comparison.adapters:
        if goes_on and not can_join(adapter):
            left_out[adapter] = (
                "the run goes on from another one, and only adapters of low rank can "
                "be joined to one file"
            )
            continue
        if is_solved(adapter):
            for objective in comparison.objectives:
                if objective != RUN_OBJECTIVE:
                    left_out[f"{adapter}-{objective}"] = (
                        "it is solved for without steps, so it has no objective and "
                        "stands in one row"
                    )
            yield ComparedCell(adapter, SOLVED)
            continue
        for objective in comparison.objectives:
            if reason := why_not_trainable(objective, [e for e in examples if e.role == "learn"]):
                left_out[f"{adapter}-{objective}"] = reason
            else:
                yield ComparedCell(adapter, objective)


def why_not_trainable(objective: str, lessons: Sequence[Example]) -> str:
    """Why an objective cannot be trained on these lessons, or an empty text."""
    if ("dpo" in objective or objective == "correction") and any(
        e.rejected is None for e in lessons
    ):
        return (
            f"{sum(e.rejected is None for e in lessons)} of {len(lessons)} lessons have no "
            "rejected answer"
        )
    if objective in ("distill", ON_POLICY) and (
        lack := sum(not e.source.get("teacher_prompt") for e in lessons)
    ):
        return f"{lack} of {len(lessons)} lessons have no prompt for a teacher"
    return ""


def get_objective_weights(
    bench: Bench, objective: str, examples: Sequence[Example]
) -> ObjectiveWeights:
    """The objectives of each kind of example: what holds the base in place is the run's own."""
    if objective in (RUN_OBJECTIVE, SOLVED):
        return bench.plan.objectives
    named = dict.fromkeys(("distill" if objective == ON_POLICY else objective).split("+"), 1.0)
    return {
        kind: bench.plan.objectives.get(kind, {}) if role == "hold" else named
        for kind, role in {(e.kind, e.role) for e in examples}
    }


def choose_dev_scorer(bench: Bench, examples: Sequence[Example]) -> tuple[list[Example], DevScorer]:
    """The examples that are learned, and what a model is worth on what is not: the method's own dev
    part, or held-out examples.
    """
    if score_on_dev := bench.plan.score_on_dev:
        return list(examples), lambda model, kinds: score_on_dev(model)
    learned, held = hold_out_examples(examples, bench.session.config.seed)
    return learned, lambda model, kinds: held.score(model, find_pair_kinds(kinds))


def run_cell(
    bench: Bench,
    cell: ComparedCell,
    examples: Sequence[Example],
    dev_scorer: DevScorer,
    comparison: Comparison,
) -> dict[str, Any]:
    """Steps 3 and 4: one cell, its adapter in `adapters/<name>`.

    Raises:
        Diverged: at every rate.
        UsageError, DataError: the adapter does not fit the model, or the examples are too few for
        it.
    """
    session = bench.session
    own = get_default_rate(cell.adapter, session.config.train)
    made, marks = train_at_rates(
        bench, cell, examples, dev_scorer, list_rates(own, comparison.factors)
    )
    best = choose_rate(marks, own)
    adapter, peak = made[best]
    taught = open_tuned(session, adapter)
    row = examine_model(bench, taught, cell.name)
    taught.recorded.release_memory()
    with session.run.export_folder(f"adapters/{cell.name}") as folder:
        shutil.copytree(adapter.adapter, folder, dirs_exist_ok=True)
    row |= {
        "adapter": cell.adapter,
        "objective": cell.objective,
        "learning_rate": best or None,
        "rates": {f"{rate:g}": mark for rate, mark in marks.items()} if len(marks) > 1 else {},
        "trained_share": count_adapter_weights(adapter.adapter) / count_parameters(session),
        "adapter_mb": sum(f.stat().st_size for f in adapter.adapter.iterdir()) / 1e6,
        "peak_memory_mb": peak,
        "seconds": adapter.seconds,
        "steps": adapter.steps,
        "trained_tokens": adapter.tokens,
    }
    shutil.rmtree(session.run.path / TRAINING_FOLDER, ignore_errors=True)
    return row


def train_at_rates(
    bench: Bench,
    cell: ComparedCell,
    examples: Sequence[Example],
    dev_scorer: DevScorer,
    rates: Sequence[float],
) -> tuple[dict[float, TrainedAdapter], dict[float, float | None]]:
    """Step 3: what came of each rate, and what it is worth. Where the loss diverges nothing came of
    it; a single rate needs no mark.
    """
    kinds = get_objective_weights(bench, cell.objective, examples)
    made: dict[float, TrainedAdapter] = {}
    marks: dict[float, float | None] = {}
    for rate in rates:
        try:
            made[rate] = train_cell(bench.session, cell, rate, kinds, examples)
        except Diverged:
            marks[rate] = None
            continue
        marks[rate] = 0.0
        if len(rates) > 1:
            taught = open_tuned(bench.session, made[rate][0])
            marks[rate] = dev_scorer(taught.recorded, kinds)
            taught.recorded.release_memory()
    return made, marks


def train_cell(
    session: Session,
    cell: ComparedCell,
    rate: float,
    objective_weights: ObjectiveWeights,
    examples: Sequence[Example],
) -> TrainedAdapter:
    """One training, and the most memory that it took with the base's weights, in MB. Between cells
    nothing differs but the adapter, the objective and the rate."""
    change: dict[str, Any] = {
        "adapter": cell.adapter,
        "learning_rate": rate or None,
        "distill_from": "",
    }
    if (
        cell.objective != RUN_OBJECTIVE
    ):  # else "distill" would be "on_policy" where the run drew its own answers
        change["on_policy"] = (
            (session.config.train.on_policy or ON_POLICY_SHARE)
            if cell.objective == ON_POLICY
            else 0.0
        )
    if cell.objective == SOLVED:
        change |= session.config.train.get_step_defaults()
    settings = session.config.train.model_copy(update=change)
    mine = replace(session, config=session.config.model_copy(update={"train": settings}))
    session.base.release_memory()  # else what the engine gives back would hide what the training takes
    meter = MemoryMeter(session.model.module)
    found = train_adapter(mine, examples, objective_weights, f"{cell.name}-{rate:g}")
    peak = meter.peak()
    return found, None if peak is None else peak / 1e6


def examine_baselines(bench: Bench, finished_run: FinishedRun) -> dict[str, Any]:
    """The base and the base with the material in its prompt, from the exam; which must be the run's
    own.
    """
    exam = bench.plan.exam.run(bench.session, None, brief=True)
    if strange := [
        row["prompt"] for row in exam["answers"] if row["prompt"] not in finished_run.asked
    ]:
        raise IntegrityError(
            (
                "the steps of this run no longer lead to the prompts of its exam (for "
                f"instance to {strange[0][:80]!r})."
            ),
            cure=(
                "It was made with another version of selfteach, or a larger exam was asked "
                "for: teach it again, or ask for less."
            ),
        )
    return {arm: summarize_arm(finished_run.kind, exam, arm) for arm in ("base", "prompted")}


def examine_model(
    bench: Bench, tuned: TunedModel, name: str, prefix: PromptPrefix | None = None
) -> dict[str, Any]:
    """Step 4: what the exam says, in short, what was forgotten of common knowledge, and how long a
    query's prompt is.
    """
    session = bench.session
    exam = bench.plan.exam.run(session, tuned, brief=True)
    asked = [make_prompt(row["prompt"]) for row in exam["answers"] if row["scope"] == "target"]
    known = (
        None
        if prefix
        else measure_retention(
            {"base": session.base, "taught": tuned.recorded}, session.config.seed
        )["change"]
    )  # nobody forgets by a prompt
    return {
        "name": name,
        **summarize_arm(session.run.material["kind"], exam, "taught"),
        "retention": measures_to_json(known),
        "prompt_tokens": average_prompt_tokens(session, tuned, asked, prefix),
    }


def summarize_arm(kind: str, exam: Mapping[str, Any], arm: str) -> dict[str, Any]:
    """One arm's numbers: the score, also drawn; harm is the share of unharmed answers that was
    lost.
    """
    score = find_score(kind)
    found = {
        "score": get_path(exam, *score.path, arm, *score.greedy),
        "sampled": get_path(exam, *score.path, arm, *score.sampled) if score.sampled else None,
    }
    if arm != "taught":
        return found
    return found | {
        "near": get_path(exam, "side_effects", "near"),
        "general": get_path(exam, "side_effects", "general"),
        "kl_nats": get_path(exam, "drift", "kl_nats"),
        "top1": get_path(exam, "drift", "top1_agreement"),
    }


def average_prompt_tokens(
    session: Session, tuned: TunedModel, asked: Sequence[Prompt], prefix: PromptPrefix | None
) -> float:
    """Tokens of a query's prompt, the mean; soft tokens count too."""
    lead = get_num_virtual_tokens(tuned.model.module) if prefix is None else 0
    lengths = [
        len(session.model.encode(prefix(prompt) if prefix else prompt)) + lead for prompt in asked
    ]
    return sum(lengths) / max(len(lengths), 1)


def examine_in_context(bench: Bench, examples: Sequence[Example], shots: int) -> dict[str, Any]:
    """Step 5: the base with so many lessons in its prompt, each of another question."""
    lessons = list(
        {get_user_text(e.prompt): e for e in reversed(examples) if e.role == "learn"}.values()
    )[::-1]
    taught, opening = make_in_context_model(
        bench.session.model, bench.session.base, bench.plan.instruction, lessons, shots
    )
    return examine_model(bench, taught, f"{shots}-shot", opening) | {
        "shots": len(opening.worked) // 2
    }


def count_adapter_weights(adapter: Path) -> int:
    """How many numbers an adapter has."""
    with safe_open(adapter / "adapter_model.safetensors", "pt") as file:  # type: ignore[no-untyped-call]
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


def count_parameters(session: Session) -> int:
    """How many weights the base has."""
    return sum(weight.numel() for weight in session.model.module.parameters())


def write_comparison(
    run: Run, kind: str, base: Mapping[str, Any], left_out: Mapping[str, str]
) -> dict[str, Any]:
    """Writes compare.json and compare.svg from all that the ledger holds; returns the first."""
    rows = [run.ledger.get_note(key) for key in run.ledger.get_note(ROWS_NOTE) if key != BASE_NOTE]
    rows = list(
        {row["name"]: row for row in rows if row}.values()
    )  # of one cell with other rates the last one
    found = {
        "run": run.material["run"],
        "kind": kind,
        "score": find_score(kind).name,
        "base": base,
        "rows": rows,
        "left_out": dict(left_out),
        "command": run.command,
    }
    run.export("compare.svg", draw_figure(found))
    run.export_json("compare.json", found)
    return found | {"folder": str(run.path), "plot": str(run.path / "compare.svg")}
