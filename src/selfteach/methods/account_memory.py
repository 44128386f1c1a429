"""What a run takes of the memory, by its parts: of a loaded model, or of one in its files.

The second one needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from selfteach.config import TrainConfig
from selfteach.errors import ResourceError
from selfteach.models.check_safety import check_model_folder
from selfteach.models.llama_files import read_header
from selfteach.models.memory_account import (
    BYTES_PER_LOGIT,
    CHUNK_POSITIONS,
    CPU_OVERHEAD_BYTES,
    CPU_ROWS,
    FLOAT32_BYTES,
    PipelineMemory,
    count_cache_bytes,
    format_bytes,
    measure_usable_bytes,
)
from selfteach.models.openvino import CACHE_GB, count_engine_bytes
from selfteach.models.parse_layers import parse_layers
from selfteach.models.resolve_model_path import is_local_teacher, resolve_model_folder
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
SMALL_ADAPTERS = ("lora", "reft", "prompt", "bottleneck", "closed_form")
"""Adapters that add numbers to frozen weights. They are no larger than a LoRA."""

_STAGE_NAMES = {
    "training": "the training",
    "exam": "the exam",
    "teacher": "the teacher beside the base",
}
ACCURACY = 0.1
"""How far the account may be from the measured peak: within it no run is refused."""


@dataclass(frozen=True)
class ModelSizes:
    """Hold the sizes of a model that its memory follows from.

    Attributes:
        weights: the bytes of all weights, as they are loaded.
        itemsize: the bytes of one.
        linear: the bytes of the linear layers, without the head.
        sides: the sum of their rows and columns.
        hidden: the numbers of a hidden state.
        vocabulary: the number of words.
        position: the bytes of the keys and values of one position, in all layers.
        unpacked: the bytes of the largest layer where layers in 4 bits are unpacked one by one. A
            LoRA is then never merged.
    """

    weights: int
    itemsize: int
    linear: int
    sides: int
    hidden: int
    layers: int
    vocabulary: int
    position: int
    on_cpu: bool
    unpacked: int = 0


@dataclass(frozen=True)
class TrainedSizes:
    """Hold what a training changes, in bytes.

    Attributes:
        trained: of what is trained, with gradients, AdamW's moments and the base's values.
        tuned, unmerged: as in PipelineMemory; `unmerged` where no engine needs merged weights.
        has_frozen: whether the model's own weights stay frozen.
    """

    trained: int
    tuned: int
    unmerged: int
    has_frozen: bool


def account_memory(
    base: HfModel, config: Any, *, has_engine: bool, continued: bool = False
) -> PipelineMemory:
    """Return what a run of a loaded model takes of the memory.

    Args:
        has_engine: whether openvino samples in this process.
        continued: whether the base has the adapter of an earlier run. The tuned model is loaded
            anew then.
    """
    sizes = measure_sizes(base)
    trained = count_trained_bytes(base, sizes, config.train)
    if continued:
        trained = replace(trained, tuned=sizes.weights, unmerged=sizes.weights)
    return add_up_memory(sizes, config.train, trained, has_engine=has_engine)


def count_teacher_bytes(teacher: str, itemsize: int, *, has_engine: bool) -> int:
    """Return what a local teacher takes while it samples; 0 for another one, and for none.

    Args:
        teacher: the name, as `--teacher` takes it.
        itemsize: the bytes of a weight, as transformers loads it here.
        has_engine: whether openvino samples in this process.
    """
    if not is_local_teacher(teacher):
        return 0
    weights = itemsize * count_file_weights(teacher)
    return count_engine_bytes(weights, itemsize) + (CACHE_GB << 30) if has_engine else weights


def count_file_weights(name: str) -> int:
    """Return how many numbers the files of a model hold, without torch; 0 where they are damaged,
    which loading them reports.

    Raises:
        UsageError: no such model, or an unsafe one.
    """
    folder = resolve_model_folder(name)
    check_model_folder(folder)
    try:
        headers = [read_header(file)[0] for file in folder.glob("*.safetensors")]
    except SafetensorError:
        return 0
    return sum(prod(entry["shape"]) for header in headers for entry in header.values())


def require_memory(
    base: HfModel, config: Any, *, has_engine: bool, continued: bool = False
) -> None:
    """Refuse a run that does not fit into the free memory, before anything is sampled.

    Args:
        has_engine: whether openvino will sample in this process.
        continued: as of `account_memory`.

    Raises:
        ResourceError: what the largest stage needs, and what there is.
    """
    account = account_memory(base, config, has_engine=has_engine, continued=continued).least
    name = getattr(config, "teacher", "")  # a training on ready examples has none
    teacher = count_teacher_bytes(name, base.dtype.itemsize, has_engine=has_engine)
    account = replace(account, teacher=teacher)
    usable = measure_usable_bytes(base.device)
    if (1 - ACCURACY) * account.peak <= usable:
        return
    stage = max(account.stages, key=lambda name: account.stages[name])
    cures = ["Close other programs"]
    if stage == "teacher":
        cures.append("serve the teacher elsewhere (`--teacher URL#NAME`)")
    if stage in ("exam", "teacher") and has_engine:
        cures.append("sample with `--engine hf`")
    if stage == "training":
        cures.append("lower train.micro_batch_tokens")
    where = "the machine" if account.on_cpu else "the accelerator"
    needed = format_bytes(account.peak)
    raise ResourceError(
        f"{_STAGE_NAMES[stage]} of this run needs about {needed}, and {where} has "
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
        linear=itemsize * sum(prod(shape) for shape in layers if len(shape) > 1),
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
    return add_up_memory(sizes, train, trained, has_engine=has_engine)


def measure_sizes(base: HfModel) -> ModelSizes:
    """Return the sizes of a loaded model."""
    from torch import nn

    from selfteach.models.four_bit import count_unpacked_numbers, iterate_tensors
    from selfteach.models.hook_adapter import get_decoder

    module: Any = base.module
    about = module.config.get_text_config()
    linear = [part for part in get_decoder(module).modules() if isinstance(part, nn.Linear)]
    return ModelSizes(
        weights=sum(tensor.nbytes for tensor in iterate_tensors(module)),
        itemsize=base.dtype.itemsize,
        linear=sum(part.weight.nbytes for part in linear),
        sides=sum(part.in_features + part.out_features for part in linear),
        hidden=int(about.hidden_size),
        layers=int(about.num_hidden_layers),
        vocabulary=int(module.get_output_embeddings().weight.shape[0]),
        position=count_cache_bytes(module),
        on_cpu=base.device.type == "cpu",
        unpacked=base.dtype.itemsize * count_unpacked_numbers(module),
    )


def count_trained_bytes(base: HfModel, sizes: ModelSizes, train: TrainConfig) -> TrainedSizes:
    """Return what a training changes.

    An adapter that changes no weights of the model counts as a LoRA, which is no smaller.
    """
    kind = load_registered("adapters", train.adapter)
    copied = getattr(kind, "weights", None)
    if copied is None:
        trained = count_lora_bytes(sizes, train)
        return add_experts(base.module, trained, train) if train.lora.experts else trained
    changed = copied(base.module, train).values()
    each = TRAINED_BYTES + sizes.itemsize
    trained = sum(each * weight.numel() for weight in changed)
    tuned = sum(weight.nbytes for weight in changed)
    return TrainedSizes(trained, tuned, tuned, has_frozen=False)


def count_lora_bytes(sizes: ModelSizes, train: TrainConfig) -> TrainedSizes:
    """Return what a LoRA on the linear layers of the chosen decoder layers changes."""
    share = 1.0
    if train.adapter == "lora":
        chosen = parse_layers(train.lora.layers, sizes.layers, "train.lora.layers")
        share = len(chosen) / sizes.layers
    numbers = share * train.lora.rank * sizes.sides
    merged = round(share * sizes.linear)
    alone = round(sizes.itemsize * numbers)
    if sizes.unpacked:
        merged = alone
    elif train.adapter != "lora":
        alone = merged
    return TrainedSizes(round(TRAINED_BYTES * numbers), merged, alone, has_frozen=True)


def add_experts(module: Any, trained: TrainedSizes, train: TrainConfig) -> TrainedSizes:
    """Return what is changed with a LoRA on fused experts too: they are always merged. A pass in
    training keeps the changed weights of every layer.
    """
    from selfteach.train.adapters.lora import find_target_experts

    weights = [
        getattr(part, name) for part, name in find_target_experts(module, train.lora).values()
    ]
    numbers = sum(
        train.lora.rank * count * (rows + columns)
        for count, rows, columns in (weight.shape for weight in weights)
    )
    merged = sum(weight.nbytes for weight in weights)
    return replace(
        trained,
        trained=trained.trained + TRAINED_BYTES * numbers + merged,
        tuned=trained.tuned + merged,
        unmerged=trained.tuned + merged,
    )


def add_up_memory(
    sizes: ModelSizes, train: TrainConfig, trained: TrainedSizes, *, has_engine: bool
) -> PipelineMemory:
    """Return the account of a run.

    Args:
        has_engine: whether openvino samples in this process.
    """
    training = (
        trained.trained
        + count_activation_bytes(sizes, train, has_frozen=trained.has_frozen)
        + BYTES_PER_LOGIT * CHUNK_POSITIONS * sizes.vocabulary
        + sizes.unpacked
    )
    if sizes.on_cpu and sizes.itemsize < FLOAT32_BYTES:
        training += CPU_OVERHEAD_BYTES
    if has_engine:
        engine = count_engine_bytes(sizes.weights, sizes.itemsize)
        cache = CACHE_GB << 30
    else:
        engine, cache = 0, SAMPLED_POSITIONS * CPU_ROWS * sizes.position + sizes.unpacked
    unmerged = trained.tuned if has_engine else trained.unmerged
    return PipelineMemory(
        sizes.weights,
        trained.tuned,
        unmerged,
        engine,
        cache,
        training,
        sizes.vocabulary,
        sizes.on_cpu,
    )


def count_activation_bytes(sizes: ModelSizes, train: TrainConfig, *, has_frozen: bool) -> int:
    """Return what the tokens of a micro-batch keep for the backward pass."""
    each = sizes.itemsize / 2
    if train.checkpoint_activations:
        each *= CHECKPOINTED_BYTES
    else:
        each *= FROZEN_ACTIVATION_BYTES if has_frozen else ACTIVATION_BYTES
    return round(train.micro_batch_tokens * sizes.hidden * sizes.layers * each)
