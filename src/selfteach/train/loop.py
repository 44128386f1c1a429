"""From examples to an adapter: rows, the adapter on the model, the memory it needs, the steps (steps.py), the saved folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from selfteach import config as settings
from selfteach import registry
from selfteach.errors import UsageError
from selfteach.models.memory import keep_pages, release
from selfteach.records import Example
from selfteach.run.processes import count
from selfteach.train.adapters import Adapter
from selfteach.train.batch import Weights, encode
from selfteach.train.memory import Account, Meter
from selfteach.train.norm import fast_norms
from selfteach.train.objectives import Objective
from selfteach.train.parallel import Processes
from selfteach.train.shards import frozen
from selfteach.train.steps import DrawStudent, OnEpoch, Progress, Training


@dataclass(frozen=True)
class Trained:
    """What came of a training. `curve` has one entry a step, as metrics.jsonl; `stopped` says why it ended."""

    adapter: Path
    steps: int
    tokens: int
    seconds: float
    curve: list[dict[str, Any]]
    halvings: int
    stopped: str
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
    on_epoch: OnEpoch | None = None,
    say: Callable[[str], None] | None = None,
) -> Trained:
    """Teaches an adapter and saves it as `folder/adapter`; the module is the untouched base again afterwards.

    The same call on the same folder goes on from the newest whole checkpoint and ends with the same weights.

    Args:
        hf: the model: module, tokenizer, encode, encode_answer, fingerprint.
        defaults: objectives and weights for the kinds that `config.weights` does not name.
        draw_student: answers prompts with the student as it is now; needed where `config.on_policy` > 0.
        on_epoch: called with the step after each epoch; True ends the training.
        say: is told, before the first step, what memory the training needs.

    Raises:
        DataError: a row that trains nothing, or nothing to train on.
        Diverged: a loss or gradient that is not finite; the last finite checkpoint is kept and nothing is exported.
        ResourceError: what is trained, or one row alone, does not fit into memory.
    """
    weights = {**(defaults or {}), **config.weights}
    if hasattr(registry.lookup("adapters", config.adapter), "solve"):
        if count() > 1:
            raise UsageError(f"{config.adapter} is solved by one process.", where="train.adapter", cure="Start it without a launcher.")
        return solved(hf, examples, config, folder, seed, progress, weights)
    fast = None
    if config.fast:
        first = config.model_copy(update={"adapter": config.fast, "fast": "", "on_policy": 0.0, "max_steps": 0, "learning_rate": None})
        fast = train(hf, examples, first, folder / "fast", seed=seed, defaults=defaults).adapter
        weights = {kind: distilled(named) for kind, named in weights.items()}
    names = sorted({name for kind in weights.values() for name, weight in kind.items() if weight})
    objectives: dict[str, Objective] = {name: registry.lookup("objectives", name)(config) for name in names}
    pairs, edits = (frozenset(n for n, o in objectives.items() if getattr(o, need)) for need in ("pairs", "edits"))
    encoded = encode(hf, examples, weights, pairs, config.max_tokens, config.overlong, edits)
    keep_pages()
    release()
    processes = Processes(hf.module)
    processes.shard(hf.module)
    meter = Meter(hf.module)
    if copied := getattr(registry.lookup("adapters", config.adapter), "weights", None):
        if frozen(hf.module):
            raise UsageError(
                f"{config.adapter} trains the weights themselves, which DeepSpeed keeps.", where="train.adapter",
                cure="Launch with configs/accelerate/fsdp2.yaml, or train what stands beside them: lora, reft, bottleneck, prompt.",
            )  # fmt: skip
        meter.ahead(copied(hf.module, config).values()).require(config.adapter, config.checkpoint_activations)
    adapter = attach(hf, config, seed)
    config = config.model_copy(update={"learning_rate": config.learning_rate or adapter.learning_rate})
    try:
        with processes.together(), nullcontext() if processes.sharded else fast_norms(hf.module):
            known = {e.id: e for e in examples}
            training = Training(hf, encoded.rows, known, objectives, adapter, config, folder, seed, draw_student, fast, processes)
            stopped = training.run(meter, progress, on_epoch, say)
            about = {"base": str(getattr(hf, "name", "")), "base_fingerprint": hf.fingerprint, "steps": training.step, "seed": seed,
                     "adapter": config.adapter}  # fmt: skip
            adapter.save(folder / "adapter", about)
            processes.accelerator.wait_for_everyone()
    finally:
        adapter.detach()
    curve = training.curve()
    return Trained(
        folder / "adapter", training.step, sum(row["tokens"] for row in curve), sum(row["seconds"] for row in curve), curve,
        training.halvings, stopped, encoded.overlong, training.captured, training.events, training.memory,
    )  # fmt: skip


def attach(hf: Any, config: settings.Train, seed: int) -> Adapter:
    """The adapter that the configuration names, on the model."""
    kind = registry.lookup("adapters", config.adapter)
    found: Adapter = kind.attach(hf.module, config, seed=seed, encode=partial(hf.encode_answer, end=False))
    return found


def solved(
    hf: Any, examples: Sequence[Example], config: settings.Train, folder: Path, seed: int, progress: Progress | None, weights: Weights
) -> Trained:  # fmt: skip
    """What an adapter that is solved for, without steps, leaves behind. In scope is whatever has another objective than to stay."""
    taught = {kind for kind, named in weights.items() if named.keys() - {"anchor"}}
    sorted_out = [replace(e, kind="in_scope") if e.kind in taught else e for e in examples]
    curve, kept = registry.lookup("adapters", config.adapter).solve(hf, sorted_out, config, folder, seed=seed, progress=progress)
    tokens, seconds = sum(row["tokens"] for row in curve), sum(row["seconds"] for row in curve)
    return Trained(folder / "adapter", len(curve), tokens, seconds, curve, 0, "solved", {}, None, [(config.adapter, kept)])


def distilled(weights: Mapping[str, float]) -> dict[str, float]:
    """The objectives of a kind of example where a fast adapter has learned them before: what holds the base in place stays, the rest
    becomes distillation from that adapter."""
    kept = {name: weight for name, weight in weights.items() if name == "anchor"}
    return kept | ({"distill": 1.0} if len(kept) < len(weights) else {})
