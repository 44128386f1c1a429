"""Names of stages that both the steps of `feedback` and their plan use."""

from __future__ import annotations

NEEDLESS_STAGE = "needless effects"
"""The stage in which the tuned model is tried outside the condition of a rule."""


def name_needless_stage(turn: int) -> str:
    """Return the name of the stage in which the tuned model is tried outside the condition for the
    first (1), second (2), ... time.
    """
    return NEEDLESS_STAGE if turn == 1 else f"{NEEDLESS_STAGE} {turn}"
