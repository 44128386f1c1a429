"""Callbacks: what may be done between the steps of a training, beside them.

The registry's group `callbacks` names classes; the trainer makes one of each, gives it the
configuration, and knows none by name. A callback whose setting is off does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from selfteach import config, registry

if TYPE_CHECKING:
    from selfteach.train.adapters import Adapter
    from selfteach.train.batch import TrainingRow
    from selfteach.train.distributed import ProcessGroup
    from selfteach.train.fast.forward import PackedModel
    from selfteach.train.micro_batch_size import MicroBatchSize

Event = tuple[str, Mapping[str, Any]]
"""What happened, and its facts."""
Say = Callable[[str], None]


class TrainingState(Protocol):
    """What a callback sees of a training; `train.trainer.Trainer` is one.

    Attributes:
        rows: everything that is trained on.
        step: how many steps are done, of `total`.
        student: the model in training.
    """

    adapter: Adapter
    rows: list[TrainingRow]
    step: int
    total: int
    student: PackedModel
    micro_batch: MicroBatchSize
    processes: ProcessGroup

    def event(self, kind: str, body: Mapping[str, Any]) -> None:
        """Record what happened, and its facts."""
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
        """Return the bytes that it will need between two steps, when no activations are kept."""
        return 0

    def before_step(self, trainer: TrainingState, say: Say | None) -> None:
        """Do its work before step `trainer.step + 1`."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must hold for it, as JSON."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""

    def skip(self) -> Sequence[Event]:
        """Return what to record where an adapter is solved for and no step is taken."""
        return ()


def make_callbacks(settings: config.TrainConfig) -> dict[str, Callback]:
    """Return one callback for each name of the registry."""
    names = sorted(registry.list_names("callbacks"))
    return {name: registry.load_registered("callbacks", name)(settings) for name in names}
