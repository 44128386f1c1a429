"""The cost of a run on this machine, before it starts: what `--dry-run` prints."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfteach.methods.plan_parts import Plan
from selfteach.models import Sampler
from selfteach.models.engines import URL, open_kept_sampler, open_sampler
from selfteach.models.fetch_default_model import get_cache_folder
from selfteach.models.kept_engine import ModelSize, UnloadedModel, measure_size
from selfteach.models.openvino import CACHE_GB, OpenVino
from selfteach.records import (
    Continuations,
    JsonObject,
    Request,
    SamplingParams,
    make_prompt,
)
from selfteach.registry import BUILT_IN_NAMES, load_registered
from selfteach.run.display import Display
from selfteach.run.workload import SCORED_COST, PlannedStage

if TYPE_CHECKING:
    from selfteach.models.hf import HfModel

NUM_TIMED_ROUNDS = 32
TIMED_TOKENS = 24
LIBRARIES_MB = 1000
"""What the libraries of models take."""
REPORT_MB = 80
"""The ledger, the report and the exports of a run."""
ACTIVATION_BYTES = 34
"""Bytes that a training keeps for each token, layer and hidden unit in 16 bits, without attention's
scores. Source: Korthikanti et al. 2022, equation 2."""


def find_plan(method: str) -> Plan:
    """Return the plan of a method. One of this package is found without the method, which loads
    torch.
    """
    if method in BUILT_IN_NAMES["methods"]:
        module = BUILT_IN_NAMES["methods"][method].partition(":")[0]
        package = module.rpartition(".")[0]
        found: Plan = importlib.import_module(f"{package}.plan_work").PLAN
        return found
    loaded = load_registered("methods", method)
    return Plan(loaded.plan_work, loaded.samples, loaded.describe)


def estimate_cost(
    plan: Plan,
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
    stages = plan.plan_work(material, config)
    if not stages:
        return {}  # a method of another package need not know
    display.start_stage("measure")
    described: JsonObject = {}
    if plan.samples:
        sampler, base, size = open_model(config, earlier, display)
        if plan.describe:
            described = plan.describe(base, sampler, material, config, verbose=verbose)
        sampled_per_s = measure_speed(sampler)
        has_cache = isinstance(sampler, OpenVino)
    else:
        sampled_per_s, size = measure_training(config, earlier, display)
        has_cache = False
    weights_mb = size.weights_bytes / 1e6
    engine_mb = weights_mb + 1024 * CACHE_GB if has_cache else 0.0
    memory_mb = LIBRARIES_MB + weights_mb + engine_mb + estimate_activations_mb(size, config)
    is_remote = URL in getattr(config, "engine", "")
    return {
        **described,
        **describe_stages(stages, sampled_per_s),
        "sampled_tokens_per_second": round(sampled_per_s),
        "memory_mb": round(memory_mb - (engine_mb if is_remote else 0)),
        "disk_mb": round(2 * weights_mb + REPORT_MB),
    }


def open_model(
    config: Any, earlier: Path | None, display: Display
) -> tuple[Sampler, HfModel | UnloadedModel, ModelSize]:
    """Open the engine of a run, from the file that an earlier command kept where there is one.

    The file is kept for the next command, where the run would not go on from an adapter.

    Returns:
        the sampler, the model with its tokenizer, and its size.
    """
    folder = None if earlier else get_cache_folder() / "engine"
    if folder and (kept := open_kept_sampler(config.model, None, config.engine, folder)):
        model = kept.unloaded
        return kept, model, model.size
    from selfteach.models.hf import HfModel

    base = HfModel.load(config.model, adapter=earlier, progress=display.print_line)
    sampler = open_sampler(base, config.engine, folder)
    return sampler, base, measure_size(base.module)


def measure_training(
    config: Any, earlier: Path | None, display: Display
) -> tuple[float, ModelSize]:
    """Return how many tokens could be sampled in the time of what is scored, and the model's
    size.
    """
    from selfteach.models.hf import HfModel

    base = HfModel.load(config.model, adapter=earlier, progress=display.print_line)
    return SCORED_COST * measure_reading_speed(base), measure_size(base.module)


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


def estimate_activations_mb(size: ModelSize, config: Any) -> float:
    """Return what the tokens of a micro-batch keep for the backward pass."""
    tokens = int(config.train.micro_batch_tokens)
    return tokens * size.units * ACTIVATION_BYTES / 1e6


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
