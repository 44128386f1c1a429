"""Learning rates of a comparison: each adapter's own, times a few factors, chosen on the dev part
alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from selfteach import registry
from selfteach.config import Train
from selfteach.models.recorded import Recorded
from selfteach.records import Continuations, Example, digest, prompt_json
from selfteach.train.adapters import is_solved
from selfteach.train.trainer import Diverged

HELD_OUT = 0.1


@dataclass(frozen=True)
class Held:
    """Examples that nothing is learned from, for runs whose method has no dev part of its own."""

    examples: list[Example]

    def score(self, model: Recorded, pairs: Set[str] = frozenset()) -> float:
        """The mean over examples, lessons and anchors alike: log-probability of the chosen answer,
        nats a token. Pairs lower that of both their answers by nature; there it is the
        log-probability that of the two it is the chosen one.

        Args:
            pairs: the kinds that are taught by pairs alone.
        """
        both = [e for e in self.examples if e.kind in pairs and e.rejected is not None]
        items = [(e.chosen, "chosen", e) for e in self.examples] + [
            (e.rejected or "", "rejected", e) for e in both
        ]
        asked = [
            Continuations(e.prompt, (text,), end=side not in e.source.get("cut", ()))
            for text, side, e in items
        ]
        found = dict(model.logp(asked))
        scores = [found[item.id(model.fingerprint)][0] for item in asked]
        chosen = dict(zip((e.id for e in self.examples), scores, strict=False))
        marks = {id: score.token_logp for id, score in chosen.items()}
        marks |= {
            e.id: -softplus(r.logp - chosen[e.id].logp)
            for e, r in zip(both, scores[len(self.examples) :], strict=True)
        }
        return sum(marks.values()) / max(len(marks), 1)


def softplus(x: float) -> float:
    """log(1 + e^x), without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def held_out(examples: Sequence[Example], seed: int) -> tuple[list[Example], Held]:
    """What is learned, and a tenth of the prompts, whatever is learned from them."""
    prompts = sorted(
        {digest(prompt_json(e.prompt)) for e in examples}, key=lambda p: digest([seed, "rates", p])
    )
    aside = set(prompts[: max(1, round(HELD_OUT * len(prompts)))])
    sides: tuple[list[Example], list[Example]] = ([], [])
    for example in examples:
        sides[digest(prompt_json(example.prompt)) in aside].append(example)
    return sides[0], Held(sides[1])


def own_rate(adapter: str, settings: Train) -> float:
    """The rate of an adapter that nobody tried others for; 0 for one that has none. The
    configuration's rate is that of its own adapter.
    """
    kind = registry.lookup("adapters", adapter)
    if is_solved(adapter):
        return 0.0
    return float(
        settings.learning_rate
        if settings.learning_rate and adapter == settings.adapter
        else kind.learning_rate
    )


def rates_of(own: float, factors: Sequence[float]) -> list[float]:
    """The rates to try, ascending."""
    return sorted({float(f"{own * factor:.3g}") for factor in factors})


def best_rate(marks: Mapping[float, float | None], own: float) -> float:
    """The rate with the greatest mark; of equal ones that which is nearest to the adapter's own,
    for dev says nothing against it.

    Raises:
        Diverged: none has a mark.
    """
    known = {rate: mark for rate, mark in marks.items() if mark is not None}
    if not known:
        raise Diverged("the loss is not finite at any learning rate.", cure="Give smaller --rates.")
    return min(known, key=lambda rate: (-known[rate], abs(math.log(rate / own)) if rate else 0.0))
