"""Measure a round of corrections: what new answers still need, and what earlier rounds taught.

The need for correction is measured twice: of greedy answers and of answers at T=1. A model can
improve in one and not in the other. Corrections of earlier rounds are scored again after each
round, by the model that was trained last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from selfteach import statistics
from selfteach.evaluate.corrections import (
    average_by_prompt,
    correct_answers,
    measure_amounts,
    measure_distances,
)
from selfteach.generate.correct import Corrector
from selfteach.methods.corrections.make_examples import CORRECTED_KINDS
from selfteach.methods.corrections.sample_and_correct import to_correctables
from selfteach.methods.score_examples import score_examples
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import (
    GREEDY,
    Example,
    JsonObject,
    Measure,
    Request,
    SamplingParams,
    Turns,
)
from selfteach.select.evenly import choose_evenly

WAYS = {"greedy": GREEDY, "sampled": SamplingParams(1.0, 1.0)}
MAX_SCORED = 60
"""Corrections of each round that are scored again after later rounds."""
Flags = Mapping[int, Sequence[bool]]
"""By round: whether each of its corrections is preferred."""


@dataclass(frozen=True)
class RoundNeeds:
    """Hold what the teacher changes of the answers to each dev prompt, by way of sampling.

    Attributes:
        distances: the share of words, in [0, 1], by prompt.
        amounts: log P(y) - log P(y') in nats, without answers that have no correction.
    """

    distances: Mapping[str, Sequence[float]]
    amounts: Mapping[str, Sequence[float]]

    def average(self) -> list[float]:
        """Return the mean of the greedy and the sampled answer's distance, by prompt."""
        return average_by_prompt(self.distances.values())

    def to_measures(self, seed: int) -> JsonObject:
        """Return the keys of a point of the curve."""
        return {
            "distance": {
                way: statistics.mean(found, seed=seed, limits=(0.0, 1.0))
                for way, found in self.distances.items()
            },
            "amount_nats": {
                way: statistics.mean(found, seed=seed) for way, found in self.amounts.items()
            },
        }


def measure_round_needs(
    session: Session, model: Recorded, teacher: Corrector, dev: Sequence[Turns]
) -> RoundNeeds:
    """Return what the teacher changes of new answers to dev prompts, greedy and at T=1."""
    session.display.start_stage("dev answers", len(WAYS) * len(dev))
    distances: dict[str, Sequence[float]] = {}
    amounts: dict[str, Sequence[float]] = {}
    for name, way in WAYS.items():
        sampling = replace(way, max_tokens=session.config.correct.max_tokens)
        requests = [Request("exam", prompt, sampling, 0, session.config.seed) for prompt in dev]
        answers = to_correctables(dev, model.sample(requests, session.display.advance))
        revisions = correct_answers(teacher.correct, answers)
        distances[name] = measure_distances(revisions)
        amounts[name] = measure_amounts(model, dev, revisions)
    return RoundNeeds(distances, amounts)


def measure_fall_of_needs(before: RoundNeeds, now: RoundNeeds, seed: int) -> Measure:
    """Return by how much a round lowers the mean distance, answers paired by dev prompt."""
    return statistics.paired_bootstrap(before.average(), now.average(), seed=seed)


def find_preferred_corrections(model: Recorded, examples: Sequence[Example]) -> Flags:
    """Return by round whether the model prefers each correction to the answer that it corrects.

    log P(y') / |y'| > log P(y) / |y|, in nats a token, as for held-out corrections. At most
    `MAX_SCORED` corrections of a round are scored, evenly spaced.
    """
    by_round: dict[int, list[Example]] = {}
    for example in examples:
        if example.kind in CORRECTED_KINDS and example.rejected is not None:
            by_round.setdefault(int(example.source["round"]), []).append(example)
    found: dict[int, Sequence[bool]] = {}
    for number, own in sorted(by_round.items()):
        found[number] = score_examples(model, choose_evenly(own, MAX_SCORED)).preferred
    return found


def describe_earlier_rounds(learned: Flags, now: Flags, seed: int) -> list[JsonObject]:
    """Return for each round the share of its corrections that is preferred now, and the change
    since the round was learned, corrections paired.
    """
    return [
        {
            "round": number,
            "preferred": statistics.share(list(flags)),
            "change": statistics.paired_bootstrap(flags, learned.get(number, flags), seed=seed),
        }
        for number, flags in now.items()
    ]
