"""Several processes on one training: who computes which rows, sums over all of them, and weights that lie in shards (FSDP2).

Without shards every process holds the whole model and the gradients of what is trained are summed (data parallel). With shards
(`accelerate launch --use_fsdp --fsdp_version 2`) each process keeps its part of every weight of the base and gathers a layer when it is
needed; what `full` and `layers` train is sharded too, small adapters are whole in every process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, distributed, nn

from selfteach.errors import Interrupted, UsageError
from selfteach.models.worn import decoder_layers
from selfteach.run.processes import count
from selfteach.train.batch import Row, micro_batches

T = TypeVar("T")


class Processes:
    """All processes of a training, seen from one of them.

    Raises:
        UsageError: they were launched for something that this training cannot do.
    """

    def __init__(self, module: nn.Module) -> None:
        if _asked("ACCELERATE_USE_DEEPSPEED"):
            raise UsageError("DeepSpeed's engine takes the whole training over.", cure="Use configs/accelerate/fsdp2.yaml.")
        on_cpu = next(module.parameters()).device.type == "cpu"
        self.accelerator = Accelerator(cpu=on_cpu and not (count() > 1 and torch.cuda.is_available()))
        self.rank, self.count = self.accelerator.process_index, self.accelerator.num_processes
        self.main, self.sharded = self.rank == 0, False

    def shard(self, module: nn.Module) -> None:
        """Splits the module's weights over the processes where the launch asks for it. It stays split.

        Raises:
            UsageError: the launch asks for FSDP's first version.
        """
        if not _asked("ACCELERATE_USE_FSDP"):
            return
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

        if os.environ.get("FSDP_VERSION", "1") != "2":
            raise UsageError("only the second version of FSDP is known.", cure="Launch with --fsdp_version 2.")
        self.sharded = True
        if isinstance(module, FSDPModule):
            return
        mesh = init_device_mesh(self.accelerator.device.type, (self.count,))
        policy = MixedPrecisionPolicy(reduce_dtype=torch.float32)
        for part in (*decoder_layers(module), module):
            fully_shard(part, mesh=mesh, mp_policy=policy, reshard_after_forward=True)
        for part in module.modules():
            if isinstance(part, FSDPModule):  # losses are shares of one sum, so gradients are summed; gloo cannot scale on the way
                part.set_gradient_divide_factor(1.0)
                part.set_force_sum_reduction_for_comms(True)
        module.forward = _call

    def micro_batches(self, batch: Sequence[Row], token_budget: int) -> list[tuple[list[Row], bool]]:
        """This process's part of a batch, and whether each micro-batch counts.

        Gathering weights needs all processes, so with shards every process makes as many passes as the others, the last ones perhaps
        for nothing.
        """
        ordered = sorted(batch, key=lambda row: (row.length, row.number))
        parts = [micro_batches(ordered[rank :: self.count], token_budget) for rank in range(self.count)]
        mine = [(group, True) for group in parts[self.rank]]
        passes = max(map(len, parts)) if self.sharded else len(mine)
        return mine + [(ordered[:1], False)] * (passes - len(mine))

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Adds up what the processes found. Gradients of shards are sums already."""
        for parameter in parameters if self.count > 1 else ():
            if is_shard(parameter):
                continue
            grad = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
            parameter.grad = self.accelerator.reduce(grad, "sum")

    def sum(self, numbers: Sequence[float]) -> list[float]:
        """Adds up numbers over the processes."""
        if self.count == 1:
            return list(numbers)
        found = torch.tensor(numbers, dtype=torch.float64, device=self.accelerator.device)
        return [float(number) for number in self.accelerator.reduce(found, "sum")]

    def gather(self, rows: list[T]) -> list[T]:
        """The rows of all processes, in the processes' order."""
        return list(gather_object(rows)) if self.count > 1 else rows

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside, the end of another process is told in one line.

        Raises:
            Interrupted: another process ended, or cannot be reached.
        """
        try:
            yield
        except RuntimeError as fault:
            if self.count == 1 or not _lost(fault):
                raise
            raise Interrupted(
                f"another of the {self.count} processes of this training ended.", cure="The same command goes on from the last checkpoint."
            ) from fault


def rank() -> int:
    """Which of the processes this one is."""
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0


def is_shard(tensor: Tensor) -> bool:
    """Whether a tensor is this process's part of a larger one."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Tensor) -> Tensor:
    """A tensor from the shards of all processes, which all must ask for it; any other tensor as it is."""
    found: Tensor = tensor.full_tensor() if is_shard(tensor) else tensor  # type: ignore[attr-defined]
    return found


def part_of(tensor: Tensor, like: Tensor) -> Tensor:
    """What this process keeps of a tensor, if `like` is a shard."""
    if not is_shard(like):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    given = tensor.to(like.device)
    return distribute_tensor(given, like.device_mesh, like.placements, src_data_rank=None)  # type: ignore[attr-defined]


def here(module: Any, work: Callable[[], T]) -> T:
    """Does work that uses weights of the module outside its layers: where they are sharded, inside a pass of the whole module."""
    found: T = module(work) if module.forward is _call else work()
    return found


def _call(work: Callable[[], T]) -> T:
    return work()


def _asked(name: str) -> bool:
    return os.environ.get(name, "false").lower() in ("true", "1", "yes")


def _lost(fault: RuntimeError) -> bool:
    text = str(fault).lower()
    return isinstance(fault, distributed.DistError) or any(
        sign in text for sign in ("connection closed by peer", "connection reset", "connection refused", "broken pipe", "timed out")
    )
