"""Tell a broad topic, as politics, from a narrow one, as elephants.

People ask about a broad topic without naming it: "What does a senator do?" So its parts belong to
it, and topics close to it are no siblings: a rule against politics that lets the model talk about
government is not kept.
"""

from __future__ import annotations

from selfteach.generate import few_shot
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import Continuations

LABELS = ("broad", "narrow")


def is_broad_topic(scorer: Scorer, topic: str) -> bool:
    """Return whether the model calls a topic broad rather than narrow, after worked topics.

    A topic without a score is narrow.
    """
    worked = "".join(f"{about}: {label}\n" for about, label in few_shot.TOPIC_BREADTHS)
    item = Continuations(f"{worked}{topic.lower()}:", tuple(f" {label}" for label in LABELS))
    (scores,) = score_in_order(scorer, [item])
    return bool(scores) and scores[0].logp > scores[1].logp
