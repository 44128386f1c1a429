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

from selfteach.evaluate.drift import drift
from selfteach.evaluate.sanity import empty, loops
from selfteach.judge.check import parse
from selfteach.models import Drawer
from selfteach.models.hf import Hf
from selfteach.models.opening import open_drawer
from selfteach.records import Draw, Request, Sampling, user

MAX_TOKENS = 96
SEEDS = (0, 1)


def drawn(drawer: Drawer, prompts: list[str], temperature: float, seed: int = 0) -> list[Draw]:
    """One answer to each prompt."""
    requests = [
        Request("bench", user(prompt), Sampling(temperature, 1.0, MAX_TOKENS), 0, seed)
        for prompt in prompts
    ]
    found = {draw.id: draw for draw in drawer.draw(requests)}
    return [found[request.id(drawer.fingerprint)] for request in requests]


def breach(text: str) -> Callable[[str], bool]:
    """What finds a breach."""
    if text.startswith("check:"):
        check = parse(text.removeprefix("check:"))
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
        breach(given.broken),
        lambda path: [line for line in path.read_text("utf-8").splitlines() if line.strip()],
    )
    bad = lambda draw: (
        found(draw.text) or (given.ended and (draw.finish == "length" or empty(draw.text)))
    )
    base, taught = Hf.load("embedded"), Hf.load("embedded", adapter=given.run / "adapter")
    prompts, general = lines(given.prompts), lines(given.general)
    result: dict[str, object] = {"prompts": given.prompts.name, "n": len(prompts)}
    before: list[Draw] = []
    for name, hf in (("base", base), ("taught", taught)):
        drawer = open_drawer(hf)
        greedy = drawn(drawer, prompts, 0.0)
        warm = [draw for seed in SEEDS for draw in drawn(drawer, prompts, 1.0, seed)]
        share = lambda draws: round(sum(bad(d) for d in draws) / len(draws), 4)
        answers = drawn(drawer, general, 0.0)
        before = before or answers
        words = round(sum(len(d.text.split()) for d in answers) / len(answers), 1)
        counts = {
            "general words": words,
            "looping": sum(loops(d.text) for d in answers),
            "empty": sum(empty(d.text) for d in answers),
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
    d = drift(
        base,
        taught,
        [(user(q), a.text) for q, a in zip(general, before, strict=True)],
        cut=[a.finish == "length" for a in before],
    )
    result["general"] = {
        "n": len(general),
        "kl_nats": round(d.kl_nats.value, 4),
        "top1_agreement": round(d.same_top.value, 4),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
