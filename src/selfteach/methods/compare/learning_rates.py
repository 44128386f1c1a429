"""Learning rates of a comparison: each adapter's own rate times a few factors; the best one on the
dev part is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set

from selfteach import registry
from selfteach.config import TrainConfig
from selfteach.methods.score_examples import score_examples
from selfteach.models.recorded import Recorded
from selfteach.records import Example
from selfteach.select.conversations import choose_prompts, make_prompt_key
from selfteach.train.adapters.adapter import is_solved
from selfteach.train.trainer import Diverged

HELD_OUT_SHARE = 0.1
"""The share of the prompts that learning rates are chosen on."""


def score_held_out(
    model: Recorded, examples: Sequence[Example], pairs: Set[str] = frozenset()
) -> float:
    """Return the mean score of examples that are not trained on, learned and held ones alike: for
    runs whose method has no dev part.

    The score of an example is log p(chosen) in nats a token. Training on pairs alone lowers the
    likelihood of both answers, so the score of such an example is log p(chosen | chosen or
    rejected), in nats.

    Args:
        pairs: the kinds that are trained on pairs alone.
    """
    found = score_examples(model, examples, pairs)
    scores = [logp.token_logp for logp in found.chosen]
    for place, rejected in found.rejected.items():
        scores[place] = -softplus(rejected.logp - found.chosen[place].logp)
    return sum(scores) / max(len(scores), 1)


def softplus(x: float) -> float:
    """Return log(1 + e^x), without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def hold_out_examples(
    examples: Sequence[Example], seed: int
) -> tuple[list[Example], list[Example]]:
    """Return the examples to learn from, and all examples of a tenth of the prompts."""
    aside = choose_prompts(examples, HELD_OUT_SHARE, seed, "rates")
    learned = [example for example in examples if make_prompt_key(example) not in aside]
    held = [example for example in examples if make_prompt_key(example) in aside]
    return learned, held


def get_default_rate(adapter: str, settings: TrainConfig) -> float:
    """Return the learning rate of an adapter without a search; 0 for one that has none.

    The rate of the configuration belongs to the adapter of the configuration.
    """
    if is_solved(adapter):
        return 0.0
    configured = settings.learning_rate if adapter == settings.adapter else None
    return float(configured or registry.load_registered("adapters", adapter).learning_rate)


def list_rates(own: float, factors: Sequence[float]) -> list[float]:
    """Return the rates to try, ascending."""
    return sorted({float(f"{own * factor:.3g}") for factor in factors})


def choose_rate(scores: Mapping[float, float | None], own: float) -> float:
    """Return the rate with the greatest score; of equal ones the nearest to the adapter's own.

    Raises:
        Diverged: no rate has a score.
    """
    known = {rate: score for rate, score in scores.items() if score is not None}
    if not known:
        raise Diverged("the loss is not finite at any learning rate.", cure="Give smaller --rates.")
    return min(known, key=lambda rate: (-known[rate], abs(math.log(rate / own)) if rate else 0.0))
