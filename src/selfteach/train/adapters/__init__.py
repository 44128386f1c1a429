"""Adapters: which parameters may change. Each attaches to a base that stays as it is, and detaches
without a trace.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save
from torch import nn

from selfteach import config, registry
from selfteach.files import write_bytes, write_text
from selfteach.models.embedded import hub_id
from selfteach.models.hooks import HookAdapter
from selfteach.train.distributed import get_rank
from selfteach.train.l2 import WeightChange

EncodeText = Callable[[str], Sequence[int]]


class LowRankLayer(Protocol):
    """A layer whose update is a product s B A. Shapes: a (r, in)."""

    a: nn.Parameter

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> Any:
        """Call a function with what enters the layer, as `nn.Module` does."""
        ...


class Adapter(Protocol):
    """Trainable parameters on a frozen base. The registry names a class whose `attach` returns one
    of these.
    """

    learning_rate: float
    """The rate where the configuration names none."""
    worn: HookAdapter | None
    """What it does to forward passes beside changing weights."""
    solves: bool = False
    """Whether it is solved for at once: then the class has `solve` (closed_form.py) and no step is
    taken.
    """
    joins: bool = False
    """Whether what it saves is of low rank, so that two of them can become one file."""

    @property
    def low_rank_layers(self) -> Mapping[str, LowRankLayer]:
        """The layers whose update is a product s B A, by name, in the module's order; none, where
        it changes the model in another way.
        """
        return {}

    @classmethod
    def attach(
        cls,
        module: nn.Module,
        config: config.TrainConfig,
        *,
        seed: int,
        encode: EncodeText | None = None,
    ) -> Adapter:
        """Puts fresh parameters on the module; it answers as before until they are trained (a soft
        prompt: as after its first words).

        Args:
            encode: the tokens of a text, for parameters that start as words.
        """
        ...

    def parameters(self) -> list[nn.Parameter]:
        """What the optimizer may change, in a fixed order."""
        ...

    def begin_step(self) -> None:
        """Called once before the forward passes that follow a change of the parameters."""
        ...

    def disable(self) -> AbstractContextManager[None]:
        """Inside, the module is the untouched base."""
        ...

    def merged(self) -> AbstractContextManager[None]:
        """Inside, the module draws as fast as it can with this adapter; no gradients."""
        ...

    def iterate_weight_changes(self) -> Iterator[WeightChange]:
        """What each layer's weights are away from the base's, with a graph to the parameters: for
        `train.l2`.
        """
        ...

    def state(self) -> dict[str, torch.Tensor]:
        """The parameters by the names of the saved file, float32."""
        ...

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        ...

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Writes adapter_model.safetensors and adapter_config.json (PEFT's, where it has this
        kind), and `about` as selfteach.json.

        All processes call it, because weights may lie in shards; `write_adapter_folder` lets the first one
        write.
        """
        ...

    def detach(self) -> None:
        """Takes everything off again: the module is the base it was."""
        ...

    def layers(self) -> Iterator[str]:
        """The names of the layers that it sits on."""
        ...


def is_solved(name: str) -> bool:
    """Return whether the adapter of this name is solved for without steps.

    Raises:
        UsageError: no such name.
    """
    return bool(getattr(registry.load_registered("adapters", name), "solves", False))


def can_join(name: str) -> bool:
    """Return whether two saved adapters of this name can become one file.

    Raises:
        UsageError: no such name.
    """
    return bool(getattr(registry.load_registered("adapters", name), "joins", False))


def make_peft_lora_config(
    rank: int,
    alpha: float,
    targets: Sequence[str],
    about: Mapping[str, Any],
    *,
    biases: bool = False,
) -> dict[str, Any]:
    """PEFT's adapter_config.json of a LoRA."""
    from peft import LoraConfig

    peft = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        target_modules=list(targets),
        task_type="CAUSAL_LM",
        lora_bias=biases,  # type: ignore[arg-type]
        base_model_name_or_path=str(about.get("base") or ""),
        inference_mode=True,
    )
    return {
        key: sorted(value) if isinstance(value, set) else value
        for key, value in peft.to_dict().items()
    }


def write_adapter_folder(
    folder: Path,
    tensors: Mapping[str, torch.Tensor],
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
) -> None:
    """An adapter's three files, each whole or not at all: the tensors, what kind they are
    (`settings`), on which base (`about`). The settings name the base as a hub does.

    Of several processes the first one writes.
    """
    if get_rank():
        return
    if base := settings.get("base_model_name_or_path"):
        settings = {**settings, "base_model_name_or_path": hub_id(str(base))}
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(
        folder / "adapter_model.safetensors", save(dict(tensors), metadata={"format": "pt"})
    )
    write_text(
        folder / "adapter_config.json",
        json.dumps(dict(settings), indent=2, sort_keys=True, default=str) + "\n",
    )
    write_text(folder / "selfteach.json", json.dumps(dict(about), indent=2, sort_keys=True) + "\n")
