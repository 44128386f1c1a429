"""Which judge of two answers may be used? Each one is calibrated on pairs whose better side is
known, in both orders.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfteach import statistics
from selfteach.errors import TooManyFailures
from selfteach.evaluate.exam import measures_to_json
from selfteach.judge.pairwise import (
    POINTS,
    AnswerPair,
    ModelPairwiseJudge,
    compare_pairs,
    measure_agreement,
)
from selfteach.methods.session import Session
from selfteach.models.remote.retry import NoLogprobs
from selfteach.records import JsonObject, Measure

AT_CHANCE = "no judge tells the better answer from the worse one more often than by chance"


def list_pairwise_judges(session: Session) -> list[ModelPairwiseJudge]:
    """Return the judges of a run: the base with two prompts, and the teacher."""
    judges = [ModelPairwiseJudge(session.base), ModelPairwiseJudge(session.base, chat=True)]
    if session.teacher:
        judges.append(ModelPairwiseJudge(session.teacher, chat=True, name="teacher"))
    return judges


def measure_agreements(
    judges: Sequence[ModelPairwiseJudge], pairs: Sequence[AnswerPair]
) -> tuple[dict[str, Measure], dict[str, str]]:
    """Return how good each judge is, and why others cannot judge.

    An endpoint may give no log-probabilities, or lose too many answers.
    """
    agreements: dict[str, Measure] = {}
    left_out: dict[str, str] = {}
    for judge in judges:
        try:
            agreements[judge.name] = measure_agreement(judge, pairs)
        except (NoLogprobs, TooManyFailures) as fault:
            left_out[judge.name] = fault.what.rstrip(".")
    return agreements, left_out


def choose_pairwise_judge(
    judges: Sequence[ModelPairwiseJudge], pairs: Sequence[AnswerPair], seed: int
) -> tuple[ModelPairwiseJudge | None, JsonObject]:
    """Return the best judge, and its calibration as JSON; no judge where all are at chance.

    A judge is better than chance if the interval of its agreement lies above one half. A judge
    that always prefers the same place agrees in one half, because its verdicts are ties.

    Args:
        pairs: ours is the better answer.
    """
    found: JsonObject = {"agreement": {}, "position_bias": {}, "left_out": {}, "refused": ""}
    usable: dict[str, ModelPairwiseJudge] = {}
    for judge in judges:
        try:
            verdicts = compare_pairs(judge, pairs)
        except (NoLogprobs, TooManyFailures) as fault:
            found["left_out"][judge.name] = fault.what.rstrip(".")
            continue
        points = [POINTS[verdict.word] for verdict in verdicts]
        agreement = statistics.mean(points, seed=seed, limits=(0.0, 1.0))
        places = [verdict.first / 2 - 0.5 for verdict in verdicts]
        found["agreement"][judge.name] = agreement
        found["position_bias"][judge.name] = statistics.mean(places, seed=seed, limits=(-0.5, 0.5))
        if agreement.low > 0.5:
            usable[judge.name] = judge
    best = max(usable, key=lambda name: found["agreement"][name].value, default="")
    found["name"] = best
    if not best:
        found["refused"] = AT_CHANCE if pairs else "there is no pair whose better answer is known"
    described: JsonObject = measures_to_json(found)
    return usable.get(best), described
