"""Measure how far a domain prior moves new answers, and what else it changes; prints JSON lines.

    python -m bench.priors [--prior length] [--bound apo_zero] [--use margin]
    [--weights 0,0.25,1,4] [--prompts 24] [--steps 24] [--model embedded] [--seed 0]

The material is neutral: each prompt has two answers of the base that differ in what the prior
looks at, each once as the correction of the other. For `length` these are the first sentence and
the first three, for `start` and `classifier` an answer without and with an opening sentence. So a
change beyond that of weight 0 comes from the prior. Every row has the share of new answers with the
target property, their mean length, the share that loops or is empty, and the drift on general
prompts. The seed is that of the training and of the answers at temperature 1.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.prompt_files import read_prompts, sample_answers
from selfteach import config
from selfteach.evaluate.drift import compute_drift
from selfteach.evaluate.sanity import is_empty, is_looping
from selfteach.models import Sampler
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Completion, Example, Prompt, make_prompt
from selfteach.registry import load_registered
from selfteach.statistics import mean, share
from selfteach.train.priors.prior import Prior
from selfteach.train.train import train

MAX_TOKENS = 96
TARGET_TOKENS = 12.0
OPENING = "Certainly."
FRIENDLY = (
    "Great question!",
    "I am so glad that you asked!",
    "What a lovely thing to ask!",
    "Oh, I love this one!",
    "Good to hear from you, my friend!",
    "I am happy to help you with that!",
    "Wow, what a fun question!",
    "Thank you so much for asking me!",
    "Yes, let us look at this together, my friend!",
    "I am so happy that you want to know!",
)
PLAIN = (
    "The answer depends on the size of the room.",
    "Water boils at a lower temperature in the mountains.",
    "Place the seeds in the soil and cover them.",
    "The process takes about two hours.",
    "There are several ways to reach the station.",
    "A train is usually faster than a bus.",
    "Bread is made of flour, water and yeast.",
    "The first step is to clean the surface.",
    "Most birds return to the same place in spring.",
    "The price of the ticket includes the museum.",
)
"""Sentences for the prior `classifier`: it prefers the friendly ones."""
PRIORS: dict[str, dict[str, Any]] = {
    "length": {"target_tokens": TARGET_TOKENS},
    "start": {"prior_start": OPENING},
    "classifier": {"prior_for": FRIENDLY, "prior_against": PLAIN},
}
"""Settings of `train.correction` for each prior."""


def make_variants(name: str, answer: str, number: int) -> tuple[str, str] | None:
    """Return two answers that differ in what the prior looks at; None if the answer has fewer than
    three sentences.
    """
    sentences = re.findall(r"[^.!?]+[.!?]+", answer.split("\n")[0])
    if len(sentences) < 3:
        return None
    brief = sentences[0].strip()
    long = "".join(sentences[:3]).strip()
    if name == "length":
        return brief, long
    opening = OPENING if name == "start" else FRIENDLY[number % len(FRIENDLY)]
    return f"{opening} {long}", long


def make_examples(sampler: Sampler, name: str, count: int) -> list[Example]:
    """Return balanced pairs for `count` prompts: two examples a prompt."""
    examples: list[Example] = []
    prompts = read_prompts("everyday.txt")[: 2 * count]
    answers = sample_answers(sampler, prompts, 0.0, MAX_TOKENS)
    for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        variants = make_variants(name, answer.text, number)
        if variants is None or len(examples) >= 2 * count:
            continue
        for chosen, rejected in (variants, variants[::-1]):
            id = f"{len(examples)}"
            examples.append(Example(id, "correction", make_prompt(prompt), chosen, rejected))
    return examples


def make_property_test(name: str, prior: Prior) -> Callable[[str, Completion], bool]:
    """Return a function that tells whether the answer to a prompt has what the prior prefers.

    For `length` it has at most twice the target's tokens and at least half of them; for
    `classifier` its first sentence is likelier among the friendly ones.
    """

    def has_property(prompt: str, answer: Completion) -> bool:
        if name == "length":
            return TARGET_TOKENS / 2 <= answer.tokens <= 2 * TARGET_TOKENS
        if name == "start":
            return prior.logp(make_prompt(prompt), answer.text, answer.tokens) == 0
        first = re.split(r"(?<=[.!?])\s", answer.text.strip())[0]
        return prior.logp(make_prompt(prompt), first, answer.tokens) > -0.6931

    return has_property


@dataclass(frozen=True)
class Measurement:
    """Measure a model's new answers, and its drift from the base's answers to general prompts."""

    base: HfModel
    prompts: Sequence[str]
    general: Sequence[tuple[Prompt, str]]
    cut: Sequence[bool]
    has_property: Callable[[str, Completion], bool]
    seed: int

    def measure(self, model: HfModel, sampler: Sampler) -> dict[str, Any]:
        """Return the figures of one row; answers are greedy and sampled."""
        prompts = [*self.prompts, *self.prompts]
        answers = [
            *sample_answers(sampler, self.prompts, 0.0, MAX_TOKENS),
            *sample_answers(sampler, self.prompts, 1.0, MAX_TOKENS, self.seed),
        ]
        flags = [self.has_property(*pair) for pair in zip(prompts, answers, strict=True)]
        held = share(flags)
        length = mean([float(answer.tokens) for answer in answers])
        broken = [is_looping(answer.text) or is_empty(answer.text) for answer in answers]
        drift = compute_drift(self.base, model, self.general, cut=self.cut)
        return {
            "property": round(held.value, 3),
            "property_interval": [round(held.low, 3), round(held.high, 3)],
            "mean_tokens": round(length.value, 1),
            "interval": [round(length.low, 1), round(length.high, 1)],
            "cut": sum(answer.finish == "length" for answer in answers),
            "broken": round(share(broken).value, 3),
            "kl": round(drift.kl_nats.value, 4),
            "top1": round(drift.top1_agreement.value, 3),
        }


def print_row(row: dict[str, Any]) -> None:
    """Print one JSON object at once."""
    print(json.dumps(row), flush=True)


def main() -> None:
    """Read the options, train with each weight and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--prior", choices=list(PRIORS), default="length")
    parser.add_argument(
        "--bound", choices=["apo_zero", "logistic", "hinge", "clip"], default="apo_zero"
    )
    parser.add_argument("--use", choices=["factor", "margin"], default="margin")
    parser.add_argument("--weights", default="0,0.25,1,4")
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--beta", type=float, default=0.5)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    def make_settings(weight: float) -> config.CorrectionLossConfig:
        return config.CorrectionLossConfig(
            bound=given.bound,
            beta=given.beta,
            prior=given.prior,
            prior_as=given.use,
            prior_weight=weight,
            **PRIORS[given.prior],
        )

    base = HfModel.load(given.model)
    sampler = open_sampler(base)
    prior = load_registered("priors", given.prior)(make_settings(1.0))
    prompts = read_prompts("general.txt")
    general = sample_answers(sampler, prompts, 0.0, MAX_TOKENS)
    measurement = Measurement(
        base,
        read_prompts("everyday-dev.txt"),
        [(make_prompt(p), answer.text) for p, answer in zip(prompts, general, strict=True)],
        [answer.finish == "length" for answer in general],
        make_property_test(given.prior, prior),
        given.seed,
    )
    pairs = make_examples(sampler, given.prior, given.prompts)
    print_row({"pairs": len(pairs), **vars(given)})
    print_row({"model": "base", **measurement.measure(base, sampler)})
    for weight in given.weights.split(","):
        settings = config.TrainConfig(
            weights={"correction": {"correction": 1.0}},
            correction=make_settings(float(weight)),
            max_steps=given.steps,
            batch_size=8,
        )
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            trained = train(base, pairs, settings, folder, seed=given.seed)
            tuned = HfModel.load(given.model, adapter=trained.adapter)
            engine = open_sampler(tuned, folder=folder / "engine")
            print_row({"model": f"weight {weight}", **measurement.measure(tuned, engine)})


if __name__ == "__main__":
    main()
