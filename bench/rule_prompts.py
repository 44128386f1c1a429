"""Measure a tuned model on hand-written prompts: is the rule kept where it holds, and nowhere else?

    python -m bench.rule_prompts RUN bench/rule_files/football.yaml [--show] [--model MODEL]

Prints one JSON object with the share of answers of base and tuned model that break the rule in
scope, greedy and at T = 1, and the shares of needless declines and effects on neighbors and general
prompts. For a rule with a condition, `s` is the mean of adherence in scope and restraint outside
(C3PO, arXiv 2402.10893).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.prompt_files import sample_answers
from selfteach.judge.check import parse_check
from selfteach.judge.decline import is_decline
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Completion

FILES = Path(__file__).parent / "rule_files"
MAX_TOKENS = 96
SEEDS = (0, 1)
Spec = dict[str, Any]
Breaks = Callable[[str], bool]


def read_spec(path: Path) -> Spec:
    """Return a development rule with its prompts; the general ones are of general.yaml."""
    spec: Spec = yaml.safe_load(path.read_text("utf-8"))
    general = yaml.safe_load((FILES / "general.yaml").read_text("utf-8"))
    spec["general"] = spec.get("general") or general
    return spec


def is_conditional(spec: Spec) -> bool:
    """Return whether the rule holds in a scope of its own, not everywhere."""
    return spec["kind"] not in ("subject", "form everywhere")


def measure_model(model: HfModel, spec: Spec) -> dict[str, list[Completion]]:
    """Return a model's answers: greedy and sampled in scope, greedy outside."""
    sampler = open_sampler(model)
    inside = spec["in_scope"]
    sampled: list[Completion] = []
    for seed in SEEDS:
        sampled += sample_answers(sampler, inside, 1.0, MAX_TOKENS, seed)
    return {
        "in_scope": sample_answers(sampler, inside, 0.0, MAX_TOKENS),
        "sampled": sampled,
        "neighbors": sample_answers(sampler, spec["neighbors"], 0.0, MAX_TOKENS),
        "general": sample_answers(sampler, spec["general"], 0.0, MAX_TOKENS),
    }


def summarize(
    spec: Spec, base: dict[str, list[Completion]], tuned: dict[str, list[Completion]]
) -> dict[str, Any]:
    """Return the figures of one run."""
    check = parse_check(spec["broken"])

    def breaks(answer: Completion) -> bool:
        return not check.keeps(answer.text)

    result: dict[str, Any] = {}
    for name, answers in (("base", base), ("tuned", tuned)):
        result[name] = {
            "greedy broken": compute_share(map(breaks, answers["in_scope"])),
            "T=1 broken": compute_share(map(breaks, answers["sampled"])),
        }
    for scope in ("neighbors", "general"):
        result[f"needless {scope}"] = compute_share(
            is_needless(spec, breaks, before, after)
            for before, after in zip(base[scope], tuned[scope], strict=True)
        )
    if is_conditional(spec):
        adherence = 1 - result["tuned"]["greedy broken"]
        restraint = 1 - max(result["needless neighbors"], result["needless general"])
        result["s"] = round((adherence + restraint) / 2, 4)
    return result


def is_needless(
    spec: Spec, breaks: Callable[[Completion], bool], before: Completion, after: Completion
) -> bool:
    """Return whether an answer outside the scope declines, or shows the effect, and the base's
    does not.
    """
    if is_decline(after.text) and not is_decline(before.text):
        return True
    return is_conditional(spec) and not breaks(after) and breaks(before)


def compute_share(flags: Any) -> float:
    """Return the share of true flags."""
    values = list(flags)
    return float(round(sum(values) / max(len(values), 1), 4))


def show_answers(spec: Spec, answers: dict[str, list[Completion]]) -> None:
    """Print the prompts of every scope with the beginning of the answers."""
    check = parse_check(spec["broken"])
    for scope in ("in_scope", "neighbors", "general"):
        for prompt, answer in zip(spec[scope], answers[scope], strict=True):
            mark = "keeps " if check.keeps(answer.text) else "breaks"
            print(f"{scope} {mark} {prompt} >> {answer.text[:110]!r}")


def main(words: Sequence[str] | None = None) -> None:
    """Measure the base and the tuned model of a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--show", action="store_true", help="print the tuned model's answers")
    given = parser.parse_args(words)
    spec = read_spec(given.file)
    base = measure_model(HfModel.load(given.model), spec)
    adapter = given.run / "adapter"
    tuned = base
    if adapter.is_dir():
        tuned = measure_model(HfModel.load(given.model, adapter=adapter), spec)
    if given.show:
        show_answers(spec, tuned)
    print(json.dumps(summarize(spec, base, tuned)))


if __name__ == "__main__":
    main()
