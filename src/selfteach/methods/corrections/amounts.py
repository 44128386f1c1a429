"""How much `corrections` asks for: its steps and their plan go by the same amounts."""

from __future__ import annotations

MIN_SIMILAR = 24
"""The least number of prompts written for each criticism, where many criticisms share
`criticism.similar`: some to learn from, some for the exam.
"""


def count_similar_prompts(similar: int, criticisms: int) -> int:
    """Return how many prompts are written for each of so many criticisms, which share `similar`."""
    return max(similar // max(criticisms, 1), min(similar, MIN_SIMILAR))


def count_anchor_lengths(criticisms: int) -> int:
    """Return how many times `anchors.anchor_tokens` an anchor has.

    "Too long" teaches where to stop, and an anchor that ends in its first sentence does not teach
    where not to stop.
    """
    return 2 if criticisms else 1
