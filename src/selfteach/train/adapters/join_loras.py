"""Two low-rank adapters as one: the lesson of an earlier run and the one that was learned on top of
it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from selfteach.models.load_adapter import PEFT_PREFIX
from selfteach.models.safety import read_json
from selfteach.train.adapters import write_adapter_folder

A, B = ".lora_A.weight", ".lora_B.weight"


def explain_why_not_joined(earlier: Path) -> str:
    """Why no lesson can be learned on top of an adapter and leave the run as one with it, or an
    empty text.
    """
    kind = read_json(earlier / "adapter_config.json").get("peft_type")
    return "" if kind == "LORA" else "only adapters of low rank can be joined to one file"


def join_loras(earlier: Path, later: Path, folder: Path) -> Path:
    """Writes the adapter that does to the first base what both do one after the other; returns its
    folder.

    s1 B1 A1 + s2 B2 A2 = [s1 B1, s2 B2] [A1; A2], with s = alpha / r: exact, and of rank r1 + r2.
    What is written has s = 1. A layer that only one of them adapts gets zeros for the other.
    """
    configs = [read_json(path / "adapter_config.json") for path in (earlier, later)]
    tensors = [load_file(path / "adapter_model.safetensors") for path in (earlier, later)]
    ranks = [int(config["r"]) for config in configs]
    layers = sorted({name.removesuffix(A) for part in tensors for name in part if name.endswith(A)})
    joined: dict[str, Tensor] = {}
    for layer in layers:
        like = next(part for part in tensors if layer + A in part)
        pairs = [
            _get_low_rank_pair(part, layer, rank, like)
            for part, rank in zip(tensors, ranks, strict=True)
        ]
        scales = [config["lora_alpha"] / rank for config, rank in zip(configs, ranks, strict=True)]
        joined[layer + A] = torch.cat([a for a, _ in pairs], 0).contiguous()
        joined[layer + B] = torch.cat(
            [b * scale for (_, b), scale in zip(pairs, scales, strict=True)], 1
        ).contiguous()
    same = configs[0]["target_modules"] == configs[1]["target_modules"]
    targets = (
        configs[1]["target_modules"]
        if same
        else [layer.removeprefix(PEFT_PREFIX) for layer in layers]
    )
    config = configs[1] | {"r": sum(ranks), "lora_alpha": sum(ranks), "target_modules": targets}
    about = read_json(later / "selfteach.json") | {
        "base_fingerprint": read_json(earlier / "selfteach.json").get("base_fingerprint", "")
    }
    shutil.copytree(
        later, folder, dirs_exist_ok=True
    )  # what lies beside an adapter, such as a tokenizer, stays beside it
    write_adapter_folder(folder, joined, config, about)
    return folder


def _get_low_rank_pair(
    tensors: Mapping[str, Tensor], layer: str, rank: int, like: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """A (r, in) and B (out, r) of a layer, or zeros of its shape."""
    if layer + A in tensors:
        return tensors[layer + A], tensors[layer + B]
    return torch.zeros(rank, like[layer + A].shape[1]), torch.zeros(like[layer + B].shape[0], rank)
