"""The cost of a run on this machine, before it starts: what `--dry-run` prints."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfteach.methods.method import Method
from selfteach.models import Sampler
from selfteach.models.engines import URL, open_sampler
from selfteach.models.hf import HfModel
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

NUM_TIMED_ROUNDS = 32
TIMED_TOKENS = 24
LIBRARIES_MB = 1000
"""What the libraries of models take."""
REPORT_MB = 80
"""The ledger, the report and the exports of a run."""
ACTIVATION_BYTES = 34
"""Bytes that a training keeps for each token, layer and hidden unit in 16 bits, without attention's
scores. Source: Korthikanti et al. 2022, equation 2."""


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
    weights_mb = sum(p.numel() * p.element_size() for p in base.module.parameters()) / 1e6
    engine_mb = weights_mb + 1024 * CACHE_GB if has_cache else 0.0
    memory_mb = LIBRARIES_MB + weights_mb + engine_mb + estimate_activations_mb(base, config)
    is_remote = URL in getattr(config, "engine", "")
    return {
        **described,
        **describe_stages(stages, sampled_per_s),
        "sampled_tokens_per_second": round(sampled_per_s),
        "memory_mb": round(memory_mb - (engine_mb if is_remote else 0)),
        "disk_mb": round(2 * weights_mb + REPORT_MB),
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


def estimate_activations_mb(base: HfModel, config: Any) -> float:
    """Return what the tokens of a micro-batch keep for the backward pass."""
    module: Any = base.module
    about = module.config.get_text_config()
    units = int(about.hidden_size) * int(about.num_hidden_layers)
    tokens = int(config.train.micro_batch_tokens)
    return tokens * units * ACTIVATION_BYTES / 1e6


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
