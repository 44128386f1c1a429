"""Adapters that change a module by hooks (models/hook_adapter.py)."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from selfteach.config import BottleneckConfig, PromptConfig, ReftConfig, TrainConfig
from selfteach.errors import UsageError
from selfteach.models.bottleneck import BottleneckHooks, find_mlps
from selfteach.models.hook_adapter import HookAdapter
from selfteach.models.load_adapter import KIND_KEY
from selfteach.models.reft import PromptSpans, ReftHooks, find_sites, orthonormalize
from selfteach.models.soft_prompt import TENSOR_NAME, SoftPromptHooks
from selfteach.records import JsonMapping
from selfteach.train.adapters.adapter import (
    Adapter,
    EncodeText,
    get_base_name,
    write_adapter_folder,
)
from selfteach.train.adapters.prompt_init import init_prompt_embeddings
from selfteach.train.l2_to_base import WeightChange

ORTHONORMAL_TOLERANCE = 1e-5
"""The largest distance of products of rows from 0 and 1. A factorisation in float32 leaves 1e-6."""


class TrainableHookAdapter(Adapter):
    """Train the tensors of a `HookAdapter`; a subclass makes the hooks."""

    learning_rate = 1e-3

    def __init__(self, module: nn.Module, hooks: HookAdapter, settings: JsonMapping) -> None:
        trained = {n: t for n, t in hooks.tensors.items() if isinstance(t, nn.Parameter)}
        super().__init__(module, trained)
        self.hooks: HookAdapter = hooks
        self._settings = settings
        hooks.attach()

    @classmethod
    def attach(
        cls,
        module: nn.Module,
        config: TrainConfig,
        *,
        seed: int,
        encode: EncodeText | None = None,
    ) -> TrainableHookAdapter:
        """Put fresh hooks on the module."""
        settings = getattr(config, cls.setting)
        return cls(module, cls.make_hooks(module, settings, seed, encode), settings.model_dump())

    setting: ClassVar[str]
    """The part of `train` that configures this adapter."""

    @staticmethod
    @abstractmethod
    def make_hooks(
        module: nn.Module, settings: Any, seed: int, encode: EncodeText | None
    ) -> HookAdapter:
        """Return the hooks with their initial tensors."""

    def disable(self) -> AbstractContextManager[None]:
        """Return a context in which the hooks do nothing."""
        return self.hooks.disable()

    def iterate_weight_changes(self) -> Iterator[WeightChange]:
        """Refuse, because hooks change no weights.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"{self.hooks.kind} changes no weights, so they cannot be held to the base's.",
            where="train.l2",
            cure="Set train.l2=0.",
        )

    def save(self, folder: Path, about: JsonMapping) -> None:
        """Write a config that names the kind, and the tensors."""
        self.begin_step()
        settings = {KIND_KEY: self.hooks.kind, **self._settings, **get_base_name(about)}
        write_adapter_folder(folder, self.state(), settings, about)

    def detach(self) -> None:
        """Remove the hooks."""
        self.hooks.detach()
        super().detach()


class ReftAdapter(TrainableHookAdapter):
    """Train LoReFT (models/reft.py)."""

    learning_rate = 4e-3
    setting = "reft"

    @staticmethod
    def make_hooks(
        module: nn.Module, settings: ReftConfig, seed: int, encode: EncodeText | None
    ) -> HookAdapter:
        """Start with random orthonormal rows R, W = R and b = 0, which changes nothing."""
        generator = torch.Generator().manual_seed(seed)
        width = _get_hidden_size(module)
        parts = PromptSpans.parse(settings.positions).list_parts(settings.tied)
        sites = find_sites(module, settings.layers, settings.site)
        tensors: dict[str, Tensor] = {}
        for layer, part in itertools.product(sites, parts):
            free = torch.randn(settings.rank, width, generator=generator)
            r = orthonormalize(free).contiguous()
            for name, start in (("R", r), ("W", r.clone()), ("b", torch.zeros(len(r)))):
                tensors[f"layers.{layer}.{part}.{name}"] = _make_parameter(module, start)
        return ReftHooks(module, tensors, settings.model_dump())

    @torch.no_grad()
    def begin_step(self) -> None:
        """Make the rows of R orthonormal again after an optimizer's step.

        A second call changes no bit. Another factorisation of orthonormal rows would, and a resumed
        training would end with other weights.
        """
        for name, r in self._trained.items():
            if not name.endswith(".R"):
                continue
            products = r @ r.t() - torch.eye(len(r), device=r.device)
            if products.abs().max() > ORTHONORMAL_TOLERANCE:
                r.copy_(orthonormalize(r))


class BottleneckAdapter(TrainableHookAdapter):
    """Train bottleneck layers (models/bottleneck.py)."""

    setting = "bottleneck"

    @staticmethod
    def make_hooks(
        module: nn.Module, settings: BottleneckConfig, seed: int, encode: EncodeText | None
    ) -> HookAdapter:
        """Start with an upper half of zeros, which changes nothing."""
        generator = torch.Generator().manual_seed(seed)
        width = _get_hidden_size(module)
        size = settings.size
        tensors: dict[str, Tensor] = {}
        for layer in find_mlps(module, settings.layers):
            parts = {
                "down": torch.randn(size, width, generator=generator) * width**-0.5,
                "down_bias": torch.zeros(size),
                "up": torch.zeros(width, size),
                "up_bias": torch.zeros(width),
            }
            for name, start in parts.items():
                tensors[f"layers.{layer}.{name}"] = _make_parameter(module, start)
        return BottleneckHooks(module, tensors, settings.model_dump())


class PromptAdapter(TrainableHookAdapter):
    """Train a soft prompt (models/soft_prompt.py), saved in PEFT's format."""

    learning_rate = 1e-2
    setting = "prompt"

    @staticmethod
    def count_virtual_tokens(config: TrainConfig) -> int:
        """Return its length."""
        return config.prompt.tokens

    @staticmethod
    def make_hooks(
        module: nn.Module, settings: PromptConfig, seed: int, encode: EncodeText | None
    ) -> HookAdapter:
        """Start as the embeddings of a text, of random words, or as noise of their size."""
        start = init_prompt_embeddings(module, settings, seed, encode)
        return SoftPromptHooks(module, {TENSOR_NAME: _make_parameter(module, start)})

    def save(self, folder: Path, about: JsonMapping) -> None:
        """Write the folder as PEFT's prompt tuning does."""
        from peft import PromptTuningConfig, TaskType

        model: Any = self._module.config.get_text_config()  # type: ignore[union-attr,operator]
        tokens, width = self._trained[TENSOR_NAME].shape
        peft = PromptTuningConfig(
            task_type=TaskType.CAUSAL_LM,
            num_virtual_tokens=tokens,
            token_dim=width,
            num_transformer_submodules=1,
            num_attention_heads=model.num_attention_heads,
            num_layers=model.num_hidden_layers,
            inference_mode=True,
            **get_base_name(about),  # type: ignore[arg-type]
        )
        write_adapter_folder(folder, self.state(), peft.to_dict(), about)


def _get_hidden_size(module: Any) -> int:
    return int(module.config.get_text_config().hidden_size)


def _make_parameter(module: nn.Module, start: Tensor) -> nn.Parameter:
    return nn.Parameter(start.float().to(next(module.parameters()).device))
