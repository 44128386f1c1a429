"""Learning rates of a comparison: each adapter's own, times a few factors, chosen on the dev part
alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from selfteach import registry
from selfteach.config import TrainConfig
from selfteach.models.recorded import Recorded
from selfteach.records import Continuations, Example, digest, prompt_to_json
from selfteach.train.adapters import is_solved
from selfteach.train.trainer import Diverged

HELD_OUT_SHARE = 0.1


@dataclass(frozen=True)
class HeldOutExamples:
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
        found = dict(model.stream_scores(asked))
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


def hold_out_examples(
    examples: Sequence[Example], seed: int
) -> tuple[list[Example], HeldOutExamples]:
    """What is learned, and a tenth of the prompts, whatever is learned from them."""
    prompts = sorted(
        {digest(prompt_to_json(e.prompt)) for e in examples},
        key=lambda p: digest([seed, "rates", p]),
    )
    aside = set(prompts[: max(1, round(HELD_OUT_SHARE * len(prompts)))])
    sides: tuple[list[Example], list[Example]] = ([], [])
    for example in examples:
        sides[digest(prompt_to_json(example.prompt)) in aside].append(example)
    return sides[0], HeldOutExamples(sides[1])


def get_default_rate(adapter: str, settings: TrainConfig) -> float:
    """The rate of an adapter that nobody tried others for; 0 for one that has none. The
    configuration's rate is that of its own adapter.
    """
    kind = registry.load_registered("adapters", adapter)
    if is_solved(adapter):
        return 0.0
    return float(
        settings.learning_rate
        if settings.learning_rate and adapter == settings.adapter
        else kind.learning_rate
    )


def list_rates(own: float, factors: Sequence[float]) -> list[float]:
    """The rates to try, ascending."""
    return sorted({float(f"{own * factor:.3g}") for factor in factors})


def choose_rate(scores: Mapping[float, float | None], own: float) -> float:
    """The rate with the greatest mark; of equal ones that which is nearest to the adapter's own,
    for dev says nothing against it.

    Raises:
        Diverged: none has a mark.
    """
    known = {rate: mark for rate, mark in scores.items() if mark is not None}
    if not known:
        raise Diverged("the loss is not finite at any learning rate.", cure="Give smaller --rates.")
    return min(known, key=lambda rate: (-known[rate], abs(math.log(rate / own)) if rate else 0.0))
