"""What a run takes of the memory, by its parts: of a loaded model, or of one in its files.

The second one needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selfteach.config import TrainConfig
from selfteach.errors import ResourceError
from selfteach.models.memory_account import (
    BYTES_PER_LOGIT,
    CHUNK_POSITIONS,
    CPU_OVERHEAD_BYTES,
    CPU_ROWS,
    OPENVINO_COPIES,
    PipelineMemory,
    count_cache_bytes,
    format_bytes,
    measure_usable_bytes,
)
from selfteach.models.openvino import CACHE_GB
from selfteach.registry import load_registered

if TYPE_CHECKING:
    from selfteach.models.hf import HfModel
    from selfteach.models.llama_files import LlamaFiles

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
TRAINED_BYTES = 16
"""Bytes of a trained number in float32: its value, its gradient, and AdamW's two moments."""
FLOAT32_BYTES = 4
SMALL_ADAPTERS = ("lora", "reft", "prompt", "bottleneck", "closed_form")
"""Adapters that add numbers to frozen weights. They are no larger than a LoRA."""

ACCURACY = 0.1
"""How far the account may be from the measured peak: within it no run is refused."""


@dataclass(frozen=True)
class ModelSizes:
    """Hold the sizes of a model that its memory follows from.

    Attributes:
        weights: the bytes of all weights, as they are loaded.
        itemsize: the bytes of one.
        sides: the sum of rows and columns of the linear layers, without the head.
        hidden: the numbers of a hidden state.
        vocabulary: the number of words.
        position: the bytes of the keys and values of one position, in all layers.
    """

    weights: int
    itemsize: int
    sides: int
    hidden: int
    layers: int
    vocabulary: int
    position: int
    on_cpu: bool


def account_memory(base: HfModel, config: Any, *, has_engine: bool) -> PipelineMemory:
    """Return what a run of a loaded model takes of the memory.

    Args:
        has_engine: whether openvino samples in this process.
    """
    sizes = measure_sizes(base)
    trained, has_frozen = count_trained_bytes(base, sizes, config.train)
    return add_up_memory(sizes, config.train, trained, has_frozen=has_frozen, has_engine=has_engine)


def require_memory(base: HfModel, config: Any, *, has_engine: bool) -> None:
    """Refuse a run that does not fit into the free memory, before anything is sampled.

    Args:
        has_engine: whether openvino will sample in this process.

    Raises:
        ResourceError: what the largest stage needs, and what there is.
    """
    account = account_memory(base, config, has_engine=has_engine)
    usable = measure_usable_bytes(base.device)
    if (1 - ACCURACY) * account.peak <= usable:
        return
    stage = max(account.stages, key=lambda name: account.stages[name])
    cures = ["Close other programs"]
    if stage == "exam" and has_engine:
        cures.append("sample with `--engine hf`")
    if stage == "training":
        cures.append("lower train.micro_batch_tokens")
    where = "the machine" if account.on_cpu else "the accelerator"
    raise ResourceError(
        f"the {stage} of this run needs about {format_bytes(account.peak)}, and {where} has "
        f"{format_bytes(usable)} for it.",
        where=base.name,
        cure=f"{', '.join(cures)}, or use a smaller model.",
    )


def account_files(
    files: LlamaFiles, itemsize: int, train: TrainConfig, *, has_engine: bool
) -> PipelineMemory | None:
    """Return what a run on a CPU takes of the memory; None where the adapter must see the model.

    Args:
        itemsize: the bytes of a weight, as transformers would load it here.
        has_engine: whether openvino samples in this process.
    """
    if train.adapter not in SMALL_ADAPTERS:
        return None
    about = files.config
    layers = [shape for name, shape in files.shapes.items() if name.startswith("model.layers.")]
    sizes = ModelSizes(
        weights=files.num_weights * itemsize,
        itemsize=itemsize,
        sides=sum(sum(shape) for shape in layers if len(shape) > 1),
        hidden=about.hidden_size,
        layers=about.num_hidden_layers,
        vocabulary=about.vocab_size,
        position=2
        * about.num_hidden_layers
        * about.num_key_value_heads
        * about.head_dim
        * itemsize,
        on_cpu=True,
    )
    trained = count_lora_bytes(sizes, train)
    return add_up_memory(sizes, train, trained, has_frozen=True, has_engine=has_engine)


def measure_sizes(base: HfModel) -> ModelSizes:
    """Return the sizes of a loaded model."""
    from torch import nn

    from selfteach.models.hook_adapter import get_decoder

    module: Any = base.module
    about = module.config.get_text_config()
    linear = [part for part in get_decoder(module).modules() if isinstance(part, nn.Linear)]
    return ModelSizes(
        weights=sum(weight.nbytes for weight in module.parameters()),
        itemsize=base.dtype.itemsize,
        sides=sum(part.in_features + part.out_features for part in linear),
        hidden=int(about.hidden_size),
        layers=int(about.num_hidden_layers),
        vocabulary=int(module.get_output_embeddings().weight.shape[0]),
        position=count_cache_bytes(module),
        on_cpu=base.device.type == "cpu",
    )


def count_trained_bytes(base: HfModel, sizes: ModelSizes, train: TrainConfig) -> tuple[int, bool]:
    """Return the bytes of what is trained, with gradients, AdamW's moments and the base's values;
    and whether the model's own weights stay frozen.

    An adapter that changes no weights of the model counts as a LoRA, which is no smaller.
    """
    kind = load_registered("adapters", train.adapter)
    copied = getattr(kind, "weights", None)
    if copied is None:
        return count_lora_bytes(sizes, train), True
    changed = copied(base.module, train).values()
    each = TRAINED_BYTES + sizes.itemsize
    return sum(each * weight.numel() for weight in changed), False


def count_lora_bytes(sizes: ModelSizes, train: TrainConfig) -> int:
    """Return the bytes of a LoRA on every linear layer, with gradients and AdamW's moments."""
    return TRAINED_BYTES * train.lora.rank * sizes.sides


def add_up_memory(
    sizes: ModelSizes, train: TrainConfig, trained: int, *, has_frozen: bool, has_engine: bool
) -> PipelineMemory:
    """Return the account of a run.

    Args:
        trained: the bytes of what is trained.
        has_frozen: whether the model's own weights stay frozen.
        has_engine: whether openvino samples in this process.
    """
    training = (
        trained
        + count_activation_bytes(sizes, train, has_frozen=has_frozen)
        + BYTES_PER_LOGIT * CHUNK_POSITIONS * sizes.vocabulary
    )
    if sizes.on_cpu and sizes.itemsize < FLOAT32_BYTES:
        training += CPU_OVERHEAD_BYTES
    if has_engine:
        engine, cache = round(OPENVINO_COPIES * sizes.weights), CACHE_GB << 30
    else:
        engine, cache = 0, SAMPLED_POSITIONS * CPU_ROWS * sizes.position
    return PipelineMemory(sizes.weights, engine, cache, training, sizes.vocabulary, sizes.on_cpu)


def count_activation_bytes(sizes: ModelSizes, train: TrainConfig, *, has_frozen: bool) -> int:
    """Return what the tokens of a micro-batch keep for the backward pass."""
    each = sizes.itemsize / 2
    if train.checkpoint_activations:
        each *= CHECKPOINTED_BYTES
    else:
        each *= FROZEN_ACTIVATION_BYTES if has_frozen else ACTIVATION_BYTES
    return round(train.micro_batch_tokens * sizes.hidden * sizes.layers * each)
