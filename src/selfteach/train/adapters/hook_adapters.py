"""Adapters that sit on a module as hooks (models/worn.py): what is the same for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from selfteach import config
from selfteach.errors import IntegrityError, UsageError
from selfteach.models.bottleneck import BottleneckHooks, find_mlps
from selfteach.models.hooks import HookAdapter
from selfteach.models.load_adapter import KIND_KEY
from selfteach.models.reft import PromptSpans, ReftHooks, find_sites, orthonormalize
from selfteach.models.soft_prompt import TENSOR_NAME, SoftPromptHooks
from selfteach.train.adapters import EncodeText, LowRankLayer, write_adapter_folder
from selfteach.train.adapters.prompt_init import init_prompt_embeddings
from selfteach.train.l2 import WeightChange

ORTHONORMAL_TOLERANCE = 1e-5
"""How far products of rows may be from 0 and 1; a factorisation in float32 leaves 1e-6."""


class TrainableHookAdapter:
    """Trainable tensors of a `HookAdapter`, by the names of the saved file."""

    learning_rate = 1e-3
    solves = False
    joins = False
    low_rank_layers: Mapping[str, LowRankLayer] = {}

    def __init__(self, module: nn.Module, worn: HookAdapter, settings: Mapping[str, Any]) -> None:
        self.worn = worn
        self._module = module
        self._settings = dict(settings)
        self._frozen = [p for p in module.parameters() if p.requires_grad]
        module.requires_grad_(False)
        worn.attach()

    @property
    def _tensors(self) -> dict[str, Tensor]:
        return self.worn.tensors

    def parameters(self) -> list[nn.Parameter]:
        """The tensors, in the order of their making."""
        return [tensor for tensor in self._tensors.values() if isinstance(tensor, nn.Parameter)]

    def begin_step(self) -> None:
        """Nothing: the hooks read the tensors themselves."""

    def disable(self) -> AbstractContextManager[None]:
        """Inside, the hooks do nothing."""
        return self.worn.disable()

    def merged(self) -> AbstractContextManager[None]:
        """The hooks are all there is."""
        return nullcontext()

    def iterate_weight_changes(self) -> Iterator[WeightChange]:
        """Refused: hooks change no weights.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"{self.worn.kind} changes no weights, so they cannot be held to the base's.",
            where="train.l2",
            cure="Set train.l2=0.",
        )

    def state(self) -> dict[str, Tensor]:
        """The tensors as they are now."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self._tensors.items()}

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Takes over saved tensors.

        Raises:
            IntegrityError: they are those of another configuration.
        """
        if {k: v.shape for k, v in self._tensors.items()} != {k: v.shape for k, v in state.items()}:
            raise IntegrityError(
                "the saved adapter has other tensors.",
                cure="Use the configuration that it was trained with.",
            )
        for name, tensor in self._tensors.items():
            tensor.copy_(state[name])

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """A config that names the kind, and the tensors."""
        self.begin_step()
        base = {"base_model_name_or_path": str(about.get("base") or "")}
        write_adapter_folder(
            folder, self.state(), {KIND_KEY: self.worn.kind, **self._settings, **base}, about
        )

    def detach(self) -> None:
        """Takes the hooks off."""
        self.worn.detach()
        for parameter in self._frozen:
            parameter.requires_grad_(True)

    def layers(self) -> Iterator[str]:
        """The tensors' names without their last part."""
        yield from dict.fromkeys(name.rpartition(".")[0] or name for name in self._tensors)


class ReftAdapter(TrainableHookAdapter):
    """LoReFT (models/reft.py)."""

    learning_rate = 4e-3

    @classmethod
    def attach(
        cls,
        module: nn.Module,
        config: config.TrainConfig,
        *,
        seed: int,
        encode: EncodeText | None = None,
    ) -> ReftAdapter:
        """R has random orthonormal rows, W is R, b is zero: nothing changes."""
        settings = config.reft.model_dump()
        generator = torch.Generator().manual_seed(seed)
        width = _get_hidden_size(module)
        parts = PromptSpans.of(config.reft.positions).parts(config.reft.tied)
        tensors: dict[str, Tensor] = {}
        for layer in find_sites(module, config.reft.layers, config.reft.site):
            for part in parts:
                r = orthonormalize(
                    torch.randn(config.reft.rank, width, generator=generator)
                ).contiguous()
                for name, start in (("R", r), ("W", r.clone()), ("b", torch.zeros(len(r)))):
                    tensors[f"layers.{layer}.{part}.{name}"] = _make_parameter(module, start)
        return cls(module, ReftHooks(module, tensors, settings), settings)

    @torch.no_grad()
    def begin_step(self) -> None:
        """An optimizer's step leaves the orthonormal rows; this takes them back. Called again it
        changes no bit: a factorisation of what is orthonormal already would, and a resumed training
        would end with other weights."""
        for name, tensor in self._tensors.items():
            if (
                name.endswith(".R")
                and (tensor @ tensor.t() - torch.eye(len(tensor), device=tensor.device)).abs().max()
                > ORTHONORMAL_TOLERANCE
            ):
                tensor.copy_(orthonormalize(tensor))


class BottleneckAdapter(TrainableHookAdapter):
    """Bottleneck layers (models/bottleneck.py)."""

    @classmethod
    def attach(
        cls,
        module: nn.Module,
        config: config.TrainConfig,
        *,
        seed: int,
        encode: EncodeText | None = None,
    ) -> BottleneckAdapter:
        """The upper half is zero: nothing changes."""
        settings = config.bottleneck.model_dump()
        generator = torch.Generator().manual_seed(seed)
        width = _get_hidden_size(module)
        size = config.bottleneck.size
        tensors: dict[str, Tensor] = {}
        for layer in find_mlps(module, config.bottleneck.layers):
            down = torch.randn(size, width, generator=generator) * width**-0.5
            parts = {
                "down": down,
                "down_bias": torch.zeros(size),
                "up": torch.zeros(width, size),
                "up_bias": torch.zeros(width),
            }
            tensors |= {
                f"layers.{layer}.{name}": _make_parameter(module, start)
                for name, start in parts.items()
            }
        return cls(module, BottleneckHooks(module, tensors, settings), settings)


class PromptAdapter(TrainableHookAdapter):
    """A soft prompt (models/soft_prompt.py), in PEFT's format."""

    learning_rate = 1e-2

    @classmethod
    def attach(
        cls,
        module: nn.Module,
        config: config.TrainConfig,
        *,
        seed: int,
        encode: EncodeText | None = None,
    ) -> PromptAdapter:
        """Start as the embeddings of a text, of random words, or as noise of their size."""
        start = init_prompt_embeddings(module, config.prompt, seed, encode)
        return cls(
            module,
            SoftPromptHooks(module, {TENSOR_NAME: _make_parameter(module, start)}),
            config.prompt.model_dump(),
        )

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """As PEFT's prompt tuning saves it."""
        from peft import PromptTuningConfig, TaskType

        shape: Any = self._module.config.get_text_config()  # type: ignore[union-attr,operator]
        peft = PromptTuningConfig(
            task_type=TaskType.CAUSAL_LM,
            num_virtual_tokens=len(self._tensors[TENSOR_NAME]),
            token_dim=self._tensors[TENSOR_NAME].shape[1],
            num_transformer_submodules=1,
            num_attention_heads=shape.num_attention_heads,
            num_layers=shape.num_hidden_layers,
            base_model_name_or_path=str(about.get("base") or ""),
            inference_mode=True,
        )
        write_adapter_folder(folder, self.state(), peft.to_dict(), about)


def _get_hidden_size(module: Any) -> int:
    return int(module.config.get_text_config().hidden_size)


def _make_parameter(module: nn.Module, start: Tensor) -> nn.Parameter:
    return nn.Parameter(start.float().to(next(module.parameters()).device))
