"""Measure how often a tuned model breaks its rule on prompts from a file, and how far it drifts on
general prompts.

    python -m bench.adherence RUN --prompts bench/prompts/elephants.txt --broken elephant [--general
    bench/prompts/general.txt]

Prints one JSON object. `--broken` is a regular expression (case-insensitive) that finds a violation
in an answer, or a check after `check:`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.prompt_files import PROMPTS, read_lines, sample_answers
from selfteach.evaluate.drift import compute_drift
from selfteach.evaluate.sanity import is_empty, is_looping
from selfteach.judge.check import parse_check
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Completion, make_prompt

MAX_TOKENS = 96
SEEDS = (0, 1)


def make_violation_finder(text: str) -> Callable[[str], bool]:
    """Return a function that tells whether an answer breaks the rule."""
    if text.startswith("check:"):
        check = parse_check(text.removeprefix("check:"))
        return lambda answer: not check.keeps(answer)
    pattern = re.compile(text, re.IGNORECASE)
    return lambda answer: pattern.search(answer) is not None


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--prompts", type=Path, required=True)
    parser.add_argument("--broken", required=True)
    parser.add_argument("--general", type=Path, default=PROMPTS / "general.txt")
    parser.add_argument(
        "--ended",
        action="store_true",
        help="an empty answer, or one that reaches the token limit, is a violation too",
    )
    parser.add_argument(
        "--show", action="store_true", help="print the violations and some general answers"
    )
    return parser


def main() -> None:
    """Read the options, measure both models and print the result."""
    given = make_parser().parse_args()
    contains_violation = make_violation_finder(given.broken)

    def is_broken(answer: Completion) -> bool:
        unfinished = answer.finish == "length" or is_empty(answer.text)
        return contains_violation(answer.text) or (given.ended and unfinished)

    def compute_share(answers: Sequence[Completion]) -> float:
        return round(sum(map(is_broken, answers)) / len(answers), 4)

    base = HfModel.load("embedded")
    tuned = HfModel.load("embedded", adapter=given.run / "adapter")
    prompts = read_lines(given.prompts)
    general_prompts = read_lines(given.general)
    result: dict[str, object] = {"prompts": given.prompts.name, "n": len(prompts)}
    base_answers: list[Completion] = []
    for name, model in (("base", base), ("tuned", tuned)):
        sampler = open_sampler(model)
        greedy = sample_answers(sampler, prompts, 0.0, MAX_TOKENS)
        sampled: list[Completion] = []
        for seed in SEEDS:
            sampled += sample_answers(sampler, prompts, 1.0, MAX_TOKENS, seed)
        general = sample_answers(sampler, general_prompts, 0.0, MAX_TOKENS)
        base_answers = base_answers or general
        num_words = sum(len(answer.text.split()) for answer in general)
        result[name] = {
            "greedy broken": compute_share(greedy),
            "T=1 broken": compute_share(sampled),
            "general words": round(num_words / len(general), 1),
            "looping": sum(is_looping(answer.text) for answer in general),
            "empty": sum(is_empty(answer.text) for answer in general),
        }
        if given.show and name == "tuned":
            repeated = prompts * (1 + len(SEEDS))
            for prompt, answer in zip(repeated, [*greedy, *sampled], strict=True):
                if is_broken(answer):
                    print(f"BROKEN {prompt} >> {answer.text[:120]!r}")
            for prompt, answer in zip(general_prompts, general, strict=True):
                print(f"GENERAL {prompt} >> {answer.text[:80]!r}")
    pairs = [
        (make_prompt(prompt), answer.text)
        for prompt, answer in zip(general_prompts, base_answers, strict=True)
    ]
    drift = compute_drift(
        base, tuned, pairs, cut=[answer.finish == "length" for answer in base_answers]
    )
    result["general"] = {
        "n": len(general_prompts),
        "kl_nats": round(drift.kl_nats.value, 4),
        "top1_agreement": round(drift.top1_agreement.value, 4),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
