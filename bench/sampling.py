"""Measure sampled tokens per second: the engine of `selfteach` for this machine against `generate`
of transformers at its best batch size, in one process.

python -m bench.sampling [--prompts 256] [--tokens 64]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

from bench.prompt_files import read_all_prompts
from selfteach.models.engines import choose_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Request, SamplingParams, make_prompt

BATCHES = (32, 96, 192)
MANY = 8
"""The samples of a prompt in the second comparison."""


def measure_ours(hf: HfModel, prompts: Sequence[str], max_tokens: int, num_samples: int) -> float:
    """Return the tokens per second of the engine that `auto` selects here."""
    sampler = choose_sampler(hf).sampler
    list(sampler.stream([Request("warm", make_prompt(prompts[0]), SamplingParams(1.0, 1.0, 4))]))
    sampling = SamplingParams(1.0, 1.0, max_tokens)
    requests = [
        Request("bench", make_prompt(prompt), sampling, number)
        for prompt in prompts
        for number in range(num_samples)
    ]
    started = time.monotonic()
    num_tokens = sum(completion.tokens for completion in sampler.stream(requests))
    return num_tokens / (time.monotonic() - started)


def count_answer_tokens(row: Sequence[int], end_ids: Collection[int]) -> int:
    """Return the number of tokens up to the end token, or of all where there is none."""
    for place, token in enumerate(row):
        if token in end_ids:
            return place + 1
    return len(row)


@torch.inference_mode()
def measure_generate(hf: HfModel, prompts: Sequence[str], max_tokens: int, batch: int) -> float:
    """Return the tokens per second of `generate` at T=1, the longest prompts first.

    Tokens after the end of an answer do not count.
    """
    tokenizer: Any = hf.tokenizer
    tokenizer.padding_side = "left"
    rows = sorted((hf.encode(make_prompt(prompt)) for prompt in prompts), key=len, reverse=True)
    num_tokens = 0
    started = time.monotonic()
    for start in range(0, len(rows), batch):
        padded = tokenizer.pad({"input_ids": rows[start : start + batch]}, return_tensors="pt")
        module: Any = hf.module
        out = module.generate(
            **padded,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            max_new_tokens=max_tokens,
            pad_token_id=tokenizer.pad_token_id,
        )
        answers = out[:, padded["input_ids"].shape[1] :]
        for row in answers.tolist():
            num_tokens += count_answer_tokens(row, hf.end_ids)
    return num_tokens / (time.monotonic() - started)


def find_best_batch(speeds: Mapping[int, float]) -> int:
    """Return the batch size with the most tokens per second."""
    return max(speeds, key=lambda batch: speeds[batch])


def main(num_prompts: int = 256, max_tokens: int = 64) -> tuple[dict[str, float], int]:
    """Measure and print; return the figures and the best batch size of `generate`."""
    hf = HfModel.load("embedded")
    prompts = read_all_prompts()[:num_prompts]
    theirs = {batch: measure_generate(hf, prompts, max_tokens, batch) for batch in BATCHES}
    best = find_best_batch(theirs)
    figures: dict[str, float] = {
        f"generate, batch {batch}": round(speed) for batch, speed in theirs.items()
    }
    few = prompts[: max(num_prompts // MANY, 1)]
    repeated = [prompt for prompt in few for _ in range(MANY)]  # the same rows as ours
    theirs_many = measure_generate(hf, repeated, max_tokens, best)
    figures[f"generate, {MANY} samples a prompt"] = round(theirs_many)
    for name, num_samples, subset, other in (
        ("1 sample a prompt", 1, prompts, theirs[best]),
        (f"{MANY} samples a prompt", MANY, few, theirs_many),
    ):
        ours = measure_ours(hf, subset, max_tokens, num_samples)
        figures[f"selfteach, {name}"] = round(ours)
        figures[f"ratio, {name}"] = round(ours / other, 2)
    print(json.dumps({"sampling, tokens a second": figures}))
    return figures, best


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=64)
    given = parser.parse_args()
    main(given.prompts, given.tokens)
