"""Drawn tokens a second, in one run: `selfteach`'s engine for this machine against transformers'
own `generate` at its best batch size.

python -m bench.drawing [--prompts 256] [--tokens 64]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from selfteach.models.engines import choose_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Request, SamplingParams, make_prompt

BATCHES = (32, 96, 192)
PROMPTS = Path(__file__).parent / "prompts"


def read_questions(count: int) -> list[str]:
    """The hand-written prompts of all files, as many as asked for."""
    found = [
        line
        for file in sorted(PROMPTS.glob("*.txt"))
        for line in file.read_text("utf-8").splitlines()
        if line.strip()
    ]
    return found[:count]


def measure_ours(hf: HfModel, asked: list[str], tokens: int, draws: int) -> float:
    """Tokens a second of the engine that `auto` takes here."""
    drawer = choose_sampler(hf).sampler
    list(drawer.stream([Request("warm", make_prompt(asked[0]), SamplingParams(1.0, 1.0, 4))]))
    requests = [
        Request("bench", make_prompt(q), SamplingParams(1.0, 1.0, tokens), k)
        for q in asked
        for k in range(draws)
    ]
    started = time.monotonic()
    drawn = sum(draw.tokens for draw in drawer.stream(requests))
    return drawn / (time.monotonic() - started)


@torch.inference_mode()
def measure_generate(hf: HfModel, asked: list[str], tokens: int, batch: int) -> float:
    """Tokens a second of `generate` on the same prompts, longest first, T=1; tokens after the end
    of an answer do not count.
    """
    tokenizer = hf.tokenizer
    tokenizer.padding_side = "left"
    rows = sorted((hf.encode(make_prompt(q)) for q in asked), key=len, reverse=True)
    started, drawn = time.monotonic(), 0
    for start in range(0, len(rows), batch):
        padded = tokenizer.pad({"input_ids": rows[start : start + batch]}, return_tensors="pt")
        out = hf.module.generate(
            **padded,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            max_new_tokens=tokens,
            pad_token_id=tokenizer.pad_token_id,
        )
        answers = out[:, padded["input_ids"].shape[1] :]
        for row in answers.tolist():
            drawn += next((i + 1 for i, token in enumerate(row) if token in hf.end_ids), len(row))
    return drawn / (time.monotonic() - started)


def find_best_batch(speeds: Mapping[int, float]) -> int:
    """The batch size with most tokens a second."""
    return max(speeds, key=lambda batch: speeds[batch])


def main(prompts: int = 256, tokens: int = 64) -> dict[str, float]:
    """Measures and prints; returns the figures."""
    hf, asked = HfModel.load("embedded"), read_questions(prompts)
    theirs = {batch: measure_generate(hf, asked, tokens, batch) for batch in BATCHES}
    best = find_best_batch(theirs)
    found = {f"generate, batch {batch}": round(speed) for batch, speed in theirs.items()}
    few = asked[: max(prompts // 8, 1)]
    again = measure_generate(
        hf, [q for q in few for _ in range(8)], tokens, best
    )  # the same rows as ours
    found["generate, eight draws a prompt"] = round(again)
    for name, draws, subset, other in (
        ("one draw a prompt", 1, asked, theirs[best]),
        ("eight draws a prompt", 8, few, again),
    ):
        speed = measure_ours(hf, subset, tokens, draws)
        found |= {f"selfteach, {name}": round(speed), f"ratio, {name}": round(speed / other, 2)}
    print(json.dumps({"drawing, tokens a second": found}))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=64)
    main(**vars(parser.parse_args()))
