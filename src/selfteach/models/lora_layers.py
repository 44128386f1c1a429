"""The layers of a saved LoRA: one pair of matrices for each linear layer, with its scale.

Sampling needs no PEFT with them, and other formats are written from them. What a pair of matrices
cannot express is refused by name; no tensor is left out in silence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from selfteach.errors import UsageError
from selfteach.models.check_safety import (
    ADAPTER_CONFIG_FILE,
    TENSORS_FILE,
    check_adapter_files,
    read_json,
)
from selfteach.models.load_adapter import (
    PEFT_PREFIX,
    check_numbers,
    convert_adapter_errors,
    find_changed_base,
    get_adapter_kind,
)
from selfteach.models.try_in_child import check_adapter_patterns
from selfteach.records import JsonMapping

UNSUPPORTED_KEYS = (
    "alora_invocation_tokens",
    "arrow_config",
    "fan_in_fan_out",
    "kasa_config",
    "layer_replication",
    "lora_bias",
    "modules_to_save",
    "target_parameters",
    "trainable_token_indices",
    "use_bdlora",
    "use_dora",
    "use_qalora",
)
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
    settings = read_json(folder / ADAPTER_CONFIG_FILE)
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
        _check_targets(module, folder, found)
    return found


def _read_pairs(module: Any, folder: Path, settings: JsonMapping) -> dict[str, LoraLayer]:
    tensors = load_file(folder / TENSORS_FILE)
    check_numbers(tensors)
    places = {name: part for name, part in module.named_modules() if isinstance(part, nn.Linear)}
    found: dict[str, LoraLayer] = {}
    for key in sorted(tensors):
        name = key.removeprefix(PEFT_PREFIX).removesuffix(A_ENDING)
        if key.endswith(B_ENDING) and key.replace(B_ENDING, A_ENDING) in tensors:
            continue
        pair = tensors.get(key.replace(A_ENDING, B_ENDING))
        is_known = key.startswith(PEFT_PREFIX) and key.endswith(A_ENDING) and name in places
        if not is_known or pair is None:
            raise UsageError(
                f"its tensor {key} has no place in this model, and would be left out.",
                where=folder,
                cure="Give the model that it was trained on.",
            )
        _check_shapes(places[name], tensors[key], pair, key, folder)
        rank = tensors[key].shape[0]
        if rank != _get_setting(settings, "r", "rank_pattern", name):
            raise ValueError(f"its settings name another rank for {name} than {rank}")
        found[name] = LoraLayer(tensors[key], pair, compute_scale(settings, name, rank))
    return found


def _check_targets(module: Any, folder: Path, found: Mapping[str, LoraLayer]) -> None:
    """Refuse tensors of other layers than those that the settings name: PEFT goes by these."""
    from peft import LoraConfig
    from peft.tuners.tuners_utils import check_target_module_exists

    config = LoraConfig.from_pretrained(str(folder))
    names = [name for name, _ in module.named_modules()]
    targets = {name for name in names if check_target_module_exists(config, name)}
    if odd := sorted(targets ^ found.keys()):
        which = "a layer without tensors" if odd[0] in targets else "not the layer of its tensors"
        raise ValueError(f"its settings name {which}, {odd[0]}")


def explain_why_not_plain_lora(settings: JsonMapping) -> str:
    """Return why an adapter is more than pairs of matrices, or an empty text."""
    kind = get_adapter_kind(settings)
    if kind != "lora":
        return f'its kind is "{kind}"'
    if start := find_changed_base(settings):
        return f'it starts with "{start}", which changes the base'
    keys = (key for key in UNSUPPORTED_KEYS if settings.get(key) not in (None, False))
    return next((f'it sets "{key}"' for key in keys), "")


def compute_scale(settings: JsonMapping, name: str, rank: int) -> float:
    """Return the factor of one layer's product: alpha / r, or alpha / sqrt(r) with rsLoRA."""
    alpha = _get_setting(settings, "lora_alpha", "alpha_pattern", name)
    if not isinstance(alpha, int | float) or not math.isfinite(alpha):
        raise ValueError(f"its alpha is {alpha!r}, and no finite number")
    return alpha / math.sqrt(rank) if settings.get("use_rslora") else alpha / rank


def _get_setting(settings: JsonMapping, key: str, patterns_key: str, name: str) -> Any:
    """Return a setting for one layer: that of the pattern which matches its name, or of all."""
    from peft.utils.other import get_pattern_key

    patterns: JsonMapping = settings.get(patterns_key) or {}
    pattern: str = get_pattern_key(patterns, name)
    return patterns.get(pattern, settings[key])


def _check_shapes(linear: nn.Linear, a: Tensor, b: Tensor, key: str, folder: Path) -> None:
    rank = a.shape[0]
    expected = [(rank, linear.in_features), (linear.out_features, rank)]
    if [tuple(a.shape), tuple(b.shape)] != expected:
        raise UsageError(
            f"its tensor {key} has another shape than the model's layer.",
            where=folder,
            cure="Give the model that it was trained on.",
        )
