"""Adapters: the parameters that may change. The base stays as it is, and `detach` restores it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save
from torch import Tensor, nn

from selfteach import config, registry
from selfteach.errors import IntegrityError
from selfteach.files import write_bytes, write_text
from selfteach.models.check_safety import ADAPTER_CONFIG_FILE, TENSORS_FILE, write_about
from selfteach.models.fetch_default_model import hub_id
from selfteach.models.hook_adapter import HookAdapter
from selfteach.records import JsonMapping, JsonObject
from selfteach.run.local_paths import hide_path
from selfteach.train.distributed import copy_whole_tensors, get_rank, take_shard
from selfteach.train.l2_to_base import WeightChange

ONLY_LOW_RANK = "only adapters of low rank can be joined to one file"
"""Why an adapter cannot be joined with another one (`can_join`)."""
EncodeText = Callable[[str], Sequence[int]]


class LowRankLayer(Protocol):
    """Describe a layer whose update is a product s B A. Shapes: a (r, in)."""

    a: nn.Parameter

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> Any:
        """Call a function with the layer's input, as `nn.Module` does."""
        ...


class Adapter(ABC):
    """Hold trainable parameters on a frozen base. `detach` restores the base.

    The registry names a class whose `attach` returns an adapter.
    """

    learning_rate: float
    """The rate if the configuration names none."""
    hooks: HookAdapter | None = None
    """The hooks that change forward passes, if any."""
    solves: bool = False
    """Whether the adapter is solved for in one go: the class then has `solve` (closed_form.py)."""
    joins: bool = False
    """Whether the saved adapter has low rank, so that two of them can become one file."""
    low_rank_layers: Mapping[str, LowRankLayer] = {}
    """The layers whose update is a product s B A, by name, in the module's order."""
    fused_experts: Collection[str] = ()
    """The names of other updates of low rank: those of fused experts, which are no layers."""

    def __init__(self, module: nn.Module, trained: Mapping[str, nn.Parameter]) -> None:
        self._module = module
        self._trained = dict(trained)
        self._unfrozen = [p for p in module.parameters() if p.requires_grad]
        module.requires_grad_(False)

    @staticmethod
    def count_virtual_tokens(config: config.TrainConfig) -> int:
        """Return how many tokens of the model's context the adapter takes."""
        return 0

    @classmethod
    @abstractmethod
    def attach(
        cls,
        module: nn.Module,
        config: config.TrainConfig,
        *,
        seed: int,
        encode: EncodeText | None = None,
    ) -> Adapter:
        """Put fresh parameters on the module. Its answers change only when they are trained; a
        soft prompt changes them at once.

        Args:
            encode: returns the tokens of a text, for parameters that start as words.
        """

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters that the optimizer may change, in a fixed order."""
        return list(self._trained.values())

    def begin_step(self) -> None:  # noqa: B027
        """Apply a change of the parameters to the module, before the next forward passes."""

    @abstractmethod
    def disable(self) -> AbstractContextManager[None]:
        """Return a context in which the module is the untouched base."""

    def merged(self) -> AbstractContextManager[None]:
        """Return a context in which the module samples as fast as it can, with the parameters as
        they are now; no gradients.
        """
        self.begin_step()
        return nullcontext()

    @abstractmethod
    def iterate_weight_changes(self) -> Iterator[WeightChange]:
        """Yield the difference of each layer's weights from the base's, with a graph to the
        parameters: for `train.l2`.
        """

    def state(self) -> dict[str, Tensor]:
        """Return copies of the parameters by the names of the saved file, float32."""
        return copy_whole_tensors(self._trained)

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Copy what `state` returned into the parameters.

        Raises:
            IntegrityError: the tensors are those of another configuration.
        """
        if {k: v.shape for k, v in self._trained.items()} != {k: v.shape for k, v in state.items()}:
            raise IntegrityError(
                "the saved adapter has other tensors.",
                cure="Use the configuration that it was trained with.",
            )
        for name, parameter in self._trained.items():
            parameter.copy_(take_shard(state[name], parameter))
        self.begin_step()

    @abstractmethod
    def save(self, folder: Path, about: JsonMapping) -> None:
        """Write adapter_model.safetensors, adapter_config.json (PEFT's, if it has this kind) and
        `about` as selfteach.json.

        All processes call it, because weights may lie in shards. `write_adapter_folder` lets the
        first process write.
        """

    def detach(self) -> None:
        """Restore the base."""
        self._module.requires_grad_(False)
        for parameter in self._unfrozen:
            parameter.requires_grad_(True)


def get_base_name(about: JsonMapping) -> dict[str, str]:
    """Return the base's name as an entry of adapter_config.json."""
    return {"base_model_name_or_path": str(about.get("base") or "")}


def is_solved(name: str) -> bool:
    """Return whether the adapter of this name is solved for without steps.

    Raises:
        UsageError: no such name.
    """
    return _has_flag(name, "solves")


def can_join(name: str) -> bool:
    """Return whether two saved adapters of this name can become one file.

    Raises:
        UsageError: no such name.
    """
    return _has_flag(name, "joins")


def _has_flag(name: str, flag: str) -> bool:
    return bool(getattr(registry.load_registered("adapters", name), flag, False))


def make_peft_lora_config(
    rank: int,
    alpha: float,
    targets: Sequence[str],
    about: JsonMapping,
    *,
    biases: bool = False,
) -> JsonObject:
    """Return PEFT's adapter_config.json of a LoRA."""
    from peft import LoraConfig

    peft = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        target_modules=list(targets),
        task_type="CAUSAL_LM",
        lora_bias=biases,  # type: ignore[arg-type]
        **get_base_name(about),  # type: ignore[arg-type]
        inference_mode=True,
    )
    return {
        key: sorted(value) if isinstance(value, set) else value
        for key, value in peft.to_dict().items()
    }


def write_adapter_folder(
    folder: Path,
    tensors: Mapping[str, Tensor],
    settings: JsonMapping,
    about: JsonMapping,
) -> None:
    """Write an adapter's three files: the tensors, their kind (`settings`) and their base
    (`about`).

    Each file is whole or absent. The settings name the base as a hub does, and a local base by the
    name of its folder. Of several processes the first one writes. What a killed process left
    half-written in the folder is removed, because the whole folder is exported.
    """
    if get_rank():
        return
    for half_written in folder.glob(".*.tmp"):
        half_written.unlink()
    if base := settings.get("base_model_name_or_path"):
        settings = {**settings, "base_model_name_or_path": hide_path(hub_id(str(base)))}
    if "base" in about:
        about = {**about, "base": hide_path(str(about["base"]))}
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / TENSORS_FILE, save(dict(tensors), metadata={"format": "pt"}))
    write_text(
        folder / ADAPTER_CONFIG_FILE,
        json.dumps(dict(settings), indent=2, sort_keys=True, default=str) + "\n",
    )
    write_about(folder, about)
