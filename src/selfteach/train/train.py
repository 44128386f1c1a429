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
from selfteach.models.memory import keep_pages, release
from selfteach.models.tokens import save_supplied
from selfteach.records import HOLD, LEARN, Example, ExampleRole
from selfteach.run.processes import count
from selfteach.train.adapters import Adapter, is_solved
from selfteach.train.batch import Encoded, Weights, encode
from selfteach.train.callbacks import make_callbacks
from selfteach.train.distributed import Processes, frozen
from selfteach.train.fast.norm import fast_norms
from selfteach.train.loss import units
from selfteach.train.memory import Account, Meter, shown
from selfteach.train.objectives import Objective
from selfteach.train.on_policy import DrawStudent
from selfteach.train.trainer import Progress, Trainer


@dataclass(frozen=True)
class Trained:
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
    captured: float | None = None
    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    memory: Account | None = None


def train(
    hf: Any,
    examples: Sequence[Example],
    config: settings.Train,
    folder: Path,
    *,
    seed: int,
    defaults: Weights | None = None,
    progress: Progress | None = None,
    draw_student: DrawStudent | None = None,
    say: Callable[[str], None] | None = None,
) -> Trained:
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
        return solved(hf, examples, config, folder, seed, progress, say)
    fast = None
    if config.fast:  # 1
        fast = train(hf, examples, as_fast(config), folder / "fast", seed=seed, defaults=defaults)
        weights = {kind: distilled(named) for kind, named in weights.items()}
    objectives = objectives_of(weights, config)
    encoded = encoded_for(hf, examples, weights, objectives, config)  # 2
    keep_pages()
    release()
    processes = Processes(hf.module)
    processes.shard(hf.module)
    meter = Meter(hf.module)
    require_room(hf.module, config, meter)  # 3
    adapter = attach(hf, config, seed)  # 4
    rate = config.learning_rate or adapter.learning_rate
    config = config.model_copy(update={"learning_rate": rate})
    norms = nullcontext() if processes.sharded else fast_norms(hf.module)
    try:
        with processes.together(), norms:
            trainer = Trainer(
                hf,
                encoded.rows,
                {example.id: example for example in examples},
                objectives,
                adapter,
                config,
                folder,
                seed,
                draw_student,
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
                save_supplied(hf.tokenizer, folder / "adapter")
            processes.accelerator.wait_for_everyone()
    finally:
        adapter.detach()
    curve = trainer.curve()
    return Trained(
        adapter=folder / "adapter",
        steps=trainer.step,
        tokens=cost(curve)[0],
        seconds=seconds,
        curve=curve,
        halvings=trainer.micro_batch.halvings,
        overlong=encoded.overlong,
        captured=trainer.captured,
        events=trainer.events,
        memory=trainer.memory,
    )


def with_roles(examples: Sequence[Example], weights: Weights) -> list[Example]:
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


def as_fast(config: settings.Train) -> settings.Train:
    """Return the settings of the fast adapter that goes before: trained to its end, at its own
    rate, on the given answers alone.
    """
    return config.model_copy(
        update={
            "adapter": config.fast,
            "fast": "",
            "on_policy": 0.0,
            "max_steps": 0,
            "learning_rate": None,
        }
    )


def distilled(weights: Mapping[str, float]) -> dict[str, float]:
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
    found: type[Objective] = registry.lookup("objectives", name)
    return found


def objectives_of(weights: Weights, config: settings.Train) -> dict[str, Objective]:
    """Return the objectives that any kind of example has, by name."""
    names: set[str] = set()
    for named in weights.values():
        names |= {name for name, weight in named.items() if weight}
    return {name: objective_class(name)(config) for name in sorted(names)}


def encoded_for(
    hf: Any,
    examples: Sequence[Example],
    weights: Weights,
    objectives: Mapping[str, Objective],
    config: settings.Train,
) -> Encoded:
    """Return the examples as rows that hold what their objectives need.

    Raises:
        DataError: an objective leaves out all of an answer.
    """
    pairs = frozenset(name for name, objective in objectives.items() if objective.pairs)
    edits = frozenset(name for name, objective in objectives.items() if objective.edits)
    found = encode(hf, examples, weights, pairs, config.max_tokens, config.overlong, edits)
    for row in found.rows:
        if idle := [name for name in row.weights if not units(objectives, [row])[name]]:
            raise DataError(
                (
                    f"trains no token by {idle[0]}: all {len(row.answers[0])} of its answer "
                    "are left out."
                ),
                where=f"example {row.id}",
                cure="Lower train.skip_tokens, or remove the row.",
            )
    return found


def require_room(module: Any, config: settings.Train, meter: Meter) -> None:
    """Refuse, before they are copied, weights whose training cannot fit.

    Raises:
        UsageError: DeepSpeed keeps the weights.
        ResourceError: what is needed, what there is, what to do.
    """
    copied = getattr(registry.lookup("adapters", config.adapter), "weights", None)
    if copied is None:
        return
    if frozen(module):
        raise UsageError(
            f"{config.adapter} trains the weights themselves, which DeepSpeed keeps.",
            where="train.adapter",
            cure=(
                "Launch with configs/accelerate/fsdp2.yaml, or train what stands beside "
                "them: lora, reft, bottleneck, prompt."
            ),
        )
    meter.ahead(copied(module, config).values()).require(
        config.adapter, config.checkpoint_activations
    )


def attach(hf: Any, config: settings.Train, seed: int) -> Adapter:
    """Put the adapter that the configuration names on the model."""
    kind = registry.lookup("adapters", config.adapter)
    found: Adapter = kind.attach(
        hf.module, config, seed=seed, encode=partial(hf.encode_answer, end=False)
    )
    return found


def solved(
    hf: Any,
    examples: Sequence[Example],
    config: settings.Train,
    folder: Path,
    seed: int,
    progress: Progress | None,
    say: Callable[[str], None] | None,
) -> Trained:
    """Solve for an adapter, without steps.

    Raises:
        UsageError: several processes would solve it.
    """
    if count() > 1:
        raise UsageError(
            f"{config.adapter} is solved by one process.",
            where="train.adapter",
            cure="Start it without a launcher.",
        )
    solve = registry.lookup("adapters", config.adapter).solve
    tell = say or (lambda line: None)
    found = solve(hf, examples, config, folder, seed=seed, progress=progress, say=tell)
    save_supplied(hf.tokenizer, folder / "adapter")
    if say and found.memory.measured is not None:
        say(
            f"memory: at most {shown(found.memory.measured)}, of "
            f"{shown(found.memory.total)} accounted for"
        )
    events: list[tuple[str, Mapping[str, Any]]] = [(config.adapter, found.moved)]
    for callback in make_callbacks(config).values():
        events += callback.skip()
    tokens, seconds = cost(found.curve)
    return Trained(
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


def cost(curve: Sequence[Mapping[str, Any]]) -> tuple[int, float]:
    """Return the tokens that were trained, and the seconds that it took."""
    return sum(row["tokens"] for row in curve), sum(row["seconds"] for row in curve)
