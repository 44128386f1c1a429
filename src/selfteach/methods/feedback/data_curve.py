"""The data-need curve: trainings on 4, 8, 16, ... prompts in scope, each examined on the same test
prompts.

*balanced* takes prompts from the clusters in turn, *random* as they come; both keep all anchors.
N90 is the least number of prompts with which the rule is kept in nine of ten answers and
overapplied in at most one of twenty. Overapplied is the larger one of two shares: of answers that
repeat a taught one, and of needless declines and effects where the base's answer is right. N90
answers the question of ELVF (II): how much data is needed? The published adapter is always the one
trained on everything.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import cast

from selfteach.evaluate.exam import Exam, TunedModel, answer_exam
from selfteach.evaluate.scopes import TARGET
from selfteach.evaluate.side_effects import find_side_effects
from selfteach.methods.feedback.exam import RuleScorer
from selfteach.methods.session import Session
from selfteach.methods.train_plan import tune
from selfteach.records import (
    Example,
    JsonMapping,
    JsonObject,
    ObjectiveWeights,
    get_user_text,
    measures_to_json,
)
from selfteach.statistics import share

MakeExam = Callable[[Sequence[Example]], Exam]
"""Make the exam of a model that was trained on these examples."""

MIN_PROMPTS = 4
"""The least number of prompts that is trained on."""
MIN_KEPT_SHARE = 0.9
"""The share of kept answers at N90. Departs: it is not the recovery, which has no meaning if the
rule in the prompt does not help.
"""
MAX_OVERAPPLIED_SHARE = 0.05
"""The share of answers outside the rule that may show it at N90."""


def measure_curve(
    session: Session,
    examples: Sequence[Example],
    objectives: ObjectiveWeights,
    make_exam: MakeExam,
) -> list[JsonObject]:
    """Train on more and more prompts, in both orders; return one point for each: shares of kept
    target answers and of intact general ones, greedy.
    """
    in_scope = [get_user_text(e.prompt) for e in examples if e.kind == "in_scope"]
    prompts = list(dict.fromkeys(in_scope))
    clusters = (session.run.ledger.get_note("clusters") or {}).get("points", ())
    place = {point["prompt"]: point["cluster"] for point in clusters}
    shuffled = random.Random(session.config.seed).sample(prompts, len(prompts))
    points = []
    measured: dict[frozenset[str], JsonObject] = {}
    for order, ranked in (("balanced", alternate_clusters(prompts, place)), ("random", shuffled)):
        for n in list_sizes(len(prompts)):
            left_out = frozenset(ranked[n:])
            if left_out not in measured:  # both orders end with all prompts
                subset = [e for e in examples if get_user_text(e.prompt) not in left_out]
                exam = make_exam(subset)
                tuned = tune(session, subset, objectives, f"curve-{order}-{n}")
                measured[left_out] = measure_point(session, tuned, exam)
            points.append({"examples": n, "order": order, **measured[left_out]})
    return list(map(measures_to_json, points))


def measure_point(session: Session, tuned: TunedModel, exam: Exam) -> JsonObject:
    """Examine a model that was trained on some of the examples; return the shares.

    Needless effects count too: where every prompt teaches another answer, they repeat none.
    """
    arms = {arm: own for arm, own in exam.arms(tuned).items() if arm != "prompted"}
    answers = answer_exam(session, arms, exam)
    scores = exam.scorer.score(answers[TARGET])
    kept = scores.kept("tuned", scores.greedy)
    effects = find_side_effects(answers, exam.taught_texts, exam.find_allowed_repeats)
    repeated = share(effects.overapplied.get("tuned", []))
    applied = cast(RuleScorer, exam.scorer).compare_needless(answers)
    tuned.recorded.release_memory()
    return {
        "kept": share(kept),
        "general": share(effects.intact.get("general", {}).get("tuned", [])),
        "overapplied": max(applied, repeated, key=lambda measure: measure.value),
    }


def find_n90(points: Sequence[JsonMapping]) -> dict[str, int | None]:
    """Return for each order the least number of prompts in scope that was enough, or None."""
    found: dict[str, int | None] = {}
    for point in sorted(points, key=lambda p: -int(p["examples"])):
        kept = point["kept"]["value"] >= MIN_KEPT_SHARE
        found.setdefault(point["order"])
        if kept and point["overapplied"]["value"] <= MAX_OVERAPPLIED_SHARE:
            found[point["order"]] = point["examples"]
    return found


def list_sizes(largest: int) -> list[int]:
    """Return 4, 8, 16, ... below `largest`, then `largest` itself."""
    found = []
    n = MIN_PROMPTS
    while n < largest:
        found.append(n)
        n *= 2
    return [*found, largest]


def alternate_clusters(prompts: Iterable[str], cluster_of: Mapping[str, int]) -> list[str]:
    """Return the prompts with the clusters in turn: one of each, then another of each."""
    clusters: dict[int, list[str]] = {}
    for prompt in prompts:
        clusters.setdefault(cluster_of.get(prompt, -1), []).append(prompt)
    rows = zip_longest(*(own for _, own in sorted(clusters.items())))
    return [prompt for row in rows for prompt in row if prompt is not None]
