"""How much data is needed at the very least? Trainings on 4, 8, 16, ... prompts in scope, each
examined on the same test prompts.

*balanced* takes prompts from the clusters in turn, *random* as they come; both keep all anchors.
N90 is the least number of prompts with which the rule is kept in nine of ten answers and misapplied
in at most one of twenty. It answers the question of ELVF (II) and chooses
nothing: the adapter that leaves the run is the one trained on everything.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from selfteach.evaluate.exam import TARGET, Exam, TunedModel, answer_all, measures_to_json
from selfteach.evaluate.side_effects import find_side_effects
from selfteach.methods.method import ObjectiveWeights
from selfteach.methods.runner import tune
from selfteach.methods.session import Session
from selfteach.records import Example, get_user_text
from selfteach.statistics import share

MakeExam = Callable[[Sequence[Example]], Exam]
"""Make the exam of a model that was trained on these examples."""

MIN_PROMPTS = 4
MIN_KEPT_SHARE, MAX_OVERAPPLIED_SHARE = 0.9, 0.05
"""What N90 asks for. Departs: of the share kept, not of the recovery, which says nothing where the
rule in the prompt does not help.
"""


def measure_curve(
    session: Session,
    examples: Sequence[Example],
    objectives: ObjectiveWeights,
    make_exam: MakeExam,
) -> list[dict[str, Any]]:
    """Train on more and more prompts, in both orders; return one point for each: shares of kept
    target answers and of unharmed general ones, greedy.
    """
    in_scope = [e for e in examples if e.kind == "in_scope"]
    prompts = list(dict.fromkeys(get_user_text(e.prompt) for e in in_scope))
    clusters = (session.run.ledger.get_note("clusters") or {}).get("points", ())
    place = {point["prompt"]: point["cluster"] for point in clusters}
    shuffled = random.Random(session.config.seed).sample(prompts, len(prompts))
    points = []
    for order, ranked in (("balanced", alternate_clusters(prompts, place)), ("random", shuffled)):
        for n in list_sizes(len(prompts)):
            chosen = set(ranked[:n])
            subset = [
                e for e in examples if e.kind != "in_scope" or get_user_text(e.prompt) in chosen
            ]
            exam = make_exam(subset)
            tuned = tune(session, subset, objectives, f"curve-{order}-{n}")
            shares = measure_point(session, tuned, exam)
            points.append({"examples": n, "order": order, **shares})
    written: list[dict[str, Any]] = [measures_to_json(point) for point in points]
    return written


def measure_point(session: Session, tuned: TunedModel, exam: Exam) -> dict[str, Any]:
    """Examine a model that was trained on some of the examples; return the shares."""
    arms = {arm: own for arm, own in exam.arms(tuned).items() if arm != "prompted"}
    answers = answer_all(session, arms, exam)
    kept = exam.scorer.score(answers[TARGET]).greedy["taught"]
    effects = find_side_effects(answers, exam.taught_texts, exam.excuse)
    tuned.recorded.release_memory()
    return {
        "kept": share(kept),
        "general": share(effects.unharmed.get("general", {}).get("taught", [])),
        "overapplied": share(effects.overapplied.get("taught", [])),
    }


def find_n90(points: Sequence[Mapping[str, Any]]) -> dict[str, int | None]:
    """For each order the least number of prompts in scope that was enough (KEPT, MISAPPLIED), or
    None where none was.
    """
    found: dict[str, int | None] = {}
    for point in sorted(points, key=lambda p: -int(p["examples"])):
        enough = (
            point["kept"]["value"] >= MIN_KEPT_SHARE
            and point["overapplied"]["value"] <= MAX_OVERAPPLIED_SHARE
        )
        found[point["order"]] = point["examples"] if enough else found.get(point["order"])
    return found


def list_sizes(most: int) -> list[int]:
    """4, 8, 16, ... below `most`, then `most` itself."""
    found = []
    n = MIN_PROMPTS
    while n < most:
        found.append(n)
        n *= 2
    return [*found, most]


def alternate_clusters(prompts: Iterable[str], cluster_of: Mapping[str, int]) -> list[str]:
    """The prompts with the clusters in turn: one of each, then another of each."""
    clusters: dict[int, list[str]] = {}
    for prompt in prompts:
        clusters.setdefault(cluster_of.get(prompt, -1), []).append(prompt)
    return [
        p
        for row in zip_longest(*(clusters[k] for k in sorted(clusters)))
        for p in row
        if p is not None
    ]
