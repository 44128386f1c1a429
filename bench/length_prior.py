"""How far the domain prior `length` moves the length of new answers, by its weight; one JSON object a line.

    python -m bench.length_prior [--weights 0,4,16] [--target 12] [--prompts 24] [--steps 24]

The material says nothing of length: a short answer (the base's first sentence) and a long one (its first three) to each prompt, each once
the correction of the other. So what moves is the prior's doing.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from pathlib import Path

from bench.bounds import lines
from selfteach import config
from selfteach.models.hf import Hf
from selfteach.records import Draw, Example, Request, Sampling, user
from selfteach.train.loop import train

TOKENS = 96


def drawn(model: Hf, prompts: list[str], temperature: float) -> list[Draw]:
    """One answer to each prompt."""
    requests = [Request("length", user(prompt), Sampling(temperature, 1.0, TOKENS), 0, 0) for prompt in prompts]
    found = {draw.id: draw for draw in model.draw(requests)}
    return [found[request.id(model.fingerprint)] for request in requests]


def lessons(base: Hf, count: int) -> list[Example]:
    """Balanced pairs."""
    found: list[Example] = []
    asked = lines("everyday.txt")[: 2 * count]
    for prompt, draw in zip(asked, drawn(base, asked, 0.0), strict=True):
        sentences = re.findall(r"[^.!?]+[.!?]+", draw.text.split("\n")[0])
        if len(sentences) >= 3 and len(found) < 2 * count:
            brief, long = sentences[0].strip(), "".join(sentences[:3]).strip()
            found += [Example(f"{len(found)}", "correction", user(prompt), brief, long)]
            found += [Example(f"{len(found)}", "correction", user(prompt), long, brief)]
    return found


def main() -> None:
    """Reads the options, trains with each weight, prints the lengths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="0,4,16")
    parser.add_argument("--target", type=float, default=12.0)
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--steps", type=int, default=24)
    given = parser.parse_args()
    base = Hf.load("embedded")
    pairs, asked = lessons(base, given.prompts), lines("everyday-dev.txt")[:30]

    def told(name: str, draws: list[Draw]) -> None:
        length = sum(d.tokens for d in draws) / len(draws)
        print(json.dumps({"model": name, "mean_tokens": round(length, 1), "cut": sum(d.finish == "length" for d in draws)}), flush=True)

    print(json.dumps({"pairs": len(pairs), "target": given.target, "steps": given.steps}), flush=True)
    told("base", drawn(base, asked, 1.0))
    for weight in given.weights.split(","):
        loss = config.Correction(bound="logistic", prior="length", prior_weight=float(weight), target_tokens=given.target)
        settings = config.Train(weights={"correction": {"correction": 1.0}}, correction=loss, max_steps=given.steps, batch_size=8)
        with tempfile.TemporaryDirectory() as folder:
            taught = Hf.load("embedded", adapter=train(base, pairs, settings, Path(folder), seed=0).adapter)
            told(f"weight {weight}", drawn(taught, asked, 1.0))


if __name__ == "__main__":
    main()
