"""A Llama as it lies in its folder: sizes and weights in 16 bits, read without torch.

A dry run and the first answers of a base need no more. torch, transformers' model classes and the
module take most of the time of such a command.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from selfteach.models import check_safety
from selfteach.models.tokens import list_end_ids
from selfteach.models.write_gguf import ACTIVATIONS
from selfteach.records import JsonObject

FAMILY = "llama"
DTYPE = "BF16"
SIZE_KEYS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
)
"""What config.json must say, beside the rotary embedding and three more, so that no default of
transformers is repeated here."""
LENGTH_BYTES = 8
"""A safetensors file begins with the length of its header, and the header says where each weight
lies behind it. safetensors itself gives no weight in bf16 to numpy."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class LlamaFiles:
    """Represent a Llama in one safetensors file.

    Attributes:
        config: what config.json says, with `head_dim`, as attributes.
        shapes: of each weight, by its name, in the order of a module's weights.
        starts: the byte of the file where each weight begins.
    """

    config: Any
    path: Path
    shapes: Mapping[str, Shape]
    starts: Mapping[str, int]

    @property
    def num_weights(self) -> int:
        """Return how many numbers the weights are."""
        return sum(map(prod, self.shapes.values()))

    @property
    def end_ids(self) -> list[int]:
        """Return the tokens that end an answer, as the model's own settings name them."""
        return list_end_ids(self.config.eos_token_id)

    def iterate_weights(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each weight, float32, in the order of a module's weights."""
        data = np.memmap(self.path, np.uint8, "r")
        for name, shape in self.shapes.items():
            start = self.starts[name]
            halves = data[start : start + 2 * prod(shape)].view("<u2")
            whole = halves.astype(np.uint32) << 16  # bf16 is the upper half of a float32
            yield name, whole.view(np.float32).reshape(shape)


def read_llama_files(folder: Path) -> LlamaFiles | None:
    """Return the Llama of a checked folder; None for another family, or if anything about it wants
    transformers: several files, another dtype, other weights than the sizes say.

    Args:
        folder: one that `check_safety.check_model_folder` passed.
    """
    config = check_safety.read_json(folder / "config.json")
    files = list(folder.glob("*.safetensors"))
    if not _says_enough(config) or len(files) != 1:
        return None
    generation = folder / "generation_config.json"
    ends = check_safety.read_json(generation) if generation.is_file() else config
    heads = config["num_attention_heads"]
    about = SimpleNamespace(
        **{
            **config,
            "head_dim": config.get("head_dim") or config["hidden_size"] // heads,
            "eos_token_id": ends.get("eos_token_id"),
            "_name_or_path": str(folder),
        }
    )
    try:
        header, first = read_header(files[0])
    except SafetensorError:
        return None  # transformers says what is wrong with it
    expected = _list_shapes(about)
    found = {name: tuple(entry["shape"]) for name, entry in header.items()}
    dtypes = {entry["dtype"] for entry in header.values()}
    if found != expected or dtypes != {DTYPE}:
        return None
    starts = {name: first + entry["data_offsets"][0] for name, entry in header.items()}
    return LlamaFiles(about, files[0], expected, starts)


def _says_enough(config: JsonObject) -> bool:
    """Return whether a configuration is a Llama's, and leaves nothing to transformers."""
    sizes = [config.get(key) for key in SIZE_KEYS]
    rope = config.get("rope_parameters")
    return (
        config.get("model_type") == FAMILY
        and "quantization_config" not in config
        and all(isinstance(size, int) and size > 0 for size in sizes)
        and config.get("hidden_act") in ACTIVATIONS
        and isinstance(config.get("rms_norm_eps"), float)
        and isinstance(config.get("tie_word_embeddings"), bool)
        and isinstance(rope, dict)
        and rope.get("rope_type") == "default"
        and not config.get("rope_scaling")  # the older key, which transformers takes before it
        and isinstance(rope.get("rope_theta"), int | float)
    )


def read_header(path: Path) -> tuple[JsonObject, int]:
    """Return what a safetensors file says about each weight, and the byte where they begin.

    Raises:
        SafetensorError: the file is damaged.
    """
    with safe_open(path, "numpy"):  # checks the header, and that the weights fill the file
        pass
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return header, LENGTH_BYTES + length


def _list_shapes(config: Any) -> dict[str, Shape]:
    """Return the shape of every weight that a Llama of these sizes has."""
    hidden, inner = config.hidden_size, config.intermediate_size
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    layer: dict[str, Shape] = {
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
        "input_layernorm": (hidden,),
        "post_attention_layernorm": (hidden,),
    }
    words = (config.vocab_size, hidden)
    found: dict[str, Shape] = {"model.embed_tokens.weight": words}
    for number in range(config.num_hidden_layers):
        for name, shape in layer.items():
            found[f"model.layers.{number}.{name}.weight"] = shape
    found["model.norm.weight"] = (hidden,)
    if not config.tie_word_embeddings:
        found["lm_head.weight"] = words
    return found
