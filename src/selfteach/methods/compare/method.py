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
from selfteach.evaluate.exam import TunedModel, as_json
from selfteach.evaluate.retention import retention
from selfteach.methods.compare.in_context import Told, in_context
from selfteach.methods.compare.learning_rates import best_rate, held_out, own_rate, rates_of
from selfteach.methods.method import ObjectiveWeights, TrainingPlan
from selfteach.methods.runner import (
    TRAINING,
    find_pair_kinds,
    open_tuned,
    remove_scratch,
    train_adapter,
)
from selfteach.methods.session import Session, open_session
from selfteach.models.recorded import Recorded
from selfteach.models.worn import lead_of
from selfteach.records import Example, Prompt, question, user
from selfteach.report.comparison import figure, find_score
from selfteach.report.read import at
from selfteach.run.display import Display
from selfteach.run.folder import Run
from selfteach.train.adapters import can_join, is_solved
from selfteach.train.memory import Meter
from selfteach.train.train import Trained
from selfteach.train.trainer import Diverged

OWN, ON_POLICY, SOLVED = "own", "on_policy", "solved"
ROWS, BASE = "rows", "row base"
OBJECTIVES = (OWN, "sft", "dpo", "sft+dpo", "distill", ON_POLICY, "correction")
"""`own` is what the run itself was trained with; `on_policy` is distillation on answers that the
student draws between steps.
"""
SHARE = 0.5
"""Of the examples in a step, the share whose answers the student draws itself under `on_policy`."""


Made = tuple[Trained, float | None]
"""A training, and the most memory that it took."""
Worth = Callable[[Recorded, ObjectiveWeights], float]
"""What a model that was taught with these objectives is worth on the dev part: the greater the
better.
"""


@dataclass(frozen=True)
class Wanted:
    """What is compared: names, the factors by which an adapter's own learning rate is multiplied,
    and numbers of worked examples.
    """

    adapters: Sequence[str]
    objectives: Sequence[str]
    factors: Sequence[float]
    shots: Sequence[int] = ()


@dataclass(frozen=True)
class Cell:
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
class Past:
    """The run that is compared by: its kind, material, examples, what its ledger noted, and the
    prompts of its exam.
    """

    kind: str
    material: Any
    examples: Sequence[Example]
    noted: Mapping[str, Any]
    asked: frozenset[str]


def compare(run: Run, past: Past, wanted: Wanted, display: Display) -> dict[str, Any]:
    """Fills the cells that are not there yet; returns the table as JSON, with all cells of this
    folder.

    Raises:
        UsageError: the run taught nothing.
        IntegrityError: its steps no longer lead to the prompts of its exam.
    """
    if all(e.role == "hold" for e in past.examples):
        raise UsageError(
            "taught nothing, so there is nothing to compare.",
            where=run.material["run"],
            cure="Compare a run that ended with an adapter.",
        )
    bench = prepare_bench(run, past, display)  # 1
    examples, worth = learned_and_measured(bench, past.examples)
    left_out: dict[str, str] = {}
    with run.stage("base"):
        base = once(run, BASE, partial(based, bench, past))
    for cell in cells(wanted, examples, left_out, goes_on="from" in run.material):  # 2
        rates = rates_of(own_rate(cell.adapter, bench.session.config.train), wanted.factors)
        try:
            with run.stage(cell.name):
                work = partial(filled, bench, cell, examples, worth, wanted)
                once(run, f"cell {cell.name} {rates}", work)
        except (UsageError, DataError, Diverged) as fault:  # of this cell; the others are compared
            left_out[cell.name] = str(fault)
    for shots in wanted.shots:
        with run.stage(f"{shots}-shot"):
            once(run, f"row {shots}-shot", partial(told, bench, examples, shots))  # 5
    remove_scratch(run)
    return table(run, past.kind, base, left_out)


@dataclass(frozen=True)
class Bench:
    """What every adapter is trained by and examined with: the run's session and its plan."""

    session: Session
    plan: TrainingPlan


def prepare_bench(run: Run, past: Past, display: Display) -> Bench:
    """Open a session of the run's method and prepare its plan (step 1).

    Every request of the run is recorded, so nothing is sampled anew, and the split, the judge and
    the exam are those of the run.

    Raises:
        UsageError: runs of this kind have no exam, or a person would have to correct new answers.
    """
    method = registry.lookup("methods", past.kind)
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
            run.ledger.note(key, value)
    with run.stage("open"):
        rule = method.rule_of(past.material)
        config = run.resolved.config
        session = open_session(run, config, display, rule, programs=method.allows_programs)
        return Bench(session, method.prepare(session, past.material))


def once(run: Run, key: str, work: Callable[[], dict[str, Any]]) -> Any:
    """What the ledger has noted, or the work's result, which it then notes."""
    if (found := run.ledger.noted(key)) is None:
        run.ledger.note(ROWS, list(dict.fromkeys([*(run.ledger.noted(ROWS) or []), key])))
        run.ledger.note(key, found := work())
    return found


def cells(
    wanted: Wanted, examples: Sequence[Example], left_out: dict[str, str], *, goes_on: bool = False
) -> Iterator[Cell]:
    """Step 2. `left_out` takes the cells that make no sense, each with its reason.

    Args:
        goes_on: whether the run goes on from another one, whose adapter has to be joined with each.
    """
    for adapter in wanted.adapters:
        if goes_on and not can_join(adapter):
            left_out[adapter] = (
                "the run goes on from another one, and only adapters of low rank can "
                "be joined to one file"
            )
            continue
        if is_solved(adapter):
            for objective in wanted.objectives:
                if objective != OWN:
                    left_out[f"{adapter}-{objective}"] = (
                        "it is solved for without steps, so it has no objective and "
                        "stands in one row"
                    )
            yield Cell(adapter, SOLVED)
            continue
        for objective in wanted.objectives:
            if reason := why_not(objective, [e for e in examples if e.role == "learn"]):
                left_out[f"{adapter}-{objective}"] = reason
            else:
                yield Cell(adapter, objective)


def why_not(objective: str, lessons: Sequence[Example]) -> str:
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


def kinds_of(bench: Bench, objective: str, examples: Sequence[Example]) -> ObjectiveWeights:
    """The objectives of each kind of example: what holds the base in place is the run's own."""
    if objective in (OWN, SOLVED):
        return bench.plan.objectives
    named = dict.fromkeys(("distill" if objective == ON_POLICY else objective).split("+"), 1.0)
    return {
        kind: bench.plan.objectives.get(kind, {}) if role == "hold" else named
        for kind, role in {(e.kind, e.role) for e in examples}
    }


def learned_and_measured(bench: Bench, examples: Sequence[Example]) -> tuple[list[Example], Worth]:
    """The examples that are learned, and what a model is worth on what is not: the method's own dev
    part, or held-out examples.
    """
    if score_on_dev := bench.plan.score_on_dev:
        return list(examples), lambda model, kinds: score_on_dev(model)
    learned, held = held_out(examples, bench.session.config.seed)
    return learned, lambda model, kinds: held.score(model, find_pair_kinds(kinds))


def filled(
    bench: Bench, cell: Cell, examples: Sequence[Example], worth: Worth, wanted: Wanted
) -> dict[str, Any]:
    """Steps 3 and 4: one cell, its adapter in `adapters/<name>`.

    Raises:
        Diverged: at every rate.
        UsageError, DataError: the adapter does not fit the model, or the examples are too few for
        it.
    """
    session = bench.session
    own = own_rate(cell.adapter, session.config.train)
    made, marks = tried(bench, cell, examples, worth, rates_of(own, wanted.factors))
    best = best_rate(marks, own)
    adapter, peak = made[best]
    taught = open_tuned(session, adapter)
    row = marked(bench, taught, cell.name)
    taught.recorded.rest()
    with session.run.export_folder(f"adapters/{cell.name}") as folder:
        shutil.copytree(adapter.adapter, folder, dirs_exist_ok=True)
    row |= {
        "adapter": cell.adapter,
        "objective": cell.objective,
        "learning_rate": best or None,
        "rates": {f"{rate:g}": mark for rate, mark in marks.items()} if len(marks) > 1 else {},
        "trained_share": weights_in(adapter.adapter) / parameters(session),
        "adapter_mb": sum(f.stat().st_size for f in adapter.adapter.iterdir()) / 1e6,
        "peak_memory_mb": peak,
        "seconds": adapter.seconds,
        "steps": adapter.steps,
        "trained_tokens": adapter.tokens,
    }
    shutil.rmtree(session.run.path / TRAINING, ignore_errors=True)
    return row


def tried(
    bench: Bench, cell: Cell, examples: Sequence[Example], worth: Worth, rates: Sequence[float]
) -> tuple[dict[float, Made], dict[float, float | None]]:
    """Step 3: what came of each rate, and what it is worth. Where the loss diverges nothing came of
    it; a single rate needs no mark.
    """
    kinds = kinds_of(bench, cell.objective, examples)
    made: dict[float, Made] = {}
    marks: dict[float, float | None] = {}
    for rate in rates:
        try:
            made[rate] = trained(bench.session, cell, rate, kinds, examples)
        except Diverged:
            marks[rate] = None
            continue
        marks[rate] = 0.0
        if len(rates) > 1:
            taught = open_tuned(bench.session, made[rate][0])
            marks[rate] = worth(taught.recorded, kinds)
            taught.recorded.rest()
    return made, marks


def trained(
    session: Session, cell: Cell, rate: float, kinds: ObjectiveWeights, examples: Sequence[Example]
) -> Made:
    """One training, and the most memory that it took with the base's weights, in MB. Between cells
    nothing differs but the adapter, the objective and the rate."""
    change: dict[str, Any] = {"adapter": cell.adapter, "learning_rate": rate or None, "fast": ""}
    if (
        cell.objective != OWN
    ):  # else "distill" would be "on_policy" where the run drew its own answers
        change["on_policy"] = (
            (session.config.train.on_policy or SHARE) if cell.objective == ON_POLICY else 0.0
        )
    if cell.objective == SOLVED:
        change |= session.config.train.get_step_defaults()
    settings = session.config.train.model_copy(update=change)
    mine = replace(session, config=session.config.model_copy(update={"train": settings}))
    session.base.rest()  # else what the engine gives back would hide what the training takes
    meter = Meter(session.model.module)
    found = train_adapter(mine, examples, kinds, f"{cell.name}-{rate:g}")
    peak = meter.peak()
    return found, None if peak is None else peak / 1e6


def based(bench: Bench, past: Past) -> dict[str, Any]:
    """The base and the base with the material in its prompt, from the exam; which must be the run's
    own.
    """
    exam = bench.plan.exam.run(bench.session, None, brief=True)
    if strange := [row["prompt"] for row in exam["answers"] if row["prompt"] not in past.asked]:
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
    return {arm: numbers(past.kind, exam, arm) for arm in ("base", "prompted")}


def marked(bench: Bench, taught: TunedModel, name: str, told: Told | None = None) -> dict[str, Any]:
    """Step 4: what the exam says, in short, what was forgotten of common knowledge, and how long a
    query's prompt is.
    """
    session = bench.session
    exam = bench.plan.exam.run(session, taught, brief=True)
    asked = [user(row["prompt"]) for row in exam["answers"] if row["scope"] == "target"]
    known = (
        None
        if told
        else retention({"base": session.base, "taught": taught.recorded}, session.config.seed)[
            "change"
        ]
    )  # nobody forgets by a prompt
    return {
        "name": name,
        **numbers(session.run.material["kind"], exam, "taught"),
        "retention": as_json(known),
        "prompt_tokens": prompt_tokens(session, taught, asked, told),
    }


def numbers(kind: str, exam: Mapping[str, Any], arm: str) -> dict[str, Any]:
    """One arm's numbers: the score, also drawn; harm is the share of unharmed answers that was
    lost.
    """
    score = find_score(kind)
    found = {
        "score": at(exam, *score.path, arm, *score.greedy),
        "drawn": at(exam, *score.path, arm, *score.drawn) if score.drawn else None,
    }
    if arm != "taught":
        return found
    return found | {
        "near": at(exam, "leakage", "near"),
        "general": at(exam, "leakage", "general"),
        "kl_nats": at(exam, "drift", "kl_nats"),
        "top1": at(exam, "drift", "top1_agreement"),
    }


def prompt_tokens(
    session: Session, taught: TunedModel, asked: Sequence[Prompt], told: Told | None
) -> float:
    """Tokens of a query's prompt, the mean; soft tokens count too."""
    lead = lead_of(taught.model.module) if told is None else 0
    lengths = [
        len(session.model.encode(told(prompt) if told else prompt)) + lead for prompt in asked
    ]
    return sum(lengths) / max(len(lengths), 1)


def told(bench: Bench, examples: Sequence[Example], shots: int) -> dict[str, Any]:
    """Step 5: the base with so many lessons in its prompt, each of another question."""
    lessons = list(
        {question(e.prompt): e for e in reversed(examples) if e.role == "learn"}.values()
    )[::-1]
    taught, opening = in_context(
        bench.session.model, bench.session.base, bench.plan.instruction, lessons, shots
    )
    return marked(bench, taught, f"{shots}-shot", opening) | {"shots": len(opening.worked) // 2}


def weights_in(adapter: Path) -> int:
    """How many numbers an adapter has."""
    with safe_open(adapter / "adapter_model.safetensors", "pt") as file:  # type: ignore[no-untyped-call]
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


def parameters(session: Session) -> int:
    """How many weights the base has."""
    return sum(weight.numel() for weight in session.model.module.parameters())


def table(
    run: Run, kind: str, base: Mapping[str, Any], left_out: Mapping[str, str]
) -> dict[str, Any]:
    """Writes compare.json and compare.svg from all that the ledger holds; returns the first."""
    rows = [run.ledger.noted(key) for key in run.ledger.noted(ROWS) if key != BASE]
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
    run.export("compare.svg", figure(found))
    run.export_json("compare.json", found)
    return found | {"folder": str(run.path), "plot": str(run.path / "compare.svg")}
