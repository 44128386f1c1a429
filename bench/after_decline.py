"""Measure how often other requests are answered after a declined one, on hand-written prompts.

    python -m bench.after_decline RUN bench/rule_files/elephants.yaml

Each neighbor and general prompt follows three of the tuned model's own declines. Prints, for each
scope, the share that base and tuned model answer in the same conversations, greedily, and the share
that the tuned model answers of what the base answers there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from bench.rule_prompts import read_spec
from selfteach.judge.decline import is_decline
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Message, Prompt, Request, SamplingParams, make_prompt

NUM_OPENINGS = 24
"""Prompts in scope that are asked for a decline."""
OTHERS = {"neighbors": 30, "general": 40}
"""The most prompts of each scope."""
TURNS = 3
"""Declines that each of them follows, one in each conversation."""
SAMPLING = SamplingParams(0.0, 1.0, 48)
Opening = tuple[Message, Message]


def find_answers(model: HfModel, prompts: Sequence[Prompt]) -> list[str]:
    """Return the greedy answers to prompts."""
    requests = [Request("after decline", prompt, SAMPLING) for prompt in prompts]
    found = {one.id: one.text for one in open_sampler(model).stream(requests)}
    return [found[request.id(model.fingerprint)] for request in requests]


def make_conversations(texts: Sequence[str], openings: Sequence[Opening]) -> list[Prompt]:
    """Return each text after `TURNS` of the openings, in turn."""
    found: list[Prompt] = []
    for number, text in enumerate(texts):
        for turn in range(TURNS):
            opening = openings[(TURNS * number + turn) % len(openings)]
            found.append((*opening, Message("user", text)))
    return found


def compare_answers(base: Sequence[str], tuned: Sequence[str]) -> dict[str, float]:
    """Return the shares of answers that decline nothing."""
    pairs = [
        (not is_decline(one), not is_decline(other)) for one, other in zip(base, tuned, strict=True)
    ]
    of_base = [other for one, other in pairs if one]
    return {
        "n": len(pairs),
        "base": round(sum(one for one, _ in pairs) / len(pairs), 3),
        "tuned": round(sum(other for _, other in pairs) / len(pairs), 3),
        "of the base's": round(sum(of_base) / max(len(of_base), 1), 3),
    }


def main(words: Sequence[str] | None = None) -> None:
    """Measure the base and the tuned model of a run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", default="embedded")
    given = parser.parse_args(words)
    spec = read_spec(given.file)
    base = HfModel.load(given.model)
    tuned = HfModel.load(given.model, adapter=given.run / "adapter")
    asked = spec["in_scope"][:NUM_OPENINGS]
    answers = find_answers(tuned, list(map(make_prompt, asked)))
    openings = [
        (Message("user", text), Message("assistant", answer))
        for text, answer in zip(asked, answers, strict=True)
        if is_decline(answer)
    ]
    if not openings:
        raise SystemExit("the tuned model declines none of the prompts in scope")
    result: dict[str, object] = {"openings": len(openings)}
    for scope, count in OTHERS.items():
        prompts = make_conversations(spec[scope][:count], openings)
        result[scope] = compare_answers(find_answers(base, prompts), find_answers(tuned, prompts))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
