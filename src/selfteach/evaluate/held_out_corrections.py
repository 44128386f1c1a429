"""Held-out corrections by people: how much correction a model still needs.

Nobody corrects new answers if the teacher is a file or a person. The corrected answers may come
from another model and differ from this model's answers, so the distance of new answers hardly
changes. The amount of correction of the rows themselves shows the effect.

Source: correction-optimization, A = log P(y|x) - log P(y'|x). Departs: each of the two is a mean
over its answer's tokens, because otherwise a correction that only adds words is always less likely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfteach import statistics
from selfteach.evaluate.corrections import describe_evidence
from selfteach.evaluate.verdict import Evidence
from selfteach.models.recorded import Recorded
from selfteach.records import Continuations, Measure, Prompt, Turns

MIN_PAIRS = 5
"""Fewer pairs allow no conclusion: four out of four happen by chance in one of sixteen cases."""


@dataclass(frozen=True, slots=True)
class HeldOutCorrection:
    """Hold an answer to a held-out prompt and its correction.

    Attributes:
        cut: whether the answer stopped at its token limit.
    """

    prompt: Turns
    answer: str
    correction: str
    cut: bool = False


def measure_held_out_amounts(
    model: Recorded, prompts: Sequence[Prompt], pairs: Sequence[HeldOutCorrection]
) -> list[float]:
    """Return log pi(y|x) / |y| - log pi(y'|x) / |y'| of each pair, in nats a token.

    It is below 0 if the correction is preferred.

    Args:
        prompts: the prompts of the model, in the order of the pairs.
    """
    items = [
        Continuations(prompt, (pair.answer, pair.correction), end=not pair.cut)
        for prompt, pair in zip(prompts, pairs, strict=True)
    ]
    scores = model.score(items)
    return [answer.token_logp - correction.token_logp for answer, correction in scores]


@dataclass(frozen=True)
class HeldOutAmounts:
    """Hold the amount of correction of each pair, by arm."""

    amounts: Mapping[str, Sequence[float]]

    @property
    def enough(self) -> bool:
        """Return whether there are enough pairs for a conclusion."""
        return len(self.amounts["base"]) >= MIN_PAIRS

    def measures(self, seed: int) -> dict[str, dict[str, Measure]]:
        """Return the numbers of each arm, with 95 % intervals by pair; none without pairs."""
        found: dict[str, dict[str, Measure]] = {"amount_held_out": {}, "preferred": {}}
        for arm, own in self.amounts.items() if any(self.amounts.values()) else ():
            found["amount_held_out"][arm] = statistics.mean(own, seed=seed)
            found["preferred"][arm] = statistics.share([amount < 0 for amount in own])
        return found

    def gains(self, seed: int) -> dict[str, Measure]:
        """Return the amounts of the other arms minus those of the tuned model.

        The result is empty if there are too few pairs, or nothing was trained.
        """
        if "tuned" not in self.amounts or not self.enough:
            return {}
        after = self.amounts["tuned"]
        return {
            arm: statistics.paired_bootstrap(own, after, seed=seed, limits=None)
            for arm, own in self.amounts.items()
            if arm != "tuned"
        }

    def evidence(self, seed: int) -> Evidence | None:
        """Return the evidence for the verdict, or None if there are too few pairs."""
        if not self.enough:
            return None
        count = len(self.amounts["base"])
        mean: dict[str, str] = {}
        share: dict[str, str] = {}
        for arm, found in self.amounts.items():
            mean[arm] = f"{sum(found) / count:.2f}"
            share[arm] = f"{100 * sum(amount < 0 for amount in found) / count:.0f} %"
        start = (
            f"of {count} held-out corrections the base prefers {share['base']} to what they correct"
        )
        if "tuned" not in self.amounts:
            return describe_evidence({}, start=start, change="", prompted="")
        change = (
            f"of {count} held-out corrections {share['base']} are preferred to what "
            f"they correct before and {share['tuned']} after, "
            f"at an amount of correction of {mean['base']} and {mean['tuned']} nats a token"
        )
        prompted = f"{share['prompted']}, {mean['prompted']} nats"
        return describe_evidence(self.gains(seed), start=start, change=change, prompted=prompted)
