"""Exact conversion of edited representations to an ordinary LoRA file, which plain PEFT loads.

An edit of a linear layer's own output at all positions, y + R^T((W - R) y + c), is a rank-r LoRA
with a bias. An edit at some positions only, or of the residual stream, is no change of weights:
distil it instead (`train.distill_from`).

Source: ELVF (III), representation to weights; docs/explanation/adapters/reft.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import pad

from selfteach.errors import UsageError
from selfteach.models.check_safety import ABOUT_FILE, ADAPTER_CONFIG_FILE, TENSORS_FILE, read_json
from selfteach.models.load_adapter import KIND_KEY, PEFT_PREFIX
from selfteach.models.reft import ReftHooks
from selfteach.records import JsonMapping
from selfteach.train.adapters.adapter import make_peft_lora_config, write_adapter_folder


@dataclass(frozen=True, slots=True)
class WeightUpdate:
    """Hold an addition to a linear layer: B A to its weight, `shift` to its bias.

    Shapes: a (r, in), b (out, r), shift (out,).
    """

    a: Tensor
    b: Tensor
    shift: Tensor | None = None


def convert_reft_to_lora(module: Any, reft: Path, folder: Path) -> Path:
    """Write a saved ReFT adapter as a LoRA with exactly the same effect, and return its folder.

    Raises:
        UsageError: it is no ReFT adapter, or it is no change of weights.
    """
    settings = read_json(reft / ADAPTER_CONFIG_FILE)
    if settings.get(KIND_KEY) != "reft":
        raise UsageError(
            "is no reft adapter.",
            where=str(reft),
            cure="Give the folder that train.adapter=reft wrote.",
        )
    made = ReftHooks(module, load_file(reft / TENSORS_FILE), settings)
    if not made.is_exact:
        raise UsageError(
            f"edits {made.site} at {settings['positions']}: no change of weights does the same.",
            where=str(reft),
            cure=(
                "Distil it into weights with train.distill_from=reft, or train it with "
                "train.reft.site=down_proj train.reft.positions=all."
            ),
        )
    names = {id(part): name for name, part in module.named_modules()}
    updates = {}
    for linear, a, b, shift in made.iterate_updates():
        updates[names[id(linear)]] = WeightUpdate(a, b, shift)
    return write_lora(folder, updates, read_json(reft / ABOUT_FILE))


def write_lora(folder: Path, updates: Mapping[str, WeightUpdate], about: JsonMapping) -> Path:
    """Write an ordinary LoRA folder with s = 1. Layers of lower rank are padded with zeros; there
    are biases if any layer has one.
    """
    rank = max(len(update.a) for update in updates.values())
    shifts = [update.shift for update in updates.values() if update.shift is not None]
    biased = any(bool(shift.any()) for shift in shifts)
    tensors: dict[str, Tensor] = {}
    for name, update in updates.items():
        more = rank - len(update.a)
        start = f"{PEFT_PREFIX}{name}.lora"
        tensors[f"{start}_A.weight"] = pad(update.a, (0, 0, 0, more)).contiguous()
        tensors[f"{start}_B.weight"] = pad(update.b, (0, more)).contiguous()
        if biased:
            shift = update.shift if update.shift is not None else update.b.new_zeros(len(update.b))
            tensors[f"{start}_B.bias"] = shift.contiguous()
    settings = make_peft_lora_config(rank, rank, sorted(updates), about, biases=biased)
    write_adapter_folder(folder, tensors, settings, about)
    return folder
