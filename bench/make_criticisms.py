"""Criticisms to learn from: the base's own answers to prompts from a file, each with the same words
of criticism, as JSONL.

    python -m bench.make_criticisms --prompts bench/prompts/gardening-said.txt \\
        --feedback "Too long, and no emoji." > said.jsonl
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Request, SamplingParams, make_prompt


def main() -> None:
    """Reads the options, draws, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=Path, required=True)
    parser.add_argument("--feedback", required=True)
    parser.add_argument("--max-tokens", type=int, default=128)
    given = parser.parse_args()
    drawer = open_sampler(HfModel.load("embedded"))
    prompts = [
        line.strip() for line in given.prompts.read_text("utf-8").splitlines() if line.strip()
    ]
    requests = [
        Request("said", make_prompt(prompt), SamplingParams(0.0, 1.0, given.max_tokens), 0, 0)
        for prompt in prompts
    ]
    answers = {draw.id: draw.text for draw in drawer.stream(requests)}
    for prompt, request in zip(prompts, requests, strict=True):
        print(
            json.dumps(
                {
                    "prompt": prompt,
                    "answer": answers[request.id(drawer.fingerprint)],
                    "feedback": given.feedback,
                }
            )
        )


if __name__ == "__main__":
    main()
