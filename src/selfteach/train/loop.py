"""From examples to an adapter.

1  fast: where the configuration wants it, a fast adapter learns first, and the weights learn from
   it
2  rows: examples as tokens, with what their objectives need
3  room: weights that cannot be copied and trained in this memory are refused
4  attach: the adapter's fresh parameters on the model
5  steps: steps.py
6  save: the adapter's folder, with the tokenizer where its template was supplied; the model is the
   base again
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
from selfteach.records import Example
from selfteach.run.processes import count
from selfteach.train.adapters import Adapter
from selfteach.train.batch import Encoded, Weights, encode
from selfteach.train.lesson import units
from selfteach.train.memory import Account, Meter, shown
from selfteach.train.norm import fast_norms
from selfteach.train.objectives import Objective
from selfteach.train.parallel import Processes, rank
from selfteach.train.regmean import NO_LORA
from selfteach.train.shards import frozen
from selfteach.train.steps import DrawStudent, Progress, Training


@dataclass(frozen=True)
class Trained:
    """What came of a training. `curve` has one entry a step, as metrics.jsonl, with the seconds of
    the step alone; `seconds` are those of
    everything: counting the memory, asking the base, drawing, steps, and of a fast adapter's
    training before."""

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
    """Teaches an adapter and saves it as `folder/adapter`; the module is the untouched base again
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
    if hasattr(registry.lookup("adapters", config.adapter), "solve"):
        return solved(hf, examples, config, folder, seed, progress, weights, say)
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
    config = config.model_copy(
        update={"learning_rate": config.learning_rate or adapter.learning_rate}
    )
    try:
        with processes.together(), nullcontext() if processes.sharded else fast_norms(hf.module):
            known, taught = {e.id: e for e in examples}, fast.adapter if fast else None
            training = Training(
                hf,
                encoded.rows,
                known,
                objectives,
                adapter,
                config,
                folder,
                seed,
                draw_student,
                taught,
                processes,
            )
            training.run(meter, progress, say)  # 5
            seconds = training.seconds() + (fast.seconds if fast else 0.0)
            about = {
                "base": str(getattr(hf, "name", "")),
                "base_fingerprint": hf.fingerprint,
                "steps": training.step,
                "seed": seed,
                "adapter": config.adapter,
            }
            adapter.save(folder / "adapter", about)  # 6
            if not rank():
                save_supplied(hf.tokenizer, folder / "adapter")
            processes.accelerator.wait_for_everyone()
    finally:
        adapter.detach()
    curve = training.curve()
    return Trained(
        folder / "adapter",
        training.step,
        cost(curve)[0],
        seconds,
        curve,
        training.halvings,
        encoded.overlong,
        training.captured,
        training.events,
        training.memory,
    )


def as_fast(config: settings.Train) -> settings.Train:
    """The training of the fast adapter that goes before: to its end, at its own rate, on the given
    answers alone.
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
    """The objectives of a kind of example where a fast adapter has learned them before: what holds
    the base in place stays, the rest becomes distillation from that adapter."""
    kept = {name: weight for name, weight in weights.items() if name == "anchor"}
    return kept | ({"distill": 1.0} if len(kept) < len(weights) else {})


def objectives_of(weights: Weights, config: settings.Train) -> dict[str, Objective]:
    """The objectives that any kind of example has, by name."""
    names = sorted({name for kind in weights.values() for name, weight in kind.items() if weight})
    return {name: registry.lookup("objectives", name)(config) for name in names}


def encoded_for(
    hf: Any,
    examples: Sequence[Example],
    weights: Weights,
    objectives: Mapping[str, Objective],
    config: settings.Train,
) -> Encoded:
    """The examples as rows that hold what their objectives need.

    Raises:
        DataError: an objective leaves out all of an answer.
    """
    pairs, edits = (
        frozenset(name for name, o in objectives.items() if getattr(o, need))
        for need in ("pairs", "edits")
    )
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
    """Refuses, before they are copied, weights whose training cannot fit.

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
    """The adapter that the configuration names, on the model."""
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
    weights: Weights,
    say: Callable[[str], None] | None,
) -> Trained:
    """What an adapter that is solved for, without steps, leaves behind. In scope is whatever has
    another objective than to stay.

    Raises:
        UsageError: several processes would solve it.
    """
    if count() > 1:
        raise UsageError(
            f"{config.adapter} is solved by one process.",
            where="train.adapter",
            cure="Start it without a launcher.",
        )
    taught = {kind for kind, named in weights.items() if named.keys() - {"anchor"}}
    sorted_out = [replace(e, kind="in_scope") if e.kind in taught else e for e in examples]
    solve = registry.lookup("adapters", config.adapter).solve
    found = solve(
        hf, sorted_out, config, folder, seed=seed, progress=progress, say=say or (lambda line: None)
    )
    save_supplied(hf.tokenizer, folder / "adapter")
    if say and found.memory.measured is not None:
        say(
            f"memory: at most {shown(found.memory.measured)}, of "
            f"{shown(found.memory.total)} accounted for"
        )
    events: list[tuple[str, Mapping[str, Any]]] = [(config.adapter, found.moved)]
    if config.regmean:
        events.append(("regmean_left_out", {"mu": config.regmean, "reason": NO_LORA}))
    return Trained(
        folder / "adapter",
        len(found.curve),
        *cost(found.curve),
        found.curve,
        0,
        found.overlong,
        None,
        events,
        found.memory,
    )


def cost(curve: Sequence[Mapping[str, Any]]) -> tuple[int, float]:
    """The tokens that were trained, and the seconds that it took."""
    return sum(row["tokens"] for row in curve), sum(row["seconds"] for row in curve)
