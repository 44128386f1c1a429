"""Representation to weights where it is exact: moved representations as an ordinary LoRA file,
which plain PEFT loads.

  (a) a constant shift dx of what enters a linear layer:   W (x + dx) + b = W x + (b + W dx)
  (b) an edit of a linear layer's own output, at all positions:   y + R^T((W - R) y + c) is a rank-r
  LoRA with a bias

An edit at some positions only, or of the residual stream, is no change of weights: distil it
instead (`train.distill_from`).
Source: ELVF (III), representation to weights; docs/explanation/adapters/reft.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from selfteach.errors import UsageError
from selfteach.models.load_adapter import KIND_KEY, PEFT_PREFIX
from selfteach.models.reft import ReftHooks, convert_edit_to_low_rank
from selfteach.models.safety import read_json
from selfteach.train.adapters import make_peft_lora_config, write_adapter_folder


@dataclass(frozen=True, slots=True)
class WeightUpdate:
    """What is added to a linear layer: B A to its weight, `shift` to its bias. Shapes: a (r, in), b
    (out, r), shift (out,).
    """

    a: Tensor
    b: Tensor
    shift: Tensor | None = None


def convert_input_shift(linear: nn.Linear, dx: Tensor) -> WeightUpdate:
    """(a): the shift of a layer's input as a bias. Shapes: dx (in,)."""
    weight = linear.weight.detach()
    nothing = weight.new_zeros(1, weight.shape[1]), weight.new_zeros(weight.shape[0], 1)
    return WeightUpdate(*nothing, weight @ dx.to(weight.dtype))


def convert_output_edit(linear: nn.Linear, r: Tensor, w: Tensor, b: Tensor) -> WeightUpdate:
    """Return (b): the edit of a layer's output as an update of its weights.

    Shapes: R, W (r, out), b (r,).
    """
    weight = linear.weight.detach()
    r, w, b = (x.to(weight.dtype) for x in (r, w, b))
    return WeightUpdate(
        *convert_edit_to_low_rank(
            r, w, b, weight, None if linear.bias is None else linear.bias.detach()
        )
    )


def convert_reft_to_lora(module: Any, reft: Path, folder: Path) -> Path:
    """Writes a saved ReFT adapter as a LoRA that does exactly the same; returns its folder.

    Raises:
        UsageError: it is none, or one that no weights can do.
    """
    settings = read_json(reft / "adapter_config.json")
    if settings.get(KIND_KEY) != "reft":
        raise UsageError(
            "is no reft adapter.",
            where=str(reft),
            cure="Give the folder that train.adapter=reft wrote.",
        )
    made = ReftHooks(module, load_file(reft / "adapter_model.safetensors"), settings)
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
    for (_, linear), start in zip(made.sites.items(), made.names(), strict=True):
        assert isinstance(linear, nn.Linear)
        updates[names[id(linear)]] = convert_output_edit(
            linear, *(made.tensors[f"{start}.{part}"] for part in "RWb")
        )
    return write_lora(folder, updates, read_json(reft / "selfteach.json"))


def write_lora(folder: Path, updates: Mapping[str, WeightUpdate], about: Mapping[str, Any]) -> Path:
    """An ordinary LoRA folder with s = 1. Layers of lower rank are filled up with zeros; biases are
    there if any layer has one.
    """
    rank = max(len(update.a) for update in updates.values())
    biased = any(
        update.shift is not None and bool(update.shift.any()) for update in updates.values()
    )
    tensors: dict[str, Tensor] = {}
    for name, update in updates.items():
        more = rank - len(update.a)
        tensors[f"{PEFT_PREFIX}{name}.lora_A.weight"] = torch.cat(
            [update.a, update.a.new_zeros(more, update.a.shape[1])]
        ).contiguous()
        tensors[f"{PEFT_PREFIX}{name}.lora_B.weight"] = torch.cat(
            [update.b, update.b.new_zeros(len(update.b), more)], 1
        ).contiguous()
        if biased:
            shift = update.shift if update.shift is not None else update.b.new_zeros(len(update.b))
            tensors[f"{PEFT_PREFIX}{name}.lora_B.bias"] = shift.contiguous()
    write_adapter_folder(
        folder,
        tensors,
        make_peft_lora_config(rank, rank, sorted(updates), about, biases=biased),
        about,
    )
    return folder
