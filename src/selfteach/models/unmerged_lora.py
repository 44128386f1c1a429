"""A LoRA that is not merged: computed beside the base's own weights, which stay as they are.

Merging is faster, but needs a second copy of every changed weight. Where memory has no room for it,
the LoRA is attached as hooks, and the tuned model shares all weights with the base. The products
are rounded as in training (train/fast/lora_linear.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from selfteach.models.check_safety import ADAPTER_CONFIG_FILE, read_json
from selfteach.models.four_bit import has_4bit, is_4bit
from selfteach.models.hook_adapter import HookAdapter
from selfteach.models.lora_layers import LoraLayer, explain_why_not_plain_lora, read_lora_layers
from selfteach.models.memory_account import format_bytes, measure_free_bytes

MERGED_SHARE = 0.5
"""The share of the free memory that merged weights may take; keys and values may take the rest."""


class UnmergedLora(HookAdapter):
    """Add s B (A x) to the output of linear layers.

    Shapes of the tensors: A^T (D_in, r), s B^T (r, D_out), in the dtype of the weights.
    """

    kind = "lora"

    def __init__(self, module: Any, layers: Mapping[str, LoraLayer]) -> None:
        self.sites = {i: module.get_submodule(name) for i, name in enumerate(layers)}
        tensors = {}
        for site, layer in enumerate(layers.values()):
            like = get_compute_like(self.sites[site])
            tensors[f"{site}.a"] = layer.a.to(like).T
            tensors[f"{site}.b"] = (layer.b * layer.scale).to(like).T
        super().__init__(module, tensors)

    def _edit_output(self, site: int, part: nn.Module, inputs: Any, out: Any) -> Any:
        if not self.active:
            return None
        thin = inputs[0].flatten(0, -2) @ self.tensors[f"{site}.a"]
        out.view(-1, out.shape[-1]).addmm_(thin, self.tensors[f"{site}.b"])
        return out  # in place: it is the layer's own fresh output


def get_compute_like(linear: Any) -> torch.Tensor:
    """Return an empty tensor with the device and the dtype in which a linear layer computes."""
    weight: torch.Tensor = linear.weight
    dtype = linear.compute_dtype if is_4bit(weight) else weight.dtype
    return torch.empty(0, device=weight.device, dtype=dtype)


def attach_lora(module: Any, folder: Path) -> Any:
    """Return the module with a saved LoRA on it.

    Raises:
        UsageError: no plain LoRA, or one of another model.
    """
    UnmergedLora(module, read_lora_layers(module, folder)).attach()
    return module


def explain_why_unmerged(module: Any, folder: Path) -> str:
    """Return why a saved adapter should not be merged, or an empty text."""
    if explain_why_not_plain_lora(read_json(folder / ADAPTER_CONFIG_FILE)):
        return ""
    if has_4bit(module):
        return "they are in 4 bits"
    weights = [module.get_submodule(name).weight for name in read_lora_layers(module, folder)]
    merged = sum(weight.nbytes for weight in weights)
    free = measure_free_bytes(weights[0].device)
    if merged <= MERGED_SHARE * free:
        return ""
    return f"merged weights would take {format_bytes(merged)} of {format_bytes(free)} free memory"
