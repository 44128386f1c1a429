"""Callbacks: additional work between the steps of a training.

The registry's group `callbacks` names classes. The trainer makes one of each with the configuration
and knows none by name. A callback does nothing if its setting is off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from selfteach import config, registry
from selfteach.records import JsonMapping, JsonObject
from selfteach.train.objectives.objective import Event

if TYPE_CHECKING:
    from selfteach.train.adapters.adapter import Adapter
    from selfteach.train.distributed import ProcessGroup
    from selfteach.train.encode_and_batch import TrainingRow
    from selfteach.train.fast.packed_model import PackedModel
    from selfteach.train.micro_batch_size import MicroBatchSize

StepCallback = Callable[[int, int, JsonMapping], None]
"""Receives the step, the number of all steps and the step's entry of the curve."""
Say = Callable[[str], None]
"""Receives one line at a time."""


class TrainingState(Protocol):
    """Describe a training for a callback; `train.trainer.Trainer` is one.

    Attributes:
        rows: all rows of the training.
        step: the number of steps taken, of `total`.
        model: the model in training.
    """

    adapter: Adapter
    rows: list[TrainingRow]
    step: int
    total: int
    model: PackedModel
    micro_batch: MicroBatchSize
    processes: ProcessGroup

    def record_event(self, kind: str, body: JsonMapping) -> None:
        """Record an event and its facts."""
        ...


class Callback:
    """Do nothing at any time; a subclass overrides what it needs."""

    def __init__(self, settings: config.TrainConfig) -> None:
        self.settings = settings

    def start(self, trainer: TrainingState) -> None:
        """Look at the training before it begins or goes on.

        Raises:
            UsageError: it cannot be done in this training.
        """

    def count_bytes(self, trainer: TrainingState) -> int:
        """Return the bytes that it will need between two steps, without activations."""
        return 0

    def before_step(self, trainer: TrainingState, say: Say | None) -> None:
        """Do its work before step `trainer.step + 1`. `say`: receives one line at a time."""

    def state(self) -> JsonObject:
        """Return what a checkpoint must hold for it, as JSON."""
        return {}

    def restore(self, state: JsonMapping) -> None:
        """Restore what `state` returned."""

    def skip(self) -> Sequence[Event]:
        """Return the events to record if an adapter is solved for without steps."""
        return ()


def make_callbacks(settings: config.TrainConfig) -> dict[str, Callback]:
    """Return one callback for each name of the registry."""
    names = sorted(registry.list_names("callbacks"))
    return {name: registry.load_registered("callbacks", name)(settings) for name in names}
