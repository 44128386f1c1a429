"""The base's own weights as parameters: all of them (`full`), or those of some layers (`layers`).

The optimizer changes float32 copies. The module computes with them in its own dtype, so that small
steps are not lost in bf16. The base's values are kept too, because `disable` needs them. Under
DeepSpeed each process keeps its part of both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.config import TrainConfig
from selfteach.errors import UsageError
from selfteach.models.four_bit import USE_LORA, refuse_4bit
from selfteach.models.hook_adapter import get_decoder_layers
from selfteach.models.load_adapter import KIND_KEY
from selfteach.models.parse_layers import parse_layers
from selfteach.records import JsonMapping
from selfteach.train.adapters.adapter import (
    Adapter,
    EncodeText,
    get_base_name,
    write_adapter_folder,
)
from selfteach.train.distributed import (
    SplitGradients,
    copy_whole_tensors,
    set_weight,
    split_tensor,
    splits_copies,
)
from selfteach.train.l2_to_base import WeightChange
from selfteach.train.memory import count_bytes


class FullAdapter(Adapter):
    """Train every weight."""

    learning_rate = 2e-5
    kind = "full"

    def __init__(self, module: nn.Module, weights: Mapping[str, nn.Parameter]) -> None:
        self._weights = weights
        self._splits = splits_copies()
        copy = split_tensor if self._splits else torch.clone
        with torch.no_grad():
            self._base = {name: copy(weight).detach() for name, weight in weights.items()}
        trained = {name: nn.Parameter(base.float().clone()) for name, base in self._base.items()}
        super().__init__(module, trained)
        self._handles = []
        gradients = SplitGradients(weights, trained)
        for name, weight in weights.items():
            weight.requires_grad_(True)
            collect: Callable[[Tensor], None] = partial(_accumulate_gradient, trained[name])
            if self._splits:
                collect = partial(gradients.take, name)
            handle = weight.register_post_accumulate_grad_hook(collect)  # type: ignore[no-untyped-call]
            self._handles.append(handle)

    @classmethod
    def weights(cls, module: nn.Module, config: TrainConfig) -> dict[str, nn.Parameter]:
        """Return the weights that will be trained, so that their copies can be counted before.

        Raises:
            UsageError: weights of the module are in 4 bits.
        """
        refuse_4bit(module, f"train.adapter={cls.kind}", "trained itself", USE_LORA)
        return dict(module.named_parameters())

    @classmethod
    def attach(
        cls,
        module: nn.Module,
        config: TrainConfig,
        *,
        seed: int,
        encode: EncodeText | None = None,
    ) -> FullAdapter:
        """Copy the weights as they are."""
        return cls(module, cls.weights(module, config))

    @property
    def kept_bytes(self) -> int:
        """Return the bytes of the base's values."""
        return count_bytes(self._base.values())

    def begin_step(self) -> None:
        """Copy the parameters into the module."""
        self._set_weights(self._trained)

    @torch.no_grad()
    def _set_weights(self, values: Mapping[str, Tensor]) -> None:
        """Change the weights in place, because shards are found by their storage."""
        for name, weight in self._weights.items():
            set_weight(weight, values[name])

    @contextmanager
    def disable(self) -> Iterator[None]:
        """Give the module the base's weights."""
        self._set_weights(self._base)
        try:
            yield
        finally:
            self._set_weights(self._trained)

    def iterate_weight_changes(self) -> Iterator[WeightChange]:
        """Yield each weight less the base's."""
        for name, weight in self._trained.items():
            yield (weight - self._base[name].float(),)

    def save(self, folder: Path, about: JsonMapping) -> None:
        """Write the changed weights in the module's dtype, and their names."""
        self.begin_step()
        settings = {
            KIND_KEY: self.kind,
            **get_base_name(about),
            "tensors": sorted(self._weights),
        }
        write_adapter_folder(folder, copy_whole_tensors(self._weights), settings, about)

    def detach(self) -> None:
        """Restore the base's weights and flags."""
        for handle in self._handles:
            handle.remove()
        failed = sys.exc_info()[0] is not None
        if not (self._splits and failed):  # after a fault the other processes do not take part
            self._set_weights(self._base)
        for weight in self._weights.values():
            weight.grad = None
        super().detach()


class LayersAdapter(FullAdapter):
    """Train the weights of some layers."""

    learning_rate = 1e-4
    kind = "layers"

    @classmethod
    def weights(cls, module: nn.Module, config: TrainConfig) -> dict[str, nn.Parameter]:
        """Return the weights that `train.layers.which` names.

        Raises:
            UsageError: there are none, or weights of the module are in 4 bits.
        """
        refuse_4bit(module, f"train.adapter={cls.kind}", "trained itself", USE_LORA)
        return select_weights(module, config.layers.which)


def select_weights(module: Any, which: str) -> dict[str, nn.Parameter]:
    """Return the weights that a text names: `last 4`, `3,7` (layers by number), or parts of names
    such as `lm_head, model.layers.29.mlp`.

    Raises:
        UsageError: no weight has one of the names.
    """
    named = dict(module.named_parameters())
    words = which.replace(",", " ").split()
    if words and (words[0] in ("all", "last") or all(word.isdecimal() for word in words)):
        layers = get_decoder_layers(module)
        selected: set[int] = set()
        for n in parse_layers(which, len(layers), "train.layers.which"):
            selected |= set(map(id, layers[n].parameters()))
        return {name: p for name, p in named.items() if id(p) in selected}
    what = "" if words else "names no layers."
    selected_names: set[str] = set()
    for word in words:
        matching = {name for name in named if f".{word}." in f".{name}."}
        selected_names |= matching
        what = what or ("" if matching else f"no weight is named {word!r}.")
    if what:
        raise UsageError(
            what,
            where="train.layers.which",
            cure=f'Write "last 4", or names such as "{next(iter(named))}".',
        )
    return {name: p for name, p in named.items() if name in selected_names}


def _accumulate_gradient(trained: nn.Parameter, weight: Tensor) -> None:
    """Move a weight's gradient to its float32 copy; several micro-batches add up there.

    The weight loses it first. If memory runs out here, the pass is repeated, and what the weight
    still had would count twice.
    """
    grad = weight.grad
    assert grad is not None
    weight.grad = None
    found = grad.float()
    trained.grad = found if trained.grad is None else trained.grad.add_(found)
