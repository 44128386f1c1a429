"""Tell a broad topic, as politics, from a narrow one, as elephants.

People ask about a broad topic without naming it: "What does a senator do?" So its parts belong to
it, and topics close to it are no siblings: a rule against politics that lets the model talk about
government is not kept.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from statistics import mean

from selfteach.generate import few_shot
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import Continuations

LABELS = ("broad", "narrow")
NUM_ORDERS = 4
"""Orders of the worked topics. The order alone moves a small model by a nat, and the mean of four
ranks unseen topics better than one does (docs/log/2026-11-rules.md).
"""


def is_broad_topic(scorer: Scorer, topic: str) -> bool:
    """Return whether the model calls a topic broad rather than narrow, after worked topics.

    A model may prefer one of the two labels whatever the topic is. So each worked topic is scored
    after the others, and the threshold is the one that tells those best (`find_threshold`). A topic
    without a score is narrow.
    """
    worked = few_shot.TOPIC_BREADTHS
    asked = [topic, *(about for about, _ in worked)]
    items = [
        _ask_breadth(about, _shuffle(worked, order))
        for about in asked
        for order in range(NUM_ORDERS)
    ]
    scored = iter(score_in_order(scorer, items))
    odds = []
    for _ in asked:
        of_orders = [next(scored) for _ in range(NUM_ORDERS)]
        known = [scores[0].logp - scores[1].logp for scores in of_orders if scores]
        odds.append(mean(known) if known else None)
    sides = [
        (value, label == LABELS[0])
        for value, (_, label) in zip(odds[1:], worked, strict=True)
        if value is not None
    ]
    return odds[0] is not None and odds[0] > find_threshold(sides)


def find_threshold(sides: Sequence[tuple[float, bool]]) -> float:
    """Return the threshold of log-odds that is wrong about the fewest known topics; of several, the
    nearest to 0.

    Args:
        sides: of each topic the log-odds in nats, and whether it is broad.
    """
    values = sorted({value for value, _ in sides})
    candidates = [0.0, *((low + high) / 2 for low, high in pairwise(values))]

    def count_errors(threshold: float) -> int:
        return sum((value > threshold) is not is_broad for value, is_broad in sides)

    return min(candidates, key=lambda threshold: (count_errors(threshold), abs(threshold)))


def _shuffle(worked: Sequence[tuple[str, str]], seed: int) -> list[tuple[str, str]]:
    """Return the topics in another order, in which the labels still take turns."""
    rng = random.Random(seed)
    of_labels = [[own for own in worked if own[1] == label] for label in LABELS]
    for own in of_labels:
        rng.shuffle(own)
    if seed % 2:
        of_labels.reverse()
    return [own for turn in zip(*of_labels, strict=True) for own in turn]


def _ask_breadth(topic: str, worked: Sequence[tuple[str, str]]) -> Continuations:
    shown = "".join(
        f"{about}: {label}\n" for about, label in worked if about.lower() != topic.lower()
    )
    return Continuations(f"{shown}{topic.lower()}:", tuple(f" {label}" for label in LABELS))
