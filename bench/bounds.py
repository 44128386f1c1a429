"""The forms of the objective `correction` on the same corrected answers, at 1x and 10x steps; one JSON object a line.

    python -m bench.bounds [--forms apo_zero,none] [--hold 8] [--pairs 64] [--steps 10] [--times 1,10]

The student is the embedded model, the teacher `bench.style`. Answers are short, so that ten times the steps take a minute or two.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.style import styled
from selfteach import config
from selfteach.evaluate.drift import drift
from selfteach.evaluate.sanity import empty, loops
from selfteach.generate.correct import distance
from selfteach.models.hf import Hf
from selfteach.records import Continuations, Draw, Example, Request, Sampling, user
from selfteach.train.loop import train

TOKENS, TOLERANCE_NATS = 28, 0.01
PLAIN: dict[str, Any] = {"mask": False, "alpha": 0.0, "watchdog": 1.0}
FORMS: dict[str, dict[str, Any]] = {
    "apo_zero": {},
    "none": PLAIN | {"bound": "none", "allow_unbounded": True},
    "clip": {"bound": "clip"},
    "hinge": {"bound": "hinge"},
    "logistic": {"bound": "logistic"},
    "cpo": PLAIN | {"bound": "logistic", "reference": False, "beta": 0.1, "alpha": 1.0},
    "simpo": PLAIN | {"bound": "logistic", "reference": False, "per_token": True, "beta": 2.0, "margin": 1.0},
    "sigmoid_norm": PLAIN | {"bound": "logistic", "per_token": True, "beta": 2.0},
    "ld_alpha": PLAIN | {"bound": "logistic", "ld_alpha": 0.5, "beta": 0.1},
    "dpo": PLAIN | {"bound": "logistic", "beta": 0.1},
}
"""Ours with their own defaults; the published forms with theirs (docs/objectives/correction.md)."""


def lines(name: str) -> list[str]:
    """A file of prompts."""
    return [line for line in (Path(__file__).parent / "prompts" / name).read_text("utf-8").splitlines() if line.strip()]


def drawn(model: Hf, prompts: Sequence[str], temperature: float) -> list[Draw]:
    """One answer to each prompt."""
    requests = [Request("bounds", user(prompt), Sampling(temperature, 1.0, TOKENS), 0, 0) for prompt in prompts]
    found = {draw.id: draw for draw in model.draw(requests)}
    return [found[request.id(model.fingerprint)] for request in requests]


class Paper:
    """Held-out prompts and what the base answers to them."""

    def __init__(self, base: Hf, count: int) -> None:
        self.base, self.asked, self.general = base, lines("everyday-dev.txt")[:count], lines("general.txt")[:count]
        self.before = [*drawn(base, self.asked, 0.0), *drawn(base, self.asked, 1.0)]
        self.kept = drawn(base, self.general, 0.0)
        wrong = [(p, d) for p, d in zip(self.asked * 2, self.before, strict=True) if styled(d.text) != d.text]
        self.items = [Continuations(user(p), (styled(d.text),), end=d.finish != "length") for p, d in wrong]
        self.logp = self.scored(base)

    def scored(self, model: Hf) -> list[float]:
        """log P of the corrections of the base's answers, nats a token."""
        found = dict(model.logp(self.items))
        return [found[item.id(model.fingerprint)][0].token_logp for item in self.items]

    def marks(self, taught: Hf) -> dict[str, Any]:
        """How much is still corrected, and what else changed."""
        after = [*drawn(taught, self.asked, 0.0), *drawn(taught, self.asked, 1.0)]
        gaps = [new - old for new, old in zip(self.scored(taught), self.logp, strict=True)]
        moved = drift(self.base, taught, [(user(p), d.text) for p, d in zip(self.general, self.kept, strict=True)],
                      cut=[d.finish == "length" for d in self.kept])  # fmt: skip
        before, now = (sum(distance(d.text, styled(d.text)) for d in draws) / len(draws) for draws in (self.before, after))
        return {
            "distance": [round(before, 4), round(now, 4)],
            "fall": round(1 - now / before, 3),
            "chosen_nats": round(sum(gaps) / len(gaps), 3),
            "displaced": round(sum(gap < -TOLERANCE_NATS for gap in gaps) / len(gaps), 3),
            "kl": round(moved.kl_nats.value, 4),
            "top1": round(moved.same_top.value, 3),
            "broken_answers": round(sum(loops(d.text) or empty(d.text) for d in after) / len(after), 3),
        }


def lessons(base: Hf, pairs: int) -> list[Example]:
    """Corrected answers of the base, greedy and drawn."""
    asked = lines("everyday.txt")
    draws = zip(asked * 2, [*drawn(base, asked, 0.0), *drawn(base, asked, 1.0)], strict=True)
    wrong = [(prompt, draw) for prompt, draw in draws if styled(draw.text) != draw.text]
    return [
        Example(f"{i}", "correction", user(prompt), styled(d.text), d.text, {}, {"cut": ["chosen", "rejected"] * (d.finish == "length")})
        for i, (prompt, d) in enumerate(wrong[:: max(len(wrong) // pairs, 1)][:pairs])
    ]


def main() -> None:
    """Reads the options, trains each form, prints its marks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--hold", type=float, default=0.0, help="weight of `hold` beside the form")
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--asked", type=int, default=40, help="held-out prompts")
    parser.add_argument("--times", default="1,10")
    given = parser.parse_args()
    base = Hf.load("embedded")
    paper, examples = Paper(base, given.asked), lessons(base, given.pairs)
    print(json.dumps({"pairs": len(examples), "held out": len(paper.items)}), flush=True)
    for name in given.forms.split(","):
        for times in map(int, given.times.split(",")):
            weights = {"correction": {"correction": 1.0, "hold": given.hold}}
            settings = config.Train(
                weights=weights, correction=config.Correction(**FORMS[name]), max_steps=times * given.steps, batch_size=8
            )
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                trained = train(base, examples, settings, Path(folder), seed=0)
                marks = paper.marks(Hf.load("embedded", adapter=trained.adapter))
            loss = round(trained.curve[-1]["loss"], 2)
            more = {"seconds": round(time.monotonic() - started), "barked": any(kind == "displaced" for kind, _ in trained.events)}
            print(json.dumps({"form": name, "hold": given.hold, "steps": trained.steps, **marks, "last_loss": loss, **more}), flush=True)


if __name__ == "__main__":
    main()
