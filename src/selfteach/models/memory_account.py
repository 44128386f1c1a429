"""What a model takes of the memory: counted from its configuration before it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import torch

CGROUP = Path("/sys/fs/cgroup")


def measure_free_bytes(device: torch.device) -> int:
    """Return the free bytes of the accelerator, or of the machine within the limits of its
    container.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    machine = int(psutil.virtual_memory().available)
    limit, used = (
        (CGROUP / name).read_text().strip() if (CGROUP / name).exists() else ""
        for name in ("memory.max", "memory.current")
    )
    if not (limit.isdigit() and used.isdigit()):
        return machine
    files = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    return min(machine, int(limit) - int(used) + int(files.get("inactive_file", 0)))


def count_cache_bytes(module: Any) -> int:
    """Return the bytes of the keys and values of one position, in all layers of a model; 0 where
    its configuration does not tell. Layers with a window or a state keep less.
    """
    config = module.config.get_text_config()
    layers = getattr(config, "num_hidden_layers", None)
    heads = getattr(config, "num_attention_heads", None)
    shared = getattr(config, "num_key_value_heads", None) or heads
    if not all(isinstance(number, int) for number in (layers, heads, shared)):
        return 0
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    weight: torch.Tensor = module.get_input_embeddings().weight
    return 2 * layers * shared * size * weight.element_size()


def format_bytes(size: int) -> str:
    """Format a number of bytes."""
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
