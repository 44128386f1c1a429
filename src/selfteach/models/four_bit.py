"""Bases in 4 bits: NF4 through bitsandbytes. A LoRA is trained beside them.

Source: Dettmers et al. 2023 (QLoRA, arXiv 2305.14314): NF4 in blocks of 64 with quantized
constants, and products in 16 bits (on a CPU without them in 32). The weights stay packed. Each pass
unpacks one layer at a time, forward and backward, so they can be read but not changed.

bitsandbytes is imported only where weights are in 4 bits.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.errors import UsageError
from selfteach.extras import require_module
from selfteach.models.check_safety import LOAD_IN_4BIT
from selfteach.models.four_bit_files import CURE_16_BITS

USE_LORA = f"Use train.adapter=lora, or the base in 16 bits (without {LOAD_IN_4BIT})."

# it tells of an optional package at each import on some processors
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


def is_4bit(weight: Any) -> bool:
    """Return whether a weight is packed in 4 bits."""
    return getattr(weight, "quant_state", None) is not None


def has_4bit(module: nn.Module) -> bool:
    """Return whether a weight of the module is packed in 4 bits."""
    return any(map(is_4bit, module.parameters()))


def count_numbers(weight: Tensor) -> int:
    """Return how many numbers a weight stands for, packed or not."""
    return prod(weight.quant_state.shape) if is_4bit(weight) else weight.numel()  # type: ignore[attr-defined]


def count_unpacked_numbers(module: nn.Module) -> int:
    """Return the numbers of the largest packed weight, which a pass unpacks; 0 without one."""
    return max(
        (count_numbers(weight) for weight in module.parameters() if is_4bit(weight)), default=0
    )


def iterate_tensors(module: nn.Module) -> Iterator[Tensor]:
    """Yield the parameters of a module, and the constants of packed weights."""
    for tensor in module.parameters():
        yield tensor
        if is_4bit(tensor):
            state: Any = tensor.quant_state  # type: ignore[attr-defined]
            yield state.absmax
            if state.nested:
                yield state.state2.absmax


def list_shared_objects(module: nn.Module) -> dict[int, Any]:
    """Return the packed weights of a module and their constants, by identity, as the memo of a copy
    that is to share them.
    """
    packed = [weight for weight in module.parameters() if is_4bit(weight)]
    states = [weight.quant_state for weight in packed]  # type: ignore[attr-defined]
    return {id(shared): shared for shared in (*packed, *states)}


def import_bitsandbytes() -> None:
    """Import bitsandbytes. Beside a package called kernels it would fetch code from a hub.

    Raises:
        UsageError: it is not installed.
    """
    require_module("bitsandbytes", f"a base in 4 bits ({LOAD_IN_4BIT})")
    before = sys.modules.get("kernels")
    sys.modules["kernels"] = None  # type: ignore[assignment]
    try:
        import bitsandbytes  # noqa: F401
    finally:
        if before is None:
            del sys.modules["kernels"]
        else:
            sys.modules["kernels"] = before


def make_loading_options(device: torch.device, dtype: torch.dtype, packed: bool) -> dict[str, Any]:
    """Return what `from_pretrained` needs to load a model in 4 bits.

    Args:
        packed: whether the folder holds such weights already, with their own settings.

    Raises:
        UsageError: bitsandbytes is not installed.
    """
    from transformers import BitsAndBytesConfig

    import_bitsandbytes()
    options: dict[str, Any] = {"device_map": {"": device}}
    if not packed:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    return options


def set_compute_dtype(module: nn.Module, dtype: torch.dtype) -> None:
    """Let packed layers compute in a dtype, whatever their folder names.

    On a CPU bitsandbytes would repack them in place at the first pass without gradients, to compute
    with constants in 16 bits: no later pass could read them exactly.
    """
    for part in module.modules():
        weight: Any = getattr(part, "weight", None)
        if isinstance(part, nn.Linear) and is_4bit(weight):
            layer: Any = part
            layer.compute_dtype = dtype
            layer.compute_type_is_set = True
            layer.support_avx512bf16_for_cpu = False
            weight.quant_state.dtype = dtype


def refuse_4bit(module: nn.Module, where: object, done: str, cure: str = CURE_16_BITS) -> None:
    """Refuse to do with a model in 4 bits what needs weights that can be changed.

    Args:
        done: what would be done with the model, as the error names it.

    Raises:
        UsageError: a weight of it is in 4 bits.
    """
    if has_4bit(module):
        raise UsageError(f"a base in 4 bits cannot be {done}.", where=where, cure=cure)
