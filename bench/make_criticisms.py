"""Write criticisms as training material: the base model's own answers to prompts from a file, each
with the same criticism, as JSONL.

    python -m bench.make_criticisms --prompts bench/prompts/gardening-said.txt \\
        --feedback "Too long, and no emoji." > said.jsonl
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bench.prompt_files import read_lines, sample_in_order
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Request, SamplingParams, make_prompt


def main() -> None:
    """Read the options, sample the answers and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--prompts", type=Path, required=True)
    parser.add_argument("--feedback", required=True)
    parser.add_argument("--max-tokens", type=int, default=128)
    given = parser.parse_args()
    prompts = [line.strip() for line in read_lines(given.prompts)]
    sampling = SamplingParams(0.0, 1.0, given.max_tokens)
    requests = [Request("said", make_prompt(prompt), sampling) for prompt in prompts]
    answers = sample_in_order(open_sampler(HfModel.load("embedded")), requests)
    for prompt, answer in zip(prompts, answers, strict=True):
        row = {"prompt": prompt, "answer": answer.text, "feedback": given.feedback}
        print(json.dumps(row))


if __name__ == "__main__":
    main()
