"""What rules and criticisms share where a tuned model learns corrections of its own mistakes.

Source: DAgger (Ross et al. 2011, arXiv 1011.0686), states that the learner itself gets into;
correction-optimization, the least correction of the model's own answer. Departs: one round, and a
check in place of a teacher.
"""

from __future__ import annotations

OWN_MISTAKES_STAGE = "own mistakes"
"""The stage in which the tuned model's own answers are corrected."""
OWN_MISTAKE = "own_mistake"
"""The kind of a corrected answer of the tuned model's own."""
OWN_MISTAKE_WEIGHTS = {"correction": 1.0}
"""`hold` beside it keeps the base's beginnings, from which long answers follow: half of the emails
were too long with it, one in fifteen without (docs/log/2026-11-rules.md).
"""
MIN_MISTAKE_SHARE = 0.01
"""With a smaller share of mistakes nothing is trained again."""


def has_enough_mistakes(corrected: int, drawn: int) -> bool:
    """Return whether so many corrections of drawn answers are worth another training."""
    return corrected >= MIN_MISTAKE_SHARE * max(drawn, 1)
