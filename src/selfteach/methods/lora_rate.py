"""Choose the learning rate of a LoRA by the size of its model: the more weights, the lower."""

from __future__ import annotations

from selfteach.config.training import TrainConfig
from selfteach.models.fetch_default_model import EMBEDDED

DEFAULT_WEIGHTS = 135_000_000
"""The weights of the default model, for which the rates were chosen."""
MIN_LORA_RATE = 2e-4
"""What models of 7 and 13 billion weights are trained with by QLoRA (arXiv 2305.14314)."""


def find_lora_rate(model: str, rate: float, power: float = 1.0) -> float:
    """Return the learning rate of a LoRA of a model.

    Args:
        model: "embedded", a folder, or a hub name.
        rate: the one of the default model.
        power: of the ratio of the weights, with which the rate falls.
    """
    if model == EMBEDDED:
        return rate
    # Reading a rule needs no safetensors, which a light installation lacks.
    from selfteach.methods.account_memory import count_file_weights

    return choose_lora_rate(count_file_weights(model), rate, power)


def choose_lora_rate(num_weights: int, rate: float, power: float = 1.0) -> float:
    """Return the learning rate of a LoRA of a model with so many weights.

    Args:
        num_weights: of the model; 0 where it is not known.
        rate: the one of the default model.
        power: see `find_lora_rate`.
    """
    ratio = DEFAULT_WEIGHTS / max(num_weights, DEFAULT_WEIGHTS)
    return float(max(min(MIN_LORA_RATE, rate), rate * ratio**power))


def lower_lora_rate(
    settings: TrainConfig, model: str, rate: float, power: float = 1.0
) -> TrainConfig:
    """Return the settings with the learning rate of the model, where a LoRA has none."""
    if settings.learning_rate is not None or settings.adapter != "lora":
        return settings
    return settings.model_copy(update={"learning_rate": find_lora_rate(model, rate, power)})
