"""Measure how far the domain prior `length` moves the length of new answers, by its weight; prints
one JSON object a line.

    python -m bench.length_prior [--weights 0,0.25,1,4] [--target 12] [--prompts 24] [--steps 24]

The material is neutral about length. Each prompt has a short answer (the base's first sentence) and
a long one (its first three), each once as the correction of the other. A change of length therefore
comes from the prior.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.prompt_files import read_prompts, sample_answers
from selfteach import config
from selfteach.models import Sampler
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Example, make_prompt
from selfteach.statistics import mean
from selfteach.train.train import train

MAX_TOKENS = 96


def make_examples(sampler: Sampler, count: int) -> list[Example]:
    """Return balanced pairs for `count` prompts: two examples a prompt."""
    examples: list[Example] = []
    prompts = read_prompts("everyday.txt")[: 2 * count]
    answers = sample_answers(sampler, prompts, 0.0, MAX_TOKENS)
    for prompt, answer in zip(prompts, answers, strict=True):
        sentences = re.findall(r"[^.!?]+[.!?]+", answer.text.split("\n")[0])
        if len(sentences) < 3 or len(examples) >= 2 * count:
            continue
        brief = sentences[0].strip()
        long = "".join(sentences[:3]).strip()
        for chosen, rejected in ((brief, long), (long, brief)):
            id = f"{len(examples)}"
            examples.append(Example(id, "correction", make_prompt(prompt), chosen, rejected))
    return examples


def measure_lengths(sampler: Sampler, prompts: Sequence[str]) -> dict[str, Any]:
    """Return the mean length in tokens of greedy and sampled answers, with its interval."""
    greedy = sample_answers(sampler, prompts, 0.0, MAX_TOKENS)
    sampled = sample_answers(sampler, prompts, 1.0, MAX_TOKENS)
    answers = [*greedy, *sampled]
    length = mean([float(answer.tokens) for answer in answers])
    return {
        "mean_tokens": round(length.value, 1),
        "interval": [round(length.low, 1), round(length.high, 1)],
        "cut": sum(answer.finish == "length" for answer in answers),
    }


def print_row(row: dict[str, Any]) -> None:
    """Print one JSON object at once."""
    print(json.dumps(row), flush=True)


def main() -> None:
    """Read the options, train with each weight and print the lengths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="0,0.25,1,4")
    parser.add_argument("--target", type=float, default=12.0)
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--beta", type=float, default=0.5)
    given = parser.parse_args()
    base = HfModel.load("embedded")
    sampler = open_sampler(base)
    prompts = read_prompts("everyday-dev.txt")
    pairs = make_examples(sampler, given.prompts)
    print_row({"pairs": len(pairs), "target": given.target, "steps": given.steps})
    print_row({"model": "base", **measure_lengths(sampler, prompts)})
    for weight in given.weights.split(","):
        loss = config.CorrectionLossConfig(
            bound="logistic",
            beta=given.beta,
            prior="length",
            prior_as="margin",
            prior_weight=float(weight),
            target_tokens=given.target,
        )
        settings = config.TrainConfig(
            weights={"correction": {"correction": 1.0}},
            correction=loss,
            max_steps=given.steps,
            batch_size=8,
        )
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            trained = train(base, pairs, settings, folder, seed=0)
            tuned = HfModel.load("embedded", adapter=trained.adapter)
            lengths = measure_lengths(open_sampler(tuned, folder=folder / "engine"), prompts)
            print_row({"model": f"weight {weight}", **lengths})


if __name__ == "__main__":
    main()
