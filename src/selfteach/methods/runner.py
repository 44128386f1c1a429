"""The runner: what every method has in common, from an open run to a published result.

1  open the session, unless this run is done
2  prepare: the method turns its material into a training plan
3  the base takes the exam, before anything is trained
4  train, and improve as long as the plan wants to
5  exam of the tuned model, and the questions of the run that this one continues
6  publish: adapter, examples, what was dropped, exam, report, model card
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from selfteach import registry
from selfteach.config import TrainConfig
from selfteach.errors import UsageError
from selfteach.evaluate.describe_change import summarize_change
from selfteach.evaluate.exam import TunedModel
from selfteach.files import count_folder_bytes, write_text
from selfteach.methods.earlier_exam import EARLIER_KEY, ask_earlier_questions
from selfteach.methods.finished_result import (
    ENGINE_FOLDER,
    TRAINING_FOLDER,
    find_result,
    remove_scratch,
)
from selfteach.methods.lesson_record import describe_lesson
from selfteach.methods.method import Method, TrainedPlan, TrainingPlan, TrainStage
from selfteach.methods.plan_parts import plan_training
from selfteach.methods.session import (
    Session,
    make_ray_settings,
    make_server_settings,
    open_session,
)
from selfteach.models.check_safety import ABOUT_FILE, read_json
from selfteach.models.engines import OPENVINO, RAY, URL, choose_engine, choose_sampler
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.models.unmerged_lora import explain_why_unmerged
from selfteach.records import (
    Example,
    JsonMapping,
    JsonObject,
    ObjectiveWeights,
    Prompt,
    SamplingParams,
    get_user_text,
    make_prompt,
)
from selfteach.report.card import make_adapter_card, make_card
from selfteach.report.page import write_report
from selfteach.report.read_run import read_measure
from selfteach.run.display import Display
from selfteach.run.finished import COST_FILE, EXAM_FILE, LESSON_FILE, RESULT, add_cost
from selfteach.run.run_folder import Run
from selfteach.run.workload import RemainingTime
from selfteach.text import format_count
from selfteach.train.adapters.join_loras import explain_why_not_joined, join_loras
from selfteach.train.distributed import broadcast_from_first, has_shards
from selfteach.train.memory import measure_peak_mb
from selfteach.train.on_policy import OnPolicySampler, make_on_policy_sampler
from selfteach.train.train import TrainingResult, find_longest_row, train

CARD_FILE = "README.md"
NO_SHARES = frozenset({"amount", "nats", "tokens"})
"""Words in the names of measures that are no shares: losses, amounts of correction, lengths."""


def teach(run: Run, method: Method, material: Any, config: Any, display: Display) -> JsonObject:
    """Teach material in a run folder; return what `--json` prints.

    Raises:
        DataError: the material is empty, or too little to learn from and to be examined on.
    """
    if done := find_result(run, display):  # 1
        broadcast_from_first(False)
        return done
    run.work = display.work = RemainingTime(method.plan_work(material, config))
    with run.time_stage("load"):
        rule = method.rule_of(material)
        session = open_session(
            run, config, display, rule, programs=method.allows_programs, samples=method.samples
        )
    plan = method.prepare(session, material)  # 2
    correct_planned_training(session, plan)
    with run.time_stage("exam of the base"):
        plan.exam.run_baselines(session)  # 3
    tuned = None
    broadcast_from_first(plan.trains)  # other processes of this command train too, or are done
    if plan.trains:
        plan, tuned = train_and_improve(session, plan)  # 4
    plan, exam = sit_exam(session, plan, tuned)  # 5
    others: list[JsonObject] = []
    if tuned and getattr(config, "seeds", 1) > 1:
        tuned, others = train_more_seeds(session, plan, tuned)
        plan, exam = sit_exam(session, plan, tuned)
    if others:
        exam["seeds"] = others
    exam.setdefault("method", method.name)
    plan.after(tuned, exam)
    with run.time_stage("earlier exam"):
        if earlier := ask_earlier_questions(session, tuned):
            exam[EARLIER_KEY] = earlier
    result = publish(session, plan, tuned, exam)  # 6
    for line in describe_seeds(others):
        display.print_line(line)
    return result


def correct_planned_training(session: Session, plan: TrainingPlan) -> None:
    """Replace the plan of each training by those of the examples that were made."""
    trainings = [TrainStage("train", plan.examples)]
    if plan.stages:
        trainings = [replace(stage, name=f"train {stage.name}") for stage in plan.stages]
    for training in trainings:
        tokens = sum(count_answer_tokens(session.model, one) for one in training.examples)
        session.run.work.correct_stage(
            plan_training(training.name, tokens, len(training.examples), session.config.train)
        )


def count_answer_tokens(model: HfModel, example: Example) -> int:
    """Return the tokens of an example's answers."""
    answers = [answer for answer in (example.chosen, example.rejected) if answer is not None]
    return sum(len(model.encode_answer(answer)) for answer in answers)


def train_and_improve(session: Session, plan: TrainingPlan) -> tuple[TrainingPlan, TunedModel]:
    """Train a plan, and every better plan that it asks for; return the plan that is chosen in the
    end, and its model.
    """
    tuned = train_plan(session, plan, 1)
    found = [TrainedPlan(plan, tuned)]
    number = 1
    while (more := plan.improve(tuned)) is not None:
        tuned.recorded.release_memory()  # no tuned model is in memory beside a training
        plan = more
        number += 1
        del found[:-1]  # each model takes memory
        tuned = train_plan(session, plan, number)
        found.append(TrainedPlan(plan, tuned))
    return plan.choose(found)


def sit_exam(
    session: Session, plan: TrainingPlan, tuned: TunedModel | None
) -> tuple[TrainingPlan, JsonObject]:
    """Return what exam.json holds, and the plan with the exam that was sat: with more questions
    where the first ones leave the verdict open.
    """
    with session.run.time_stage("exam"):
        exam = plan.exam.run(session, tuned)
    while tuned:
        tuned.recorded.release_memory()  # the base writes the further questions, and answers first
        longer = plan.lengthen_exam(exam)
        if longer is None:
            break
        with session.run.time_stage("longer exam"):
            longer.run_baselines(session)
            plan, exam = replace(plan, exam=longer), longer.run(session, tuned)
    return plan, exam


def train_more_seeds(
    session: Session, plan: TrainingPlan, tuned: TunedModel
) -> tuple[TunedModel, list[JsonObject]]:
    """Train the plan again with other seeds, and examine each; return the model that is kept, and a
    row for each seed.

    The best on dev is kept, or the first where the method has no score on dev. The examples are the
    same: the seeds are those of the adapter's first weights and of the order.
    """
    rows = [examine_seed(session, plan, tuned, 0)]
    best = other = tuned
    kept = 0
    for offset in range(1, session.config.seeds):
        other.recorded.release_memory()  # no tuned model is in memory beside a training
        other = train_seed(session, plan, offset)
        rows.append(examine_seed(session, plan, other, offset))
        if plan.score_on_dev and rows[-1]["dev"] > rows[kept]["dev"]:
            best, kept = other, offset
    if best is not other:
        other.recorded.release_memory()
    for place, row in enumerate(rows):
        row["kept"] = place == kept
    return (best if best is other else open_tuned(session, best.trained)), rows


def train_seed(session: Session, plan: TrainingPlan, offset: int) -> TunedModel:
    """Train a plan with another seed, by its stages where it has some, and open the tuned model."""
    if plan.stages:
        name = f"seed {offset}"
        trained = train_stages(session, plan.stages, plan.objectives, name, seed_offset=offset)
        with session.run.time_stage(f"open {name}"):
            return open_tuned(session, trained)
    with session.run.time_stage(f"train seed {offset}"):
        name = f"train-seed-{offset}"
        trained = train_adapter(session, plan.examples, plan.objectives, name, seed_offset=offset)
        return open_tuned(session, trained)


def describe_seeds(rows: Sequence[JsonMapping]) -> list[str]:
    """Return the verdicts of all seeds, which one is kept, and the median and the range of each
    number of the tuned model, as lines; none without rows.
    """
    if not rows:
        return []
    words = Counter(str(row["verdict"]["word"]) for row in rows)
    kept = next(row for row in rows if row["kept"])
    reason = "the first, because this method has no score on dev"
    if kept["dev"] is not None:
        reason = "the best on dev"
    lines = [
        "seeds: " + ", ".join(f"{count} {word}" for word, count in words.most_common()),
        f"seeds: {kept['seed']} is kept, {reason}",
    ]
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in list_values(row["numbers"].get("tuned")):
            found.setdefault(name, []).append(value)
    return lines + [f"seeds: {name} {format_range(name, values)}" for name, values in found.items()]


def list_values(found: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield the name and the value of each measure of an arm, also of those within parts."""
    if measure := read_measure(found):
        yield name, measure.value
    elif isinstance(found, Mapping):
        for key, part in found.items():
            yield from list_values(part, f"{name} {key}".strip().replace("_", " "))


def format_range(name: str, values: Sequence[float]) -> str:
    """Return the median and the range of a number of several seeds: in percent if it is a share."""
    found = (median(values), min(values), max(values))
    has_unit = not NO_SHARES.isdisjoint(name.split())
    if has_unit or found[1] < 0 or found[2] > 1:
        middle, low, high = (f"{x:.3g}" for x in found)
        return f"{middle} ({low} to {high})"
    middle, low, high = (f"{100 * x:.0f}" for x in found)
    return f"{middle} % ({low} to {high})"


def examine_seed(
    session: Session, plan: TrainingPlan, tuned: TunedModel, offset: int
) -> JsonObject:
    """Return the numbers of one seed: its score on dev, if there is one, and those of a brief
    exam.
    """
    exam = plan.exam.run(session, tuned, brief=True)
    dev = plan.score_on_dev(tuned.recorded) if plan.score_on_dev else None
    return {
        "seed": session.config.seed + offset,
        "dev": dev,
        "verdict": exam["verdict"],
        "numbers": plan.shown(exam),
    }


def train_plan(session: Session, plan: TrainingPlan, number: int) -> TunedModel:
    """Train the stages of a plan, or all its examples at once, and open the tuned model.

    Args:
        number: how many trainings this run has had with this one.
    """
    if plan.stages:
        trained = train_stages(session, plan.stages, plan.objectives)
        with session.run.time_stage("open"):
            return open_tuned(session, trained)
    name = "train" if number == 1 else f"train {number}"
    with session.run.time_stage(name):
        return tune(session, plan.examples, plan.objectives, name.replace(" ", "-"))


def tune(
    session: Session,
    examples: Sequence[Example],
    objectives: ObjectiveWeights,
    name: str = "train",
    max_steps: int = 0,
) -> TunedModel:
    """Train an adapter on examples and open the tuned model.

    Args:
        max_steps: stop after so many steps; 0 trains `train.epochs`.
    """
    return open_tuned(session, train_adapter(session, examples, objectives, name, max_steps))


def train_adapter(
    session: Session,
    examples: Sequence[Example],
    objectives: ObjectiveWeights,
    name: str = "train",
    max_steps: int = 0,
    seed_offset: int = 0,
) -> TrainingResult:
    """Train an adapter on examples. It belongs to the published base model, also where the run
    continues another one.
    """
    session.before_training()
    folder = session.run.path / TRAINING_FOLDER / name
    trained = run_training(
        session, session.model, examples, objectives, folder, name, max_steps, seed_offset
    )
    if earlier := session.run.material.get("from"):
        joined = join_loras(Path(earlier), trained.adapter, folder / "joined")
        trained = replace(trained, adapter=joined)
    return trained


def train_stages(
    session: Session,
    stages: Sequence[TrainStage],
    objectives: ObjectiveWeights,
    name: str = "",
    seed_offset: int = 0,
) -> TrainingResult:
    """Train stages in order, each on top of the one before. The result is one adapter for the base,
    with the curve of all stages.

    Args:
        name: of this training, where the run has several.

    Raises:
        UsageError: adapters of this kind cannot be joined, and there is more than one stage.
    """
    session.before_training()
    earlier = session.run.material.get("from")
    adapter: Path | None = Path(earlier) if earlier else None
    done: list[TrainingResult] = []
    for stage in stages:
        title = f"train {name} {stage.name}" if name else f"train {stage.name}"
        folder = session.run.path / TRAINING_FOLDER / name.replace(" ", "-") / stage.name
        with session.run.time_stage(title):
            model = HfModel.load(session.config.model, adapter=adapter) if done else session.model
            trained = run_training(
                session,
                model,
                stage.examples,
                objectives,
                folder,
                title,
                seed_offset=seed_offset,
            )
            adapter = join_stage(adapter, trained, folder) if adapter else trained.adapter
            done.append(trained)
    assert adapter is not None
    return combine_stages(done, adapter)


def run_training(
    session: Session,
    model: HfModel,
    examples: Sequence[Example],
    objectives: ObjectiveWeights,
    folder: Path,
    name: str,
    max_steps: int = 0,
    seed_offset: int = 0,
) -> TrainingResult:
    """Train on a model in a folder; show the steps, and record what happened."""
    config = session.config.train
    if max_steps:
        config = config.model_copy(update={"max_steps": max_steps})
    session.display.start_stage(name, unit="steps")

    def show_step(step: int, total: int, row: JsonMapping) -> None:
        if step == 1:
            session.display.start_stage(name, total, "steps")
        session.display.advance()

    trained = train(
        model,
        examples,
        config,
        folder,
        seed=session.config.seed + seed_offset,
        defaults=objectives,
        progress=show_step,
        sample_tuned=sample_while_training(model, config, session.config.seed),
        say=session.display.print_line,
    )
    report_overlong(session, trained, name)
    record_left_out(session, examples, trained, name)
    for kind, body in trained.events:
        session.run.ledger.record_event(kind, body)
    return trained


def join_stage(earlier: Path, trained: TrainingResult, folder: Path) -> Path:
    """Join an adapter with the earlier one that it was trained on top of.

    Raises:
        UsageError: they cannot become one file.
    """
    if reason := explain_why_not_joined(earlier) or explain_why_not_joined(trained.adapter):
        raise UsageError(
            f"trainings one after the other cannot become one file: {reason}.",
            where="stages",
            cure="Switch all but one off, or use lora.",
        )
    return join_loras(earlier, trained.adapter, folder / "joined")


def combine_stages(done: Sequence[TrainingResult], adapter: Path) -> TrainingResult:
    """Describe several trainings as one: the steps are counted on."""
    curve: list[JsonObject] = []
    steps = 0
    for trained in done:
        curve += [row | {"step": steps + row["step"]} for row in trained.curve]
        steps += trained.steps
    return replace(
        done[-1],
        adapter=adapter,
        steps=steps,
        curve=curve,
        tokens=sum(trained.tokens for trained in done),
        seconds=sum(trained.seconds for trained in done),
        refused={id: why for trained in done for id, why in trained.refused.items()},
        too_long={id: why for trained in done for id, why in trained.too_long.items()},
        events=[event for trained in done for event in trained.events],
    )


def report_overlong(session: Session, trained: TrainingResult, name: str) -> None:
    """Record and print what became of rows that are too long."""
    if not trained.overlong:
        return
    limit = find_longest_row(session.model, session.config.train)
    session.run.ledger.record_event(
        "overlong", {"stage": name, "max_tokens": limit, **trained.overlong}
    )
    counts = ", ".join(f"{word} {count}" for word, count in trained.overlong.items())
    session.display.print_line(f"rows longer than {limit} tokens: {counts}")


def record_left_out(
    session: Session, examples: Sequence[Example], trained: TrainingResult, name: str
) -> None:
    """Count the examples that were too long or could not be trained on, where there are any, and
    print the reason of the first one that could not.
    """
    reasons = trained.left_out
    if not reasons:
        return
    with session.run.ledger.open_funnel(f"rows of {name}") as funnel:
        for example in examples:
            reason = reasons.get(example.id, "")
            body = {"prompt": get_user_text(example.prompt)[:200]} if reason else None
            funnel.decide(example.id, reason, body)
    if not trained.refused:
        return
    id, reason = next(iter(trained.refused.items()))
    session.display.print_line(
        f"examples left out of the training: {len(trained.refused)}; the first, {id}: {reason}"
    )


def sample_while_training(model: HfModel, config: TrainConfig, seed: int) -> OnPolicySampler | None:
    """Return how the model in training samples between steps, where the settings want it to."""
    if not config.on_policy:
        return None
    return make_on_policy_sampler(model, SamplingParams(1.0, 1.0, config.on_policy_tokens), seed)


def find_pair_kinds(objectives: ObjectiveWeights) -> set[str]:
    """Return the kinds of examples that are taught by pairs alone."""
    found = set()
    for kind, named in objectives.items():
        loaded = [registry.load_registered("objectives", name) for name in named]
        if loaded and all(objective.pairs for objective in loaded):
            found.add(kind)
    return found


def open_tuned(session: Session, trained: TrainingResult) -> TunedModel:
    """Open the base with the adapter; it samples through the run's engine."""
    model = load_tuned(session, trained.adapter)
    watch = session.display
    if not session.samples:
        return TunedModel(trained, model, Recorded(session.run.ledger, None, model, watch))
    config = session.config
    opened = choose_sampler(
        model,
        config.engine,
        session.run.path / ENGINE_FOLDER,
        adapter=trained.adapter,
        server=make_server_settings(session.run, config, session.display),
        ray=make_ray_settings(session.run, config, session.display),
    )
    if model.has_hooks or URL in config.engine or config.engine == RAY:
        session.display.print_line(f"the tuned model samples with {opened.engine}: {opened.reason}")
    recorded = Recorded(session.run.ledger, opened.sampler, model, watch)
    return TunedModel(trained, model, recorded)


def load_tuned(session: Session, adapter: Path) -> HfModel:
    """Return the base with an adapter. It shares the weights of the session's base, unless that one
    has an earlier adapter or its weights are split over processes.
    """
    base, config = session.model, session.config
    if session.run.material.get("from") or has_shards(base.module):
        return HfModel.load(config.model, adapter=adapter)
    merges = session.samples and choose_engine(base, config.engine)[0] == OPENVINO
    reason = "" if merges else explain_why_unmerged(base.module, adapter)
    if reason:
        session.display.print_line(f"the LoRA is computed beside the base's weights: {reason}")
    return base.with_adapter(adapter, merge=not reason)


def publish(
    session: Session, plan: TrainingPlan, tuned: TunedModel | None, exam: JsonObject
) -> JsonObject:
    """Write the adapter, the examples, what was dropped, the exam, the report and the model card;
    return the result as JSON.
    """
    run = session.run
    if tuned:
        plan = leave_out(plan, tuned.trained)
        heading = session.rule or describe_examples(plan)
        export_adapter(run, tuned.trained.adapter, heading, exam.get(EARLIER_KEY, []))
        run.export_jsonl("metrics.jsonl", tuned.trained.curve)
        if record := describe_lesson(session, plan, tuned):
            run.export_json(LESSON_FILE, record)
    run.export_jsonl("examples.jsonl", (example.to_json() for example in plan.examples))
    run.export_jsonl("dropped.jsonl", list_dropped(run))
    exam |= {
        "cost": count_cost(session, tuned, plan.overhead),
        "reproduce": [run.shown_command],
    }
    run.export_json(EXAM_FILE, exam)
    cost = measure_cost(session, tuned)
    run.export_json(COST_FILE, cost)
    run.export(CARD_FILE, make_card(run.path, examples=True))
    write_report(run.path)
    result = summarize(session, add_cost(exam, cost), tuned, plan.shown(exam))
    run.ledger.set_note(RESULT, result)
    remove_scratch(run)
    return result


def leave_out(plan: TrainingPlan, trained: TrainingResult) -> TrainingPlan:
    """Return a plan without the examples that were not trained on: they are among the dropped
    candidates.
    """
    lost = trained.left_out
    return replace(plan, examples=[one for one in plan.examples if one.id not in lost])


def export_adapter(
    run: Run, adapter: Path, heading: str, earlier: Sequence[JsonMapping] = ()
) -> None:
    """Export an adapter with a card of its own, so that its folder can be used alone.

    Args:
        earlier: the exams of the runs that this one continues, as exam.json has them.
    """
    sizes = [file.stat().st_size for file in adapter.rglob("*") if file.is_file()]
    with run.export_folder("adapter", sum(sizes)) as folder:
        shutil.copytree(adapter, folder, dirs_exist_ok=True)
        if earlier:
            about = read_json(folder / ABOUT_FILE)
            about[EARLIER_KEY] = [summarize_change(entry) for entry in earlier]
            write_text(folder / ABOUT_FILE, json.dumps(about, indent=2, sort_keys=True) + "\n")
        write_text(folder / CARD_FILE, make_adapter_card(run.path, adapter, heading))


def describe_examples(plan: TrainingPlan) -> str:
    """Return what an adapter was taught, where no one text says it."""
    learned = sum(example.role == "learn" for example in plan.examples)
    return format_count(learned, "examples")


def list_dropped(run: Run) -> list[JsonObject]:
    """Return every candidate that was dropped or failed, with its reason."""
    rows = []
    for stage, outcome in run.ledger.read_outcomes():
        if outcome.state in ("dropped", "failed"):
            row: JsonObject = {"stage": stage, "id": outcome.id, "state": outcome.state}
            rows.append(row | {"reason": outcome.reason, "body": outcome.body})
    return rows


def summarize(
    session: Session, exam: JsonMapping, tuned: TunedModel | None, shown: JsonMapping
) -> JsonObject:
    """Return what `--json` prints."""
    path = session.run.path
    return {
        "run": str(path),
        "adapter": str(path / "adapter") if tuned else None,
        "report": str(path / "report.html"),
        "seconds": exam["cost"]["seconds"],
        "exam": shown,
        "verdict": exam["verdict"]["sentence"],
        "word": exam["verdict"]["word"],
        "cost": exam["cost"],
    }


def count_cost(session: Session, tuned: TunedModel | None, overhead: Prompt) -> JsonObject:
    """Return the cost of the run that is the same on every machine: tokens, and the adapter's
    size.
    """
    sampled = session.run.ledger.sum_tokens()
    adapter_mb = 0.0
    if tuned:
        adapter_mb = count_folder_bytes(tuned.trained.adapter) / 1e6
    return {
        "sampled_tokens": sampled.tokens,
        "prompt_tokens": sampled.prompt_tokens,
        "trained_tokens": tuned.trained.tokens if tuned else 0,
        "adapter_mb": adapter_mb,
        "prompt_tokens_saved": session.model.tokens.count_added(overhead, make_prompt("x")),
    }


def measure_cost(session: Session, tuned: TunedModel | None) -> JsonObject:
    """Return what the run took on this machine: seconds of all attempts, memory, reused tokens."""
    memory = tuned.trained.memory if tuned else None
    return {
        "seconds": session.run.seconds(),
        "stages": {name: stage["seconds"] for name, stage in session.run.stages.items()},
        "reused_tokens": session.run.ledger.sum_tokens().reused_tokens,
        "training_memory": memory.rows() if memory else None,
        "peak_memory_mb": measure_peak_mb(),
    }
