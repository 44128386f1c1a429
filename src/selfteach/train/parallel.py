"""Several processes on one training: who computes which rows, and sums over all of them.

Every process computes its part of each batch, and the gradients of what is trained are summed (data
parallel), whether it holds the whole model or a part of each weight (shards.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, gather_object
from torch import distributed, nn

from selfteach.errors import Interrupted
from selfteach.run.processes import count
from selfteach.train.batch import Row, micro_batches
from selfteach.train.shards import asked, is_shard, shard

T = TypeVar("T")


class Processes:
    """All processes of a training, seen from one of them.

    Raises:
        UsageError: the launch asks for shards of a form that is not known here.
    """

    def __init__(self, module: nn.Module) -> None:
        asked()
        on_cpu = next(module.parameters()).device.type == "cpu"
        self.accelerator = Accelerator(
            cpu=on_cpu and not (count() > 1 and torch.cuda.is_available())
        )
        self.rank, self.count = self.accelerator.process_index, self.accelerator.num_processes
        self.main, self.sharded = self.rank == 0, False

    def shard(self, module: nn.Module) -> None:
        """Splits the module's weights over the processes where the launch asks for it."""
        self.sharded = shard(module, self.accelerator.device, self.count)

    def micro_batches(
        self, batch: Sequence[Row], token_budget: int
    ) -> list[tuple[list[Row], bool]]:
        """This process's part of a batch, and whether each micro-batch counts.

        Gathering weights needs all processes, so with shards every process makes as many passes as
        the others, the last ones perhaps for nothing.
        """
        parts = self.parts(batch, token_budget)
        mine = [(group, True) for group in parts[self.rank]]
        passes = max(map(len, parts)) if self.sharded else len(mine)
        return mine + [([min(batch, key=lambda row: row.length)], False)] * (passes - len(mine))

    def parts(self, batch: Sequence[Row], token_budget: int) -> list[list[list[Row]]]:
        """The micro-batches of every process."""
        ordered = sorted(batch, key=lambda row: (row.length, row.number))
        return [
            micro_batches(ordered[rank :: self.count], token_budget) for rank in range(self.count)
        ]

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

    def agree(self, tensors: Iterable[torch.Tensor]) -> None:
        """Gives every process the first one's values."""
        for tensor in tensors if self.count > 1 else ():
            broadcast(tensor.data)

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
                f"another of the {self.count} processes of this training ended.",
                cure="The same command goes on from the last checkpoint.",
            ) from fault


def rank() -> int:
    """Which of the processes this one is."""
    return (
        distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0
    )


def _lost(fault: RuntimeError) -> bool:
    text = str(fault).lower()
    return isinstance(fault, distributed.DistError) or any(
        sign in text
        for sign in (
            "connection closed by peer",
            "connection reset",
            "connection refused",
            "broken pipe",
            "timed out",
        )
    )
