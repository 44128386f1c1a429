"""The layers of a saved LoRA: one pair of matrices for each linear layer, with its scale.

Sampling needs no PEFT with them, and other formats are written from them. What a pair of matrices
cannot express is refused by name; no tensor is left out in silence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from selfteach.errors import UsageError
from selfteach.models.check_safety import check_adapter_files, read_json
from selfteach.models.load_adapter import (
    CONFIG_FILE,
    PEFT_PREFIX,
    TENSORS_FILE,
    convert_adapter_errors,
    get_adapter_kind,
)
from selfteach.models.try_in_child import check_adapter_patterns
from selfteach.records import JsonMapping

UNSUPPORTED_KEYS = ("use_dora", "lora_bias", "modules_to_save", "fan_in_fan_out", "alora_tokens")
"""Settings of PEFT with which the change is not a product of two matrices alone."""
A_ENDING = ".lora_A.weight"
B_ENDING = ".lora_B.weight"


@dataclass(frozen=True)
class LoraLayer:
    """Hold the change of one linear layer: x -> scale * B(A(x)).

    Shapes: a (r, D_in), b (D_out, r).
    """

    a: Tensor
    b: Tensor
    scale: float


def read_lora_layers(module: Any, folder: Path) -> dict[str, LoraLayer]:
    """Return the layers of a LoRA by the names of the module's linear layers.

    Raises:
        UsageError: not a LoRA, one with more than pairs of matrices, or a tensor has no place in
            this module.
    """
    check_adapter_files(folder)
    settings = read_json(folder / CONFIG_FILE)
    if reason := explain_why_not_plain_lora(settings):
        raise UsageError(
            f"is no plain LoRA: {reason}.",
            where=folder,
            cure="Use its merged model (`selfteach export --to hf`) instead.",
        )
    check_adapter_patterns(settings, [name for name, _ in module.named_modules()], folder)
    with convert_adapter_errors(folder):
        found = _read_pairs(module, folder, settings)
    if not found:
        raise UsageError("holds no tensor.", where=folder, cure="Train the run again.")
    return found


def _read_pairs(module: Any, folder: Path, settings: JsonMapping) -> dict[str, LoraLayer]:
    tensors = load_file(folder / TENSORS_FILE)
    places = {name: part for name, part in module.named_modules() if isinstance(part, nn.Linear)}
    found: dict[str, LoraLayer] = {}
    for key in sorted(tensors):
        name = key.removeprefix(PEFT_PREFIX).removesuffix(A_ENDING)
        if key.endswith(B_ENDING) and key.replace(B_ENDING, A_ENDING) in tensors:
            continue
        pair = tensors.get(key.replace(A_ENDING, B_ENDING))
        if not key.endswith(A_ENDING) or pair is None or name not in places:
            raise UsageError(
                f"its tensor {key} has no place in this model, and would be left out.",
                where=folder,
                cure="Give the model that it was trained on.",
            )
        _check_shapes(places[name], tensors[key], pair, key, folder)
        found[name] = LoraLayer(
            tensors[key], pair, compute_scale(settings, name, tensors[key].shape[0])
        )
    return found


def explain_why_not_plain_lora(settings: JsonMapping) -> str:
    """Return why an adapter is more than pairs of matrices, or an empty text."""
    kind = get_adapter_kind(settings)
    if kind != "lora":
        return f'its kind is "{kind}"'
    return next((f'it sets "{key}"' for key in UNSUPPORTED_KEYS if settings.get(key)), "")


def compute_scale(settings: JsonMapping, name: str, rank: int) -> float:
    """Return the factor of one layer's product: alpha / r, or alpha / sqrt(r) with rsLoRA."""
    from peft.utils.other import get_pattern_key

    patterns: JsonMapping = settings.get("alpha_pattern") or {}
    pattern: str = get_pattern_key(patterns, name)
    alpha = float(patterns.get(pattern, settings["lora_alpha"]))
    return alpha / math.sqrt(rank) if settings.get("use_rslora") else alpha / rank


def _check_shapes(linear: nn.Linear, a: Tensor, b: Tensor, key: str, folder: Path) -> None:
    rank = a.shape[0]
    expected = [(rank, linear.in_features), (linear.out_features, rank)]
    if [tuple(a.shape), tuple(b.shape)] != expected:
        raise UsageError(
            f"its tensor {key} has another shape than the model's layer.",
            where=folder,
            cure="Give the model that it was trained on.",
        )
