"""What a run takes of the memory, before it starts.

The base stays loaded while the tuned model takes the exam, which has its own copy of every weight
that the training changed. So a run needs the most either then or in training. The constants were
measured with the embedded model on a CPU (docs/log/2026-11-speed.md).
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:  # `doctor` runs without torch
    import torch

CGROUP = Path("/sys/fs/cgroup")
CGROUP_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
"""The limit of a container and what it uses, in both versions of cgroups, and which number of the
third file tells what is cached of files."""
CPU_INFO = Path("/proc/cpuinfo")
BF16_FLAGS = {"avx512_bf16", "amx_tile"}
"""Linux's names of the instructions that multiply in bf16."""
LIBRARIES_BYTES = 470_000_000
"""Torch, transformers and the others; about as much is the context of an accelerator."""
MERGING_BYTES = 390_000_000
"""PEFT, and what merging leaves behind, on a CPU."""
FLOAT32_BYTES = 4
OPENVINO_COPIES = 2.45
"""How often openvino holds the weights: as it reads them, as it compiles them, and gaps."""
SCORED_BYTES_PER_WORD = 7_600
"""Logits of the positions that are scored at once, for each word of the vocabulary."""
TYPICAL_VOCABULARY = 150_000
TYPICAL_TRAINING = 0.95
"""Bytes that a training adds for each weight: a LoRA of rank 16, and 2,048 tokens at once. By the
account 0.65 for Llama 3.1 8B and 0.93 for Qwen3 4B."""
TYPICAL_4BIT_BYTES = 0.71
"""Bytes of a weight with linear layers in 4 bits and embeddings in 16: of Llama 3.1 8B."""
CPU_ROWS = 64
"""Answers that transformers samples at once on a CPU."""
CHUNK_POSITIONS = 128
"""Answer positions whose logits exist at once in training."""
BYTES_PER_LOGIT = 24
"""Bytes for each logit of a chunk at the same time: the logit, its float32 copy, its
log-probability, their gradients.
"""
CPU_OVERHEAD_BYTES = 500_000_000
"""Memory of oneDNN's compiled products (models/memory_allocator.py) and of fragmentation on a CPU
in low precision: measured, docs/log/.
"""


@dataclass(frozen=True)
class PipelineMemory:
    """Hold the bytes that a run takes.

    Attributes:
        weights: of one copy of the model.
        tuned: of the weights that the tuned model has for itself.
        unmerged: of what it has for itself where it merges nothing; `tuned` where it must merge.
        engine: what samples beside it; 0 if the model itself does.
        cache: keys and values.
        training: everything that training adds to the weights.
        vocabulary: the number of words.
        on_cpu: whether all of it lies in main memory.
        teacher: of a second model that samples beside the base; training frees it.
    """

    weights: int
    tuned: int
    unmerged: int
    engine: int
    cache: int
    training: int
    vocabulary: int
    on_cpu: bool
    teacher: int = 0

    @property
    def fixed(self) -> int:
        """Return the bytes that do not depend on the weights."""
        on_cpu = MERGING_BYTES + CPU_OVERHEAD_BYTES if self.on_cpu else 0
        return LIBRARIES_BYTES + on_cpu + SCORED_BYTES_PER_WORD * self.vocabulary

    @property
    def stages(self) -> dict[str, int]:
        """Return the bytes of the stages that need the most."""
        sampling = self.fixed + self.weights + self.engine + self.cache
        stages = {
            "training": LIBRARIES_BYTES + self.weights + self.training,
            "exam": sampling + self.tuned,
        }
        return stages | ({"teacher": sampling + self.teacher} if self.teacher else {})

    @property
    def peak(self) -> int:
        """Return the most bytes at once."""
        return max(self.stages.values())

    @property
    def least(self) -> PipelineMemory:
        """Return the account where the tuned model merges nothing if it need not."""
        return replace(self, tuned=self.unmerged)


def find_largest_model(memory: int, *, on_cpu: bool, cache: int, in_4bit: bool = False) -> float:
    """Return how many weights a model may have whose whole run fits, in billions: with a LoRA on
    all layers, which openvino needs merged.

    Args:
        memory: all bytes of the machine or of the accelerator.
        cache: the bytes of openvino's keys and values.
        in_4bit: whether the linear layers are in 4 bits, else everything in 16. openvino takes no
            part then.
    """
    logits = BYTES_PER_LOGIT * CHUNK_POSITIONS * TYPICAL_VOCABULARY
    empty = PipelineMemory(
        weights=0,
        tuned=0,
        unmerged=0,
        engine=0,
        cache=cache if on_cpu else 0,
        training=logits,
        vocabulary=TYPICAL_VOCABULARY,
        on_cpu=on_cpu,
    ).stages
    copies = 2 + OPENVINO_COPIES if on_cpu and not in_4bit else 1
    size = TYPICAL_4BIT_BYTES if in_4bit else 2
    each = {"training": size + TYPICAL_TRAINING, "exam": size * copies}
    return min(max(memory - empty[stage], 0) / each[stage] for stage in each) / 1e9


def measure_free_bytes(device: torch.device) -> int:
    """Return the free bytes of the accelerator, or of the machine within the limits of its
    container.
    """
    if device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    free = int(psutil.virtual_memory().available)
    for limit_name, used_name, stat_name, cached_name in CGROUP_FILES:
        limit, used = _read_number(limit_name), _read_number(used_name)
        if limit is not None and used is not None:
            stat_file = CGROUP / stat_name  # some sandboxes have none
            lines = stat_file.read_text().splitlines() if stat_file.exists() else []
            cached = dict(line.split() for line in lines).get(cached_name, 0)
            free = min(free, limit - used + int(cached))
    return free


def _read_number(name: str) -> int | None:
    """Return the number in a file of CGROUP; None where there is none, or no limit."""
    path = CGROUP / name
    text = path.read_text().strip() if path.exists() else ""
    return int(text) if text.isdigit() else None


def measure_usable_bytes(device: torch.device) -> int:
    """Return the free bytes, and those that this process holds already."""
    if device.type == "cuda":
        import torch

        held = torch.cuda.memory_allocated(device) + LIBRARIES_BYTES  # and the device's context
    else:
        held = psutil.Process().memory_info().rss
    return measure_free_bytes(device) + held


def measure_total_bytes(device: torch.device) -> int:
    """Return all bytes of the accelerator, or of the machine."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.get_device_properties(device).total_memory)
    return read_memory_bytes()


def read_memory_bytes() -> int:
    """Return the memory of the machine, or of the container if that is less."""
    machine: int = psutil.virtual_memory().total
    limits = [_read_number(limit_name) for limit_name, *_ in CGROUP_FILES]
    return min([machine, *(limit for limit in limits if limit is not None)])


def read_weight_bytes() -> int | None:
    """Return the bytes of a weight as transformers loads it on this CPU: 2 where the processor
    multiplies in bf16, else 4; None where torch must be asked (`has_bf16_hardware`).
    """
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    if not is_x86 or not CPU_INFO.is_file():
        return None
    return 2 if BF16_FLAGS & set(CPU_INFO.read_text().split()) else 4


def count_cache_bytes(module: Any) -> int:
    """Return the bytes of the keys and values of one position, in all layers of a model; 0 where
    its configuration does not tell. Layers with a window or a state keep less.
    """
    config = module.config.get_text_config()
    layers: Any = getattr(config, "num_hidden_layers", None)
    heads: Any = getattr(config, "num_attention_heads", None)
    shared: Any = getattr(config, "num_key_value_heads", None) or heads
    if not all(isinstance(number, int) for number in (layers, heads, shared)):
        return 0
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    weight: torch.Tensor = module.get_input_embeddings().weight
    return int(2 * layers * shared * size) * weight.element_size()


def format_bytes(size: int) -> str:
    """Format a number of bytes."""
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
