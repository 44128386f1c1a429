"""Compare the forms of the objective `correction` on the same corrected answers, at equal steps and
at ten times as many; prints one JSON object a line.

    python -m bench.bounds [--forms 'ours;none'] [--rates 0.0001,0.0003,0.001] [--pairs 64] [--steps
    16] [--times 1,10]

The base is the embedded model, the teacher is `bench.style`, the answers are short. Each form is
trained with every rate and measured on development prompts. `choose_rate` selects the rate with the
greatest reduction among those that keep the drift at .05 nats a token or less. With this rate an
adapter is trained for each of the `--times` and measured on other prompts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.prompt_files import read_prompts, sample_answers
from bench.style import apply_style
from selfteach import config
from selfteach.evaluate.drift import compute_drift
from selfteach.evaluate.sanity import is_empty, is_looping
from selfteach.generate.correct import edit_distance
from selfteach.methods.corrections.method import OBJECTIVE_WEIGHTS
from selfteach.models import Sampler
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import Completion, Continuations, Example, make_prompt
from selfteach.train.edit_mask import mark_edited_tokens
from selfteach.train.likelihood_displacement import TOLERANCE_NATS
from selfteach.train.train import TrainingResult, train

MAX_TOKENS = 28
MAX_DRIFT_NATS = 0.05
"""The bar of this measurement, in nats a token; no exam has it."""
HOLD_WEIGHT = OBJECTIVE_WEIGHTS["correction"]["hold"]
PLAIN: dict[str, Any] = {"mask": False, "alpha": 0.0, "watchdog": 1.0}
DPO = PLAIN | {"bound": "logistic", "beta": 0.1}
NORMALISED = PLAIN | {"bound": "logistic", "per_token": True, "beta": 2.0}
FORMS: dict[str, tuple[dict[str, Any], float]] = {
    "ours": ({}, HOLD_WEIGHT),
    "apo_zero": ({}, 0.0),
    "clip": ({"bound": "clip"}, 0.0),
    "hinge": ({"bound": "hinge"}, 0.0),
    "logistic": ({"bound": "logistic"}, 0.0),
    "none": (PLAIN | {"bound": "none", "allow_unbounded": True}, 0.0),
    "dpo": (DPO, 0.0),
    "sigmoid_norm": (NORMALISED, 0.0),
    "ld_alpha": (DPO | {"ld_alpha": 0.5}, 0.0),
    "cpo": (DPO | {"reference": False, "alpha": 1.0}, 0.0),
    "simpo": (NORMALISED | {"reference": False, "margin": 1.0}, 0.0),
    "ours logistic": ({"bound": "logistic"}, HOLD_WEIGHT),
    "sigmoid_norm, hold": (NORMALISED, HOLD_WEIGHT),
}
"""Settings of `train.correction`, and the weight of `hold`.

Ours have their own defaults, the published forms theirs
(docs/explanation/objectives/correction.md); the last one is the best of theirs with our `hold`.
"""


def measure_distance(answers: Sequence[Completion]) -> float:
    """Return the mean share of words that the house style changes in the answers."""
    total = sum(edit_distance(answer.text, apply_style(answer.text)) for answer in answers)
    return total / len(answers)


def sample_greedy_and_warm(sampler: Sampler, prompts: Sequence[str]) -> list[Completion]:
    """Return the greedy answer to each prompt, then one answer to each at T=1."""
    greedy = sample_answers(sampler, prompts, 0.0, MAX_TOKENS)
    return [*greedy, *sample_answers(sampler, prompts, 1.0, MAX_TOKENS)]


class GeneralPrompts:
    """Hold the base's answers to general prompts, and the tokens that the teacher would change."""

    def __init__(self, base: HfModel, sampler: Sampler) -> None:
        self.base = base
        prompts = read_prompts("general.txt")
        answers = sample_answers(sampler, prompts, 0.0, MAX_TOKENS)
        self.pairs = [
            (make_prompt(prompt), answer.text)
            for prompt, answer in zip(prompts, answers, strict=True)
        ]
        self.cut = [answer.finish == "length" for answer in answers]
        self.changed = [self._find_changed_tokens(answer.text) for answer in answers]

    def _find_changed_tokens(self, answer: str) -> list[bool]:
        text = apply_style(answer)
        if text == answer:
            return []
        ids = self.base.encode_answer(answer)
        return list(mark_edited_tokens(self.base.encode_answer(text), ids)[1])

    def measure(self, tuned: HfModel) -> dict[str, float]:
        """Return the drift of the tuned model on the tokens that the teacher would keep."""
        drift = compute_drift(self.base, tuned, self.pairs, cut=self.cut, left_out=self.changed)
        return {"kl": round(drift.kl_nats.value, 4), "top1": round(drift.top1_agreement.value, 3)}


class HeldOutPrompts:
    """Hold held-out prompts, the base's answers, and the corrections of its greedy answers."""

    def __init__(self, base: HfModel, sampler: Sampler, file: str) -> None:
        self.prompts = read_prompts(file)
        self.before = sample_greedy_and_warm(sampler, self.prompts)
        self.items = []
        greedy = self.before[: len(self.prompts)]
        for prompt, answer in zip(self.prompts, greedy, strict=True):
            text = apply_style(answer.text)
            if text != answer.text:
                ends = answer.finish != "length"
                self.items.append(Continuations(make_prompt(prompt), (text,), end=ends))
        self.logp = self._score_corrections(base)

    def _score_corrections(self, model: HfModel) -> list[float]:
        """Return log P of the corrections of the base's answers, in nats per token."""
        found = dict(model.stream_scores(self.items))
        return [found[item.id(model.fingerprint)][0].token_logp for item in self.items]

    def measure(self, tuned: HfModel, sampler: Sampler) -> dict[str, Any]:
        """Return how much the teacher still corrects, and which corrections became less likely."""
        after = sample_greedy_and_warm(sampler, self.prompts)
        logps = self._score_corrections(tuned)
        gaps = [new - old for new, old in zip(logps, self.logp, strict=True)]
        distance_before = measure_distance(self.before)
        distance_after = measure_distance(after)
        num_broken = sum(is_looping(answer.text) or is_empty(answer.text) for answer in after)
        return {
            "distance": [round(distance_before, 4), round(distance_after, 4)],
            "reduction": round(1 - distance_after / distance_before, 3),
            "chosen_nats": round(sum(gaps) / len(gaps), 3),
            "displaced": [sum(gap < -TOLERANCE_NATS for gap in gaps), len(gaps)],
            "broken_answers": round(num_broken / len(after), 3),
        }


def make_examples(sampler: Sampler, pairs: int) -> list[Example]:
    """Return corrected answers of the base, greedy and at T=1, spread evenly over the prompts."""
    prompts = read_prompts("everyday.txt")[: 2 * pairs]
    answers = sample_greedy_and_warm(sampler, prompts)
    wrong = [
        (prompt, answer)
        for prompt, answer in zip(prompts * 2, answers, strict=True)
        if apply_style(answer.text) != answer.text
    ]
    stride = max(len(wrong) // pairs, 1)
    examples = []
    for i, (prompt, answer) in enumerate(wrong[::stride][:pairs]):
        cut = ["chosen", "rejected"] if answer.finish == "length" else []
        chosen = apply_style(answer.text)
        source = {"cut": cut}
        examples.append(
            Example(f"{i}", "correction", make_prompt(prompt), chosen, answer.text, {}, source)
        )
    return examples


def train_adapter(
    base: HfModel, examples: Sequence[Example], form: str, rate: float, steps: int, folder: Path
) -> TrainingResult:
    """Train an adapter on the examples by a form of the objective."""
    own, hold = FORMS[form]
    settings = config.TrainConfig(
        weights={"correction": {"correction": 1.0, "hold": hold}},
        correction=config.CorrectionLossConfig(**own),
        learning_rate=rate,
        max_steps=steps,
        batch_size=8,
    )
    return train(base, examples, settings, folder, seed=0)


def choose_rate(results: Mapping[float, Mapping[str, Any]]) -> float:
    """Return the rate with the greatest reduction among those whose drift is within the bar.

    If no rate stays below the bar, return the rate with the least drift.
    """
    calm = [rate for rate, found in results.items() if found["kl"] <= MAX_DRIFT_NATS]
    if calm:
        return max(calm, key=lambda rate: results[rate]["reduction"])
    return min(results, key=lambda rate: results[rate]["kl"])


@dataclass(frozen=True)
class Comparison:
    """Train forms on the same examples and measure them on the same prompts."""

    base: HfModel
    examples: Sequence[Example]
    held_out: Mapping[str, HeldOutPrompts]
    general: GeneralPrompts

    def run(self, form: str, rate: float, steps: int, split: str, folder: Path) -> dict[str, Any]:
        """Train one form, measure it on a split of the held-out prompts and print the row.

        A training that is finished in the folder is not repeated.
        """
        started = time.process_time()
        trained = train_adapter(
            self.base, self.examples, form, rate, steps, folder / f"{rate} {steps}"
        )
        cost = {
            "last_loss": round(trained.curve[-1]["loss"], 2),
            "cpu_seconds": round(time.process_time() - started),
        }
        tuned = HfModel.load("embedded", adapter=trained.adapter)
        row = {"form": form, "rate": rate, "steps": steps, "on": split}
        row |= self.held_out[split].measure(tuned, open_sampler(tuned, folder=folder))
        row |= self.general.measure(tuned)
        print(json.dumps(row | cost), flush=True)
        return row


def main() -> None:
    """Read the options, train each form and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--forms", default=";".join(FORMS), help="separated by semicolons")
    parser.add_argument("--rates", default="0.0001,0.0003,0.001")
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument(
        "--times", default="1,10", help="of the steps; the rate is chosen at the first"
    )
    given = parser.parse_args()
    base = HfModel.load("embedded")
    sampler = open_sampler(base)
    held_out = {
        "dev": HeldOutPrompts(base, sampler, "everyday-dev.txt"),
        "unseen": HeldOutPrompts(base, sampler, "everyday-compare.txt"),
    }
    general = GeneralPrompts(base, sampler)
    comparison = Comparison(base, make_examples(sampler, given.pairs), held_out, general)
    corrected = {name: len(split.items) for name, split in held_out.items()}
    print(
        json.dumps({"pairs": len(comparison.examples), "corrected": corrected}),
        flush=True,
    )
    rates = [float(rate) for rate in given.rates.split(",")]
    steps_of_runs = [int(times) * given.steps for times in given.times.split(",")]
    for form in given.forms.split(";"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            best = rates[0]
            if len(rates) > 1:
                results = {
                    rate: comparison.run(form, rate, steps_of_runs[0], "dev", folder)
                    for rate in rates
                }
                best = choose_rate(results)
            for steps in steps_of_runs:
                comparison.run(form, best, steps, "unseen", folder)


if __name__ == "__main__":
    main()
