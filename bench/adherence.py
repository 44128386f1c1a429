"""How often a taught model breaks its rule on prompts from a file, and how far it has moved on
general ones.

    python -m bench.adherence RUN --prompts bench/prompts/elephants.txt --broken elephant [--general
    bench/prompts/general.txt]

Prints one JSON object. `--broken` is a regular expression (case-insensitive) that finds a breach in
an answer, or a check after `check:`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path

from selfteach.evaluate.drift import compute_drift
from selfteach.evaluate.sanity import is_empty, is_looping
from selfteach.judge.check import parse_check
from selfteach.models import Sampler
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Completion, Request, SamplingParams, make_prompt

MAX_TOKENS = 96
SEEDS = (0, 1)


def sample_answers(
    drawer: Sampler, prompts: list[str], temperature: float, seed: int = 0
) -> list[Completion]:
    """One answer to each prompt."""
    requests = [
        Request("bench", make_prompt(prompt), SamplingParams(temperature, 1.0, MAX_TOKENS), 0, seed)
        for prompt in prompts
    ]
    found = {draw.id: draw for draw in drawer.stream(requests)}
    return [found[request.id(drawer.fingerprint)] for request in requests]


def make_violation_finder(text: str) -> Callable[[str], bool]:
    """What finds a breach."""
    if text.startswith("check:"):
        check = parse_check(text.removeprefix("check:"))
        return lambda answer: not check.keeps(answer)
    pattern = re.compile(text, re.IGNORECASE)
    return lambda answer: pattern.search(answer) is not None


def main() -> None:
    """Reads the options, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--prompts", type=Path, required=True)
    parser.add_argument("--broken", required=True)
    parser.add_argument(
        "--general", type=Path, default=Path(__file__).parent / "prompts" / "general.txt"
    )
    parser.add_argument(
        "--ended",
        action="store_true",
        help="an empty answer, or one that reaches the token limit, is a breach too",
    )
    parser.add_argument(
        "--show", action="store_true", help="print the breaches and some general answers"
    )
    given = parser.parse_args()
    found, lines = (
        make_violation_finder(given.broken),
        lambda path: [line for line in path.read_text("utf-8").splitlines() if line.strip()],
    )
    bad = lambda draw: (
        found(draw.text) or (given.ended and (draw.finish == "length" or is_empty(draw.text)))
    )
    base, taught = HfModel.load("embedded"), HfModel.load("embedded", adapter=given.run / "adapter")
    prompts, general = lines(given.prompts), lines(given.general)
    result: dict[str, object] = {"prompts": given.prompts.name, "n": len(prompts)}
    before: list[Completion] = []
    for name, hf in (("base", base), ("taught", taught)):
        drawer = open_sampler(hf)
        greedy = sample_answers(drawer, prompts, 0.0)
        warm = [draw for seed in SEEDS for draw in sample_answers(drawer, prompts, 1.0, seed)]
        share = lambda draws: round(sum(bad(d) for d in draws) / len(draws), 4)
        answers = sample_answers(drawer, general, 0.0)
        before = before or answers
        words = round(sum(len(d.text.split()) for d in answers) / len(answers), 1)
        counts = {
            "general words": words,
            "looping": sum(is_looping(d.text) for d in answers),
            "empty": sum(is_empty(d.text) for d in answers),
        }
        result[name] = {"greedy broken": share(greedy), "T=1 broken": share(warm), **counts}
        if given.show and name == "taught":
            for prompt, draw in [
                *zip(prompts, greedy, strict=True),
                *zip(prompts * len(SEEDS), warm, strict=True),
            ]:
                if bad(draw):
                    print(f"BROKEN {prompt} >> {draw.text[:120]!r}")
            for prompt, draw in zip(general, answers, strict=True):
                print(f"GENERAL {prompt} >> {draw.text[:80]!r}")
    d = compute_drift(
        base,
        taught,
        [(make_prompt(q), a.text) for q, a in zip(general, before, strict=True)],
        cut=[a.finish == "length" for a in before],
    )
    result["general"] = {
        "n": len(general),
        "kl_nats": round(d.kl_nats.value, 4),
        "top1_agreement": round(d.top1_agreement.value, 4),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
