"""Choose the settings of training that a person left open: they depend on the rule."""

from __future__ import annotations

from typing import Any

from selfteach.config.training import FeedbackTrainConfig
from selfteach.methods.session import Session

EPOCHS = 2
EPOCHS_OF_CONDITION = 4
"""A condition is harder to tell than a subject: who is written to, not what about."""
LORA_RATE = 2.5e-3


def complete_training(settings: FeedbackTrainConfig, *, has_condition: bool) -> FeedbackTrainConfig:
    """Return the settings with the epochs and the learning rate of a rule where they are null."""
    changes: dict[str, Any] = {}
    if settings.epochs is None:
        changes["epochs"] = EPOCHS_OF_CONDITION if has_condition else EPOCHS
    if settings.learning_rate is None and settings.adapter == "lora":
        changes["learning_rate"] = LORA_RATE
    return settings.model_copy(update=changes)


def choose_training(session: Session) -> None:
    """Complete the settings of the session's training, once the rule is understood."""
    has_condition = session.situation is not None
    train = complete_training(session.config.train, has_condition=has_condition)
    session.config = session.config.model_copy(update={"train": train})
