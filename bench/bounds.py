"""The forms of the objective `correction` on the same corrected answers, at equal steps and at ten
times as many; one JSON object a line.

    python -m bench.bounds [--forms ours,none] [--rates 0.0001,0.0003,0.001] [--pairs 64] [--steps
    16] [--times 1,10]

The student is the embedded model, the teacher `bench.style`, answers are short. Each form is
trained with every rate; of those that keep the drift below the exam's bar the rate with the
greatest fall on development prompts is taken (`choose_rate`), and that adapter is measured again on
prompts on which nothing was chosen. With that rate the form is then trained anew for each of the
other `--times`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.style import apply_style
from selfteach import config
from selfteach.evaluate.drift import compute_drift
from selfteach.evaluate.sanity import is_empty, is_looping
from selfteach.generate.correct import edit_distance
from selfteach.methods.corrections.method import OBJECTIVE_WEIGHTS
from selfteach.models import Sampler
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import (
    Completion,
    Continuations,
    Example,
    Request,
    SamplingParams,
    make_prompt,
)
from selfteach.train.edit_mask import mark_edited_tokens
from selfteach.train.train import TrainingResult, train

TOKENS, TOLERANCE_NATS, MAX_DRIFT_NATS = 28, 0.01, 0.05
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
"""Settings of `train.correction`, and the weight of `hold` beside it: ours with their own defaults,
the published forms with theirs (docs/explanation/objectives/correction.md), and what is best of
theirs beside our `hold`."""


def read_prompts(name: str) -> list[str]:
    """A file of prompts."""
    return [
        line
        for line in (Path(__file__).parent / "prompts" / name).read_text("utf-8").splitlines()
        if line.strip()
    ]


def sample_answers(
    drawer: Sampler, prompts: Sequence[str], temperature: float, max_tokens: int = TOKENS
) -> list[Completion]:
    """One answer to each prompt."""
    requests = [
        Request("bench", make_prompt(prompt), SamplingParams(temperature, 1.0, max_tokens), 0, 0)
        for prompt in prompts
    ]
    found = {draw.id: draw for draw in drawer.stream(requests)}
    return [found[request.id(drawer.fingerprint)] for request in requests]


class GeneralPrompts:
    """What the base answers to general prompts, and which tokens of that the teacher would change
    there too.
    """

    def __init__(self, base: HfModel, drawer: Sampler) -> None:
        self.base, prompts = base, read_prompts("general.txt")
        draws = sample_answers(drawer, prompts, 0.0)
        self.pairs = [(make_prompt(p), d.text) for p, d in zip(prompts, draws, strict=True)]
        self.cut = [d.finish == "length" for d in draws]
        self.objected = [self._find_objected_tokens(d.text) for d in draws]

    def _find_objected_tokens(self, answer: str) -> list[bool]:
        text = apply_style(answer)
        return (
            []
            if text == answer
            else list(
                mark_edited_tokens(self.base.encode_answer(text), self.base.encode_answer(answer))[
                    1
                ]
            )
        )

    def marks(self, taught: HfModel) -> dict[str, float]:
        """How far the taught model has moved there."""
        moved = compute_drift(self.base, taught, self.pairs, cut=self.cut, left_out=self.objected)
        return {"kl": round(moved.kl_nats.value, 4), "top1": round(moved.top1_agreement.value, 3)}


class HeldOutPrompts:
    """Held-out prompts, what the base answers to them, greedily and at T=1, and the corrections of
    that.
    """

    def __init__(self, base: HfModel, drawer: Sampler, file: str) -> None:
        self.asked = read_prompts(file)
        self.before = self._sample_answers(drawer)
        wrong = [
            (p, d)
            for p, d in zip(self.asked, self.before, strict=False)
            if apply_style(d.text) != d.text
        ]  # the greedy ones
        self.items = [
            Continuations(make_prompt(p), (apply_style(d.text),), end=d.finish != "length")
            for p, d in wrong
        ]
        self.logp = self._score_corrections(base)

    def _sample_answers(self, drawer: Sampler) -> list[Completion]:
        return [*sample_answers(drawer, self.asked, 0.0), *sample_answers(drawer, self.asked, 1.0)]

    def _score_corrections(self, model: HfModel) -> list[float]:
        """log P of the corrections of the base's answers, nats a token."""
        found = dict(model.stream_scores(self.items))
        return [found[item.id(model.fingerprint)][0].token_logp for item in self.items]

    def marks(self, taught: HfModel, drawer: Sampler) -> dict[str, Any]:
        """How much is still corrected, and which corrections have sunk."""
        after = self._sample_answers(drawer)
        gaps = [
            new - old for new, old in zip(self._score_corrections(taught), self.logp, strict=True)
        ]
        before, now = (
            sum(edit_distance(d.text, apply_style(d.text)) for d in draws) / len(draws)
            for draws in (self.before, after)
        )
        return {
            "distance": [round(before, 4), round(now, 4)],
            "reduction": round(1 - now / before, 3),
            "chosen_nats": round(sum(gaps) / len(gaps), 3),
            "displaced": [sum(gap < -TOLERANCE_NATS for gap in gaps), len(gaps)],
            "broken_answers": round(
                sum(is_looping(d.text) or is_empty(d.text) for d in after) / len(after), 3
            ),
        }


def make_examples(drawer: Sampler, pairs: int) -> list[Example]:
    """Corrected answers of the base, greedy and drawn."""
    asked = read_prompts("everyday.txt")[: 2 * pairs]
    draws = zip(
        asked * 2,
        [*sample_answers(drawer, asked, 0.0), *sample_answers(drawer, asked, 1.0)],
        strict=True,
    )
    wrong = [(prompt, draw) for prompt, draw in draws if apply_style(draw.text) != draw.text]
    return [
        Example(
            f"{i}",
            "correction",
            make_prompt(prompt),
            apply_style(d.text),
            d.text,
            {},
            {"cut": ["chosen", "rejected"] * (d.finish == "length")},
        )
        for i, (prompt, d) in enumerate(wrong[:: max(len(wrong) // pairs, 1)][:pairs])
    ]


def train_adapter(
    base: HfModel, examples: Sequence[Example], form: str, rate: float, steps: int, folder: Path
) -> TrainingResult:
    """An adapter that learned the examples by a form."""
    own, hold = FORMS[form]
    settings = config.TrainConfig(
        weights={"correction": {"correction": 1.0, "hold": hold}},
        correction=config.CorrectionLossConfig(**own),
        learning_rate=rate,
        max_steps=steps,
        batch_size=8,
    )
    return train(base, examples, settings, folder, seed=0)


def choose_rate(marks: dict[float, dict[str, Any]]) -> float:
    """The rate with the greatest fall among those whose drift stays below the bar; where none does,
    the one that drifts least.
    """
    calm = [rate for rate, found in marks.items() if found["kl"] <= MAX_DRIFT_NATS]
    return (
        max(calm, key=lambda rate: marks[rate]["reduction"])
        if calm
        else min(marks, key=lambda rate: marks[rate]["kl"])
    )


def main() -> None:
    """Reads the options, trains each form, prints its marks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--forms", default=";".join(FORMS), help="separated by semicolons")
    parser.add_argument("--rates", default="0.0001,0.0003,0.001")
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument(
        "--times", default="1,10", help="of the steps; the rate is chosen at the first"
    )
    given = parser.parse_args()
    base = HfModel.load("embedded")
    drawer = open_sampler(base)
    papers = {
        "dev": HeldOutPrompts(base, drawer, "everyday-dev.txt"),
        "unseen": HeldOutPrompts(base, drawer, "everyday-compare.txt"),
    }
    elsewhere, examples = GeneralPrompts(base, drawer), make_examples(drawer, given.pairs)
    print(
        json.dumps(
            {
                "pairs": len(examples),
                "corrected": {name: len(paper.items) for name, paper in papers.items()},
            }
        ),
        flush=True,
    )

    def sat(form: str, rate: float, steps: int, on: str, place: Path) -> dict[str, Any]:
        """Trains, unless that was done before, and examines."""
        started = time.process_time()
        trained = train_adapter(base, examples, form, rate, steps, place / f"{rate} {steps}")
        spent = {
            "last_loss": round(trained.curve[-1]["loss"], 2),
            "cpu_seconds": round(time.process_time() - started),
        }
        model = HfModel.load("embedded", adapter=trained.adapter)
        marks = papers[on].marks(model, open_sampler(model, folder=place)) | elsewhere.marks(model)
        row = {"form": form, "rate": rate, "steps": steps, "on": on, **marks}
        print(json.dumps(row | spent), flush=True)
        return row

    rates = [float(rate) for rate in given.rates.split(",")]
    first, *others = (int(times) * given.steps for times in given.times.split(","))
    for form in given.forms.split(";"):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            rate = (
                choose_rate({rate: sat(form, rate, first, "dev", place) for rate in rates})
                if len(rates) > 1
                else rates[0]
            )
            for steps in (first, *others):
                sat(form, rate, steps, "unseen", place)


if __name__ == "__main__":
    main()
