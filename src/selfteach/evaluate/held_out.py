"""Corrections of held-out answers that people wrote: how much of them a model still needs, whatever
it answers itself.

Where the teacher is a file or a person nobody corrects new answers, and what another model answered
is far from what this one does, so that the distance of new answers hardly moves. What the
correction is about shows in the amount of correction of the rows themselves.

Source: correction-optimization, A = log P(y|x) - log P(y'|x). Departs: each of the two is a mean
over its answer's tokens, or a correction that only adds words could never be the likelier one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfteach import statistics
from selfteach.evaluate.corrections import Arm, Evidence
from selfteach.generate.correct import Turns
from selfteach.records import Continuations, Measure

LEAST_PAIRS = 5
"""Of fewer pairs nothing is concluded: four out of four happen by chance once in sixteen times."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An answer to a held-out prompt, and what somebody made of it. `cut`: the answer stopped at
    its token limit.
    """

    prompt: Turns
    answer: str
    correction: str
    cut: bool = False


def amounts(arm: Arm, pairs: Sequence[Pair]) -> list[float]:
    """log pi(y|x) / |y| - log pi(y'|x) / |y'| of each pair, in nats a token: below 0 where the
    correction is preferred.
    """
    items = [
        Continuations(arm.prompt(p.prompt), (p.answer, p.correction), end=not p.cut) for p in pairs
    ]
    found = dict(arm.model.logp(items))
    scores = [found[item.id(arm.model.fingerprint)] for item in items]
    return [answer.token_logp - correction.token_logp for answer, correction in scores]


@dataclass(frozen=True)
class HeldOut:
    """The amount of correction of each pair, by arm."""

    amounts: Mapping[str, Sequence[float]]

    def measures(self, seed: int) -> dict[str, dict[str, Measure]]:
        """The numbers of each arm, with 95 % intervals by pair; none without pairs."""
        if not any(self.amounts.values()):
            return {"amount_held_out": {}, "preferred": {}}
        return {
            "amount_held_out": {
                arm: statistics.mean(found, seed=seed) for arm, found in self.amounts.items()
            },
            "preferred": {
                arm: statistics.share([amount < 0 for amount in found])
                for arm, found in self.amounts.items()
            },
        }

    def evidence(self, seed: int) -> Evidence | None:
        """What the verdict rests on, where there are pairs enough."""
        count = len(self.amounts["base"])
        if count < LEAST_PAIRS:
            return None
        mean = {arm: f"{sum(found) / count:.2f}" for arm, found in self.amounts.items()}
        share = {
            arm: f"{100 * sum(amount < 0 for amount in found) / count:.0f} %"
            for arm, found in self.amounts.items()
        }
        start = (
            f"of {count} held-out corrections the base prefers {share['base']} to what they correct"
        )
        if "taught" not in self.amounts:
            return Evidence({}, start, "", "")
        gains = {
            arm: statistics.paired_bootstrap(
                self.amounts[arm], self.amounts["taught"], seed=seed, limits=None
            )
            for arm in ("base", "prompted")
        }
        change = (
            f"of {count} held-out corrections {share['base']} are preferred to what "
            f"they correct before and {share['taught']} after, "
            f"at an amount of correction of {mean['base']} and {mean['taught']} nats a token"
        )
        return Evidence(gains, start, change, f"{share['prompted']}, {mean['prompted']} nats")
