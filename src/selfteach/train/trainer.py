"""The trainer: it orders and packs rows, adds up losses, takes steps, records and resumes. It knows
no method, objective, kind of example or adapter by name.

`Trainer.run` reads from top to bottom:

1  resume: go on from the newest whole checkpoint
2  memory: count the memory of the longest micro-batch, and compute less at once if needed
3  frozen layers: compute once what the layers below the first trained one make of the rows
4  reference: compute once the frozen base's facts about the rows
5  steps: callbacks, batch, gradients, update, entry of the curve, checkpoint
6  account: compare the peak of memory with the count
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from selfteach.config import CHANGEABLE_SETTINGS, TrainConfig
from selfteach.errors import IntegrityError, UsageError
from selfteach.models.memory_allocator import FreedPages
from selfteach.records import Example, JsonMapping, JsonObject, digest
from selfteach.train import checkpoint, micro_batch_loss
from selfteach.train.activation_checkpointing import make_checkpointed_runner, run_layers_with
from selfteach.train.adapters.adapter import Adapter
from selfteach.train.callbacks import Callback, Say, StepCallback, make_callbacks
from selfteach.train.dataset_mixture import DatasetMixture, Epochs
from selfteach.train.distributed import ProcessGroup, gather_shards, run_in_module
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.fast.frozen_layers import MAX_STATES_BYTES
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.l2_to_base import add_l2_gradient
from selfteach.train.memory import MemoryEstimate, MemoryMeter
from selfteach.train.metrics_file import MetricsFile
from selfteach.train.micro_batch_loss import ObservedRows, count_units
from selfteach.train.micro_batch_size import MicroBatchSize, fit_micro_batch
from selfteach.train.objectives.objective import Event, Objective
from selfteach.train.on_policy import OnPolicy, OnPolicySampler, refuse_idle_sampling
from selfteach.train.reference import Reference, ReferenceOutputs, compute_top_k_mass


class Diverged(IntegrityError):
    """The loss or its gradient is no longer a finite number."""


class Trainer:
    """Run one training.

    Args:
        start: the hash of the adapter that it goes on from, or an empty text.

    Raises:
        UsageError: a setting that this launch cannot do.
    """

    def __init__(
        self,
        hf: Any,
        rows: list[TrainingRow],
        examples: Mapping[str, Example],
        objectives: dict[str, Objective],
        adapter: Adapter,
        config: TrainConfig,
        folder: Path,
        seed: int,
        sample_tuned: OnPolicySampler | None,
        distill_teacher: Path | None,
        processes: ProcessGroup,
        start: str = "",
    ) -> None:
        refuse_idle_sampling(config, {row.kind: row.weights for row in rows})
        _require_supported(config, sample_tuned, processes)
        self.hf = hf
        self.rows = rows
        self.objectives = objectives
        self.adapter = adapter
        self.config = config
        self.folder = folder
        self.processes = processes
        self.step = 0
        self.events: list[Event] = []
        self.model = PackedModel(hf.module, adapter)
        if not self.model.can_pack:
            facts = {"model": type(hf.module).__name__, "reason": self.model.obstacle}
            self.record_event("not_packed", facts)
        self.reference = Reference(hf, self.model, objectives, examples, config, distill_teacher)
        self.reference_outputs: dict[int, ReferenceOutputs] = {}
        self.top_k_mass: float | None = None
        self.memory: MemoryEstimate | None = None
        self.micro_batch = MicroBatchSize(
            config.micro_batch_tokens, self.model, processes, self._record_halving
        )
        self.top_rate = config.learning_rate or adapter.learning_rate
        self.optimizer = torch.optim.AdamW(
            adapter.parameters(), lr=self.top_rate, weight_decay=config.weight_decay
        )
        self.epochs = Epochs(_mix_datasets(rows, config, seed), config.batch_size, seed)
        self.total = config.max_steps or config.epochs * self.epochs.steps
        self.on_policy: OnPolicy | None = None
        if config.on_policy and sample_tuned is not None:
            self.on_policy = OnPolicy(
                hf, adapter, objectives, examples, config, seed, sample_tuned, len(rows)
            )
        self.pages = FreedPages()
        self.metrics = MetricsFile(folder / "metrics.jsonl")
        self._seconds_before = 0.0
        self._begun = time.monotonic()
        teachers = self._list_teacher_prompts(examples)
        self.identity = _identify_training(config, seed, hf.fingerprint, rows, teachers, start)
        self.callbacks = make_callbacks(config)
        for callback in self.callbacks.values():
            callback.start(self)

    def run(self, meter: MemoryMeter, progress: StepCallback | None, say: Say | None) -> None:
        """Train to the end.

        Raises:
            Diverged: a loss or gradient that is not finite.
            ResourceError: one row alone does not fit into memory.
        """
        self._begun = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()  # 1
        if self.step == self.total:
            return
        # Rows of all steps, also of those before a resumption: it computes the same rows together.
        numbers = self.epochs.used(self.total)
        used = [row for row in self.rows if row.number in numbers]
        self._find_frozen_layers(used)
        account = self._fit_memory(meter, used)  # 2
        if say:
            say(str(account))
        self._keep_frozen_states(used)  # 3
        self.reference.say = say
        compute = partial(self._compute_reference_outputs, used)
        self.reference_outputs = self.micro_batch.retry(used, compute)  # 4
        self.top_k_mass = compute_top_k_mass(self.reference_outputs)
        layers: AbstractContextManager[None] = nullcontext()
        if self.config.checkpoint_activations:
            self.model.run_piece = make_checkpointed_runner(self.model.module)
            layers = run_layers_with(self.model.module, self.model.run_piece)
        with layers:
            self._run_steps(progress, say, partial(meter.finish, account))  # 5
        self.memory = meter.finish(account)  # 6
        self.memory.report_peak(say)

    def _list_teacher_prompts(self, examples: Mapping[str, Example]) -> list[Any]:
        """Return the teacher's prompt of each row, None where no objective has a teacher."""
        prompts = []
        for row in self.rows:
            has_teacher = any(self.objectives[name].teacher for name in row.weights)
            prompts.append(examples[row.id].source.get("teacher_prompt") if has_teacher else None)
        return prompts

    def _find_frozen_layers(self, used: Sequence[TrainingRow]) -> None:
        """Find the layers whose states will be kept: where rows pass more than once, all states fit
        into their limit, and one process has all weights.
        """
        alone = self.processes.count == 1 and not self.processes.in_step
        again = self.total > self.epochs.steps or any(
            objective.reference or objective.teacher for objective in self.objectives.values()
        )
        if alone and again and self.model.count_state_bytes(used) <= MAX_STATES_BYTES:
            self.model.find_frozen_layers()

    def _keep_frozen_states(self, used: Sequence[TrainingRow]) -> None:
        """Compute what the frozen layers make of rows."""
        if self.model.frozen.count:
            self.micro_batch.retry(
                used, lambda: self.model.keep_frozen_states(used, self.micro_batch.tokens)
            )

    def _run_steps(
        self,
        progress: StepCallback | None,
        say: Say | None,
        measure_memory: Callable[[], MemoryEstimate],
    ) -> None:
        """Take the steps that are left. The last checkpoint holds the memory that they needed."""
        while self.step < self.total:
            for callback in self.callbacks.values():
                callback.before_step(self, say)
            batch = self.epochs.batch(self.step)
            if self.on_policy:
                batch = self._with_own_answers(self.on_policy, batch)
            entry = self._step(batch)
            if self.processes.main:
                self.metrics.append(entry)
            if progress:
                progress(self.step, self.total, entry)
            if self.step == self.total:
                self.memory = measure_memory()
            every = self.config.checkpoint_every
            if every and (self.step % every == 0 or self.step == self.total):
                self._checkpoint()

    def _step(self, batch: list[TrainingRow]) -> JsonObject:
        """Update the adapter from one batch; return the step's entry of the curve."""
        started = time.monotonic()
        self.adapter.begin_step()
        counts = count_units(self.objectives, batch)
        seen: ObservedRows = {name: {} for name in self.objectives}
        total, parts = self.micro_batch.retry(batch, lambda: self._backward(batch, counts, seen))
        if self.config.l2:
            parts["l2"] = add_l2_gradient(self.adapter.iterate_weight_changes(), self.config.l2)
            total += self.config.l2 * parts["l2"]
        rate = self.get_learning_rate(self.step)
        clipped = torch.nn.utils.clip_grad_norm_(
            self.adapter.parameters(), self.config.max_grad_norm
        )
        norm = float(gather_shards(clipped))
        if not (math.isfinite(total) and math.isfinite(norm)):
            self._stop_diverged(total, norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.step += 1
        self.pages.limit()
        return {
            "step": self.step,
            "loss": total,
            "losses": parts,
            "lr": rate,
            "grad_norm": norm,
            **self._report_observed(seen),
            "tokens": sum(row.tokens for row in batch),
            "seconds": round(time.monotonic() - started, 4),
        }

    def _backward(
        self, batch: list[TrainingRow], counts: Mapping[str, int], seen: ObservedRows
    ) -> tuple[float, dict[str, float]]:
        """Add up the gradient of the whole batch: the micro-batches' losses are shares of one sum.

        Returns:
            The loss, and each objective's unweighted share of it.
        """
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        parts = {name: 0.0 for name, count in counts.items() if count}
        groups = self.processes.assign_micro_batches(batch, self.micro_batch.tokens)
        for group, counted in groups:
            work = partial(
                micro_batch_loss.compute_loss,
                self.model,
                group,
                self.objectives,
                counts,
                self.reference_outputs,
                seen if counted else None,
            )
            share, found = run_in_module(self.model.module, work)
            if not counted:
                share = 0.0 * share
            share.backward()  # type: ignore[no-untyped-call]
            if counted:
                total += float(share.detach())
                for name, value in found.items():
                    parts[name] += value
        self.processes.sum_gradients(self.adapter.parameters())
        total, *rest = self.processes.sum([total, *parts.values()])
        return total, dict(zip(parts, rest, strict=True))

    def get_learning_rate(self, step: int) -> float:
        """Return the learning rate of a step: linear warm-up, then linear or cosine decay to 0."""
        warm = round(self.config.warmup * self.total)
        if step < warm:
            return self.top_rate * (step + 1) / warm
        left = (self.total - step) / max(self.total - warm, 1)
        if self.config.schedule == "cosine":
            left = 0.5 * (1 - math.cos(math.pi * left))
        return self.top_rate * left

    def _report_observed(self, seen: ObservedRows) -> JsonObject:
        """Give each objective the step's figures of all processes; return its own for the curve."""
        everywhere: ObservedRows = {}
        for part in self.processes.gather([seen]):
            for name, figures in part.items():
                everywhere.setdefault(name, {}).update(figures)
        found: dict[str, Mapping[str, float]] = {}
        for name in sorted(everywhere):
            if everywhere[name]:
                pairs = sum(name in row.weights for row in self.rows)
                objective = self.objectives[name]
                found[name], events = objective.after_step(self.step, everywhere[name], pairs)
                self.events += events
        return {"watched": found} if found else {}

    def _with_own_answers(self, on_policy: OnPolicy, batch: list[TrainingRow]) -> list[TrainingRow]:
        """Return the batch with answers of the tuned model in place of some given ones."""
        sampled = on_policy.sample(batch, self.step)
        rows = list(sampled.values())
        if not rows:
            return batch
        size = self.micro_batch
        self.reference_outputs |= size.retry(
            rows, lambda: self.reference.compute(rows, size.tokens)
        )
        return on_policy.join(batch, sampled)

    def _fit_memory(self, meter: MemoryMeter, used: Sequence[TrainingRow]) -> MemoryEstimate:
        """Count the memory, and compute less at once if needed."""
        between_steps = [callback.count_bytes(self) for callback in self.callbacks.values()]
        counted = partial(
            meter.estimate,
            self.adapter,
            known=self.reference.kept_bytes(used),
            states=self.model.count_state_bytes(used) if self.model.frozen.count else 0,
            moments=max(between_steps, default=0),
            writes_checkpoints=bool(self.config.checkpoint_every),
        )
        account, fits = self.micro_batch.retry(
            self.rows,
            lambda: fit_micro_batch(
                self.reference,
                self.epochs.batches(0),
                counted,
                self.processes,
                self.config.adapter,
                self.config.checkpoint_activations,
                self.micro_batch.tokens,
            ),
        )
        wanted = self.micro_batch.tokens
        if fits < wanted:
            facts = {"micro_batch_tokens": fits, "asked": wanted, "free": account.free}
            self.record_event("micro_batch_fitted", facts)
        self.micro_batch.tokens = fits
        return account

    def _compute_reference_outputs(self, rows: list[TrainingRow]) -> dict[int, ReferenceOutputs]:
        """Return the base's facts about rows. Each process computes its part, unless all are needed
        to gather the weights.
        """
        tokens = self.micro_batch.tokens
        if self.processes.sharded:
            return self.reference.compute(rows, tokens)
        mine = self.reference.compute(rows[self.processes.rank :: self.processes.count], tokens)
        found: dict[int, ReferenceOutputs] = {}
        for part in self.processes.gather([mine]):
            found |= part
        return found

    def record_event(self, kind: str, body: JsonMapping) -> None:
        """Record an event and its facts."""
        self.events.append((kind, body))

    def _record_halving(self, tokens: int) -> None:
        facts = {"step": self.step, "micro_batch_tokens": tokens}
        self.record_event("out_of_memory", facts)

    def elapsed_seconds(self) -> float:
        """Return the seconds of the training so far, with those before a resumption."""
        return self._seconds_before + time.monotonic() - self._begun

    def _stop_diverged(self, total: float, norm: float) -> None:
        self._checkpoint()
        raise Diverged(
            (
                f"the loss ({total}) or its gradient's norm ({norm}) is not finite at step "
                f"{self.step + 1}."
            ),
            where=str(self.folder),
            cure=(
                f"The weights after step {self.step} are in checkpoints/. Lower "
                "train.learning_rate, or look at this step's rows."
            ),
        )

    def _checkpoint(self) -> None:
        """Write a checkpoint. All processes collect the tensors, which may be shards; the first one
        writes.
        """
        tensors: list[checkpoint.CollectTensors] = [
            self.adapter.state,
            partial(checkpoint.get_optimizer_tensors, self.optimizer),
            lambda: {"torch": torch.get_rng_state()},
        ]
        if not self.processes.main:
            for collect in tensors:
                collect()
            return
        facts: JsonObject = {
            "metrics_bytes": self.metrics.sync(),
            "seconds": round(self.elapsed_seconds(), 4),
            "halvings": self.micro_batch.halvings,
            "budget": self.micro_batch.tokens,
            "micro_batch_tokens": self.config.micro_batch_tokens,
            "events": self.events,
            "callbacks": _collect_states(self.callbacks),
            "objectives": _collect_states(self.objectives),
            "top_k_mass": self.top_k_mass,
            "memory": asdict(self.memory) if self.memory else None,
        }
        folder = self.folder / "checkpoints"
        checkpoint.write_checkpoint(folder, self.identity, self.step, tensors, facts)

    def _resume(self) -> None:
        """Go on from the newest whole checkpoint, if there is one."""
        point = checkpoint.read_newest_checkpoint(
            self.folder / "checkpoints", self.identity, self.record_event
        )
        if self.processes.main:
            size = point.facts["metrics_bytes"] if point else 0
            found = self.metrics.truncate(size)
            if found < size:
                self.record_event("metrics_lost", {"bytes": size, "found": found})
        if point is None:
            return
        self.adapter.load(point.adapter)
        checkpoint.restore_optimizer(self.optimizer, point.optimizer)
        torch.set_rng_state(point.rng)
        self.step = point.step
        self.micro_batch.halvings = point.facts["halvings"]
        if point.facts.get("micro_batch_tokens") == self.config.micro_batch_tokens:
            self.micro_batch.tokens = point.facts["budget"]
        self._seconds_before = point.facts.get("seconds", 0.0)
        self.top_k_mass = point.facts.get("top_k_mass")
        if memory := point.facts.get("memory"):
            self.memory = MemoryEstimate(**memory)
        before = [(kind, body) for kind, body in point.facts.get("events", ())]
        self.events = before + [event for event in self.events if event not in before]
        self.record_event("resumed", {"step": self.step})
        for name, state in point.facts.get("callbacks", {}).items():
            self.callbacks[name].restore(state)
        for name, state in point.facts.get("objectives", {}).items():
            self.objectives[name].restore(state)


def _mix_datasets(rows: list[TrainingRow], config: TrainConfig, seed: int) -> DatasetMixture:
    """Return the rows in the shares of the settings, over so many steps where these are given."""
    return DatasetMixture(
        rows,
        config.dataset_shares,
        seed,
        min_shares=config.min_share,
        once=config.once or (),
        epochs=config.epochs,
        max_steps=config.max_steps,
        batch_size=config.batch_size,
    )


def _identify_training(
    config: TrainConfig,
    seed: int,
    base_fingerprint: str,
    rows: Sequence[TrainingRow],
    teachers: Sequence[Any],
    start: str,
) -> str:
    """Return the hash of all that decides on the weights: a checkpoint of another is refused.

    Args:
        teachers: the teacher's prompt of each row, None where an objective needs none.
        start: the hash of the adapter that the training goes on from, or an empty text.
    """
    settings = config.model_dump(exclude=set(CHANGEABLE_SETTINGS))
    contents = []
    for row, teacher in zip(rows, teachers, strict=True):
        told = [row.kind, row.prompt, row.answers, dict(row.weights), row.dataset, teacher]
        contents.append([*told, *filter(None, [row.forbidden])])
    return digest([settings, seed, base_fingerprint, contents, *filter(None, [start])])


def _collect_states(parts: Mapping[str, Callback] | Mapping[str, Objective]) -> JsonObject:
    """Return the state of each part that has one."""
    found = {name: part.state() for name, part in parts.items()}
    return {name: state for name, state in found.items() if state}


def _require_supported(
    config: TrainConfig,
    sample_tuned: OnPolicySampler | None,
    processes: ProcessGroup,
) -> None:
    """Refuse settings that this launch cannot do.

    Raises:
        UsageError: which setting, and what to do.
    """
    if config.on_policy and sample_tuned is None:
        raise UsageError(
            "train.on_policy needs a model that samples between steps.",
            cure="Set train.on_policy=0.",
        )
    if config.on_policy and processes.sharded:
        raise UsageError(
            "weights in shards cannot sample.",
            where="train.on_policy",
            cure="Set train.on_policy=0.",
        )
