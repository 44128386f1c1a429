"""Compare adapters and objectives: train each on the same examples, with the same number of steps,
and write one table.

  1  prepare: make the run's training plan again; every request is looked up in the ledger
  2  cells: combine every adapter with every objective; leave impossible ones out, with the reason
  3  rates: train each cell with a few learning rates; keep the best one on the dev part
  4  exam: run the run's own exam: score, degraded answers to near and general prompts, drift
  5  in context: run the same exam on the base with the instruction and 0, 1, k worked examples in
     its prompt

The ledger stores each finished cell, so the same command continues with the next one.
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
from selfteach.evaluate.exam import Exam, TunedModel
from selfteach.evaluate.retention import measure_retention
from selfteach.evaluate.scopes import TARGET
from selfteach.files import count_folder_bytes
from selfteach.methods.compare.cells import ON_POLICY, RUN_OBJECTIVE, Comparison
from selfteach.methods.compare.learning_rates import (
    choose_rate,
    get_default_rate,
    hold_out_examples,
    list_rates,
    score_held_out,
)
from selfteach.methods.compare.prompted_model import InContextPrefix, make_in_context_model
from selfteach.methods.finished_result import TRAINING_FOLDER, remove_scratch
from selfteach.methods.method import PlannedExam, TrainingPlan
from selfteach.methods.score_examples import explain_misfit
from selfteach.methods.session import Session, open_session
from selfteach.methods.train_plan import (
    find_pair_kinds,
    open_tuned,
    train_adapter,
    without_taught_weights,
)
from selfteach.models.check_safety import TENSORS_FILE
from selfteach.models.hook_adapter import get_num_virtual_tokens
from selfteach.models.kept_engine import count_model_weights
from selfteach.models.recorded import Recorded
from selfteach.records import (
    Example,
    JsonMapping,
    JsonObject,
    ObjectiveWeights,
    Prompt,
    get_user_text,
    make_prompt,
    measures_to_json,
)
from selfteach.report.comparison import draw_figure, find_score
from selfteach.report.read_run import get_path
from selfteach.run.display import Display
from selfteach.run.local_paths import hide_path
from selfteach.run.run_folder import Run
from selfteach.run.sums import check_files, describe_states, list_broken
from selfteach.train.adapters.adapter import ONLY_LOW_RANK, can_join, is_solved
from selfteach.train.encode_and_batch import FORBIDDEN
from selfteach.train.memory import MemoryMeter
from selfteach.train.train import TrainingResult
from selfteach.train.trainer import Diverged

SOLVED = "solved"
ROWS_NOTE = "rows"
BASE_NOTE = "row base"
NO_STEPS = "it is solved for without steps, so it has no objective and stands in one row"
ON_POLICY_SHARE = 0.5
"""The share of the examples in a step whose answers the model samples under `on_policy`."""

TrainedAdapter = tuple[TrainingResult, float | None]
"""A training, and its peak memory in MB."""
DevScorer = Callable[[Recorded, ObjectiveWeights], float]
"""Scores a model that was trained with these objectives on the dev part; greater is better."""


@dataclass(frozen=True)
class ComparedCell:
    """Combine an adapter with an objective; a solved adapter has none."""

    adapter: str
    objective: str

    @property
    def name(self) -> str:
        """Return the name of the trained adapter."""
        suffix = "" if self.objective == SOLVED else f"-{self.objective.replace('_', '-')}"
        return self.adapter + suffix


@dataclass(frozen=True)
class ComparisonSource:
    """Hold the run whose data the comparison uses.

    Attributes:
        noted: the notes of its ledger.
        asked: the prompts of its exam.
        epochs: those of its last training, if its method chose them.
    """

    kind: str
    material: Any
    examples: Sequence[Example]
    noted: JsonMapping
    asked: frozenset[str]
    epochs: int | None = None


def compare(
    run: Run, finished_run: ComparisonSource, comparison: Comparison, display: Display
) -> JsonObject:
    """Compute the missing cells; return the table as JSON, with all cells of this folder.

    Raises:
        UsageError: the run trained nothing.
        IntegrityError: its steps no longer lead to the prompts of its exam.
    """
    if all(e.role == "hold" for e in finished_run.examples):
        raise UsageError(
            "taught nothing, so there is nothing to compare.",
            where=run.material["run"],
            cure="Compare a run that ended with an adapter.",
        )
    lost = list_broken(check_files(run.path, run.exports, "adapters"))
    if lost:
        display.print_line(f"{describe_states(lost)}: trained again where this command names it")
    bench = prepare_bench(run, finished_run, display)  # 1
    examples, dev_scorer = choose_dev_scorer(bench, finished_run.examples)
    left_out: dict[str, str] = {}
    with run.time_stage("base"):
        base = compute_once(run, BASE_NOTE, partial(examine_baselines, bench, finished_run))
    for cell in list_cells(comparison, examples, left_out, goes_on="from" in run.material):  # 2
        own = get_default_rate(cell.adapter, bench.session.config.train)
        rates = list_rates(own, comparison.factors)
        try:
            with run.time_stage(cell.name):
                work = partial(run_cell, bench, cell, examples, dev_scorer, own, rates)
                again = any(name.startswith(f"adapters/{cell.name}/") for name in lost)
                compute_once(run, f"cell {cell.name} {rates}", work, again=again)  # 3, 4
        except (UsageError, DataError, Diverged) as fault:  # of this cell; the others are compared
            left_out[cell.name] = str(fault)
    for shots in comparison.shots:
        name = f"{shots}-shot"
        try:
            with run.time_stage(name):
                work = partial(examine_in_context, bench, examples, shots)
                compute_once(run, f"row {name}", work)  # 5
        except (UsageError, DataError) as fault:
            left_out[name] = str(fault)
    remove_scratch(run)
    return write_comparison(run, finished_run.kind, base, left_out)


@dataclass(frozen=True)
class Bench:
    """Hold the run's session and its training plan, which are the same for every adapter."""

    session: Session
    plan: TrainingPlan


def prepare_bench(run: Run, finished_run: ComparisonSource, display: Display) -> Bench:
    """Open a session of the run's method and prepare its plan (step 1).

    Every request of the run is recorded, so nothing is sampled anew, and the split, the judge and
    the exam are those of the run.

    Raises:
        UsageError: a person would have to correct new answers, or the run was trained in stages.
    """
    method = registry.load_registered("methods", finished_run.kind)
    if getattr(run.resolved.config, "review", False):
        raise UsageError(
            "a person corrected its answers, and nobody corrects new ones.",
            where=str(run.path.parent),
            cure="Compare a run whose teacher is a file, a program or a model.",
        )
    for key, value in finished_run.noted.items():
        if value is not None:
            run.ledger.set_note(key, value)
    with run.time_stage("open"):
        rule = method.rule_of(finished_run.material)
        config = run.resolved.config
        session = open_session(run, config, display, rule, programs=method.allows_programs)
        plan = method.prepare(session, finished_run.material)
    if finished_run.epochs and config.train.epochs is None:
        # The method chose them again, for the examples of the run's first training.
        train = session.config.train.model_copy(update={"epochs": finished_run.epochs})
        session.config = session.config.model_copy(update={"train": train})
    refuse_stages(plan, run)
    return Bench(session, plan)


def refuse_stages(plan: TrainingPlan, run: Run) -> None:
    """Refuse a plan of several trainings: a cell is one training on all examples at once.

    Raises:
        UsageError: the plan has more than one stage.
    """
    if len(plan.stages) > 1:
        names = ", ".join(stage.name for stage in plan.stages)
        raise UsageError(
            f"was trained in stages ({names}), and each adapter here is trained once, on all "
            "examples.",
            where=run.material["run"],
            cure="Compare a run that was trained in one stage.",
        )


def compute_once(run: Run, key: str, work: Callable[[], JsonObject], *, again: bool = False) -> Any:
    """Return the ledger's note of this key, or the result of the work, and note it.

    Args:
        again: do the work although there is a note.
    """
    ledger = run.ledger
    found = None if again else ledger.get_note(key)
    if found is None:
        others = [other for other in ledger.get_note(ROWS_NOTE) or [] if other != key]
        ledger.set_note(ROWS_NOTE, [*others, key])
        found = work()
        ledger.set_note(key, found)
    return found


def list_cells(
    comparison: Comparison,
    examples: Sequence[Example],
    left_out: dict[str, str],
    *,
    goes_on: bool = False,
) -> Iterator[ComparedCell]:
    """List the combinations of adapters and objectives that can be trained (step 2).

    Args:
        left_out: receives the other ones, each with its reason.
        goes_on: whether the run continues another one, whose adapter each new one must join.
    """
    taught = [e for e in examples if e.role == "learn"]
    for adapter in comparison.adapters:
        if goes_on and not can_join(adapter):
            left_out[adapter] = f"the run goes on from another one, and {ONLY_LOW_RANK}"
            continue
        solved = is_solved(adapter)
        if solved:
            yield ComparedCell(adapter, SOLVED)
        for objective in comparison.objectives:
            cell = ComparedCell(adapter, objective)
            reason = why_not_trainable(objective, taught)
            if solved:
                reason = "" if objective == RUN_OBJECTIVE else NO_STEPS
            if reason:
                left_out[cell.name] = reason
            elif not solved:
                yield cell


def why_not_trainable(objective: str, examples: Sequence[Example]) -> str:
    """Return why an objective cannot be trained on these examples, or ""."""
    added = [registry.load_registered("objectives", name) for name in list_objectives(objective)]
    missing: dict[str, int] = {}
    if any(one.pairs for one in added):
        missing["rejected answer"] = sum(e.rejected is None for e in examples)
    if any(one.teacher == "prompted" for one in added):
        missing["prompt for a teacher"] = sum(not e.source.get("teacher_prompt") for e in examples)
    if any(one.forbidding for one in added):
        missing["forbidden text"] = sum(FORBIDDEN not in e.source for e in examples)
    for part, count in missing.items():
        if count:
            return f"{count} of {len(examples)} training examples have no {part}"
    return ""


def list_objectives(objective: str) -> list[str]:
    """Return the registered names that a row's objective adds up; none for the run's own."""
    if objective in (RUN_OBJECTIVE, SOLVED):
        return []
    return ["distill"] if objective == ON_POLICY else objective.split("+")


def get_objective_weights(
    bench: Bench, objective: str, examples: Sequence[Example]
) -> ObjectiveWeights:
    """Return the objectives of each kind of example; anchors keep those of the run."""
    weights = {**bench.plan.objectives, **bench.session.config.train.weights}
    named = dict.fromkeys(list_objectives(objective), 1.0)
    if not named:
        return weights
    return {e.kind: weights.get(e.kind, {}) if e.role == "hold" else named for e in examples}


def choose_dev_scorer(bench: Bench, examples: Sequence[Example]) -> tuple[list[Example], DevScorer]:
    """Return the examples to learn from, and how to score a model: on the method's own dev part, or
    on held-out examples.
    """
    score_on_dev = bench.plan.score_on_dev
    if score_on_dev:
        return list(examples), lambda model, weights: score_on_dev(model)
    learned, held = hold_out_examples(examples, bench.session.config.seed)
    scored = [example for example in held if not explain_misfit(bench.session.base, example)]
    return learned, lambda model, weights: score_held_out(model, scored, find_pair_kinds(weights))


def run_cell(
    bench: Bench,
    cell: ComparedCell,
    examples: Sequence[Example],
    dev_scorer: DevScorer,
    own: float,
    rates: Sequence[float],
) -> JsonObject:
    """Train and examine one cell, its adapter in `adapters/<name>` (steps 3 and 4).

    Args:
        own: the learning rate of the adapter without a search.

    Raises:
        Diverged: at every rate.
        UsageError, DataError: the adapter does not fit the model, or the examples are too few for
        it.
    """
    session = bench.session
    trained, scores = train_at_rates(bench, cell, examples, dev_scorer, rates)
    best = choose_rate(scores, own)
    adapter, peak = trained[best]
    tuned = open_tuned(session, adapter)
    row = examine_model(bench, tuned, cell.name)
    tuned.recorded.release_memory()
    session.run.export_copy(f"adapters/{cell.name}", adapter.adapter)
    num_base = count_model_weights(session.model)
    row |= {
        "adapter": cell.adapter,
        "objective": cell.objective,
        "learning_rate": best or None,
        "rates": {f"{rate:g}": score for rate, score in scores.items()} if len(scores) > 1 else {},
        "trained_share": count_adapter_weights(adapter.adapter) / num_base,
        "adapter_mb": count_folder_bytes(adapter.adapter) / 1e6,
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
    """Train a cell at each rate; return the adapters and their scores (step 3).

    The score is None where the loss diverged, and 0 for a single rate, which needs none.
    """
    weights = get_objective_weights(bench, cell.objective, examples)
    trained: dict[float, TrainedAdapter] = {}
    scores: dict[float, float | None] = dict.fromkeys(rates)
    for rate in rates:
        try:
            trained[rate] = train_cell(bench.session, cell, rate, weights, examples)
        except Diverged:
            continue
        scores[rate] = 0.0
        if len(rates) > 1:
            tuned = open_tuned(bench.session, trained[rate][0])
            scores[rate] = dev_scorer(tuned.recorded, weights)
            tuned.recorded.release_memory()
    return trained, scores


def train_cell(
    session: Session,
    cell: ComparedCell,
    rate: float,
    weights: ObjectiveWeights,
    examples: Sequence[Example],
) -> TrainedAdapter:
    """Train one cell; return also the peak memory in MB, base weights included. Cells differ only
    in the adapter, the objective and the rate.
    """
    config = session.config.train
    if cell.objective not in (RUN_OBJECTIVE, SOLVED):
        config = without_taught_weights(config, examples)
    change: JsonObject = {
        "adapter": cell.adapter,
        "learning_rate": rate or None,
        "distill_from": "",
    }
    # Without this, "distill" would be "on_policy" where the run sampled its own answers.
    if cell.objective == ON_POLICY:
        change["on_policy"] = config.on_policy or ON_POLICY_SHARE
    elif cell.objective != RUN_OBJECTIVE:
        change["on_policy"] = 0.0
    if cell.objective == SOLVED:
        change |= config.get_step_defaults()
    train = config.model_copy(update=change)
    changed = replace(session, config=session.config.model_copy(update={"train": train}))
    # Memory that the engine frees later would hide the training's own.
    session.base.release_memory()
    meter = MemoryMeter(session.model.module)
    trained = train_adapter(changed, examples, weights, f"{cell.name}-{rate:g}")
    peak = meter.peak()
    return trained, None if peak is None else peak / 1e6


def examine_baselines(bench: Bench, finished_run: ComparisonSource) -> JsonObject:
    """Return the numbers of the base and of the base with the material in its prompt.

    Raises:
        IntegrityError: the exam is not the run's own.
    """
    exam = bench.plan.exam.run(bench.session, None, brief=True)
    prompts = [row["prompt"] for row in exam["answers"]]
    strange = [prompt for prompt in prompts if prompt not in finished_run.asked]
    if strange:
        raise IntegrityError(
            "the steps of this run no longer lead to the prompts of its exam (for "
            f"instance to {strange[0][:80]!r}).",
            cure=(
                "It was made with another version of selfteach, or a larger exam was asked "
                "for: teach it again, or ask for less."
            ),
        )
    return {arm: summarize_arm(finished_run.kind, exam, arm) for arm in ("base", "prompted")}


def examine_model(
    bench: Bench, tuned: TunedModel, name: str, prefix: InContextPrefix | None = None
) -> JsonObject:
    """Return a row of the table: the exam in short, the retention of common knowledge, and the
    length of a prompt (step 4).

    Args:
        prefix: of a model in context, which forgets nothing.
    """
    session = bench.session
    exam = bench.plan.exam.run(session, tuned, brief=True)
    retention = None
    if not prefix:
        models = {"base": session.base, "tuned": tuned.recorded}
        retention = measures_to_json(measure_retention(models, session.config.seed)["change"])
    return {
        "name": name,
        **summarize_arm(session.run.material["kind"], exam, "tuned"),
        "retention": retention,
        "prompt_tokens": average_prompt_tokens(
            session, tuned, list_target_prompts(bench.plan.exam, exam), prefix
        ),
    }


def list_target_prompts(exam: PlannedExam, found: JsonMapping) -> Sequence[Prompt]:
    """Return the target questions with their earlier turns, as far as an exam tells them.

    Args:
        found: what exam.json holds: the words of the questions.
    """
    if isinstance(exam, Exam):
        return exam.questions[TARGET]
    return [make_prompt(row["prompt"]) for row in found["answers"] if row["scope"] == TARGET]


def summarize_arm(kind: str, exam: JsonMapping, arm: str) -> JsonObject:
    """Return one arm's scores; of a tuned model also the lost share of intact answers, and the
    drift.
    """
    score = find_score(kind)
    path = score.choose_path(exam)
    found = {
        "score": get_path(exam, *path, arm, *score.greedy),
        "sampled": get_path(exam, *path, arm, *score.sampled) if score.sampled else None,
    }
    if arm != "tuned":
        return found
    return found | {
        "near": get_path(exam, "side_effects", "near"),
        "general": get_path(exam, "side_effects", "general"),
        "kl_nats": get_path(exam, "drift", "kl_nats"),
        "top1": get_path(exam, "drift", "top1_agreement"),
    }


def average_prompt_tokens(
    session: Session, tuned: TunedModel, prompts: Sequence[Prompt], prefix: InContextPrefix | None
) -> float:
    """Return the mean number of tokens of a prompt, soft tokens included."""
    virtual = 0 if prefix else get_num_virtual_tokens(tuned.model.module)
    seen = [prefix(prompt) for prompt in prompts] if prefix else prompts
    lengths = [len(session.model.encode(prompt)) + virtual for prompt in seen]
    return sum(lengths) / max(len(lengths), 1)


def examine_in_context(bench: Bench, examples: Sequence[Example], shots: int) -> JsonObject:
    """Examine the base with training examples in its prompt (step 5)."""
    session = bench.session
    shown = choose_shown_examples(examples)
    tuned, prefix = make_in_context_model(
        session.model, session.base, bench.plan.instruction, shown, shots
    )
    row = examine_model(bench, tuned, f"{shots}-shot", prefix)
    return row | {"shots": len(prefix.examples)}


def choose_shown_examples(examples: Sequence[Example]) -> list[Example]:
    """Return the examples that a prompt may show: what is learned, each of another question, with a
    whole answer. An answer that was cut would show the base to stop in mid-sentence.
    """
    whole = [e for e in examples if e.role == "learn" and "chosen" not in e.source.get("cut", ())]
    first = {get_user_text(e.prompt): e for e in reversed(whole)}
    return list(first.values())[::-1]


def count_adapter_weights(adapter: Path) -> int:
    """Return the number of weights of an adapter."""
    path = adapter / TENSORS_FILE
    with safe_open(path, "pt") as file:  # type: ignore[no-untyped-call]
        names = file.keys()
        return sum(math.prod(file.get_slice(name).get_shape()) for name in names)


def write_comparison(
    run: Run, kind: str, base: JsonMapping, left_out: Mapping[str, str]
) -> JsonObject:
    """Write compare.json and compare.svg from the ledger; return the table."""
    rows = {}
    for key in run.ledger.get_note(ROWS_NOTE):
        row = run.ledger.get_note(key)
        if row and key != BASE_NOTE:
            rows[row["name"]] = row  # of a cell with several rates the last one that was trained
    found = {
        "run": hide_path(run.material["run"]),
        "kind": kind,
        "score": find_score(kind).name,
        "base": base,
        "rows": list(rows.values()),
        "left_out": dict(left_out),
        "command": run.shown_command,
    }
    run.export("compare.svg", draw_figure(found))
    run.export_json("compare.json", found)
    return found | {"folder": str(run.path), "plot": str(run.path / "compare.svg")}
