"""A LoRA as a GGUF adapter, which llama.cpp puts on the base's GGUF.

llama.cpp multiplies each product B A by alpha / r, with one alpha for the file. Where PEFT's scale
differs between layers, B carries the difference. The rows of B for llama's q and k projections are
reordered as those of the weights are (models/write_gguf.py); the base and the adapter must agree.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from selfteach.errors import UsageError
from selfteach.files import replace_file
from selfteach.models.lora_layers import read_lora_layers
from selfteach.models.write_gguf import FAMILIES, permute_rope_rows, to_gguf_name


def write_lora_gguf(module: Any, adapter: Path, path: Path) -> None:
    """Write a LoRA folder as one F32 GGUF adapter, whole or not at all.

    Args:
        module: the base.

    Raises:
        UsageError: no plain LoRA, a family that the format does not know here, or a tensor without
            a place.
    """
    config = module.config
    if config.model_type not in FAMILIES:
        raise UsageError(
            f'the family "{config.model_type}" is not one of {", ".join(FAMILIES)}.',
            where=adapter,
            cure="Export the merged weights with --to hf.",
        )
    layers = read_lora_layers(module, adapter)
    import gguf

    reordered = {}
    if config.model_type == "llama":
        reordered = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    needed = sum(4 * (layer.a.numel() + layer.b.numel()) for layer in layers.values())
    with replace_file(path, needed) as temporary:
        writer = gguf.GGUFWriter(temporary, config.model_type)
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        alpha = max(layer.scale * layer.a.shape[0] for layer in layers.values())
        writer.add_float32("adapter.lora.alpha", alpha)
        for name, layer in layers.items():
            rank = layer.a.shape[0]
            b = layer.b.float() * (layer.scale * rank / alpha)
            heads = reordered.get(name.rpartition(".")[2])
            b = permute_rope_rows(b, heads) if heads else b
            place = to_gguf_name(f"{name}.weight")
            writer.add_tensor(f"{place}.lora_a", layer.a.float().contiguous().numpy())
            writer.add_tensor(f"{place}.lora_b", b.to(torch.float32).contiguous().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
