"""What a run of a loaded model takes of the memory, by its parts."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from selfteach import registry
from selfteach.config import TrainConfig
from selfteach.models.decode import MAX_ROWS
from selfteach.models.hf import HfModel
from selfteach.models.hook_adapter import get_decoder
from selfteach.models.memory_account import OPENVINO_COPIES, PipelineMemory, count_cache_bytes
from selfteach.models.openvino import CACHE_GB
from selfteach.train.fast.head import CHUNK_POSITIONS
from selfteach.train.memory import BYTES_PER_LOGIT, CPU_OVERHEAD_BYTES

SAMPLED_POSITIONS = 256
"""Positions of a sampled row, prompt and answer, that are expected."""
ACTIVATION_BYTES = 34
"""Bytes that a training keeps for each token, layer and hidden unit in 16 bits, without attention's
scores. Source: Korthikanti et al. 2022, equation 2."""
FROZEN_ACTIVATION_BYTES = 17
"""The same beside frozen weights, whose inputs are not kept: measured, 14 to 18 in ten trainings
with the embedded model."""
CHECKPOINTED_BYTES = 2
"""The same if only the input of each layer is kept."""


def account_memory(base: HfModel, config: Any, *, has_engine: bool) -> PipelineMemory:
    """Return what a run takes of the memory.

    Args:
        has_engine: whether openvino samples in this process.
    """
    module: Any = base.module
    weights = sum(p.numel() * p.element_size() for p in module.parameters())
    vocabulary = int(module.get_output_embeddings().weight.shape[0])
    if has_engine:
        engine, cache = round(OPENVINO_COPIES * weights), CACHE_GB << 30
    else:
        engine, cache = 0, SAMPLED_POSITIONS * MAX_ROWS["cpu"] * count_cache_bytes(module)
    training = (
        count_training_bytes(base, config.train)
        + count_activation_bytes(base, config.train)
        + BYTES_PER_LOGIT * CHUNK_POSITIONS * vocabulary
    )
    on_cpu = base.device.type == "cpu"
    if on_cpu and base.dtype != torch.float32:
        training += CPU_OVERHEAD_BYTES
    return PipelineMemory(weights, engine, cache, training, vocabulary, on_cpu)


def count_training_bytes(base: HfModel, train: TrainConfig) -> int:
    """Return the bytes of what is trained, with gradients, AdamW's moments and the base's values.

    Another adapter than `full`, `layers` and `lora` counts as a LoRA, which is no smaller.
    """
    kind = registry.load_registered("adapters", train.adapter)
    if copied := getattr(kind, "weights", None):
        changed = copied(base.module, train).values()
        return sum((16 + weight.element_size()) * weight.numel() for weight in changed)
    sides = 0
    for part in get_decoder(base.module).modules():
        if isinstance(part, nn.Linear):
            sides += part.in_features + part.out_features
    return 16 * train.lora.rank * sides


def count_activation_bytes(base: HfModel, train: TrainConfig) -> int:
    """Return what the tokens of a micro-batch keep for the backward pass."""
    module: Any = base.module
    about = module.config.get_text_config()
    units = int(about.hidden_size) * int(about.num_hidden_layers)
    each = base.dtype.itemsize / 2
    if train.checkpoint_activations:
        each *= CHECKPOINTED_BYTES
    else:
        trains_weights = hasattr(registry.load_registered("adapters", train.adapter), "weights")
        each *= ACTIVATION_BYTES if trains_weights else FROZEN_ACTIVATION_BYTES
    return round(train.micro_batch_tokens * units * each)
