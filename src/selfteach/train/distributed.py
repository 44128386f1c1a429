"""Several processes on one training: their rows, sums over all of them, and sharded weights.

Every process computes its part of each batch, and the gradients of the parameters are summed (data
parallel), whether it holds the whole model or a shard of each weight. A sharded layer is gathered
in all processes while it is computed. The launch selects what is split:

- torch's FSDP2: weights, and what is trained of them;
- DeepSpeed's ZeRO-3: the weights of the layers, which DeepSpeed keeps and gathers. What is trained
of the weights (float32 copies, gradients, optimizer) is split by `split_tensor`;
- ZeRO-2: only what is trained of the weights is split, by the same function.

A small adapter is attached afterwards and is whole in every process.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast, broadcast_object_list, gather_object
from torch import Tensor, distributed, nn

from selfteach.errors import Interrupted, UsageError
from selfteach.models.hook_adapter import get_decoder_layers
from selfteach.records import JsonObject
from selfteach.run.processes import count_processes, read_launched_sharding
from selfteach.train.encode_and_batch import TrainingRow, split_micro_batches

T = TypeVar("T")
LOSS_SIGNS = (
    "connection closed by peer",
    "connection reset",
    "connection refused",
    "broken pipe",
    "timed out",
)
"""Texts of errors that report a lost connection."""
BUILD_LOCK = "deepspeed_shm_comm/lock"
"""The lock of DeepSpeed's only build, below torch's folder of built extensions."""
LONGEST_BUILD_S = 900
BUCKET_NUMBERS = 1 << 23
"""Numbers of gradients that the processes add up at once: a sum of each layer alone is mostly
waiting."""
GATHERING_PASS = "_selfteach_gathering_pass"
"""The attribute of a module with split weights: a function that does work within a pass."""


class ProcessGroup:
    """Coordinate all processes of a training, seen from one of them.

    Attributes:
        sharded: whether the weights are split.
        in_step: whether all processes must make the same number of passes, because tensors are
            gathered or added up within a pass.

    Raises:
        UsageError: the launch requests an unsupported form of shards.
    """

    def __init__(self, module: nn.Module) -> None:
        get_requested_sharding()
        device = next(module.parameters()).device
        if count_processes() == 1:
            _forget_other_device(device)
        self.accelerator = Accelerator(
            cpu=device.type == "cpu" and not (count_processes() > 1 and torch.cuda.is_available())
        )
        self.rank = self.accelerator.process_index
        self.count = self.accelerator.num_processes
        self.main = self.rank == 0
        self.sharded = False
        self.in_step = bool(get_requested_sharding())

    def shard(self, module: nn.Module) -> None:
        """Split the module's weights over the processes if the launch requests it."""
        self.sharded = shard_weights(module, self.accelerator.device, self.count)

    def assign_micro_batches(
        self, batch: Sequence[TrainingRow], token_budget: int
    ) -> list[tuple[list[TrainingRow], bool]]:
        """Return this process's part of a batch, and whether each micro-batch counts.

        Where passes need all processes, every process makes the same number of them. Those that
        do not count only take part.
        """
        parts = self.parts(batch, token_budget)
        mine = [(group, True) for group in parts[self.rank]]
        passes = max(map(len, parts)) if self.in_step else len(mine)
        return mine + [([min(batch, key=lambda row: row.length)], False)] * (passes - len(mine))

    def parts(
        self, batch: Sequence[TrainingRow], token_budget: int
    ) -> list[list[list[TrainingRow]]]:
        """Return the micro-batches of every process."""
        ordered = sorted(batch, key=lambda row: (row.length, row.number))
        return [
            split_micro_batches(ordered[rank :: self.count], token_budget)
            for rank in range(self.count)
        ]

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of the processes, many at once. Gradients of shards are sums
        already.
        """
        if self.count == 1:
            return
        for bucket in split_by_size([p for p in parameters if not is_shard(p)], BUCKET_NUMBERS):
            own = [torch.zeros_like(p) if p.grad is None else p.grad for p in bucket]
            joined = self.accelerator.reduce(torch.cat([grad.flatten() for grad in own]), "sum")
            sums = joined.split([grad.numel() for grad in own])
            for parameter, found in zip(bucket, sums, strict=True):
                parameter.grad = found.view(parameter.shape)

    def sum(self, numbers: Sequence[float]) -> list[float]:
        """Add up numbers over the processes."""
        if self.count == 1:
            return list(numbers)
        found = torch.tensor(numbers, dtype=torch.float64, device=self.accelerator.device)
        return [float(number) for number in self.accelerator.reduce(found, "sum")]

    def broadcast_from_first(self, tensors: Iterable[torch.Tensor]) -> None:
        """Give every process the first one's values."""
        for tensor in tensors if self.count > 1 else ():
            broadcast(tensor.data)

    def gather(self, rows: list[T]) -> list[T]:
        """Return the rows of all processes, in the processes' order."""
        return list(gather_object(rows)) if self.count > 1 else rows

    @contextmanager
    def report_lost_processes(self) -> Iterator[None]:
        """Report in one line that another process ended.

        Raises:
            Interrupted: another process ended, or cannot be reached.
        """
        try:
            yield
        except RuntimeError as fault:
            if self.count == 1 or not _is_connection_loss(fault):
                raise
            raise Interrupted(
                f"another of the {self.count} processes of this training ended.",
                cure="The same command resumes from the last checkpoint.",
            ) from fault


def split_by_size(parameters: Iterable[Tensor], limit: int) -> Iterator[list[Tensor]]:
    """Yield the tensors in their order, in groups of at most so many numbers, or of one tensor."""
    group: list[Tensor] = []
    count = 0
    for parameter in parameters:
        if group and count + parameter.numel() > limit:
            yield group
            group, count = [], 0
        group.append(parameter)
        count += parameter.numel()
    if group:
        yield group


def _forget_other_device(device: torch.device) -> None:
    """Forget accelerate's device where an earlier training of this process had one of another kind:
    accelerate keeps the first one and refuses any other.
    """
    if PartialState._shared_state and PartialState().device.type != device.type:
        AcceleratorState._reset_state(reset_partial_state=True)


def get_rank() -> int:
    """Return the number of this process."""
    running = distributed.is_available() and distributed.is_initialized()
    return distributed.get_rank() if running else 0


def _is_connection_loss(fault: RuntimeError) -> bool:
    text = str(fault).lower()
    return isinstance(fault, distributed.DistError) or any(sign in text for sign in LOSS_SIGNS)


def broadcast_from_first(value: T) -> T:
    """Return the first process's value in every process; all processes wait for each other."""
    if count_processes() == 1:
        return value
    PartialState(cpu=not torch.cuda.is_available())
    row = [value]
    broadcast_object_list(row)
    return row[0]


def get_requested_sharding() -> str:
    """Return the form of sharding that the launch requests: `fsdp2`, `zero2`, `zero3`, or "".

    Raises:
        UsageError: an unsupported form, or a package that is not installed.
    """
    form = read_launched_sharding()
    if form.startswith("fsdp") and form != "fsdp2":
        raise UsageError(
            "only the second version of FSDP is known.", cure="Launch with --fsdp_version 2."
        )
    if form.startswith("zero"):
        if form not in ("zero2", "zero3"):
            raise UsageError(
                "of DeepSpeed only the ZeRO stages 2 and 3 are known.",
                cure="Set zero_stage: 2, or 3 if the weights themselves are to be split.",
            )
        if importlib.util.find_spec("deepspeed") is None:
            raise UsageError(
                "DeepSpeed is not installed.",
                cure="Run pip install deepspeed, or launch with configs/accelerate/fsdp2.yaml.",
            )
    return form


def refuse_cut_off_build() -> None:
    """Refuse ZeRO-3 where a build of DeepSpeed's was cut off: each process would wait without end
    for the lock that it left.

    Raises:
        UsageError: there is such a lock, older than any build.
    """
    from torch.utils.cpp_extension import get_default_build_root

    root = Path(os.environ.get("TORCH_EXTENSIONS_DIR") or get_default_build_root())
    for lock in [*root.glob(BUILD_LOCK), *root.glob(f"*/{BUILD_LOCK}")]:
        if time.time() - lock.stat().st_mtime > LONGEST_BUILD_S:
            raise UsageError(
                "a build of DeepSpeed's was cut off.",
                where=lock,
                cure=f"Remove the folder {lock.parent} and start again.",
            )


def splits_copies() -> bool:
    """Return whether each process keeps its part of what is trained of the weights."""
    return get_requested_sharding() in ("zero2", "zero3")


def shard_weights(module: nn.Module, device: torch.device, count: int) -> bool:
    """Split a module's weights over `count` processes if the launch requests it. They stay split.

    Returns:
        Whether the launch requests it.
    """
    shard = {"fsdp2": _fsdp2, "zero3": _zero3}.get(get_requested_sharding())
    if shard and not hasattr(module, GATHERING_PASS):
        gathering = shard(module, device, count)
        setattr(module, GATHERING_PASS, lambda work: gathering(work))  # a module would be a part
    return shard is not None


def _fsdp2(module: nn.Module, device: torch.device, count: int) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh(device.type, (count,))
    policy = MixedPrecisionPolicy(reduce_dtype=torch.float32)
    for part in (*get_decoder_layers(module), module):
        fully_shard(part, mesh=mesh, mp_policy=policy, reshard_after_forward=True)
    for part in module.modules():
        if isinstance(part, FSDPModule):
            # losses are shares of one sum, so gradients are summed; gloo cannot scale them
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)
    module.forward = _run_work
    return module


class Layers(nn.Module):
    """Hold the layers of a model. A pass through this module does work that uses them.

    Embeddings and head stay outside and whole: rows of different objectives use them a different
    number of times, and each process has other rows.
    """

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, work: Callable[[], T]) -> list[T]:
        """Do the work."""
        return _run_work(work)


def _zero3(module: nn.Module, device: torch.device, count: int) -> nn.Module:
    """Shard without an optimizer: DeepSpeed only keeps the layers' weights, and gathers each while
    its part of the module is computed. It gathers nothing ahead, because it would foresee other
    passes in each process.
    """
    refuse_cut_off_build()
    import deepspeed

    layers = Layers(get_decoder_layers(module))
    module.requires_grad_(False)
    dtype = next(module.parameters()).dtype
    settings: JsonObject = {
        "train_micro_batch_size_per_gpu": 1,
        "bf16": {"enabled": dtype == torch.bfloat16},
        "fp16": {"enabled": dtype == torch.float16},
        "zero_optimization": {
            "stage": 3,
            "stage3_param_persistence_threshold": 0,
            "stage3_prefetch_bucket_size": 0,
            "stage3_max_reuse_distance": 0,
        },
    }
    where = os.environ.get("ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE", "none")
    if where != "none":
        settings["zero_optimization"]["offload_param"] = {
            "device": where,
            "pin_memory": device.type == "cuda",
        }
    deepspeed.initialize(model=layers, config=settings)
    return layers


def has_shards(module: nn.Module) -> bool:
    """Return whether weights of the module are split."""
    return any(is_shard(weight) for weight in module.parameters())


def is_shard(tensor: Tensor) -> bool:
    """Return whether a tensor is this process's part of a larger one."""
    return hasattr(tensor, "full_tensor") or hasattr(tensor, "ds_id")


def gather_shards(tensor: Tensor) -> Tensor:
    """Return a tensor gathered from the shards of all processes, which must all call this; any
    other tensor as it is.
    """
    if hasattr(tensor, "ds_id"):
        import deepspeed

        with deepspeed.zero.GatheredParameters([tensor]):
            return tensor.detach().clone()
    found: Tensor = tensor.full_tensor() if is_shard(tensor) else tensor  # type: ignore[attr-defined]
    return found


def copy_whole_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies in main memory, gathered from the shards of all processes."""
    return {name: gather_shards(tensor).detach().cpu().clone() for name, tensor in tensors.items()}


def take_shard(tensor: Tensor, like: Tensor) -> Tensor:
    """Return this process's part of a tensor if `like` is a shard, else the tensor."""
    if not is_shard(like):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    mesh: Any = like
    whole = tensor.to(like.device)
    return distribute_tensor(whole, mesh.device_mesh, mesh.placements, src_data_rank=None)


def split_tensor(tensor: Tensor) -> Tensor:
    """Return the split form of a tensor that all processes have: this process keeps a part."""
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    whole = gather_shards(tensor)
    placement = Shard(0) if whole.dim() else Replicate()
    return distribute_tensor(whole, _get_mesh(whole.device), [placement], src_data_rank=None)


def add_and_split(tensor: Tensor) -> Tensor:
    """Add up a tensor over the processes; return the split form of the sum."""
    from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

    summands = DTensor.from_local(tensor, _get_mesh(tensor.device), [Partial()], run_check=False)
    return summands.redistribute(placements=[Shard(0) if tensor.dim() else Replicate()])


def _get_mesh(device: torch.device) -> Any:
    from torch.distributed.device_mesh import init_device_mesh

    return init_device_mesh(device.type, (distributed.get_world_size(),))


@torch.no_grad()
def set_weight(weight: Tensor, value: Tensor) -> None:
    """Change a weight in place. All processes must call this if the value is split and the weight
    is whole, or is kept by DeepSpeed.
    """
    if not is_shard(value) or hasattr(weight, "full_tensor"):
        weight.copy_(value)
        return
    whole = gather_shards(value.to(weight.dtype))
    if not hasattr(weight, "ds_id"):
        weight.copy_(whole)
        return
    kept: Any = weight
    if kept.ds_tensor.numel() != kept.data.numel():
        # still gathered: no gradient left the module, so DeepSpeed did not see the pass end
        kept.ds_active_sub_modules.clear()
        kept.partition()
    flat = whole.flatten()
    size = kept.ds_tensor.numel()
    mine = flat[get_rank() * size : (get_rank() + 1) * size]
    kept.ds_tensor[: len(mine)].copy_(mine)


class SplitGradients:
    """Add up the gradients of whole weights over the processes, each as soon as it is known, and
    keep this process's part.

    The processes add up in one order: from the last weight to the first, as they become known. A
    weight that a pass did not use counts as zero.
    """

    def __init__(self, weights: Mapping[str, Tensor], copies: Mapping[str, nn.Parameter]) -> None:
        self._weights = weights
        self._copies = copies
        self._order = list(weights)[::-1]
        self._known: dict[str, Tensor] = {}
        self._added = 0

    def take(self, name: str, weight: Tensor) -> None:
        """Take the gradient of a weight, within the backward pass."""
        assert weight.grad is not None
        if not self._known and not self._added:
            engine: Any = torch.autograd.Variable._execution_engine
            engine.queue_callback(self._finish_pass)
        self._known[name] = weight.grad
        weight.grad = None
        while self._added < len(self._order) and self._order[self._added] in self._known:
            self._add_next()

    def _finish_pass(self) -> None:
        while self._added < len(self._order):
            self._add_next()
        self._added = 0

    def _add_next(self) -> None:
        name = self._order[self._added]
        weight = self._weights[name]
        shape = getattr(weight, "ds_shape", weight.shape)
        grad = self._known.pop(name, None)
        mine = torch.zeros(shape, device=weight.device) if grad is None else grad.float()
        found = add_and_split(mine)
        copy = self._copies[name]
        copy.grad = found if copy.grad is None else copy.grad.add_(found)
        self._added += 1


def count_own_numbers(weight: Tensor) -> int:
    """Return how many numbers of a weight's copy this process keeps."""
    if splits_copies() and not is_shard(weight):
        return -(-weight.numel() // count_processes())
    return get_local_part(weight).numel()


def get_local_part(tensor: Tensor) -> Tensor:
    """Return the part of a tensor that lies in this process."""
    found: Tensor = (
        tensor.to_local() if hasattr(tensor, "to_local") else getattr(tensor, "ds_tensor", tensor)
    )
    return found


def run_in_module(module: Any, work: Callable[[], T]) -> T:
    """Do work that uses weights of the module outside its layers. If they are sharded, do it inside
    a pass of the whole module.
    """
    gathering_pass = getattr(module, GATHERING_PASS, None)
    found: T = gathering_pass(work)[0] if gathering_pass else work()
    return found


def _run_work(work: Callable[[], T]) -> list[T]:
    """Return a list, because hooks on a module look for tensors in what it returns."""
    return [work()]
