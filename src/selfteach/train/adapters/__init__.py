"""Adapters: which parameters may change. Each attaches to a base that stays as it is, and detaches without a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from selfteach import config


class Adapter(Protocol):
    """Trainable parameters on a frozen base. The registry names a class whose `attach` returns one of these."""

    @classmethod
    def attach(cls, module: nn.Module, config: config.Train, *, seed: int) -> Adapter:
        """Puts fresh parameters on the module; it answers as before until they are trained."""
        ...

    def parameters(self) -> list[nn.Parameter]:
        """What the optimizer may change, in a fixed order."""
        ...

    def begin_step(self) -> None:
        """Called once before the forward passes that follow a change of the parameters."""
        ...

    def off(self) -> AbstractContextManager[None]:
        """Inside, the module is the untouched base."""
        ...

    def merged(self) -> AbstractContextManager[None]:
        """Inside, the module draws at the base's speed; no gradients."""
        ...

    def state(self) -> dict[str, torch.Tensor]:
        """The parameters by the names of the saved file, float32."""
        ...

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        ...

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Writes an ordinary PEFT folder, and `about` as selfteach.json."""
        ...

    def detach(self) -> None:
        """Takes everything off again: the module is the base it was."""
        ...

    def layers(self) -> Iterator[str]:
        """The names of the layers that it sits on."""
        ...
