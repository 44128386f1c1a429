"""From examples to an adapter.

1  distillation: if the configuration wants it, train another adapter first and distill from it
2  rows: encode the examples with the inputs of their objectives
3  memory: refuse weights that cannot be copied and trained in this memory
4  attach: put the adapter's parameters on the model, fresh ones or those of an earlier training
5  steps: trainer.py
6  save: write the adapter's folder, with the tokenizer if its template was supplied; restore the
   base

An adapter that is solved for takes no steps. It receives the examples and writes the folder itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from selfteach import registry
from selfteach.config import TrainConfig
from selfteach.errors import DataError, UsageError
from selfteach.files import hash_file
from selfteach.models.check_safety import LOAD_IN_4BIT, TENSORS_FILE
from selfteach.models.memory_allocator import keep_freed_pages, release_freed_pages
from selfteach.models.tokens import save_supplied_template
from selfteach.records import HOLD, LEARN, Example, ExampleRole, ObjectiveWeights
from selfteach.run.processes import count_processes
from selfteach.train.adapters.adapter import Adapter, is_solved
from selfteach.train.callbacks import Say, StepCallback, make_callbacks
from selfteach.train.distributed import ProcessGroup
from selfteach.train.encode_and_batch import (
    FORBIDDEN,
    EncodedRows,
    TrainingRow,
    encode_examples,
)
from selfteach.train.fast.norm import use_fast_norms
from selfteach.train.memory import MemoryEstimate, MemoryMeter
from selfteach.train.metrics_file import Curve
from selfteach.train.micro_batch_loss import count_units
from selfteach.train.objectives.objective import Event, Objective
from selfteach.train.on_policy import OnPolicySampler
from selfteach.train.reference import encode_teacher_prompt
from selfteach.train.threads import use_free_threads
from selfteach.train.trainer import Trainer


@dataclass(frozen=True)
class TrainingResult:
    """Hold the result of a training. `curve` has one entry a step, as metrics.jsonl, with the
    seconds of the step alone. `seconds` cover everything: counting the memory, the reference,
    sampling, steps, and the first adapter's training. `refused` holds the ids of the examples that
    could not be trained on, with the reason, and `too_long` those of the dropped ones.
    """

    adapter: Path
    steps: int
    tokens: int
    seconds: float
    curve: Curve
    halvings: int
    overlong: Mapping[str, int]
    refused: Mapping[str, str] = field(default_factory=dict)
    too_long: Mapping[str, str] = field(default_factory=dict)
    top_k_mass: float | None = None
    events: list[Event] = field(default_factory=list)
    memory: MemoryEstimate | None = None

    @property
    def left_out(self) -> dict[str, str]:
        """Return why examples were not trained on, by id."""
        return {**self.too_long, **self.refused}


def train(
    hf: Any,
    examples: Sequence[Example],
    config: TrainConfig,
    folder: Path,
    *,
    seed: int,
    defaults: ObjectiveWeights | None = None,
    progress: StepCallback | None = None,
    sample_tuned: OnPolicySampler | None = None,
    say: Say | None = None,
    start: Path | None = None,
) -> TrainingResult:
    """Train an adapter, save it as `folder/adapter`, and restore the base.

    The same call on the same folder resumes from the newest whole checkpoint and ends with the same
    weights.

    Args:
        hf: the model: module, tokenizer, encode, encode_answer, fingerprint.
        defaults: objectives and weights for the kinds that `config.weights` does not name.
        sample_tuned: answers prompts with the tuned model as it is now; needed if
            `config.on_policy` > 0.
        say: receives one line at a time: before the first step, the memory that the training needs.
        start: the folder of a saved adapter of the same configuration, whose parameters the
            training goes on from; fresh ones by default. The base and the reference stay the same.

    Raises:
        DataError: there is nothing to train on, or most rows of a kind have a fault.
        Diverged: a loss or gradient is not finite; the last finite checkpoint is kept, nothing is
            exported.
        ResourceError: the parameters, or one row alone, do not fit into memory.
    """
    with use_free_threads(next(hf.module.parameters()).device, say):
        weights = {**(defaults or {}), **config.weights}
        examples = with_roles(examples, weights)
        if is_solved(config.adapter):
            weighed = [e for e in examples if any(weights.get(e.kind, {}).values())]
            solved = weighed if weights else examples
            return train_closed_form(hf, solved, config, folder, seed, progress, say)
        first = None
        if config.distill_from:  # 1
            first = _train_distill_teacher(hf, examples, config, folder, seed, defaults)
            weights = {kind: replace_with_distillation(named) for kind, named in weights.items()}
        objectives = make_objectives(weights, config)
        encoded = encode_for_objectives(hf, examples, weights, objectives, config)  # 2
        keep_freed_pages()
        release_freed_pages()
        processes = ProcessGroup(hf.module)
        processes.shard(hf.module)
        meter = MemoryMeter(hf.module)
        require_weight_memory(hf.module, config, meter)  # 3
        adapter = attach_adapter(hf, config, seed)  # 4
        if start:
            adapter.load(load_file(start / TENSORS_FILE))
        rate = config.learning_rate or adapter.learning_rate
        config = config.model_copy(update={"learning_rate": rate})
        norms = nullcontext() if processes.sharded else use_fast_norms(hf.module)
        try:
            with processes.report_lost_processes(), norms:
                trainer = Trainer(
                    hf,
                    encoded.rows,
                    {example.id: example for example in examples},
                    objectives,
                    adapter,
                    config,
                    folder,
                    seed,
                    sample_tuned,
                    first.adapter if first else None,
                    processes,
                    hash_file(start / TENSORS_FILE) if start else "",
                )
                trainer.run(meter, progress, say)  # 5
                seconds = trainer.elapsed_seconds() + (first.seconds if first else 0.0)
                _save_adapter(trainer, seed)  # 6
        finally:
            adapter.detach()
        return _make_result(trainer, encoded, seconds)


def _train_distill_teacher(
    hf: Any,
    examples: Sequence[Example],
    config: TrainConfig,
    folder: Path,
    seed: int,
    defaults: ObjectiveWeights | None,
) -> TrainingResult:
    """Train the adapter of `train.distill_from`: all steps, its own learning rate, and the given
    answers alone. It changes no weights that `train.l2` could hold.
    """
    changes = {
        "adapter": config.distill_from,
        "distill_from": "",
        "on_policy": 0.0,
        "max_steps": 0,
        "learning_rate": None,
        "l2": 0.0,
    }
    return train(
        hf,
        examples,
        config.model_copy(update=changes),
        folder / "fast",
        seed=seed,
        defaults=defaults,
    )


def _save_adapter(trainer: Trainer, seed: int) -> None:
    """Write the adapter's folder; all processes must call this."""
    hf = trainer.hf
    folder = trainer.folder / "adapter"
    about = {
        "base": str(getattr(hf, "name", "")),
        "base_fingerprint": hf.fingerprint,
        "steps": trainer.step,
        "seed": seed,
        "adapter": trainer.config.adapter,
        **({LOAD_IN_4BIT: True} if getattr(hf, LOAD_IN_4BIT, False) else {}),
    }
    trainer.adapter.save(folder, about)
    if trainer.processes.main:
        save_supplied_template(hf.tokenizer, folder)
    trainer.processes.accelerator.wait_for_everyone()


def _make_result(trainer: Trainer, encoded: EncodedRows, seconds: float) -> TrainingResult:
    curve = trainer.metrics.read()
    return TrainingResult(
        adapter=trainer.folder / "adapter",
        steps=trainer.step,
        tokens=sum(row["tokens"] for row in curve),
        seconds=seconds,
        curve=curve,
        halvings=trainer.micro_batch.halvings,
        overlong=encoded.overlong,
        refused={id: fault.what for id, fault in encoded.refused.items()},
        too_long=encoded.too_long,
        top_k_mass=trainer.top_k_mass,
        events=trainer.events,
        memory=trainer.memory,
    )


def with_roles(examples: Sequence[Example], weights: ObjectiveWeights) -> list[Example]:
    """Return the examples with the role of their objectives. An example is held if all of its
    objectives hold the base in place, and learned otherwise. Without objectives it keeps its role.
    """
    roles: dict[str, ExampleRole] = {}
    for kind, named in weights.items():
        holds = [load_objective_class(name).holds for name, weight in named.items() if weight]
        if holds:
            roles[kind] = HOLD if all(holds) else LEARN
    return [replace(e, role=roles.get(e.kind, e.role)) for e in examples]


def replace_with_distillation(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the objectives for distillation from another adapter: those that hold the base in
    place stay, the others become distillation with the weight of the first of them. What has a
    weight of 0 is trained by neither.
    """
    kept: dict[str, float] = {}
    learned: dict[str, float] = {}
    for name, weight in weights.items():
        objective = load_objective_class(name)
        if objective.holds:
            kept[name] = weight
        elif weight:
            learned.setdefault(objective.distilled_by, weight)
    return kept | learned


def load_objective_class(name: str) -> type[Objective]:
    """Return the class of an objective.

    Raises:
        UsageError: no such name.
    """
    found: type[Objective] = registry.load_registered("objectives", name)
    return found


def make_objectives(weights: ObjectiveWeights, config: TrainConfig) -> dict[str, Objective]:
    """Return the objectives of all kinds of examples, by name."""
    names: set[str] = set()
    for named in weights.values():
        names |= {name for name, weight in named.items() if weight}
    return {name: load_objective_class(name)(config) for name in sorted(names)}


def encode_for_objectives(
    hf: Any,
    examples: Sequence[Example],
    weights: ObjectiveWeights,
    objectives: Mapping[str, Objective],
    config: TrainConfig,
) -> EncodedRows:
    """Return the examples as rows with the inputs of their objectives; leave out those that an
    objective cannot train on.

    Raises:
        DataError: nothing is left, or most examples of a kind are left out.
    """

    def check(row: TrainingRow, example: Example) -> None:
        require_trained_tokens(row, example, objectives)
        prompted = any(objectives[name].teacher == "prompted" for name in row.weights)
        if prompted and not config.distill_from:
            require_teacher_room(hf, row, example)

    how = (find_longest_row(hf, config), config.overlong)
    encoded = encode_examples(hf, examples, weights, objectives, *how, check)
    require_forbidden_words(encoded.rows, objectives)
    return encoded


def find_longest_row(hf: Any, config: TrainConfig) -> int:
    """Return the most tokens of a row: `max_tokens`, or what the model's context holds beside the
    adapter's own tokens.
    """
    own = 0
    if not is_solved(config.adapter):
        kind: type[Adapter] = registry.load_registered("adapters", config.adapter)
        own = kind.count_virtual_tokens(config)
    return min(config.max_tokens, int(hf.context_tokens) - own)


def require_trained_tokens(
    row: TrainingRow, example: Example, objectives: Mapping[str, Objective]
) -> None:
    """Check that each objective of a row trains a token of it.

    Raises:
        DataError: an objective leaves out all of its answer.
    """
    for name, units in count_units(objectives, [row]).items():
        if name in row.weights and not units:
            raise DataError(
                f"trains no token by {name}: all {len(row.answers[0])} of its answer are left out.",
                where=example.place,
                cure="Lower train.skip_tokens, or remove the row.",
            )


def require_teacher_room(hf: Any, row: TrainingRow, example: Example) -> None:
    """Check that the teacher of `distill` can read its prompt and the answer.

    Raises:
        DataError: it has no prompt, one that gives the answer away, or one that is too long.
    """
    tokens = len(encode_teacher_prompt(hf, example)) + len(row.answers[0])
    if tokens > hf.context_tokens:
        raise DataError(
            f"the teacher's prompt and the answer have {tokens} tokens, and the model's context "
            f"holds {int(hf.context_tokens)}.",
            where=example.place,
            cure='Shorten source["teacher_prompt"].',
        )


def require_forbidden_words(
    rows: Sequence[TrainingRow], objectives: Mapping[str, Objective]
) -> None:
    """Check that an objective that makes words unlikely has a word in some row.

    A row without one is right: its rejected answer breaks the rule otherwise.

    Raises:
        DataError: there are such rows, and none has a forbidden word.
    """
    for name in sorted(objectives):
        if not objectives[name].forbidding:
            continue
        own = [row for row in rows if name in row.weights]
        if own and not any(any(row.forbidden) for row in own):
            raise DataError(
                f"{name} has no word to make unlikely in any of {len(own)} rows.",
                where=f"source.{FORBIDDEN}",
                cure="List the characters at which forbidden words begin, or leave it out of "
                "train.objective.",
            )


def require_weight_memory(module: Any, config: TrainConfig, meter: MemoryMeter) -> None:
    """Refuse, before they are copied, weights whose training cannot fit.

    Raises:
        ResourceError: they do not fit.
    """
    copied = getattr(registry.load_registered("adapters", config.adapter), "weights", None)
    if copied is None:
        return
    meter.estimate_copies(copied(module, config).values()).require(
        config.adapter, config.checkpoint_activations
    )


def attach_adapter(hf: Any, config: TrainConfig, seed: int) -> Adapter:
    """Put the adapter that the configuration names on the model."""
    kind: type[Adapter] = registry.load_registered("adapters", config.adapter)
    encode = partial(hf.encode_answer, end=False)
    return kind.attach(hf.module, config, seed=seed, encode=encode)


def train_closed_form(
    hf: Any,
    examples: Sequence[Example],
    config: TrainConfig,
    folder: Path,
    seed: int,
    progress: StepCallback | None,
    say: Say | None,
) -> TrainingResult:
    """Solve for an adapter, without steps.

    Raises:
        UsageError: several processes would solve it.
    """
    if count_processes() > 1:
        raise UsageError(
            f"{config.adapter} is solved by one process.",
            where="train.adapter",
            cure="Start it without a launcher.",
        )
    solve = registry.load_registered("adapters", config.adapter).solve
    report = say or (lambda line: None)
    found = solve(hf, examples, config, folder, seed=seed, progress=progress, say=report)
    save_supplied_template(hf.tokenizer, folder / "adapter")
    found.memory.report_peak(report)
    events: list[Event] = [(config.adapter, found.effect)]
    for callback in make_callbacks(config).values():
        events += callback.skip()
    return TrainingResult(
        adapter=folder / "adapter",
        steps=len(found.curve),
        tokens=sum(row["tokens"] for row in found.curve),
        seconds=sum(row["seconds"] for row in found.curve),
        curve=found.curve,
        halvings=0,
        overlong=found.left_out.overlong,
        refused=found.left_out.refused,
        too_long=found.left_out.too_long,
        events=events,
        memory=found.memory,
    )
