"""The cost of a run on this machine, before it starts: what `--dry-run` prints.

Where the engine's file stands from an earlier command, or can be written from the model's own
files, no weights and no torch are loaded: the speed is measured with that file, and the memory is
counted from the sizes of the weights, or read from what an earlier command counted.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from selfteach.config import TrainConfig
from selfteach.errors import UsageError
from selfteach.files import write_text
from selfteach.methods.account_memory import (
    account_files,
    account_memory,
    count_file_weights,
    count_teacher_bytes,
)
from selfteach.methods.plan_parts import Plan, plan_run
from selfteach.models import Sampler
from selfteach.models.check_safety import read_json
from selfteach.models.engines import AUTO, open_kept_sampler, open_sampler
from selfteach.models.fetch_default_model import get_cache_folder
from selfteach.models.kept_engine import UnloadedModel, count_model_weights
from selfteach.models.llama_files import read_llama_files
from selfteach.models.memory_account import (
    FLOAT32_BYTES,
    PipelineMemory,
    format_bytes,
    measure_total_bytes,
    read_memory_bytes,
    read_weight_bytes,
)
from selfteach.models.openvino import OpenVino
from selfteach.records import (
    Continuations,
    JsonObject,
    Request,
    SamplingParams,
    digest,
    make_prompt,
)
from selfteach.registry import BUILT_IN_NAMES, load_registered
from selfteach.run.display import Display
from selfteach.run.workload import REQUEST_COST, SCORED_COST, PlannedStage
from selfteach.version import VERSION

if TYPE_CHECKING:
    from selfteach.models.hf import HfModel

NUM_TIMED_ROUNDS = 16
TIMED_TOKENS = 12
REPORT_MB = 80
"""The ledger, the report and the exports of a run."""


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
    stages = plan_run(plan.plan_work, material, config)
    if not stages:
        return {}  # a method of another package need not know
    display.start_stage("measure")
    described: JsonObject = {}
    sampler, base = open_model(plan, config, earlier, display)
    if sampler and plan.describe:
        described = plan.describe(base, sampler, material, config, verbose=verbose)
    if sampler:
        cost_per_s = measure_speed(sampler)
    else:
        assert not isinstance(base, UnloadedModel)
        cost_per_s = SCORED_COST * measure_reading_speed(base)
    has_engine = plan.samples and isinstance(sampler, OpenVino)
    memory = look_up_memory(
        base, config, display, has_engine=has_engine, continued=earlier is not None
    )
    if isinstance(base, UnloadedModel):
        total = read_memory_bytes()
        itemsize = read_weight_bytes() or FLOAT32_BYTES
    else:
        total = measure_total_bytes(base.device)
        itemsize = base.dtype.itemsize
    name = getattr(config, "teacher", "")
    teacher = count_teacher_bytes(name, itemsize, has_engine=has_engine)
    memory = replace(memory, teacher=teacher)
    times = compare_teacher(config, base) if teacher else 1.0
    return {
        **described,
        **describe_stages(stages, cost_per_s, times),
        "memory_mb": round(memory.peak / 1e6),
        "memory": describe_memory(memory, total),
        "disk_mb": round(2 * memory.weights / 1e6 + REPORT_MB),
    }


def compare_teacher(config: Any, base: HfModel | UnloadedModel) -> float:
    """Return how many times as long a local teacher takes for a token as the base: as many times
    as it has weights, about.
    """
    is_loaded = not isinstance(base, UnloadedModel)
    own = count_model_weights(base) if is_loaded else count_file_weights(config.model)
    return count_file_weights(config.teacher) / own


def describe_work(plan: Plan, material: Any, config: Any) -> JsonObject:
    """Return how the method reads its material, and the requests and tokens of a run, without its
    model: nothing is measured.
    """
    described = plan.describe_text(material, config) if plan.describe_text else {}
    stages = plan_run(plan.plan_work, material, config)
    return {**described, **describe_stages(stages)} if stages else described


def open_model(
    plan: Plan, config: Any, earlier: Path | None, display: Display
) -> tuple[Sampler | None, HfModel | UnloadedModel]:
    """Open the engine of a run, from the file that an earlier command kept where there is one.

    The file is kept for the next command, where the run would not go on from an adapter. A method
    that samples nothing is timed with the engine too, where it needs no loaded model.

    Returns:
        the sampler, None for a loaded model of such a method; and the model with its tokenizer.
    """
    engine = getattr(config, "engine", AUTO)  # a training on ready examples has none
    folder = None if earlier or config.load_in_4bit else get_cache_folder() / "engine"
    if folder and (kept := open_kept_sampler(config.model, None, engine, folder)):
        return kept, kept.unloaded
    base = load_base(config, earlier, display)
    return open_sampler(base, engine, folder) if plan.samples else None, base


def load_base(config: Any, earlier: Path | None, display: Display) -> HfModel:
    """Load the weights of a run's base."""
    from selfteach.models.hf import HfModel

    return HfModel.load(
        config.model,
        adapter=earlier,
        load_in_4bit=config.load_in_4bit,
        progress=display.print_line,
    )


def look_up_memory(
    base: HfModel | UnloadedModel,
    config: Any,
    display: Display,
    *,
    has_engine: bool,
    continued: bool = False,
) -> PipelineMemory:
    """Return what a run takes of the memory: as an earlier command with the same base and the same
    training counted it, or counted now, without the weights where possible.

    Args:
        has_engine: whether openvino samples in this process.
        continued: whether the base has the adapter of an earlier run.
    """
    settings = config.train.model_dump()
    key = digest(["memory", VERSION, base.fingerprint, settings, has_engine, continued])
    path = get_cache_folder() / "memory" / f"{key}.json"
    if isinstance(base, UnloadedModel):
        if known := read_kept_memory(path) or account_unloaded(
            base, config.train, has_engine=has_engine
        ):
            return known
        base = load_base(config, None, display)
    found = account_memory(base, config, has_engine=has_engine, continued=continued)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(asdict(found)) + "\n")
    return found


def account_unloaded(
    base: UnloadedModel, train: TrainConfig, *, has_engine: bool
) -> PipelineMemory | None:
    """Return what a run takes, from the model's files; None where the model must be loaded."""
    itemsize = read_weight_bytes()
    files = read_llama_files(base.folder)
    if files is None or itemsize is None:
        return None
    return account_files(files, itemsize, train, has_engine=has_engine)


def read_kept_memory(path: Path) -> PipelineMemory | None:
    """Return what an earlier command counted; None if it is not there, or damaged."""
    try:
        facts = read_json(path)
    except UsageError:
        return None
    kinds = get_type_hints(PipelineMemory)
    if {key: type(value) for key, value in facts.items()} != kinds:
        return None
    return PipelineMemory(**facts)


def describe_stages(
    stages: Sequence[PlannedStage], cost_per_s: float = 0.0, teacher_times: float = 1.0
) -> JsonObject:
    """Return the work and the minutes of each stage, and their sums.

    Args:
        cost_per_s: the speed of this machine; with 0 no minutes are given.
        teacher_times: how many times as long the teacher takes for a token.
    """
    rows = []
    whole = 0.0
    for stage in stages:
        if not stage.cost:
            continue
        cost = stage.cost
        if stage.by_teacher:
            cost += (teacher_times - 1) * stage.sampler_cost
        whole += cost
        row: JsonObject = {
            "stage": stage.name,
            "requests": stage.requests,
            "sampled_tokens": stage.sampled_tokens,
            "trained_tokens": stage.trained_tokens,
        }
        if cost_per_s:
            row["minutes"] = round(cost / cost_per_s / 60, 1)
        rows.append(row)
    described = {
        "stages": rows,
        "requests": sum(stage.requests for stage in stages),
        "sampled_tokens": sum(stage.sampled_tokens for stage in stages),
        "trained_tokens": sum(stage.trained_tokens for stage in stages),
    }
    if cost_per_s:
        described["minutes"] = round(whole / cost_per_s / 60 + 0.2, 1)
    return described


def describe_memory(memory: PipelineMemory, total: int) -> str:
    """Return what the stages need, and whether the machine has it."""
    stages = ", ".join(f"{name} {format_bytes(size)}" for name, size in memory.stages.items())
    where = "the machine" if memory.on_cpu else "the accelerator"
    if memory.peak <= total:
        fits = "it fits"
    elif memory.least.peak <= total:
        fits = f"it fits with the LoRA beside the weights ({format_bytes(memory.least.peak)})"
    else:
        fits = "it does not fit"
    return f"{stages}; {where} has {format_bytes(total)}: {fits}"


def measure_speed(sampler: Sampler) -> float:
    """Return how much of the planned work is done in a second, with many requests at once as in a
    run: a sampled token counts 1, and each request REQUEST_COST beside its tokens.
    """
    sampling = SamplingParams(1.0, 1.0, TIMED_TOKENS)
    requests = [
        Request("plan", make_prompt(text), sampling, number)
        for number in range(NUM_TIMED_ROUNDS)
        for text in ("What is a tree?", "Name a colour.")
    ]
    started = time.monotonic()
    tokens = sum(completion.tokens for completion in sampler.stream(requests))
    seconds = time.monotonic() - started
    return (tokens + REQUEST_COST * len(requests)) / seconds


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
