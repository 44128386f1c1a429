"""Train what a method planned: all examples at once, or stages, each on top of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from selfteach import registry
from selfteach.config import TrainConfig
from selfteach.errors import UsageError
from selfteach.evaluate.exam import TunedModel
from selfteach.methods.finished_result import ENGINE_FOLDER, TRAINING_FOLDER
from selfteach.methods.method import TrainingPlan, TrainStage
from selfteach.methods.plan_parts import CONTINUED_SHARE, count_continued_epochs
from selfteach.methods.session import Session, open_engine
from selfteach.models.engines import OPENVINO, RAY, URL, choose_engine
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.models.unmerged_lora import explain_why_unmerged
from selfteach.records import (
    LEARN,
    Example,
    JsonMapping,
    JsonObject,
    ObjectiveWeights,
    SamplingParams,
    get_user_text,
)
from selfteach.train.adapters.join_loras import explain_why_not_joined, join_loras
from selfteach.train.distributed import has_shards
from selfteach.train.on_policy import OnPolicySampler, make_on_policy_sampler
from selfteach.train.train import TrainingResult, find_longest_row, train


def train_plan(
    session: Session,
    plan: TrainingPlan,
    label: str = "",
    seed_offset: int = 0,
    start: TrainingResult | None = None,
) -> TunedModel:
    """Train the stages of a plan, or all its examples at once, and open the tuned model.

    Args:
        label: of a further training of the run: "2", or "seed 1".
        seed_offset: the seed of the training minus that of the run.
        start: the training that this one goes on from, if any; stages begin anew.
    """
    if plan.stages:
        trained = train_stages(session, plan.stages, plan.objectives, label, seed_offset)
        with session.run.time_stage(f"open {label}".strip()):
            return open_tuned(session, trained)
    name = f"train {label}".strip()
    folder = name.replace(" ", "-")
    with session.run.time_stage(name):
        trained = train_adapter(
            session, plan.examples, plan.objectives, folder, seed_offset=seed_offset, start=start
        )
        return open_tuned(session, trained)


def train_plan_anew(
    session: Session, plan: TrainingPlan, label: str, seed_offset: int
) -> TunedModel:
    """Train a plan with another seed, and first those that it goes on from; open the tuned model.

    Args:
        label: as in `train_plan`.
        seed_offset: as in `train_plan`.
    """
    path = [plan]
    while (earlier := path[0].goes_on_from) is not None:
        path.insert(0, earlier)
    start = None
    for number, one in enumerate(path[:-1], 1):
        name = f"train {label} part {number}"
        with session.run.time_stage(f"train {label}"):
            start = train_adapter(
                session,
                one.examples,
                one.objectives,
                name.replace(" ", "-"),
                seed_offset=seed_offset,
                start=start,
            )
    return train_plan(session, plan, label, seed_offset, start)


def tune(
    session: Session,
    examples: Sequence[Example],
    objectives: ObjectiveWeights,
    name: str,
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
    name: str,
    max_steps: int = 0,
    seed_offset: int = 0,
    start: TrainingResult | None = None,
) -> TrainingResult:
    """Train an adapter on examples. It belongs to the published base model, also where the run
    continues another one.

    Args:
        start: the training that this one goes on from, if any. The result counts its steps too.
    """
    session.before_training()
    folder = session.run.path / TRAINING_FOLDER / name
    # Beside a joined adapter lies the one that was trained.
    own = start.adapter.with_name("adapter") if start else None
    trained = run_training(
        session, session.model, examples, objectives, folder, name, max_steps, seed_offset, own
    )
    if earlier := session.run.material.get("from"):
        joined = join_loras((Path(earlier), trained.adapter), folder / "joined")
        trained = replace(trained, adapter=joined)
    return combine_stages([start, trained], trained.adapter) if start else trained


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
    start: Path | None = None,
) -> TrainingResult:
    """Train on a model in a folder; show the steps, and record what happened.

    Args:
        start: the adapter that it goes on from, if any.
    """
    config = session.config.train
    if start:
        config = shorten_training(config)
    seed = session.config.seed + seed_offset
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
        seed=seed,
        defaults=objectives,
        progress=show_step,
        sample_tuned=sample_while_training(model, config, seed),
        say=session.display.print_line,
        start=start,
    )
    report_overlong(session, trained, name)
    record_left_out(session, examples, trained, name)
    for kind, body in trained.events:
        session.run.ledger.record_event(kind, body)
    return trained


def shorten_training(config: TrainConfig) -> TrainConfig:
    """Return the settings of a training that goes on from an earlier one with these settings."""
    kind = registry.load_registered("adapters", config.adapter)
    rate = config.learning_rate or kind.learning_rate
    epochs = count_continued_epochs(config.epochs)
    return config.model_copy(update={"epochs": epochs, "learning_rate": CONTINUED_SHARE * rate})


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
    return join_loras((earlier, trained.adapter), folder / "joined")


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
    first = next(example for example in examples if example.id in trained.refused)
    session.display.print_line(
        f"examples left out of the training: {len(trained.refused)}; the first, {first.place}: "
        f"{trained.refused[first.id]}"
    )


def sample_while_training(model: HfModel, config: TrainConfig, seed: int) -> OnPolicySampler | None:
    """Return how the model in training samples between steps, where the settings want it to."""
    if not config.on_policy:
        return None
    return make_on_policy_sampler(model, SamplingParams(1.0, 1.0, config.on_policy_tokens), seed)


def without_taught_weights(config: TrainConfig, examples: Sequence[Example]) -> TrainConfig:
    """Return settings without `train.weights` of the kinds that are learned, which would take the
    place of the objectives that are compared. Those of anchors stay.
    """
    taught = {example.kind for example in examples if example.role == LEARN}
    kept = {kind: named for kind, named in config.weights.items() if kind not in taught}
    return config.model_copy(update={"weights": kept})


def find_pair_kinds(objectives: ObjectiveWeights) -> set[str]:
    """Return the kinds of examples that are taught by pairs alone."""
    found = set()
    for kind, named in objectives.items():
        used = [name for name, weight in named.items() if weight]
        loaded = [registry.load_registered("objectives", name) for name in used]
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
    folder = session.run.path / ENGINE_FOLDER
    opened = open_engine(session.run, config, watch, model, trained.adapter, folder)
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
