"""Measure sampled tokens per second: the engine of `selfteach` for this machine against `generate`
of transformers and its continuous batching, each at its best batch size, in one process.

    python -m bench.sampling [--prompts 256] [--tokens 64] [--model MODEL]
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
from selfteach.models.fetch_default_model import EMBEDDED
from selfteach.models.hf import HfModel
from selfteach.records import Request, SamplingParams, make_prompt

NUM_PROMPTS = 256
MAX_TOKENS = 64
BATCHES = (32, 96, 192)
PAGE_TOKENS = 32
"""Tokens of a page of keys and values in continuous batching."""
STEP_TOKENS = 2048
"""Tokens that it computes in a step."""
FULL_BATCH = "1 sample a prompt"
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
        padded = padded.to(hf.device)
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


def measure_continuous(
    hf: HfModel, prompts: Sequence[str], max_tokens: int, num_rows: int
) -> float:
    """Return the tokens per second of transformers' continuous batching at T=1.

    On a CPU its cache is given as many pages as the rows can fill: by itself it takes most of the
    memory. On an accelerator it chooses its sizes itself. It computes in a thread of its own, so no
    mode of torch is set here.

    Args:
        num_rows: how many answers it computes at once.
    """
    from transformers import ContinuousBatchingConfig, GenerationConfig

    rows = [hf.encode(make_prompt(prompt)) for prompt in prompts]
    pages = -(-(max(map(len, rows)) + max_tokens) // PAGE_TOKENS) + 1
    sampling = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        max_new_tokens=max_tokens,
        eos_token_id=sorted(hf.end_ids),
        pad_token_id=hf.tokenizer.pad_token_id,
    )
    batching = ContinuousBatchingConfig(max_requests_per_batch=num_rows)
    if hf.device.type == "cpu":
        batching.page_size = PAGE_TOKENS
        batching.num_blocks = num_rows * pages
        batching.max_batch_tokens = STEP_TOKENS
    module: Any = hf.module
    started = time.monotonic()
    found = module.generate_batch(
        rows, generation_config=sampling, continuous_batching_config=batching, warmup=False
    )
    seconds = time.monotonic() - started
    if len(found) < len(rows):
        raise RuntimeError(f"continuous batching answered {len(found)} of {len(rows)} requests")
    answers = [answer.generated_tokens for answer in found.values()]
    return sum(count_answer_tokens(row, hf.end_ids) for row in answers) / seconds


def find_best_batch(speeds: Mapping[int, float]) -> int:
    """Return the batch size with the most tokens per second."""
    return max(speeds, key=lambda batch: speeds[batch])


def main(
    num_prompts: int = NUM_PROMPTS, max_tokens: int = MAX_TOKENS, model: str = EMBEDDED
) -> tuple[dict[str, float], int]:
    """Measure and print; return the figures and the best batch size of `generate`."""
    hf = HfModel.load(model)
    prompts = read_all_prompts()[:num_prompts]
    theirs = {batch: measure_generate(hf, prompts, max_tokens, batch) for batch in BATCHES}
    best = find_best_batch(theirs)
    paged = {batch: measure_continuous(hf, prompts, max_tokens, batch) for batch in BATCHES}
    figures: dict[str, float] = {
        f"generate, batch {batch}": round(speed) for batch, speed in theirs.items()
    }
    figures |= {f"continuous batching, {rows} rows": round(speed) for rows, speed in paged.items()}
    few = prompts[: max(num_prompts // MANY, 1)]
    repeated = [prompt for prompt in few for _ in range(MANY)]  # the same rows as ours
    theirs_many = measure_generate(hf, repeated, max_tokens, best)
    figures[f"generate, {MANY} samples a prompt"] = round(theirs_many)
    for name, num_samples, subset, other in (
        (FULL_BATCH, 1, prompts, theirs[best]),
        (f"{MANY} samples a prompt", MANY, few, theirs_many),
    ):
        ours = measure_ours(hf, subset, max_tokens, num_samples)
        figures[f"selfteach, {name}"] = round(ours)
        figures[f"ratio, {name}"] = round(ours / other, 2)
    ours = figures[f"selfteach, {FULL_BATCH}"]
    figures["ratio to continuous batching"] = round(ours / max(paged.values()), 2)
    print(json.dumps({"sampling, tokens a second": figures}))
    return figures, best


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--prompts", type=int, default=NUM_PROMPTS)
    parser.add_argument("--tokens", type=int, default=MAX_TOKENS)
    parser.add_argument("--model", default=EMBEDDED, help="as of a command")
    given = parser.parse_args()
    main(given.prompts, given.tokens, given.model)
