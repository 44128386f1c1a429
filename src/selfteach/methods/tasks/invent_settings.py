"""How each mode of tasks invents: requests of a round, how they are sampled, what they bring."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from selfteach.config import TasksConfig as Settings


@dataclass(frozen=True, slots=True)
class InventSettings:
    """Hold how a mode invents: requests of a whole round, and how each is sampled."""

    requests: int
    temperature: float
    top_p: float
    max_tokens: int


MODE_DEFAULTS = {
    "self-instruct": InventSettings(96, 0.7, 0.5, 192),
    "alpaca": InventSettings(12, 1.0, 1.0, 1536),
    "magpie": InventSettings(96, 1.0, 1.0, 192),
}
"""Each mode as its source has it. All modes request about as many tasks a round, and a list of 20
whole ones has room.
"""


def get_invent_settings(config: Settings) -> InventSettings:
    """Return how this run invents: what the configuration says, else the mode's own settings."""
    given = {key: getattr(config.invent, key) for key in InventSettings.__slots__}
    changes = {key: value for key, value in given.items() if value is not None}
    return replace(MODE_DEFAULTS[config.mode], **changes)


@dataclass(frozen=True, slots=True)
class ReplyYield:
    """Hold what a reply of the writer brings.

    Attributes:
        tokens: of the reply.
        tried: new tasks in it, whose instances are written.
        kept: tasks that are accepted at last.
    """

    tokens: int
    tried: float
    kept: float

    @property
    def kept_share(self) -> float:
        """Return the share of the tried tasks that is accepted."""
        return self.kept / self.tried


YIELDS = {
    "self-instruct": ReplyYield(80, 0.56, 0.22),
    "alpaca": ReplyYield(1100, 5.4, 3.2),
    "magpie": ReplyYield(40, 0.78, 0.21),
}
"""Of each mode. The tasks in a reply were measured on the default model, alpaca's with a teacher of
1.5 billion weights (docs/log/2026-11-tasks.md). The tokens of the other two modes are rough.
"""
MARGIN = 1.25
"""How many times as much is requested as is expected to be enough: another portion takes longer
than a few answers more.
"""
EXPECTED_WEIGHT = 16
"""So many candidates the expected share weighs, beside the share that was kept so far."""


def plan_portion(missing: int, expected: float, kept: int = 0, tried: int = 0) -> int:
    """Return how many candidates are tried next, so that enough of them are kept.

    Args:
        missing: how many must still be kept.
        expected: how many are kept of one candidate.
        kept: how many were kept so far.
        tried: of how many candidates.
    """
    share = (EXPECTED_WEIGHT * expected + kept) / (EXPECTED_WEIGHT + tried)
    return math.ceil(MARGIN * missing / share)
