"""Joining of low-rank adapters into one: that of an earlier run and the one that was trained after
it, or the lessons of a student.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from selfteach.models.check_safety import ABOUT_FILE, ADAPTER_CONFIG_FILE, TENSORS_FILE, read_json
from selfteach.models.load_adapter import PEFT_PREFIX
from selfteach.models.lora_layers import explain_why_not_plain_lora
from selfteach.train.adapters.adapter import ONLY_LOW_RANK, write_adapter_folder

A = ".lora_A.weight"
B = ".lora_B.weight"


EXPERTS_STAY_ALONE = "a LoRA on fused experts (train.lora.experts) cannot be added to another one"
OTHER_SCALES = ("use_rslora", "rank_pattern", "alpha_pattern")
"""Settings of PEFT with which the factor of a layer is not alpha / r."""


def explain_why_not_joined(earlier: Path) -> str:
    """Return the reason why an adapter cannot be joined with a later one, or an empty text."""
    settings = read_json(earlier / ADAPTER_CONFIG_FILE)
    if settings.get("peft_type") != "LORA":
        return ONLY_LOW_RANK
    if settings.get("target_parameters"):
        return EXPERTS_STAY_ALONE
    if reason := explain_why_not_plain_lora(settings):
        return f"only plain LoRAs can be added up, and {reason}"
    odd = [key for key in OTHER_SCALES if settings.get(key)]
    return f'only LoRAs of one scale can be added up, and it sets "{odd[0]}"' if odd else ""


def join_loras(adapters: Sequence[Path], folder: Path) -> Path:
    """Write one adapter with the effect of all, and return its folder.

    s1 B1 A1 + s2 B2 A2 + ... = [s1 B1, s2 B2, ...] [A1; A2; ...], with s = alpha / r: the exact
    sum, of rank r1 + r2 + ... The result has s = 1. A layer that an adapter leaves alone gets zeros
    for it. The same adapters in the same order give the same bytes. Other files, such as a
    tokenizer, are those of the last one.
    """
    configs = [read_json(path / ADAPTER_CONFIG_FILE) for path in adapters]
    tensors = [load_file(path / TENSORS_FILE) for path in adapters]
    ranks = [int(config["r"]) for config in configs]
    names = {name for part in tensors for name in part}
    layers = sorted(name.removesuffix(A) for name in names if name.endswith(A))
    joined: dict[str, Tensor] = {}
    for layer in layers:
        like = next(part for part in tensors if layer + A in part)
        lefts = []
        rights = []
        for config, part, rank in zip(configs, tensors, ranks, strict=True):
            a, b = _get_low_rank_pair(part, layer, rank, like)
            rights.append(a)
            lefts.append(b * (config["lora_alpha"] / rank))
        joined[layer + A] = torch.cat(rights, 0).contiguous()
        joined[layer + B] = torch.cat(lefts, 1).contiguous()
    last = configs[-1]
    targets = last["target_modules"]
    if any(config["target_modules"] != targets for config in configs):
        targets = [layer.removeprefix(PEFT_PREFIX) for layer in layers]
    config = last | {"r": sum(ranks), "lora_alpha": sum(ranks), "target_modules": targets}
    about = read_json(adapters[-1] / ABOUT_FILE) | {
        "base_fingerprint": read_json(adapters[0] / ABOUT_FILE).get("base_fingerprint", "")
    }
    shutil.copytree(adapters[-1], folder, dirs_exist_ok=True)
    write_adapter_folder(folder, joined, config, about)
    return folder


def _get_low_rank_pair(
    tensors: Mapping[str, Tensor], layer: str, rank: int, like: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return A (r, in) and B (out, r) of a layer, or zeros of its shape."""
    if layer + A in tensors:
        return tensors[layer + A], tensors[layer + B]
    return torch.zeros(rank, like[layer + A].shape[1]), torch.zeros(like[layer + B].shape[0], rank)
