"""From examples to an adapter.

1  distillation: where the configuration wants it, a fast adapter learns first, and the weights
   learn from it
2  rows: examples as tokens, with what their objectives need
3  memory: weights that cannot be copied and trained in this memory are refused
4  attach: the adapter's fresh parameters on the model
5  steps: trainer.py
6  save: the adapter's folder, with the tokenizer where its template was supplied; the model is the
   base again

An adapter that is solved for takes no steps: it gets the examples and writes the folder itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from selfteach import config as settings
from selfteach import registry
from selfteach.errors import DataError, UsageError
from selfteach.models.allocator import keep_freed_pages, release_freed_pages
from selfteach.models.tokens import save_supplied_template
from selfteach.records import HOLD, LEARN, Example, ExampleRole
from selfteach.run.processes import count_processes
from selfteach.train.adapters import Adapter, is_solved
from selfteach.train.batch import EncodedRows, ObjectiveWeights, encode_examples
from selfteach.train.callbacks import make_callbacks
from selfteach.train.distributed import ProcessGroup, has_deepspeed_weights
from selfteach.train.fast.norm import use_fast_norms
from selfteach.train.loss import count_units
from selfteach.train.memory import MemoryEstimate, MemoryMeter, format_bytes
from selfteach.train.objectives import Objective
from selfteach.train.on_policy import DrawStudent
from selfteach.train.trainer import StepCallback, Trainer


@dataclass(frozen=True)
class TrainingResult:
    """Hold what came of a training. `curve` has one entry a step, as metrics.jsonl, with the
    seconds of the step alone; `seconds` are those of everything: counting the memory, asking the
    base, sampling, steps, and of a fast adapter's training before.
    """

    adapter: Path
    steps: int
    tokens: int
    seconds: float
    curve: list[dict[str, Any]]
    halvings: int
    overlong: Mapping[str, int]
    top_k_mass: float | None = None
    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    memory: MemoryEstimate | None = None


def train(
    hf: Any,
    examples: Sequence[Example],
    config: settings.TrainConfig,
    folder: Path,
    *,
    seed: int,
    defaults: ObjectiveWeights | None = None,
    progress: StepCallback | None = None,
    sample_tuned: DrawStudent | None = None,
    say: Callable[[str], None] | None = None,
) -> TrainingResult:
    """Train an adapter and save it as `folder/adapter`; the module is the untouched base again
    afterwards.

    The same call on the same folder goes on from the newest whole checkpoint and ends with the same
    weights.

    Args:
        hf: the model: module, tokenizer, encode, encode_answer, fingerprint.
        defaults: objectives and weights for the kinds that `config.weights` does not name.
        draw_student: answers prompts with the student as it is now; needed where `config.on_policy`
            > 0.
        say: is told, before the first step, what memory the training needs.

    Raises:
        DataError: a row that trains nothing, or nothing to train on.
        Diverged: a loss or gradient that is not finite; the last finite checkpoint is kept and
        nothing is exported.
        ResourceError: what is trained, or one row alone, does not fit into memory.
    """
    weights = {**(defaults or {}), **config.weights}
    examples = with_roles(examples, weights)
    if is_solved(config.adapter):
        return train_closed_form(hf, examples, config, folder, seed, progress, say)
    fast = None
    if config.distill_from:  # 1
        fast = train(
            hf,
            examples,
            make_distill_source_config(config),
            folder / "fast",
            seed=seed,
            defaults=defaults,
        )
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
                fast.adapter if fast else None,
                processes,
            )
            trainer.run(meter, progress, say)  # 5
            seconds = trainer.seconds() + (fast.seconds if fast else 0.0)
            about = {
                "base": str(getattr(hf, "name", "")),
                "base_fingerprint": hf.fingerprint,
                "steps": trainer.step,
                "seed": seed,
                "adapter": config.adapter,
            }
            adapter.save(folder / "adapter", about)  # 6
            if processes.main:
                save_supplied_template(hf.tokenizer, folder / "adapter")
            processes.accelerator.wait_for_everyone()
    finally:
        adapter.detach()
    curve = trainer.curve()
    return TrainingResult(
        adapter=folder / "adapter",
        steps=trainer.step,
        tokens=sum_tokens_and_seconds(curve)[0],
        seconds=seconds,
        curve=curve,
        halvings=trainer.micro_batch.halvings,
        overlong=encoded.overlong,
        top_k_mass=trainer.top_k_mass,
        events=trainer.events,
        memory=trainer.memory,
    )


def with_roles(examples: Sequence[Example], weights: ObjectiveWeights) -> list[Example]:
    """Return the examples with the role that their objectives give them: one whose objectives all
    hold the base in place holds it, any other is learned. An example without objectives keeps its
    role.
    """
    roles: dict[str, ExampleRole] = {}
    for kind, named in weights.items():
        holds = [objective_class(name).holds for name, weight in named.items() if weight]
        if holds:
            roles[kind] = HOLD if all(holds) else LEARN
    return [replace(e, role=roles.get(e.kind, e.role)) for e in examples]


def make_distill_source_config(config: settings.TrainConfig) -> settings.TrainConfig:
    """Return the settings of the fast adapter that goes before: trained to its end, at its own
    rate, on the given answers alone.
    """
    return config.model_copy(
        update={
            "adapter": config.distill_from,
            "distill_from": "",
            "on_policy": 0.0,
            "max_steps": 0,
            "learning_rate": None,
        }
    )


def replace_with_distillation(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the objectives of a kind of example that a fast adapter learned before: what holds the
    base in place stays, the rest becomes distillation from that adapter.
    """
    kept = {name: weight for name, weight in weights.items() if objective_class(name).holds}
    learned = {objective_class(name).distilled_by for name in weights.keys() - kept.keys()}
    return kept | dict.fromkeys(sorted(learned), 1.0)


def objective_class(name: str) -> type[Objective]:
    """Return the class of an objective.

    Raises:
        UsageError: no such name.
    """
    found: type[Objective] = registry.load_registered("objectives", name)
    return found


def make_objectives(
    weights: ObjectiveWeights, config: settings.TrainConfig
) -> dict[str, Objective]:
    """Return the objectives that any kind of example has, by name."""
    names: set[str] = set()
    for named in weights.values():
        names |= {name for name, weight in named.items() if weight}
    return {name: objective_class(name)(config) for name in sorted(names)}


def encode_for_objectives(
    hf: Any,
    examples: Sequence[Example],
    weights: ObjectiveWeights,
    objectives: Mapping[str, Objective],
    config: settings.TrainConfig,
) -> EncodedRows:
    """Return the examples as rows that hold what their objectives need.

    Raises:
        DataError: an objective leaves out all of an answer.
    """
    pairs = frozenset(name for name, objective in objectives.items() if objective.pairs)
    edits = frozenset(name for name, objective in objectives.items() if objective.edits)
    found = encode_examples(hf, examples, weights, pairs, config.max_tokens, config.overlong, edits)
    for row in found.rows:
        if idle := [name for name in row.weights if not count_units(objectives, [row])[name]]:
            raise DataError(
                (
                    f"trains no token by {idle[0]}: all {len(row.answers[0])} of its answer "
                    "are left out."
                ),
                where=f"example {row.id}",
                cure="Lower train.skip_tokens, or remove the row.",
            )
    return found


def require_weight_memory(module: Any, config: settings.TrainConfig, meter: MemoryMeter) -> None:
    """Refuse, before they are copied, weights whose training cannot fit.

    Raises:
        UsageError: DeepSpeed keeps the weights.
        ResourceError: what is needed, what there is, what to do.
    """
    copied = getattr(registry.load_registered("adapters", config.adapter), "weights", None)
    if copied is None:
        return
    if has_deepspeed_weights(module):
        raise UsageError(
            f"{config.adapter} trains the weights themselves, which DeepSpeed keeps.",
            where="train.adapter",
            cure=(
                "Launch with configs/accelerate/fsdp2.yaml, or train what stands beside "
                "them: lora, reft, bottleneck, prompt."
            ),
        )
    meter.estimate_copies(copied(module, config).values()).require(
        config.adapter, config.checkpoint_activations
    )


def attach_adapter(hf: Any, config: settings.TrainConfig, seed: int) -> Adapter:
    """Put the adapter that the configuration names on the model."""
    kind = registry.load_registered("adapters", config.adapter)
    found: Adapter = kind.attach(
        hf.module, config, seed=seed, encode=partial(hf.encode_answer, end=False)
    )
    return found


def train_closed_form(
    hf: Any,
    examples: Sequence[Example],
    config: settings.TrainConfig,
    folder: Path,
    seed: int,
    progress: StepCallback | None,
    say: Callable[[str], None] | None,
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
    tell = say or (lambda line: None)
    found = solve(hf, examples, config, folder, seed=seed, progress=progress, say=tell)
    save_supplied_template(hf.tokenizer, folder / "adapter")
    if say and found.memory.measured is not None:
        say(
            f"memory: at most {format_bytes(found.memory.measured)}, of "
            f"{format_bytes(found.memory.total)} accounted for"
        )
    events: list[tuple[str, Mapping[str, Any]]] = [(config.adapter, found.effect)]
    for callback in make_callbacks(config).values():
        events += callback.skip()
    tokens, seconds = sum_tokens_and_seconds(found.curve)
    return TrainingResult(
        adapter=folder / "adapter",
        steps=len(found.curve),
        tokens=tokens,
        seconds=seconds,
        curve=found.curve,
        halvings=0,
        overlong=found.overlong,
        events=events,
        memory=found.memory,
    )


def sum_tokens_and_seconds(curve: Sequence[Mapping[str, Any]]) -> tuple[int, float]:
    """Return the tokens that were trained, and the seconds that it took."""
    return sum(row["tokens"] for row in curve), sum(row["seconds"] for row in curve)
