"""Estimates of a training's memory before it starts, and the measured peak.

The fixed part is counted from the tensors. The activations are counted in a forward pass of the
longest micro-batch: each tensor that autograd would keep is measured and released, so counting
takes no more memory than sampling. Hooks do not see temporary tensors. The largest, a chunk of
logits, is computed, and compiled products are a measured constant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from selfteach.config import TrainConfig
from selfteach.errors import ResourceError
from selfteach.models.four_bit import count_unpacked_numbers, iterate_tensors
from selfteach.models.memory_account import (
    BYTES_PER_LOGIT,
    CHUNK_POSITIONS,
    CPU_OVERHEAD_BYTES,
    format_bytes,
    measure_free_bytes,
)
from selfteach.models.memory_allocator import release_freed_pages
from selfteach.train.distributed import count_own_numbers, get_local_part

if TYPE_CHECKING:
    from selfteach.train.adapters.adapter import Adapter

SUGGESTED_ADAPTER = str(TrainConfig.model_fields["adapter"].default)
"""The adapter that an error suggests if another one does not fit: the default, a LoRA."""
NUM_OPTIMIZER_MOMENTS = 2
"""AdamW's tensors for each parameter."""
STATUS_FILE = Path("/proc/self/status")
CLEAR_REFS_FILE = Path("/proc/self/clear_refs")
MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit of `getrusage`."""
PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Hold bytes of one process.

    `kept`: copies of the base's weights if they change, teachers' distributions, and states of
    frozen layers. `activations`: those of `tokens` at once. `moments`: those of `train.regmean`,
    which replace them between two steps. `free`: before anything was added to the weights. `work`:
    temporary tensors. `measured`: the peak afterwards, with the weights, if it can be measured.
    `checkpoint`: copies of the optimizer's tensors, which are written between two steps.
    """

    weights: int
    kept: int
    trained: int
    gradients: int
    optimizer: int
    activations: int
    tokens: int
    free: int
    work: int = 0
    measured: int | None = None
    moments: int = 0
    checkpoint: int = 0

    @property
    def fixed(self) -> int:
        """Return the bytes that the training adds to the weights permanently."""
        return self.kept + self.trained + self.gradients + self.optimizer

    @property
    def between_steps(self) -> int:
        """Return the bytes that stand in the place of the activations between two steps."""
        return max(self.moments, self.checkpoint)

    @property
    def added(self) -> int:
        """Return the bytes that the training adds to the weights."""
        return self.fixed + max(self.activations, self.between_steps) + self.work

    @property
    def least(self) -> int:
        """Return the bytes that it would add with hardly a token at once."""
        return self.fixed + self.between_steps + self.work

    @property
    def total(self) -> int:
        """Return all bytes."""
        return self.weights + self.added

    @property
    def missing(self) -> int:
        """Return the missing bytes."""
        return max(self.added - self.free, 0)

    def __str__(self) -> str:
        most = f"activations of {self.tokens} tokens"
        if self.activations < self.between_steps:
            is_written = self.moments < self.checkpoint
            most = "a checkpoint" if is_written else "moments of train.regmean"
        parts = {
            "weights": self.weights,
            "also kept": self.kept,
            "trained": self.trained,
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            most: max(self.activations, self.between_steps),
            "work": self.work,
        }
        named = ", ".join(f"{name} {format_bytes(size)}" for name, size in parts.items())
        free = f"{format_bytes(self.free)} free memory without the weights"
        return f"memory: {format_bytes(self.total)} ({named}); {free}"

    def report_peak(self, say: Callable[[str], None] | None) -> None:
        """Report the measured peak, if there is one."""
        if say and self.measured is not None:
            peak = format_bytes(self.measured)
            say(f"memory: at most {peak}, estimate {format_bytes(self.total)}")

    def rows(self) -> dict[str, int | None]:
        """Return the entries for JSON."""
        return {**asdict(self), "total": self.total}

    def require(self, adapter: str, recomputes: bool) -> None:
        """Refuse a training that cannot fit.

        Raises:
            ResourceError: the needed and the free memory.
        """
        if not self.missing:
            return
        cures = {
            "set train.regmean=0": self._alone_is_too_much(self.moments),
            "set train.checkpoint_every=0": self._alone_is_too_much(self.checkpoint),
            "set train.checkpoint_activations=true": self.activations and not recomputes,
            "lower train.max_tokens": self.least < self.free,
            f"use train.adapter={SUGGESTED_ADAPTER}": adapter != SUGGESTED_ADAPTER,
            "several GPUs (docs/how-to/several-processes.md)": True,
        }
        what = (
            f"training {adapter} needs {format_bytes(self.added)} besides the weights and "
            f"{format_bytes(self.free)} are free"
        )
        split = f"{format_bytes(self.fixed)} for parameters, gradients and optimizer"
        if self.activations:
            split += f", {format_bytes(self.activations)} for activations of {self.tokens} tokens"
            split += f", {format_bytes(self.work)} for work"
        if self.moments:
            split += f", {format_bytes(self.moments)} for moments of train.regmean"
        if self._alone_is_too_much(self.checkpoint):
            split += f", {format_bytes(self.checkpoint)} for a checkpoint"
        cure = ", ".join([*(name for name, helps in cures.items() if helps), "or a smaller model"])
        raise ResourceError(f"{what} ({split}).", cure=f"{cure[0].upper()}{cure[1:]}.")

    def _alone_is_too_much(self, between_steps: int) -> bool:
        """Return whether the rest fits, but not with what is done between two steps."""
        rest = self.fixed + self.work
        return rest <= self.free < rest + between_steps


class MemoryMeter:
    """Measure the memory of a device from now on."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.device = next(module.parameters()).device
        held = (*iterate_tensors(module), *module.buffers())
        self.weights = count_bytes(held)
        load_pages(held)
        release_freed_pages()
        self.free = measure_free_bytes(self.device)
        self._before = (
            torch.cuda.memory_allocated(self.device)
            if self.device.type == "cuda"
            else _read_status_bytes("VmRSS")
        )
        self._resets = self._reset()

    def estimate_copies(self, weights: Iterable[Tensor]) -> MemoryEstimate:
        """Estimate the fixed part of training copies of these weights, before they are copied."""
        trained = kept = 0
        for weight in weights:
            count = count_own_numbers(weight)
            trained += 4 * count
            kept += weight.element_size() * count
        return self._estimate(trained, kept)

    def estimate(
        self,
        adapter: Adapter,
        activations: int,
        tokens: int,
        *,
        known: int = 0,
        states: int = 0,
        moments: int = 0,
        writes_checkpoints: bool = False,
    ) -> MemoryEstimate:
        """Estimate the memory with the adapter on the module. `known`: the teachers' distributions,
        which lie in main memory. `states`: those of frozen layers.
        """
        is_cpu = self.device.type == "cpu"
        whole = sum(weight.nbytes for weight in adapter.parameters())  # also of what is split
        kept = getattr(adapter, "kept_bytes", 0) + states
        kept += known if is_cpu else 0
        return replace(
            self._estimate(count_bytes(adapter.parameters()), kept),
            activations=activations,
            tokens=tokens,
            work=self._estimate_work(),
            moments=moments,
            checkpoint=NUM_OPTIMIZER_MOMENTS * whole if writes_checkpoints and is_cpu else 0,
        )

    def _estimate(self, trained: int, kept: int) -> MemoryEstimate:
        optimizer = NUM_OPTIMIZER_MOMENTS * trained
        return MemoryEstimate(self.weights, kept, trained, trained, optimizer, 0, 0, self.free)

    def _estimate_work(self) -> int:
        """Estimate a chunk of logits with its derived tensors, compiled products, and a layer that
        is unpacked from 4 bits.
        """
        head: nn.Module = self.module.get_output_embeddings()  # type: ignore[operator]
        weight: Any = head.weight
        compiled = self.device.type == "cpu" and weight.dtype != torch.float32
        unpacked: int = weight.element_size() * count_unpacked_numbers(self.module)
        return (
            BYTES_PER_LOGIT * CHUNK_POSITIONS * int(weight.shape[0])
            + (CPU_OVERHEAD_BYTES if compiled else 0)
            + unpacked
        )

    def finish(self, account: MemoryEstimate) -> MemoryEstimate:
        """Return the account with the peak since the meter was made."""
        return replace(account, measured=self.peak())

    def peak(self) -> int | None:
        """Return the peak since the meter was made, as if only the weights had been there before;
        None if it cannot be measured. Where memory from before was freed, the weights are the
        least that it can be.
        """
        if not self._resets:
            return None
        peak = (
            torch.cuda.max_memory_allocated(self.device)
            if self.device.type == "cuda"
            else _read_status_bytes("VmHWM")
        )
        return self.weights + max(0, peak - self._before)

    def _reset(self) -> bool:
        """Begin a new peak. Return whether this machine can."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            return True
        measure_peak_mb()  # records the peak so far
        try:
            CLEAR_REFS_FILE.write_text("5")
        except OSError:
            return False
        return True


class ActivationCounter:
    """Count the tensors that autograd would keep. Each piece of work of `run_piece` is counted
    apart, with its input.
    """

    def __init__(self, module: nn.Module, parameters: Iterable[Tensor]) -> None:
        self._owned = {
            _get_storage(tensor)
            for tensor in (*module.parameters(), *module.buffers(), *parameters)
        }
        self._seen: set[StorageWeakRef] = set()
        self._outside = 0
        self._given = 0
        self._inside: list[int] = []
        self._in = False

    def run_piece(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do the work and count it as one part."""
        layer = getattr(work, "__self__", None)
        if isinstance(layer, nn.Module):  # sharded weights are whole only in here
            self._owned |= set(map(_get_storage, layer.parameters()))
        first = next((x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)), None)
        self._given += 0 if first is None else first.nbytes
        self._inside.append(0)
        self._in = True
        try:
            return work(*args, **kwargs)
        finally:
            self._in = False

    def bytes(self, recomputes: bool) -> int:
        """Return the bytes kept at the same time: everything, or for recomputed parts the inputs of
        all and the largest part.
        """
        inside = self._given + max(self._inside, default=0) if recomputes else sum(self._inside)
        return self._outside + inside

    @contextmanager
    def count_saved_tensors(self) -> Iterator[None]:
        """Count the tensors saved for a backward pass and keep none."""
        with torch.autograd.graph.saved_tensors_hooks(self._count, _refuse_backward):
            yield

    def _count(self, tensor: Tensor) -> None:
        storage = _get_storage(tensor)
        if storage in self._owned or storage in self._seen:
            return
        self._seen.add(storage)
        if self._in:
            self._inside[-1] += tensor.untyped_storage().nbytes()
        else:
            self._outside += tensor.untyped_storage().nbytes()


def _refuse_backward(_: None) -> Tensor:
    raise AssertionError("a pass that only counts has no backward pass")


def _get_storage(tensor: Tensor) -> StorageWeakRef:
    """Return a weak reference, so that counting keeps nothing. No other storage gets the same
    identity while it is held.
    """
    mine: Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return StorageWeakRef(mine.untyped_storage())  # type: ignore[no-untyped-call]


def count_bytes(tensors: Iterable[Tensor]) -> int:
    """Count the bytes in this process; shared storage counts once."""
    found = {
        tensor.untyped_storage().data_ptr(): tensor.nbytes
        for tensor in map(get_local_part, tensors)
    }
    return sum(found.values())


def load_pages(tensors: Iterable[Tensor]) -> None:
    """Read all pages of the tensors. A mapped file is loaded when it is first read, which would
    look like growth of the training.
    """
    for tensor in map(get_local_part, tensors):
        if tensor.device.type == "cpu":
            raw = torch.empty(0, dtype=torch.uint8)
            raw.set_(tensor.untyped_storage())[::PAGE_BYTES].sum()  # type: ignore[call-overload]


def measure_peak_mb() -> float:
    """Return the peak of this process's main memory in MB, also from before a meter began a new
    peak.

    `getrusage` is used only if the system reports nothing else, because it is never less than the
    memory of the parent process.
    """
    PeakMemory.size = max(PeakMemory.size, _read_status_bytes("VmHWM") or _read_usage_bytes())
    return PeakMemory.size / 1e6


def _read_usage_bytes() -> int:
    try:
        import resource
    except ImportError:  # Windows, whose own peak psutil reads
        return int(psutil.Process().memory_info().peak_wset)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT_BYTES


class PeakMemory:
    """Hold the largest peak that `measure_peak_mb` has measured, in bytes."""

    size = 0


def _read_status_bytes(name: str) -> int:
    lines = STATUS_FILE.read_text().splitlines() if STATUS_FILE.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:")), 0)
