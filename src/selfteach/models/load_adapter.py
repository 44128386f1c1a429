"""Load a saved adapter of any kind: merged where that is exact, else as hooks (hook_adapter.py)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from selfteach.errors import UsageError, get_first_line
from selfteach.models.bottleneck import BottleneckHooks
from selfteach.models.check_safety import ADAPTER_CONFIG_FILE, TENSORS_FILE, read_json
from selfteach.models.four_bit import has_4bit, refuse_4bit
from selfteach.models.hook_adapter import HookAdapter
from selfteach.models.reft import ReftHooks
from selfteach.models.silence import silence_libraries
from selfteach.models.soft_prompt import SoftPromptHooks
from selfteach.models.try_in_child import check_adapter_patterns
from selfteach.records import JsonMapping

PEFT_PREFIX = "base_model.model."
"""The prefix of PEFT before the names of a model's layers."""
KIND_KEY = "selfteach_adapter"
"""The key of adapter_config.json that names a kind which PEFT does not have."""
CHANGED_BASES = ("corda", "loftq", "lora_ga", "olora", "pissa")
"""Ways to start a LoRA with which PEFT changes the base's weights, also when it loads one."""
LORA = "lora"
"""PEFT's kind of low-rank adapters."""
LORA_A = re.compile(r"\.lora_(?:embedding_)?A")
"""A part of the names of A (r, in), in PEFT's files."""
WHOLE_WEIGHTS = ("full", "layers")
"""The kinds that replace weights of the base."""


def get_adapter_kind(settings: JsonMapping) -> str:
    """Return the kind of an adapter's settings: selfteach's own name of it, or PEFT's."""
    return str(settings.get(KIND_KEY) or settings.get("peft_type", "")).lower()


def read_adapter_kind(folder: Path) -> str:
    """Return the kind of the adapter in a folder."""
    return get_adapter_kind(read_json(folder / ADAPTER_CONFIG_FILE))


def find_changed_base(settings: JsonMapping) -> str:
    """Return how a LoRA's training started, if that changes the base, else an empty text."""
    start = str(settings.get("init_lora_weights"))
    return start if start.startswith(CHANGED_BASES) else ""


def load_adapter(module: Any, folder: Path) -> Any:
    """Return the module with the adapter: other weights, or a `HookAdapter` on it.

    A weight that changes gets memory of its own, so that another module may share the others.

    Raises:
        UsageError: an unknown kind, or tensors that do not fit.
    """
    settings = read_json(folder / ADAPTER_CONFIG_FILE)
    kind = get_adapter_kind(settings)
    if kind in (LORA, *WHOLE_WEIGHTS):
        refuse_4bit(module, folder, "changed by an adapter in its weights")
    with convert_adapter_errors(folder):
        tensors = load_file(folder / TENSORS_FILE)
        check_numbers(tensors)
        if kind == LORA:
            _check_lora_ranks(settings, tensors)
            if start := find_changed_base(settings):
                raise ValueError(f'it starts with "{start}", which changes the base')
            check_adapter_patterns(settings, [name for name, _ in module.named_modules()], folder)
            return _merge_lora(module, folder, tensors, biased=bool(settings.get("lora_bias")))
        if kind in WHOLE_WEIGHTS:
            check_names(tensors.keys(), settings["tensors"])
            return _replace_weights(module, tensors)
        made = _make_hook_adapter(module, kind, settings, tensors)
        made.to(next(module.parameters()).device)
        if isinstance(made, ReftHooks) and made.is_exact and not has_4bit(module):
            return _merge_reft(module, made)
    made.attach()
    return module


@contextmanager
def convert_adapter_errors(folder: Path) -> Iterator[None]:
    """Convert what settings and tensors of any content raise to an error of the adapter."""
    try:
        yield
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
    ) as fault:
        raise UsageError(
            f"the adapter does not fit the model ({get_first_line(fault)}).",
            where=folder,
            cure="Give the model that it was trained on, or the whole folder that training wrote.",
        ) from fault


@contextmanager
def use_adapter(module: Any, folder: Path) -> Iterator[None]:
    """Attach a saved hook adapter to the module inside the block."""
    settings = read_json(folder / ADAPTER_CONFIG_FILE)
    tensors = load_file(folder / TENSORS_FILE)
    made = _make_hook_adapter(module, get_adapter_kind(settings), settings, tensors)
    made.to(next(module.parameters()).device)
    made.attach()
    try:
        yield
    finally:
        made.detach()


def _make_hook_adapter(
    module: Any, kind: str, settings: JsonMapping, tensors: Mapping[str, Tensor]
) -> HookAdapter:
    made: HookAdapter
    if kind == "prompt_tuning":
        made = SoftPromptHooks(module, tensors)
    elif kind == "reft":
        made = ReftHooks(module, tensors, settings)
    elif kind == "bottleneck":
        made = BottleneckHooks(module, tensors, settings)
    else:
        raise ValueError(f'its kind "{kind}" is unknown')
    shapes = {name: tuple(tensor.shape) for name, tensor in made.tensors.items()}
    if made.get_expected_shapes(module.config.get_text_config().hidden_size) != shapes:
        raise ValueError(f"its tensors have other shapes than {made.kind} has here")
    return made


def _replace_weights(module: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Put the changed tensors into the module; all others stay those of the base."""
    own = dict(module.named_parameters())
    for name, tensor in tensors.items():
        if own[name].shape != tensor.shape:
            raise ValueError(
                f"{name} is {tuple(tensor.shape)}, the model's own {tuple(own[name].shape)}"
            )
        own[name].data = tensor.to(own[name], copy=True)
    return module


def check_numbers(tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that no training writes.

    Raises:
        ValueError: one holds integers or complex numbers, or a number that is not finite.
    """
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise ValueError(f"its tensor {name} holds {tensor.dtype}, and no real numbers")
        if not tensor.float().isfinite().all():
            raise ValueError(f"its tensor {name} holds a number that is not finite")


def check_names(held: Iterable[str], needed: Iterable[str], optional: Iterable[str] = ()) -> None:
    """Refuse an adapter whose tensors are not those that its settings need.

    Raises:
        ValueError: one has no place, or one is missing.
    """
    held, needed = set(held), set(needed)
    if unknown := sorted(held - needed - set(optional)):
        raise ValueError(f"its tensor {unknown[0]} has no place in it")
    if missing := sorted(needed - held):
        raise ValueError(f"it holds no tensor {missing[0]}, and its settings need it")


def _check_lora_ranks(settings: JsonMapping, tensors: Mapping[str, Tensor]) -> None:
    """Refuse a rank that the saved tensors lack: PEFT would allocate it for every layer first."""
    shapes = [tensor.shape for name, tensor in tensors.items() if LORA_A.search(name)]
    largest = max((shape[0] for shape in shapes if shape), default=0)
    for rank in (settings.get("r"), *(settings.get("rank_pattern") or {}).values()):
        if isinstance(rank, int) and rank > largest:
            raise ValueError(f"its rank is {rank}, and its tensors have at most {largest}")


def _merge_lora(module: Any, folder: Path, tensors: Mapping[str, Tensor], *, biased: bool) -> Any:
    """Add the adapter to the weights in place, one layer after another.

    An attached adapter would halve the speed. Each layer is added up in float32 and restored to its
    own dtype, so no second copy of the model stands in memory.
    """
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTunerLayer

    if biased:
        _add_zero_biases(module, tensors)
    with silence_libraries():
        adapted = PeftModel.from_pretrained(module, folder, is_trainable=False)
        _check_all_loaded(adapted, tensors)
        for layer in adapted.modules():
            if isinstance(layer, BaseTunerLayer):
                layer.merge = partial(_merge_layer_in_float32, layer, layer.merge)  # type: ignore[method-assign]
        return adapted.merge_and_unload(safe_merge=True)  # type: ignore[operator]


def _check_all_loaded(adapted: Any, held: Iterable[str]) -> None:
    """Refuse an adapter that PEFT loaded in part.

    PEFT leaves out a tensor without a place, and keeps the start of training, which may be random,
    where one is missing. Embeddings may be among the tensors.
    """
    from peft import get_peft_model_state_dict

    needed = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    check_names(held, needed, get_peft_model_state_dict(adapted, save_embedding_layers=True))


def _merge_layer_in_float32(layer: Any, merge: Callable[..., None], **how: Any) -> None:
    """Merge one layer of PEFT."""
    weights = list(layer.get_base_layer().parameters())
    dtypes = [weight.dtype for weight in weights]
    for weight in weights:
        weight.data = weight.data.float()
    merge(**how)
    for weight, dtype in zip(weights, dtypes, strict=True):
        weight.data = weight.data.to(dtype)


def _add_zero_biases(module: Any, names: Iterable[str]) -> None:
    """Add a bias of zeros to each layer whose update has one, because PEFT needs it to merge."""
    ending = ".lora_B.bias"
    for name in names:
        if name.endswith(ending):
            linear = module.get_submodule(name.removesuffix(ending).removeprefix(PEFT_PREFIX))
            if linear.bias is None:
                linear.bias = nn.Parameter(torch.zeros_like(linear.weight[:, 0]))


@torch.no_grad()
def _merge_reft(module: Any, made: ReftHooks) -> Any:
    """Merge edits of a linear layer's output at all positions into its weights.

    The sum is computed in float32 and rounded once.
    """
    for linear, a, up, shift in made.iterate_updates():
        dtype = linear.weight.dtype
        linear.weight.data = torch.addmm(linear.weight.to(a.dtype), up, a).to(dtype)
        shift = shift.to(dtype)
        if linear.bias is not None:
            linear.bias.data = linear.bias + shift
        elif shift.any():
            linear.bias = nn.Parameter(shift)
    return module
