"""Held-out corrections by people: how much correction a model still needs.

Nobody corrects new answers if the teacher is a file or a person. The corrected answers may come
from another model and differ from this model's answers, so the distance of new answers hardly
changes. The amount of correction of the rows themselves shows the effect.

Source: correction-optimization, A = log P(y|x) - log P(y'|x). Departs: each of the two is a mean
over its answer's tokens, because otherwise a correction that only adds words is always less likely.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from selfteach import statistics
from selfteach.evaluate.corrections import describe_evidence
from selfteach.evaluate.verdict import Evidence
from selfteach.models.recorded import Recorded
from selfteach.records import Continuations, Measure, Prompt, Turns

MIN_PROMPTS = 5
"""Fewer prompts allow no conclusion: four out of four happen by chance in one of sixteen cases."""
UNIT = (0.0, 1.0)


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
    """Hold the amount of correction of each pair, by arm.

    The corrections of one prompt are one unit, as what the model makes of one is no news about
    another.

    Attributes:
        amounts: (n,) of each arm.
        prompts: (n,) the prompt of each pair; none means that each has one of its own.
    """

    amounts: Mapping[str, Sequence[float]]
    prompts: Sequence[Hashable] = ()

    @property
    def units(self) -> int:
        """Return the number of prompts."""
        return len(self.average_by_prompt(self.amounts["base"]))

    @property
    def enough(self) -> bool:
        """Return whether there are enough prompts for a conclusion."""
        return self.units >= MIN_PROMPTS

    def average_by_prompt(self, values: Sequence[float]) -> list[float]:
        """Return the mean of the values of each prompt.

        Raises:
            ValueError: there are not as many prompts as values.
        """
        prompts = self.prompts or range(len(values))
        own: dict[Hashable, list[float]] = {}
        for prompt, value in zip(prompts, values, strict=True):
            own.setdefault(prompt, []).append(value)
        return [fmean(found) for found in own.values()]

    def list_preferred(self, arm: str) -> list[float]:
        """Return the share of each prompt's corrections that are preferred."""
        return self.average_by_prompt([float(amount < 0) for amount in self.amounts[arm]])

    def measures(self, seed: int) -> dict[str, dict[str, Measure]]:
        """Return the numbers of each arm, with 95 % intervals by prompt; none without pairs.

        One prompt has no amount: nothing tells how far that of another would be from it.
        """
        found: dict[str, dict[str, Measure]] = {"amount_held_out": {}, "preferred": {}}
        for arm, own in self.amounts.items() if self.units else ():
            preferred = self.list_preferred(arm)
            found["preferred"][arm] = statistics.mean(preferred, seed=seed, limits=UNIT)
            if self.units > 1:
                amounts = self.average_by_prompt(own)
                found["amount_held_out"][arm] = statistics.mean(amounts, seed=seed)
        return found

    def gains(self, seed: int) -> dict[str, Measure]:
        """Return the amounts of the other arms minus those of the tuned model, by prompt.

        The result is empty if there are too few prompts, or nothing was trained.
        """
        if "tuned" not in self.amounts or not self.enough:
            return {}
        amounts = {arm: self.average_by_prompt(own) for arm, own in self.amounts.items()}
        after = amounts.pop("tuned")
        return {
            arm: statistics.paired_bootstrap(own, after, seed=seed, limits=None)
            for arm, own in amounts.items()
        }

    def evidence(self, seed: int) -> Evidence | None:
        """Return the evidence for the verdict, or None if there are too few prompts."""
        if not self.enough:
            return None
        mean: dict[str, str] = {}
        share: dict[str, str] = {}
        for arm, found in self.amounts.items():
            mean[arm] = f"{fmean(self.average_by_prompt(found)):.2f}"
            share[arm] = f"{100 * fmean(self.list_preferred(arm)):.0f} %"
        asked = self.describe_asked()
        start = f"of {asked} the base prefers {share['base']} to what they correct"
        if "tuned" not in self.amounts:
            return describe_evidence({}, start=start, change="", prompted="")
        change = (
            f"of {asked} {share['base']} are preferred to what "
            f"they correct before and {share['tuned']} after, "
            f"at an amount of correction of {mean['base']} and {mean['tuned']} nats a token"
        )
        prompted = f"{share['prompted']}, {mean['prompted']} nats"
        return describe_evidence(self.gains(seed), start=start, change=change, prompted=prompted)

    def describe_asked(self) -> str:
        """Return how many corrections there are, and of how many prompts where these are fewer."""
        count = len(self.amounts["base"])
        of_prompts = f" of {self.units} prompts" if self.units < count else ""
        return f"{count} held-out corrections{of_prompts}"
