"""How far the domain prior `length` moves the length of new answers, by its weight; one JSON object
a line.

    python -m bench.length_prior [--weights 0,0.25,1,4] [--target 12] [--prompts 24] [--steps 24]

The material says nothing of length: a short answer (the base's first sentence) and a long one (its
first three) to each prompt, each once the correction of the other. So what moves is the prior's
doing.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from pathlib import Path

from bench.bounds import read_prompts, sample_answers
from selfteach import config
from selfteach.models import Sampler
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Example, make_prompt
from selfteach.statistics import mean
from selfteach.train.train import train

TOKENS = 96


def make_examples(drawer: Sampler, count: int) -> list[Example]:
    """Balanced pairs for `count` prompts."""
    found: list[Example] = []
    asked = read_prompts("everyday.txt")[: 2 * count]
    for prompt, draw in zip(asked, sample_answers(drawer, asked, 0.0, TOKENS), strict=True):
        sentences = re.findall(r"[^.!?]+[.!?]+", draw.text.split("\n")[0])
        if len(sentences) >= 3 and len(found) < 2 * count:
            brief, long = sentences[0].strip(), "".join(sentences[:3]).strip()
            found += [Example(f"{len(found)}", "correction", make_prompt(prompt), brief, long)]
            found += [Example(f"{len(found)}", "correction", make_prompt(prompt), long, brief)]
    return found


def main() -> None:
    """Reads the options, trains with each weight, prints the lengths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="0,0.25,1,4")
    parser.add_argument("--target", type=float, default=12.0)
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--beta", type=float, default=0.5)
    given = parser.parse_args()
    base = HfModel.load("embedded")
    drawer, asked = open_sampler(base), read_prompts("everyday-dev.txt")

    def told(name: str, drawer: Sampler) -> None:
        draws = [
            *sample_answers(drawer, asked, 0.0, TOKENS),
            *sample_answers(drawer, asked, 1.0, TOKENS),
        ]
        length = mean([float(d.tokens) for d in draws])
        row = {
            "model": name,
            "mean_tokens": round(length.value, 1),
            "interval": [round(length.low, 1), round(length.high, 1)],
        }
        print(json.dumps(row | {"cut": sum(d.finish == "length" for d in draws)}), flush=True)

    pairs = make_examples(drawer, given.prompts)
    print(
        json.dumps({"pairs": len(pairs), "target": given.target, "steps": given.steps}), flush=True
    )
    told("base", drawer)
    for weight in given.weights.split(","):
        loss = config.CorrectionLossConfig(
            bound="logistic",
            beta=given.beta,
            prior="length",
            prior_weight=float(weight),
            target_tokens=given.target,
        )
        settings = config.TrainConfig(
            weights={"correction": {"correction": 1.0}},
            correction=loss,
            max_steps=given.steps,
            batch_size=8,
        )
        with tempfile.TemporaryDirectory() as folder:
            taught = HfModel.load(
                "embedded", adapter=train(base, pairs, settings, Path(folder), seed=0).adapter
            )
            told(f"weight {weight}", open_sampler(taught, folder=Path(folder) / "engine"))


if __name__ == "__main__":
    main()
