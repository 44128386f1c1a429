"""Low-rank adapters (LoRA), saved in PEFT's format.

Source: Hu et al. 2021 (arXiv 2106.09685); initial values, names and files as in the `peft` package.
Departs: training uses our own layer (fast/lora_linear.py) instead of PEFT's, for speed. A test
compares its loss and gradients with PEFT's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from selfteach.config import LoraConfig, TrainConfig
from selfteach.errors import UsageError
from selfteach.models.four_bit import count_numbers, is_4bit
from selfteach.models.hook_adapter import get_decoder, get_decoder_layers
from selfteach.models.load_adapter import PEFT_PREFIX
from selfteach.models.parse_layers import parse_layers
from selfteach.records import JsonMapping
from selfteach.train.adapters.adapter import (
    Adapter,
    EncodeText,
    make_peft_lora_config,
    write_adapter_folder,
)
from selfteach.train.distributed import get_requested_sharding
from selfteach.train.fast.lora_experts import (
    LoraExperts,
    find_fused_experts,
    list_fused_weights,
)
from selfteach.train.fast.lora_linear import LoraLinear
from selfteach.train.l2_to_base import WeightChange

STATE_SPACE_FAMILIES = {"falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h"}
"""Families whose `out_proj` a fused kernel reads as a weight: PEFT refuses adapters on it."""
MIN_REACHED_SHARE = 0.8
"""The share of the weights that a LoRA should reach; of a dense model it reaches nearly all."""


class LoraAdapter(Adapter):
    """Train LoRA on the linear layers of a module."""

    learning_rate = 1e-3
    joins = True

    def __init__(
        self,
        module: nn.Module,
        layers: Mapping[str, LoraLinear],
        settings: LoraConfig,
        experts: Mapping[str, LoraExperts],
    ) -> None:
        trained = {}
        every: Mapping[str, LoraLinear | LoraExperts] = {**layers, **experts}
        for name, layer in every.items():
            trained[f"{PEFT_PREFIX}{name}.lora_A.weight"] = layer.a
            trained[f"{PEFT_PREFIX}{name}.lora_B.weight"] = layer.b
        super().__init__(module, trained)
        self._layers = layers
        self._experts = experts
        self._every = list(every.values())
        self._settings = settings
        self.low_rank_layers = layers
        self.fused_experts = tuple(experts)
        for name, linear in layers.items():
            module.set_submodule(name, linear)

    @classmethod
    def attach(
        cls,
        module: nn.Module,
        config: TrainConfig,
        *,
        seed: int,
        encode: EncodeText | None = None,
    ) -> LoraAdapter:
        """Replace each target layer by one with an update that starts at zero.

        Raises:
            UsageError: the module has no such layer, or experts are wanted and not to be had.
        """
        settings = config.lora
        found = _find_target_layers(module, settings)
        fused = find_target_experts(module, settings)
        if not found and not fused:
            raise UsageError(
                f"no linear layer to adapt for lora.targets={settings.targets}.",
                where=type(module).__name__,
                cure=(
                    "Train weights instead: train.adapter=layers."
                    if settings.targets == "all-linear"
                    else "Use train.lora.targets=all-linear."
                ),
            )
        generator = torch.Generator().manual_seed(seed)
        layers = {
            name: LoraLinear(linear, settings.rank, settings.alpha, generator)
            for name, linear in found.items()
        }
        experts = {
            name: LoraExperts(part, weight, settings.rank, settings.alpha, generator)
            for name, (part, weight) in fused.items()
        }
        return cls(module, layers, settings, experts)

    def begin_step(self) -> None:
        """Refresh every layer's copies of A and B."""
        for layer in self._layers.values():
            layer.refresh()

    @contextmanager
    def merged(self) -> Iterator[None]:
        """Merge every layer into one matrix for sampling, which an attached update slows down to
        half the speed; no gradients.
        """
        for layer in self._every:
            layer.merge()
        try:
            yield
        finally:
            for layer in self._every:
                layer.merged = None

    @contextmanager
    def disable(self) -> Iterator[None]:
        """Switch every layer's update off."""
        for layer in self._every:
            layer.active = False
        try:
            yield
        finally:
            for layer in self._every:
                layer.active = True

    def iterate_weight_changes(self) -> Iterator[WeightChange]:
        """Yield the factors of s B A of each layer."""
        for layer in self._layers.values():
            yield layer.scale * layer.b, layer.a
        for fused in self._experts.values():
            yield fused.get_factors()

    def save(self, folder: Path, about: JsonMapping) -> None:
        """Write adapter_config.json, adapter_model.safetensors and selfteach.json."""
        rank = self._settings.rank
        settings = make_peft_lora_config(rank, self._settings.alpha, self._names(), about)
        if self._experts:
            settings["target_parameters"] = [
                f"{name.partition('.base_layer')[0]}.{fused.name}"
                for name, fused in self._experts.items()
            ]
        write_adapter_folder(folder, self.state(), settings, about)

    def detach(self) -> None:
        """Restore the base's own layers."""
        for name, layer in self._layers.items():
            self._module.set_submodule(name, layer.base)
        for fused in self._experts.values():
            fused.detach()
        super().detach()

    def _names(self) -> list[str]:
        """Return last names if they select exactly our layers, else full names."""
        last = {_get_last_name(name) for name in self._layers}
        for name, _ in self._module.named_modules():
            if name not in self._layers and _get_last_name(name) in last:
                return sorted(self._layers)
        return sorted(last)


def find_target_experts(module: Any, settings: LoraConfig) -> dict[str, tuple[Any, str]]:
    """Return the fused experts to adapt and the names of their weights, by PEFT's names of the
    adapters: where several weights of a part have one, that of the last stands outside.

    Raises:
        UsageError: the settings want experts, and there are none, or several processes would split
            them.
    """
    if not settings.experts:
        return {}
    chosen = set(_list_chosen_parts(module, settings))
    found = {}
    for name, part in find_fused_experts(module).items():
        if part in chosen:
            weights = list_fused_weights(part)
            for number, weight in enumerate(reversed(weights)):
                found[name + number * ".base_layer"] = (part, weight)
    reason = "" if found else "the model has no fused experts"
    if get_requested_sharding():
        reason = "several processes would split the experts"
    if reason:
        raise UsageError(
            f"{reason}.",
            where="train.lora.experts",
            cure="Leave it out: every linear layer gets an adapter anyway.",
        )
    return found


def _get_last_name(name: str) -> str:
    return name.rpartition(".")[2]


def _find_target_layers(module: nn.Module, settings: LoraConfig) -> dict[str, nn.Linear]:
    """Return the linear layers to adapt: those of the text decoder that PEFT can merge, never the
    head (as PEFT's `all-linear`).
    """
    inside = set(_list_chosen_parts(module, settings))
    inside -= {getattr(module, "get_output_embeddings", lambda: None)()}
    found = {n: m for n, m in module.named_modules() if m in inside and _is_linear(m)}
    refused = _find_names_peft_refuses(module, found)
    found = {n: m for n, m in found.items() if _get_last_name(n) not in refused}
    if settings.targets == "attention":
        parents = {name: name.rpartition(".")[0] for name in found}
        return {n: m for n, m in found.items() if "attn" in parents[n] or "attention" in parents[n]}
    return found


def _list_chosen_parts(module: Any, settings: LoraConfig) -> Iterator[nn.Module]:
    """Yield the parts of the text decoder, or of its layers that the settings name."""
    if settings.layers == "all":
        yield from get_decoder(module).modules()
        return
    every = get_decoder_layers(module)
    for number in parse_layers(settings.layers, len(every), "train.lora.layers"):
        yield from every[number].modules()


def explain_left_out(module: Any, settings: LoraConfig) -> str:
    """Return how little of the chosen layers a LoRA on every linear layer can change, or an empty
    text where it is most: experts that are no linear layers keep their weights.
    """
    if settings.experts:
        return ""
    every = settings.model_copy(update={"targets": "all-linear"})
    reached = sum(
        count_numbers(part.weight) for part in _find_target_layers(module, every).values()
    )
    weights: set[nn.Parameter] = set()
    for part in _list_chosen_parts(module, settings):
        weights |= {weight for weight in part.parameters(recurse=False) if weight.ndim > 1}
    weights -= {module.get_input_embeddings().weight}
    share = reached / sum(map(count_numbers, weights))
    return "" if share >= MIN_REACHED_SHARE else f"{share:.0%} of the weights of its layers"


@torch.no_grad()
def _is_linear(part: nn.Module) -> TypeGuard[nn.Linear]:
    """Return whether a part is a linear layer and nothing more, such as a router."""
    if not isinstance(part, nn.Linear):
        return False
    if is_4bit(part.weight):
        return True
    return type(part).forward is nn.Linear.forward or isinstance(part(part.weight[:1]), Tensor)


def _find_names_peft_refuses(module: Any, names: Iterable[str]) -> set[str]:
    """Return the last names of layers on which PEFT would refuse or misread an adapter.

    Beside fused experts it takes `gate_proj` for the name of an expert, wherever the layer is.
    """
    last = {_get_last_name(name) for name in names}
    if module.config.model_type in STATE_SPACE_FAMILIES:
        return last & {"out_proj"}
    if not any(_get_last_name(name) == "experts" for name, _ in module.named_modules()):
        return set()
    from peft import LoraConfig as PeftConfig
    from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers

    read = PeftConfig(target_modules=sorted(last))
    convert_peft_config_for_transformers(read, module, None)
    return last - set(read.target_modules or ())
