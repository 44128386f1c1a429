"""Measure sampling and LoRA training of a Llama with random weights on an accelerator, as fractions
of what the machine can do, beside transformers and TRL.

    python -m bench.random_models --size 8b [--rows 256] [--tokens 128] [--steps 24]

A sampled token cannot take less time than reading all weights once for its whole batch, and a
trained token not less than 4 multiplications for each weight (forward, and backward to the inputs).
Both limits are measured here: bytes copied a second, and multiplications of large matrices. Of the
steps of a training the median counts: the first ones load the programs of their shapes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.sampling import measure_continuous, measure_generate
from bench.training import (
    BATCH,
    count_row_tokens,
    make_examples,
    measure_ours,
    measure_theirs,
    wait_for_device,
)
from selfteach.models import Sampler
from selfteach.models.fetch_default_model import fetch_embedded_model
from selfteach.models.hf import HfModel
from selfteach.models.load_tokenizer import load_tokenizer
from selfteach.models.paged import PagedSampler
from selfteach.models.tokens import ChatTokenizer
from selfteach.records import Request, SamplingParams, make_prompt

VOCABULARY = 49_152
"""That of the embedded model, whose tokenizer writes the prompts."""
SIZES = {
    "1b": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "8b": {
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
}
"""The layers of Llama 3.2 1B and Llama 3.1 8B: the larger ones need 16 GB of disk for TRL."""
FLOPS_PER_WEIGHT = 4
"""Of a trained token: 2 forward, and 2 backward to the inputs. Frozen weights get no gradient."""
REPEATS = 5
WARM_TOKENS = 4
"""Of each row of a batch that warms up: an accelerator loads its programs when they are first
wanted, for each shape anew."""


@dataclass(frozen=True)
class MachineLimits:
    """Hold what a device can do in a second: multiply and add in 16 bits, and copy."""

    flops: float
    bytes: float


def make_model(size: str, device: str) -> HfModel:
    """Return a random Llama in 16 bits with the tokenizer of the embedded model."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokens = ChatTokenizer(load_tokenizer(fetch_embedded_model()))
    config = LlamaConfig(vocab_size=VOCABULARY, max_position_embeddings=8192, **SIZES[size])
    with torch.device(device):
        torch.set_default_dtype(torch.bfloat16)
        try:
            module: Any = LlamaForCausalLM(config)
        finally:
            torch.set_default_dtype(torch.float32)
    return HfModel(module.eval(), tokens, f"random {size}", f"random {size}")


def measure_seconds(work: Callable[[], object]) -> float:
    """Return the least seconds of several rounds; the first one warms up."""
    found = []
    for _ in range(1 + REPEATS):
        wait_for_device()
        started = time.perf_counter()
        work()
        wait_for_device()
        found.append(time.perf_counter() - started)
    return min(found[1:])


def measure_limits(device: str, side: int) -> MachineLimits:
    """Measure products of square matrices, and copies.

    Args:
        side: rows and columns of the matrices.
    """
    matrix = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    flops = 2 * side**3 / measure_seconds(lambda: matrix @ matrix)
    moved = 2 * matrix.nbytes  # a copy reads and writes
    target = torch.empty_like(matrix)
    return MachineLimits(flops, moved / measure_seconds(lambda: target.copy_(matrix)))


def count_layer_weights(module: Any) -> int:
    """Return the weights that every token meets: all but the embeddings, which are looked up."""
    embeddings = module.get_input_embeddings().weight
    return sum(p.numel() for p in module.parameters() if p is not embeddings)


def measure_sampling(sampler: Sampler, rows: int, tokens: int) -> float:
    """Return the tokens a second of one full batch at T=1."""
    requests = [
        Request(
            "bench", make_prompt(f"Tell me about number {n}."), SamplingParams(1.0, 1.0, tokens)
        )
        for n in range(rows)
    ]
    started = time.perf_counter()
    found = sum(one.tokens for one in sampler.stream(requests))
    return found / (time.perf_counter() - started)


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="8b")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--side", type=int, default=8192, help="of the matrices of the limits")
    given = parser.parse_args(arguments)
    found: dict[str, float] = {}

    def note(name: str, figure: float) -> None:
        """Keep a figure and print it: the time on an accelerator may end before the rest."""
        found[name] = figure
        print(f"{name}: {figure:.4g}", flush=True)

    limits = measure_limits(given.device, given.side)
    hf = make_model(given.size, given.device)
    weights = count_layer_weights(hf.module)
    note("weights, 10^9", weights / 1e9)
    note("limit, TFLOP/s", limits.flops / 1e12)
    note("limit, GB/s", limits.bytes / 1e9)
    examples = make_examples(given.steps * BATCH)
    in_a_step = count_row_tokens(hf, examples, "sft") / given.steps
    with tempfile.TemporaryDirectory() as folder:
        ours = statistics.median(measure_ours(hf, examples, "sft", Path(folder)))
    note("trained tokens/s", in_a_step / ours)
    flops = FLOPS_PER_WEIGHT * weights * in_a_step / ours
    note("trained, of the limit", flops / limits.flops)
    _measure_samplers(hf, given.rows, given.tokens, note)
    note(
        "sampled, of the limit", found["sampled tokens/s"] * 2 * weights / limits.bytes / given.rows
    )
    with tempfile.TemporaryDirectory() as folder:
        hf.module.save_pretrained(folder)  # type: ignore[operator]
        hf.tokenizer.save_pretrained(folder)
        theirs = measure_theirs(folder, examples, "sft", Path(folder) / "trl", autocast=False)
    note("TRL, tokens/s", in_a_step / statistics.median(theirs))
    print(json.dumps({name: round(number, 4) for name, number in found.items()}))
    return found


def _measure_samplers(
    hf: HfModel, rows: int, tokens: int, note: Callable[[str, float], None]
) -> None:
    """Measure each way to sample one full batch, after a few tokens that warm it up."""
    prompts = [f"Tell me about number {n}." for n in range(rows)]
    ways: dict[str, Callable[[int], float]] = {
        "sampled tokens/s": lambda count: measure_sampling(hf, rows, count),
        "in pages, tokens/s": lambda count: measure_sampling(PagedSampler(hf), rows, count),
        "generate, tokens/s": lambda count: measure_generate(hf, prompts, count, rows),
        "continuous batching, tokens/s": lambda count: measure_continuous(hf, prompts, count, rows),
    }
    for name, measure in ways.items():
        measure(WARM_TOKENS)
        note(name, measure(tokens))


if __name__ == "__main__":
    main()
