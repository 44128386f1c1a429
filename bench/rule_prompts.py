"""Measure a tuned model on hand-written prompts: is the rule kept where it holds, and nowhere else?

    python -m bench.rule_prompts RUN bench/rule_files/football.yaml [--show] [--model MODEL]

Prints one JSON object with the share of answers of base and tuned model that break the rule in
scope, greedy and at T = 1, and the shares of needless declines and effects on neighbors and general
prompts, with their 95 % intervals. For a rule with a condition, `s` is the mean of adherence in
scope and restraint outside (C3PO, arXiv 2402.10893).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.prompt_files import sample_answers
from selfteach import statistics
from selfteach.judge.check import parse_check
from selfteach.judge.decline import is_decline
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Completion, Measure

FILES = Path(__file__).parent / "rule_files"
MAX_TOKENS = 96
SEEDS = (0, 1)
Spec = dict[str, Any]


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
    """Return the figures of one run, and the intervals of the tuned model's."""
    check = parse_check(spec["broken"])

    def breaks(answer: Completion) -> bool:
        return not check.keeps(answer.text)

    result: dict[str, Any] = {}
    measures: dict[str, Measure] = {}
    for name, answers in (("base", base), ("tuned", tuned)):
        inside = len(answers["in_scope"])
        greedy = statistics.share(list(map(breaks, answers["in_scope"])))
        sampled = measure_samples(list(map(breaks, answers["sampled"])), inside)
        measures |= {"greedy broken": greedy, "T=1 broken": sampled}
        result[name] = {
            "greedy broken": round(greedy.value, 4),
            "T=1 broken": round(sampled.value, 4),
        }
    effect = parse_check(spec.get("effect") or spec["broken"])

    def shows_effect(answer: Completion) -> bool:
        return effect.keeps(answer.text)

    for scope in ("neighbors", "general"):
        pairs = zip(base[scope], tuned[scope], strict=True)
        flags = [is_needless(spec, shows_effect, before, after) for before, after in pairs]
        measures[f"needless {scope}"] = statistics.share(flags)
        result[f"needless {scope}"] = round(statistics.share(flags).value, 4)
    result["intervals"] = {
        name: [round(found.low, 4), round(found.high, 4)]
        for name, found in measures.items()
        if found.n
    }
    if is_conditional(spec):
        adherence = 1 - result["tuned"]["greedy broken"]
        restraint = 1 - max(result["needless neighbors"], result["needless general"])
        result["s"] = round((adherence + restraint) / 2, 4)
    return result


def is_needless(
    spec: Spec, shows_effect: Callable[[Completion], bool], before: Completion, after: Completion
) -> bool:
    """Return whether an answer outside the scope declines, or shows the effect, and the base's
    does not.
    """
    if is_decline(after.text) and not is_decline(before.text):
        return True
    return is_conditional(spec) and shows_effect(after) and not shows_effect(before)


def measure_samples(flags: Sequence[bool], num_prompts: int) -> Measure:
    """Return the share of true flags of samples, with its interval over prompts.

    Samples of one prompt depend on each other, so each prompt counts as one unit.

    Args:
        flags: of each prompt's first sample, then of each prompt's second one, and so on.
    """
    by_prompt = [flags[i::num_prompts] for i in range(num_prompts)]
    shares = [sum(own) / len(own) for own in by_prompt if own]
    return statistics.mean(shares, limits=(0.0, 1.0))


def show_answers(spec: Spec, answers: dict[str, list[Completion]]) -> None:
    """Print the prompts of every scope with the beginning of the answers."""
    check = parse_check(spec["broken"])
    for scope in ("in_scope", "neighbors", "general"):
        for prompt, answer in zip(spec[scope], answers[scope], strict=True):
            mark = "keeps " if check.keeps(answer.text) else "breaks"
            print(f"{scope} {mark} {prompt} >> {answer.text[:110]!r}")


def main(words: Sequence[str] | None = None) -> None:
    """Measure the base and the tuned model of a run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--show", action="store_true", help="print the tuned model's answers")
    given = parser.parse_args(words)
    if not (given.run / "manifest.json").is_file():
        parser.error(f"{given.run} holds no run")
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
