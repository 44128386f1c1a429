"""The steps of a training: blind to methods and objectives. They order, pack, add up losses, step,
record and resume.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from selfteach import config as settings
from selfteach.errors import IntegrityError, ResourceError, UsageError
from selfteach.models.memory import release
from selfteach.records import Example, Prompt, digest
from selfteach.train import checkpoint, lesson
from selfteach.train.adapters import Adapter
from selfteach.train.adapters.lora import Lora
from selfteach.train.batch import Row, order
from selfteach.train.fitting import fit
from selfteach.train.l2 import pull
from selfteach.train.lesson import Seen, units
from selfteach.train.memory import Account, Meter, out_of_memory, shown
from selfteach.train.mix import Mixture
from selfteach.train.objectives import Objective
from selfteach.train.parallel import Processes
from selfteach.train.recompute import again, layers_through
from selfteach.train.regmean import (
    HOLD_AFTER,
    Layers,
    Moments,
    hold_still,
    moments,
    needed,
    owners,
    why_not,
)
from selfteach.train.shards import frozen, here, whole
from selfteach.train.student import Student
from selfteach.train.teacher import Known, Teacher, captured

WITHOUT_EFFECT = {"checkpoint_every", "micro_batch_tokens", "checkpoint_activations"}
"""Settings that change no result, so a training may be resumed with others."""
RELEASE_EVERY = 2
"""Steps after which freed memory goes back to the system: rows of many lengths leave holes that add
up.
"""
Progress = Callable[[int, int, Mapping[str, Any]], None]
DrawStudent = Callable[[Sequence[Prompt], int], Sequence[str]]
T = TypeVar("T")


class Diverged(IntegrityError):
    """The loss or its gradient is no longer a finite number."""


class Training:
    """One training while it runs."""

    def __init__(
        self,
        hf: Any,
        rows: list[Row],
        examples: Mapping[str, Example],
        objectives: dict[str, Objective],
        adapter: Adapter,
        config: settings.Train,
        folder: Path,
        seed: int,
        draw_student: DrawStudent | None,
        fast: Path | None,
        processes: Processes,
    ) -> None:
        if config.on_policy and draw_student is None:
            raise UsageError(
                "train.on_policy needs a model that draws between steps.",
                cure="Set train.on_policy=0.",
            )
        if config.on_policy and processes.sharded:
            raise UsageError(
                "weights in shards cannot draw.",
                where="train.on_policy",
                cure="Set train.on_policy=0.",
            )
        if config.regmean and processes.sharded:
            raise UsageError(
                "weights in shards cannot be held still.",
                where="train.regmean",
                cure="Set train.regmean=0.",
            )
        if frozen(hf.module) and len({frozenset(row.weights) for row in rows}) > 1:
            raise UsageError(
                "with DeepSpeed all examples need the same objectives.",
                where="train.weights",
                cure="Launch with configs/accelerate/fsdp2.yaml.",
            )
        self.hf, self.rows, self.examples, self.objectives, self.adapter = (
            hf,
            rows,
            examples,
            objectives,
            adapter,
        )
        self.config, self.folder, self.seed, self.draw_student = config, folder, seed, draw_student
        self.mixture = Mixture(rows, config.mix, seed, config.least)
        self.processes = processes
        self.student = Student(hf.module, adapter)
        self.teacher = Teacher(hf, self.student, objectives, examples, config, fast)
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        if not self.student.packs:
            self.event("not_packed", {"model": type(hf.module).__name__})
        self.top_rate = config.learning_rate or adapter.learning_rate
        self.optimizer = torch.optim.AdamW(
            adapter.parameters(), lr=self.top_rate, weight_decay=config.weight_decay
        )
        self.per_epoch = math.ceil(self.mixture.size / config.batch_size)
        self.total = config.max_steps or config.epochs * self.per_epoch
        self.hold_at, self.held = self._when(), False
        self.step, self.halvings, self.budget = 0, 0, config.micro_batch_tokens
        self.captured: float | None = None
        self.memory: Account | None = None
        self.known: dict[int, Known] = {}
        self._dealt: dict[int, list[list[Row]]] = {}
        self.metrics = folder / "metrics.jsonl"
        self._before, self._begun = 0.0, time.monotonic()
        self.identity = digest(
            [
                config.model_dump(exclude=WITHOUT_EFFECT),
                seed,
                hf.fingerprint,
                [[r.prompt, r.answers, dict(r.weights), r.dataset] for r in rows],
            ]
        )

    def run(
        self, meter: Meter, progress: Progress | None, say: Callable[[str], None] | None
    ) -> None:
        """Trains to the end."""
        self._begun = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        if self.step == self.total:
            return
        used = self._used()
        account = self._fit(meter, used)
        if say:
            say(str(account))
        self.known = self._in_memory(used, lambda: self._learn(used))
        self.captured = captured(self.known)
        module = self.student.module
        if self.config.checkpoint_activations:
            self.student.apart = again(module)
        with (
            layers_through(module, self.student.apart)
            if self.config.checkpoint_activations
            else nullcontext()
        ):
            self._walk(progress, say)
        self.memory = meter.closed(account)
        if say and self.memory.measured is not None:
            say(
                f"memory: at most {shown(self.memory.measured)}, of "
                f"{shown(account.total)} accounted for"
            )

    def _batches(self, epoch: int) -> list[list[Row]]:
        """An epoch's batches, which depend on the seed and its number alone; dealt once while
        nobody asks for another epoch's.
        """
        if epoch not in self._dealt:
            self._dealt = {
                epoch: order(self.mixture.epoch(epoch), self.config.batch_size, self.seed, epoch)
            }
        return self._dealt[epoch]

    def _used(self) -> list[Row]:
        """The rows of all steps, also of those before a resumption: what is computed together must
        not depend on where it goes on.
        """
        batches = itertools.chain.from_iterable(
            map(self._batches, range(math.ceil(self.total / self.per_epoch)))
        )
        numbers = {row.number for batch in itertools.islice(batches, self.total) for row in batch}
        return [row for row in self.rows if row.number in numbers]

    def _learn(self, rows: list[Row]) -> dict[int, Known]:
        """What the base knows of rows: each process asks for its part, unless all are needed to
        gather the weights.
        """
        if self.processes.sharded:
            return self.teacher.learn(rows, self.budget)
        mine = self.teacher.learn(rows[self.processes.rank :: self.processes.count], self.budget)
        return {
            number: known
            for part in self.processes.gather([mine])
            for number, known in part.items()
        }

    def _fit(self, meter: Meter, used: Sequence[Row]) -> Account:
        """Counts the memory, and computes less at once where that is needed."""
        name, recomputes = self.config.adapter, self.config.checkpoint_activations
        ahead = self.hold_at is not None and not self.held
        most = needed(self.adapter.places) if ahead and isinstance(self.adapter, Lora) else 0
        of = partial(meter.account, self.adapter, known=self.teacher.kept_bytes(used), moments=most)
        counted = partial(
            fit,
            self.student,
            self.teacher,
            self.objectives,
            self._batches(0),
            of,
            self.processes,
            name,
            recomputes,
        )
        account, fits = self._in_memory(self.rows, lambda: counted(self.budget))
        if fits < self.budget:
            self.event(
                "micro_batch_fitted",
                {"micro_batch_tokens": fits, "asked": self.budget, "free": account.free},
            )
        self.budget = fits
        return account

    def _walk(self, progress: Progress | None, say: Callable[[str], None] | None) -> None:
        """The steps that are left."""
        while self.step < self.total:
            epoch, place = divmod(self.step, self.per_epoch)
            if self.step == self.hold_at and not self.held:
                self._hold(say)
            batch = self._batches(epoch)[place]
            if self.config.on_policy:
                batch = self._with_own_draws(batch)
            row = self._step(batch)
            self._record(row)
            if progress:
                progress(self.step, self.total, row)
            every = self.config.checkpoint_every
            if every and (self.step % every == 0 or self.step == self.total):
                self._checkpoint()

    def _when(self) -> int | None:
        """The step before which a LoRA gives up what the lessons do not need; None where it never
        does.
        """
        if not self.config.regmean:
            return None
        step = round(HOLD_AFTER * self.total)
        why = why_not(self.adapter, self.rows) or (
            "" if step < self.total else "there are too few steps"
        )
        if why:
            self.event("regmean_left_out", {"mu": self.config.regmean, "reason": why})
        return None if why else step

    def _hold(self, say: Callable[[str], None] | None) -> None:
        """Gives up what the lessons do not need; the steps that are left make good what they lost
        by it. All processes go on with what the first one found."""
        if say:
            say(f"step {self.step}: giving up what the lessons do not need (train.regmean)")
        assert isinstance(self.adapter, Lora)
        places, budget = self.adapter.places, self.budget

        def see(layers: Layers, rows: Sequence[Row]) -> Moments:
            return self._in_memory(rows, lambda: moments(self.student, layers, rows, self.budget))

        release()
        shortest = min(self.rows, key=lambda row: row.length)
        shared = self._in_memory([shortest], lambda: owners(self.student, places, shortest))
        left_out = hold_still(self.adapter, self.rows, self.config.regmean, see, shared)
        self.processes.agree(layer.a for layer in places.values())
        self.held, self.budget = True, budget
        about = {"step": self.step, "mu": self.config.regmean}
        if len(left_out) < len(places):
            self.event("regmean", about)
        for why in sorted(set(left_out.values())):
            names = [name for name, its in left_out.items() if its == why]
            self.event(
                "regmean_left_out",
                {**about, "reason": why, "layers": len(names), "first": names[0]},
            )

    def event(self, kind: str, body: Mapping[str, Any]) -> None:
        """Notes what happened besides learning."""
        self.events.append((kind, body))

    def curve(self) -> list[dict[str, Any]]:
        """The steps so far."""
        return (
            [json.loads(line) for line in self.metrics.read_text("utf-8").splitlines()]
            if self.metrics.exists()
            else []
        )

    def seconds(self) -> float:
        """What the training has taken until now, with what it took before a resumption."""
        return self._before + time.monotonic() - self._begun

    def rate(self, step: int) -> float:
        """The learning rate of a step: linear warm-up, then linear or cosine decay to zero."""
        warm = round(self.config.warmup * self.total)
        if step < warm:
            return self.top_rate * (step + 1) / warm
        left = (self.total - step) / max(self.total - warm, 1)
        return self.top_rate * (
            left if self.config.schedule == "linear" else 0.5 * (1 - math.cos(math.pi * left))
        )

    def _step(self, batch: list[Row]) -> dict[str, Any]:
        """One update from one batch; on lack of memory the same batch again in smaller parts."""
        started = time.monotonic()
        self.adapter.begin_step()
        counts = units(self.objectives, batch)
        seen: Seen = {name: {} for name in self.objectives}
        loss, parts = self._in_memory(batch, lambda: self._backward(batch, counts, seen))
        if self.config.l2:
            parts["l2"] = pull(self.adapter.changes(), self.config.l2)
            loss += self.config.l2 * parts["l2"]
        rate = self.rate(self.step)
        norm = self._clip()
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self._diverged(loss, norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.step += 1
        if self.step % RELEASE_EVERY == 0:
            release()
        return {
            "step": self.step,
            "loss": loss,
            "losses": parts,
            "lr": rate,
            "grad_norm": norm,
            **self._watched(seen),
            "tokens": sum(row.tokens for row in batch),
            "seconds": round(time.monotonic() - started, 4),
        }

    def _watched(self, seen: Seen) -> dict[str, Any]:
        """Gives each objective what was seen of the step, by all processes; returns what they make
        of it, for the curve.
        """
        rows = [
            (name, number, facts)
            for name, numbers in seen.items()
            for number, facts in numbers.items()
        ]
        rows = self.processes.gather(rows)
        found: dict[str, Mapping[str, float]] = {}
        for name in sorted({name for name, *_ in rows}):
            pairs = sum(name in row.weights for row in self.rows)
            mine = {number: facts for of, number, facts in rows if of == name}
            found[name], events = self.objectives[name].after_step(self.step, mine, pairs)
            self.events += events
        return {"watched": found} if found else {}

    def _in_memory(self, rows: Sequence[Row], work: Callable[[], T]) -> T:
        """Does the work; where memory runs out, does it again in smaller parts."""
        while True:
            try:
                with self.student.ready():
                    return work()
            except (MemoryError, RuntimeError) as fault:  # torch.OutOfMemoryError is a RuntimeError
                if not out_of_memory(fault):
                    raise
            self._halve(rows)

    def _backward(
        self, batch: list[Row], counts: Mapping[str, int], seen: Seen
    ) -> tuple[float, dict[str, float]]:
        """Adds up the gradient of the whole batch: the micro-batches' losses are shares of one sum."""
        self.optimizer.zero_grad(set_to_none=True)
        total, parts = 0.0, dict.fromkeys((n for n, count in counts.items() if count), 0.0)
        for group, counted in self.processes.micro_batches(batch, self.budget):
            share, found = self._loss(group, counts, seen if counted else None)
            (share if counted else 0.0 * share).backward()  # type: ignore[no-untyped-call]
            if counted:
                total += float(share.detach())
                for name, value in found.items():
                    parts[name] += value
        self.processes.sum_gradients(self.adapter.parameters())
        total, *rest = self.processes.sum([total, *parts.values()])
        return total, dict(zip(parts, rest, strict=True))

    def _loss(
        self, rows: list[Row], counts: Mapping[str, int], seen: Seen | None
    ) -> tuple[torch.Tensor, dict[str, float]]:
        work = partial(lesson.loss, self.student, rows, self.objectives, counts, self.known, seen)
        return here(self.student.module, work)

    def _clip(self) -> float:
        return float(
            whole(torch.nn.utils.clip_grad_norm_(self.adapter.parameters(), self.config.clip))
        )

    def _halve(self, batch: Sequence[Row]) -> None:
        longest = max(row.length for row in batch)
        if self.processes.sharded:
            raise ResourceError(
                f"{self.budget} tokens at once do not fit into memory.",
                where="train.micro_batch_tokens",
                cure="Lower it: processes that share their weights cannot try again alone.",
            )
        if self.budget < longest:
            raise ResourceError(
                f"one row of {longest} tokens does not fit into memory.",
                cure="Lower train.max_tokens, or use a smaller model or rank.",
            )
        self.budget, self.halvings = (
            min(self.budget, sum(row.length for row in batch)) // 2,
            self.halvings + 1,
        )
        self.event("out_of_memory", {"step": self.step, "micro_batch_tokens": self.budget})
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _diverged(self, loss: float, norm: float) -> None:
        self._checkpoint()
        raise Diverged(
            (
                f"the loss ({loss}) or its gradient's norm ({norm}) is not finite at step "
                f"{self.step + 1}."
            ),
            where=str(self.folder),
            cure=(
                f"The weights after step {self.step} are in checkpoints/. Lower "
                "train.learning_rate, or look at this step's rows."
            ),
        )

    def _with_own_draws(self, batch: list[Row]) -> list[Row]:
        """Gives a share of the rows a second life: the student answers their prompts as it is now,
        and the objectives that can be trained on its own draws are trained on these instead of the
        given answers."""
        apt = {name for name, objective in self.objectives.items() if objective.own_draws}
        dice = random.Random(f"{self.seed}/own/{self.step}")
        asked = [
            row
            for row in batch
            if apt & row.weights.keys() and dice.random() < self.config.on_policy
        ]
        if not asked:
            return batch
        assert self.draw_student is not None
        with self.adapter.merged():
            texts = self.draw_student([self.examples[row.id].prompt for row in asked], self.step)
        drawn: dict[int, Row] = {}
        skip = max(self.objectives[name].skip for name in apt)
        for row, text in zip(asked, texts, strict=True):
            answer = tuple(self.hf.encode_answer(text, end=True))[
                : self.config.max_tokens - len(row.prompt)
            ]
            if text.strip() and len(answer) > skip:
                weights = {n: w for n, w in row.weights.items() if n in apt}
                drawn[row.number] = Row(
                    len(self.rows) + row.number,
                    row.id,
                    row.kind,
                    row.prompt,
                    (answer,),
                    weights,
                    drawn=True,
                )
        self.known |= self._in_memory(
            list(drawn.values()), lambda: self.teacher.learn(list(drawn.values()), self.budget)
        )
        rest = [_without(row, apt) if row.number in drawn else row for row in batch]
        return [row for row in rest if row.weights] + list(drawn.values())

    def _record(self, row: Mapping[str, Any]) -> None:
        if self.processes.main:
            with self.metrics.open("a", encoding="utf-8") as handle:
                handle.write(json.dumps(row) + "\n")

    def _checkpoint(self) -> None:
        adapter, optimizer = (
            self.adapter.state(),
            checkpoint.optimizer_tensors(self.optimizer),
        )  # by all processes: they may hold shards
        if not self.processes.main:
            return
        facts: dict[str, Any] = {
            "metrics_bytes": self._kept(),
            "seconds": round(self.seconds(), 4),
            "halvings": self.halvings,
            "budget": self.budget,
            "held": self.held,
            "events": self.events,
        }
        if states := {
            name: state
            for name, objective in self.objectives.items()
            if (state := objective.state())
        }:
            facts["objectives"] = states
        point = checkpoint.Checkpoint(self.step, adapter, optimizer, torch.get_rng_state(), facts)
        checkpoint.write(self.folder / "checkpoints", self.identity, point)

    def _kept(self) -> int:
        """The bytes of the curve so far, which are on the disk then."""
        if not self.metrics.exists():
            return 0
        with self.metrics.open("rb") as handle:
            os.fsync(handle.fileno())
        return self.metrics.stat().st_size

    def _cut(self, keep: int) -> None:
        """The curve as it was at the checkpoint; of one that has lost its end the whole lines."""
        data = self.metrics.read_bytes() if self.metrics.exists() else b""
        if len(data) < keep:
            self.event("metrics_lost", {"bytes": keep, "found": len(data)})
            keep = data.rfind(b"\n") + 1
        if data:
            os.truncate(self.metrics, keep)

    def _resume(self) -> None:
        point = checkpoint.newest(self.folder / "checkpoints", self.identity, self.event)
        if self.processes.main:
            self._cut(point.facts["metrics_bytes"] if point else 0)
        if point is None:
            return
        self.adapter.load(point.adapter)
        checkpoint.restore_optimizer(self.optimizer, point.optimizer)
        torch.set_rng_state(point.rng)
        self.step, self.halvings, self.budget = (
            point.step,
            point.facts["halvings"],
            point.facts["budget"],
        )
        self.held, self._before = point.facts.get("held", False), point.facts.get("seconds", 0.0)
        before = [(kind, body) for kind, body in point.facts.get("events", ())]
        self.events = before + [event for event in self.events if event not in before]
        self.event("resumed", {"step": self.step})
        for name, state in point.facts.get("objectives", {}).items():
            self.objectives[name].restore(state)


def _without(row: Row, names: Set[str]) -> Row:
    """The row without some of its objectives."""
    return replace(row, weights={n: w for n, w in row.weights.items() if n not in names})
