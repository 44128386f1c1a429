"""How each mode of tasks invents: requests of a round, and how they are sampled."""

from __future__ import annotations

from dataclasses import dataclass, replace

from selfteach.config import TasksConfig as Settings


@dataclass(frozen=True, slots=True)
class InventSettings:
    """Hold how a mode invents: requests a round, and how each is sampled."""

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
