"""Low-rank adapters (LoRA), saved in PEFT's format.

Source: Hu et al. 2021 (arXiv 2106.09685); initial values, names and files as the `peft` package has
them.
Departs: training uses our own layer (fast/lora_linear.py) instead of PEFT's, for speed; a test
holds its loss and gradients equal to PEFT's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from selfteach import config
from selfteach.errors import IntegrityError, UsageError
from selfteach.models.load_adapter import PEFT_PREFIX
from selfteach.train.adapters import EncodeText, make_peft_lora_config, write_adapter_folder
from selfteach.train.fast.lora_linear import LoraLinear
from selfteach.train.l2 import WeightChange


class LoraAdapter:
    """LoRA on the linear layers of a module."""

    learning_rate = 1e-3
    worn = None
    solves = False
    joins = True

    def __init__(
        self, module: nn.Module, places: dict[str, LoraLinear], settings: config.LoraConfig
    ) -> None:
        self._module = module
        self._places = places
        self._settings = settings
        self._frozen: list[nn.Parameter] = []

    @classmethod
    def attach(
        cls,
        module: nn.Module,
        config: config.TrainConfig,
        *,
        seed: int,
        encode: EncodeText | None = None,
    ) -> LoraAdapter:
        """Replaces each target layer by one with an update that starts at zero.

        Raises:
            UsageError: the module has no such layer.
        """
        settings = config.lora
        found = _find_target_layers(module, settings.targets)
        if not found:
            raise UsageError(
                f"no linear layer to adapt for lora.targets={settings.targets}.",
                where=type(module).__name__,
                cure="Use all-linear.",
            )
        frozen = [p for p in module.parameters() if p.requires_grad]
        module.requires_grad_(False)
        generator = torch.Generator().manual_seed(seed)
        places = {
            name: LoraLinear(linear, settings.rank, settings.alpha, generator)
            for name, linear in found.items()
        }
        for name, layer in places.items():
            _replace_layer(module, name, layer)
        adapter = cls(module, places, settings)
        adapter._frozen = frozen
        return adapter

    @property
    def low_rank_layers(self) -> Mapping[str, LoraLinear]:
        """The adapted layers, in the module's order."""
        return self._places

    def parameters(self) -> list[nn.Parameter]:
        """A and B of each layer, in the module's order."""
        return [p for layer in self._places.values() for p in (layer.a, layer.b)]

    def begin_step(self) -> None:
        """Takes over what the optimizer changed."""
        for layer in self._places.values():
            layer.refresh()

    @contextmanager
    def merged(self) -> Iterator[None]:
        """Inside, every layer is one matrix: for drawing, where an attached update costs half the
        speed. No gradients.
        """
        for layer in self._places.values():
            layer.merge()
        try:
            yield
        finally:
            for layer in self._places.values():
                layer.merged = None

    @contextmanager
    def disable(self) -> Iterator[None]:
        """Inside, every layer is the base's own."""
        for layer in self._places.values():
            layer.active = False
        try:
            yield
        finally:
            for layer in self._places.values():
                layer.active = True

    def iterate_weight_changes(self) -> Iterator[WeightChange]:
        """s B A of each layer."""
        for layer in self._places.values():
            yield layer.scale * layer.b, layer.a

    def state(self) -> dict[str, torch.Tensor]:
        """The tensors of adapter_model.safetensors."""
        tensors = {}
        for name, layer in self._places.items():
            tensors[f"{PEFT_PREFIX}{name}.lora_A.weight"] = layer.a.detach().cpu().clone()
            tensors[f"{PEFT_PREFIX}{name}.lora_B.weight"] = layer.b.detach().cpu().clone()
        return tensors

    @torch.no_grad()
    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Takes over saved tensors.

        Raises:
            IntegrityError: they belong to other layers or another rank.
        """
        mine = self.state()
        if {k: v.shape for k, v in mine.items()} != {k: v.shape for k, v in state.items()}:
            raise IntegrityError(
                "the saved adapter has other layers or another rank.",
                cure="Use the configuration that it was trained with.",
            )
        for name, layer in self._places.items():
            layer.a.copy_(state[f"{PEFT_PREFIX}{name}.lora_A.weight"])
            layer.b.copy_(state[f"{PEFT_PREFIX}{name}.lora_B.weight"])
        self.begin_step()

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Writes adapter_config.json, adapter_model.safetensors and selfteach.json, each whole or
        not at all.
        """
        write_adapter_folder(
            folder,
            self.state(),
            make_peft_lora_config(self._settings.rank, self._settings.alpha, self._names(), about),
            about,
        )

    def detach(self) -> None:
        """Puts the base's own layers back."""
        for name, layer in self._places.items():
            _replace_layer(self._module, name, layer.base)
        for parameter in self._frozen:
            parameter.requires_grad_(True)

    def layers(self) -> Iterator[str]:
        """The adapted layers' names."""
        yield from self._places

    def _names(self) -> list[str]:
        """Last names where they select exactly our layers, else full names."""
        last = {name.rsplit(".", 1)[-1] for name in self._places}
        others = [
            name
            for name, _ in self._module.named_modules()
            if name not in self._places and name.rsplit(".", 1)[-1] in last
        ]
        return sorted(self._places) if others else sorted(last)


def _find_target_layers(module: nn.Module, targets: str) -> dict[str, nn.Linear]:
    """The linear layers to adapt; never the head (as PEFT's `all-linear`)."""
    head = getattr(module, "get_output_embeddings", lambda: None)()
    found = {n: m for n, m in module.named_modules() if isinstance(m, nn.Linear) and m is not head}
    if targets == "attention":
        return {
            n: m
            for n, m in found.items()
            if any("attn" in part or "attention" in part for part in n.split(".")[:-1])
        }
    return found


def _replace_layer(module: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, layer)
