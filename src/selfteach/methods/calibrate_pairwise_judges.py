"""Which judge of two answers may be used? Each one is calibrated on pairs whose better side is
known, in both orders.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from selfteach import statistics
from selfteach.errors import TooManyFailures
from selfteach.judge.pairwise import (
    POINTS,
    AnswerPair,
    ModelPairwiseJudge,
    compare_pairs,
)
from selfteach.methods.session import Session
from selfteach.models.remote.retry import NoLogprobs
from selfteach.records import JsonObject, measures_to_json

AT_CHANCE = "no judge tells the better answer from the worse one more often than by chance"
TOO_FEW_RIGHT = "it tells a right answer from one to another task less often than judge.min_auroc"


def list_pairwise_judges(session: Session) -> list[ModelPairwiseJudge]:
    """Return the judges of a run: the base with two prompts, and the teacher."""
    judges = [ModelPairwiseJudge(session.base), ModelPairwiseJudge(session.base, chat=True)]
    if session.teacher:
        judges.append(ModelPairwiseJudge(session.teacher, chat=True, name="teacher"))
    return judges


def choose_pairwise_judge(
    judges: Sequence[ModelPairwiseJudge],
    pairs: Sequence[AnswerPair],
    seed: int,
    min_agreement: float | None = None,
    clusters: Sequence[Hashable] = (),
) -> tuple[ModelPairwiseJudge | None, JsonObject]:
    """Return the best judge, and its calibration as JSON; no judge where none is good enough.

    A judge that always prefers the same place agrees in one half, because its verdicts are ties.
    An endpoint that gives no log-probabilities, or loses too many answers, is left out.

    Args:
        pairs: ours is the better answer.
        min_agreement: the least agreement of a usable judge; None: the interval of its agreement
            lies above one half, so that it is better than chance.
        clusters: what pairs depend on each other, one for each pair; none if they do not.
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
        agreement = statistics.mean(points, clusters, seed=seed, limits=(0.0, 1.0))
        places = [verdict.first / 2 - 0.5 for verdict in verdicts]
        found["agreement"][judge.name] = agreement
        found["position_bias"][judge.name] = statistics.mean(
            places, clusters, seed=seed, limits=(-0.5, 0.5)
        )
        is_usable = agreement.low > 0.5
        if min_agreement is not None:
            is_usable = agreement.value >= min_agreement
        if is_usable:
            usable[judge.name] = judge
    best = max(usable, key=lambda name: found["agreement"][name].value, default="")
    found["name"] = best
    if not best:
        found["refused"] = AT_CHANCE if min_agreement is None else TOO_FEW_RIGHT
        if not pairs:
            found["refused"] = "there is no pair whose better answer is known"
    described: JsonObject = measures_to_json(found)
    return usable.get(best), described
