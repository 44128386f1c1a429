"""The cost of a run on this machine, before it starts: what `--dry-run` prints."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from selfteach import registry
from selfteach.config import TrainConfig
from selfteach.methods.method import Method
from selfteach.models import Sampler
from selfteach.models.decode import MAX_ROWS
from selfteach.models.engines import RAY, URL, open_sampler
from selfteach.models.hf import HfModel
from selfteach.models.hook_adapter import get_decoder
from selfteach.models.memory_account import (
    OPENVINO_COPIES,
    PipelineMemory,
    count_cache_bytes,
    format_bytes,
    measure_total_bytes,
)
from selfteach.models.openvino import CACHE_GB, OpenVino
from selfteach.records import (
    Continuations,
    JsonObject,
    Request,
    SamplingParams,
    make_prompt,
)
from selfteach.run.display import Display
from selfteach.run.workload import SCORED_COST, PlannedStage
from selfteach.train.fast.head import CHUNK_POSITIONS
from selfteach.train.memory import BYTES_PER_LOGIT, CPU_OVERHEAD_BYTES

NUM_TIMED_ROUNDS = 32
TIMED_TOKENS = 24
SAMPLED_POSITIONS = 256
"""Positions of a sampled row, prompt and answer, that are expected."""
REPORT_MB = 80
"""The ledger, the report and the exports of a run."""
ACTIVATION_BYTES = 34
"""Bytes that a training keeps for each token, layer and hidden unit in 16 bits, without attention's
scores. Source: Korthikanti et al. 2022, equation 2."""
FROZEN_ACTIVATION_BYTES = 17
"""The same beside frozen weights, whose inputs are not kept: measured, 14 to 18 in ten trainings
with the embedded model."""
CHECKPOINTED_BYTES = 2
"""The same if only the input of each layer is kept."""


def estimate_cost(
    method: Method,
    material: Any,
    config: Any,
    display: Display,
    earlier: Path | None = None,
    *,
    verbose: bool = False,
) -> JsonObject:
    """Measure the speed of this machine; return how the method reads its material, and the expected
    requests, tokens, minutes, memory and disk of a run.

    Args:
        earlier: the adapter that the run would continue.
        verbose: whether the method shows whole prompts.
    """
    stages = method.plan_work(material, config)
    if not stages:
        return {}  # a method of another package need not know
    display.start_stage("measure")
    base = HfModel.load(config.model, adapter=earlier, progress=display.print_line)
    described: JsonObject = {}
    if method.samples:
        sampler = open_sampler(base, config.engine)
        if method.describe:
            described = method.describe(base, sampler, material, config, verbose=verbose)
        sampled_per_s = measure_speed(sampler)
        has_cache = isinstance(sampler, OpenVino)
    else:
        sampled_per_s = SCORED_COST * measure_reading_speed(base)
        has_cache = False
    is_remote = URL in getattr(config, "engine", "") or getattr(config, "engine", "") == RAY
    memory = account_memory(base, config, has_engine=has_cache and not is_remote)
    return {
        **described,
        **describe_stages(stages, sampled_per_s),
        "sampled_tokens_per_second": round(sampled_per_s),
        "memory_mb": round(memory.peak / 1e6),
        "memory": describe_memory(memory, measure_total_bytes(base.device)),
        "disk_mb": round(2 * memory.weights / 1e6 + REPORT_MB),
    }


def describe_stages(stages: Sequence[PlannedStage], sampled_per_s: float) -> JsonObject:
    """Return the work and the minutes of each stage, and their sums."""
    rows = [
        {
            "stage": stage.name,
            "requests": stage.requests,
            "sampled_tokens": stage.sampled_tokens,
            "trained_tokens": stage.trained_tokens,
            "minutes": round(stage.cost / sampled_per_s / 60, 1),
        }
        for stage in stages
        if stage.cost
    ]
    return {
        "stages": rows,
        "requests": sum(stage.requests for stage in stages),
        "sampled_tokens": sum(stage.sampled_tokens for stage in stages),
        "trained_tokens": sum(stage.trained_tokens for stage in stages),
        "minutes": round(sum(stage.cost for stage in stages) / sampled_per_s / 60 + 0.2, 1),
    }


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


def describe_memory(memory: PipelineMemory, total: int) -> str:
    """Return what the stages need, and whether the machine has it."""
    stages = ", ".join(f"{name} {format_bytes(size)}" for name, size in memory.stages.items())
    fits = "it fits" if memory.peak <= total else "it does not fit"
    where = "the machine" if memory.on_cpu else "the accelerator"
    return f"{stages}; {where} has {format_bytes(total)}: {fits}"


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


def measure_speed(sampler: Sampler) -> float:
    """Return how many tokens are sampled in a second, with many requests at once as in a run."""
    sampling = SamplingParams(1.0, 1.0, TIMED_TOKENS)
    requests = [
        Request("plan", make_prompt(text), sampling, number)
        for number in range(NUM_TIMED_ROUNDS)
        for text in ("What is a tree?", "Name a colour.")
    ]
    started = time.monotonic()
    tokens = sum(completion.tokens for completion in sampler.stream(requests))
    return tokens / (time.monotonic() - started)


def measure_reading_speed(model: HfModel) -> float:
    """Return how many tokens are scored in a second."""
    text = " ".join(["A tree has roots, a trunk and leaves."] * 8)
    items = [
        Continuations(make_prompt(f"What is tree {i}?"), (text,)) for i in range(NUM_TIMED_ROUNDS)
    ]
    started = time.monotonic()
    scored = [scores for _, scores in model.stream_scores(items)]
    tokens = sum(one.tokens for scores in scored for one in scores)
    return tokens / (time.monotonic() - started)
