"""How much data is needed at the very least? Trainings on 4, 8, 16, ... prompts in scope, each
examined on the same test prompts.

*balanced* takes prompts from the clusters in turn, *random* as they come; both keep all anchors.
N90 is the least number of prompts with which the rule is kept in nine of ten answers and misapplied
in at most one of twenty. It answers the question of ELVF (II) and chooses
nothing: the adapter that leaves the run is the one trained on everything.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from selfteach.evaluate import exam as paper
from selfteach.evaluate.adherence import Arm
from selfteach.judge import Verdicts
from selfteach.methods.session import Session
from selfteach.methods.runner import Weights, base_arms, questions, teach_adapter
from selfteach.records import Example, question, user
from selfteach.select.overlap import Overlap
from selfteach.statistics import share

LEAST = 4
KEPT, MISAPPLIED = 0.9, 0.05
"""What N90 asks for. Departs: of the share kept, not of the recovery, which says nothing where the
rule in the prompt does not help.
"""


def curve(
    session: Session,
    examples: Sequence[Example],
    kinds: Weights,
    place: Mapping[str, int],
    asked: Mapping[str, Sequence[str]],
    verdicts: Verdicts,
) -> list[dict[str, Any]]:
    """One point for each number of prompts and each order: shares of kept target answers and
    unharmed general ones, greedy.
    """
    lessons = [e for e in examples if e.kind == "in_scope"]
    prompts = list(dict.fromkeys(question(e.prompt) for e in lessons))
    taken, points = questions(session, asked), []
    for order, ranked in (
        ("balanced", in_turn(prompts, place)),
        ("random", random.Random(session.config.seed).sample(prompts, len(prompts))),
    ):
        for n in sizes(len(prompts)):
            chosen = set(ranked[:n])
            subset = [e for e in examples if e.kind != "in_scope" or question(e.prompt) in chosen]
            taught = teach_adapter(session, subset, kinds, f"curve-{order}-{n}")
            arms = {"base": base_arms(session)["base"], "taught": Arm("taught", taught.model, user)}
            sheets = paper.sit(arms, taken, session.config.exam, session.config.seed, session.display)
            marks = paper.mark(
                sheets, verdicts, Overlap(e.chosen for e in subset if e.kind == "in_scope")
            )
            taught.model.rest()
            general = marks.unharmed.get("general", {}).get("taught", [])
            points.append(
                {
                    "examples": n,
                    "order": order,
                    "kept": share(marks.greedy["taught"]),
                    "general": share(general),
                    "misapplied": share(marks.misapplied.get("taught", [])),
                }
            )
    written: list[dict[str, Any]] = [paper.as_json(point) for point in points]
    return written


def n90(points: Sequence[Mapping[str, Any]]) -> dict[str, int | None]:
    """For each order the least number of prompts in scope that was enough (KEPT, MISAPPLIED), or
    None where none was.
    """
    found: dict[str, int | None] = {}
    for point in sorted(points, key=lambda p: -int(p["examples"])):
        enough = point["kept"]["value"] >= KEPT and point["misapplied"]["value"] <= MISAPPLIED
        found[point["order"]] = point["examples"] if enough else found.get(point["order"])
    return found


def sizes(most: int) -> list[int]:
    """4, 8, 16, ... below `most`, then `most` itself."""
    found = []
    n = LEAST
    while n < most:
        found.append(n)
        n *= 2
    return [*found, most]


def in_turn(prompts: Iterable[str], place: Mapping[str, int]) -> list[str]:
    """The prompts with the clusters in turn: one of each, then another of each."""
    clusters: dict[int, list[str]] = {}
    for prompt in prompts:
        clusters.setdefault(place.get(prompt, -1), []).append(prompt)
    return [
        p
        for row in zip_longest(*(clusters[k] for k in sorted(clusters)))
        for p in row
        if p is not None
    ]
