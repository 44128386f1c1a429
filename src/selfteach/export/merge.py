"""A base with an adapter's change in its weights, as an ordinary transformers folder.

Or that change as a LoRA alone. Only a change of weights can be merged: `lora`, `closed_form`,
`full`, `layers`, and `reft` at all positions of `down_proj`. The other kinds act at some places of
a sequence, or between layers, which no weights can do.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from selfteach.errors import UsageError
from selfteach.export.output_folder import check_unused, open_atomic_folder
from selfteach.models.check_safety import (
    ABOUT_FILE,
    ADAPTER_CONFIG_FILE,
    check_adapter,
    read_json,
    write_about,
)
from selfteach.models.four_bit_files import refuse_4bit_base
from selfteach.models.hf import DTYPES, HfModel
from selfteach.models.load_adapter import get_adapter_kind, read_adapter_kind
from selfteach.models.reft import is_exact_edit
from selfteach.models.resolve_model_path import resolve_base, resolve_model_folder
from selfteach.models.silence import silence_libraries

NOT_MERGEABLE = {
    "prompt_tuning": "a soft prompt comes before every prompt and changes no weight",
    "bottleneck": "bottleneck layers come between the base's own and change none of its weights",
}


def explain_why_not_merged(adapter: Path) -> str:
    """Return why an adapter is no change of weights, or an empty text."""
    settings = read_json(adapter / ADAPTER_CONFIG_FILE)
    kind = get_adapter_kind(settings)
    if kind == "reft" and not is_exact_edit(settings):
        return (
            f"reft edits {settings['site']} at {settings['positions']}, which no change of "
            "weights does"
        )
    return NOT_MERGEABLE.get(kind, "")


def export_lora(
    base: str, adapter: Path, out: Path, progress: Callable[[str], None] | None = None
) -> Path:
    """Write an adapter that equals a change of weights as a LoRA folder, whole or not at all.

    See adapters/exact_conversion.py.

    Raises:
        UsageError: it is a LoRA already, no low-rank weights do the same, or `out` is not empty.
        IntegrityError: the adapter is of another base.
    """
    from selfteach.train.adapters.exact_conversion import convert_reft_to_lora

    kind = read_adapter_kind(adapter)
    if kind != "reft":
        reason = (
            "it is one already"
            if kind == "lora"
            else NOT_MERGEABLE.get(kind, "it changes whole weights, which no low rank holds")
        )
        raise UsageError(
            f"cannot be written as a LoRA: {reason}.",
            where=adapter,
            cure="`selfteach merge` without --as writes a model.",
        )
    refuse_4bit_base(base, "read for an exact LoRA", adapter)
    check_unused(out)
    base = resolve_base(base, adapter)
    hf = HfModel.load(base, dtype="float32", device="cpu", progress=progress)
    check_adapter(adapter, hf.fingerprint)
    with open_atomic_folder(out) as fresh:
        shutil.copytree(adapter, fresh)  # also other files of the adapter, such as a tokenizer
        convert_reft_to_lora(hf.module, adapter, fresh)
    return out


def merge_adapter(
    base: str, adapter: Path, out: Path, progress: Callable[[str], None] | None = None
) -> Path:
    """Write the merged model, whole or not at all.

    The folder holds weights in the base's own dtype, tokenizer with its chat template, and
    configuration.

    Raises:
        UsageError: the adapter cannot be merged, the family has no place for its biases, or `out`
            is not empty.
        IntegrityError: the adapter is of another base.
    """
    refuse_4bit_base(base, "merged with an adapter", adapter)
    check_mergeable(adapter)
    check_unused(out)
    hf = load_merged(base, adapter, "", progress)
    with open_atomic_folder(out, sum(weight.nbytes for weight in hf.module.parameters())) as fresh:
        save_merged(hf, adapter, fresh)
    return out


def check_mergeable(adapter: Path) -> None:
    """Refuse an adapter that is no change of weights.

    Raises:
        UsageError: it is none.
    """
    if reason := explain_why_not_merged(adapter):
        raise UsageError(
            f"cannot be merged: {reason}.",
            where=adapter,
            cure=(
                "Use it with `selfteach answer --run DIR`, or train weights: --set "
                "train.adapter=lora (from a reft: train.distill_from=reft)."
            ),
        )


def load_merged(
    base: str, adapter: Path, dtype: str, progress: Callable[[str], None] | None = None
) -> HfModel:
    """Load a base with an adapter in its weights, on the CPU.

    Args:
        dtype: a name of DTYPES; empty takes the base's own.

    Raises:
        UsageError: the family has no place for the adapter's biases.
        IntegrityError: the adapter is of another base.
    """
    base = resolve_base(base, adapter)
    config = read_json(resolve_model_folder(base, progress) / "config.json")
    own = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    hf = HfModel.load(
        base,
        adapter=adapter,
        dtype=dtype or (own if own in DTYPES else "float32"),
        device="cpu",
        progress=progress,
    )
    _fill_biases(hf.module)
    return hf


def save_merged(hf: HfModel, adapter: Path, folder: Path) -> None:
    """Write a merged model into a folder that plain transformers loads.

    Raises:
        UsageError: transformers would leave a tensor out.
    """
    config: Any = hf.module.generation_config
    config.eos_token_id = sorted(hf.end_ids)  # a template's end of turn may be another one
    with silence_libraries():
        hf.module.save_pretrained(folder)  # type: ignore[operator]
        hf.tokenizer.save_pretrained(folder)
    _check_loadable(hf.module, folder)
    about = adapter / ABOUT_FILE
    facts = {**(read_json(about) if about.exists() else {}), "merged": True}
    write_about(folder, facts)


def _fill_biases(module: Any) -> None:
    """Give biases of zeros to the other linear layers of the MLPs, if the update gave some.

    The family must be able to have biases on all of them.
    """
    config = module.config.get_text_config()
    if getattr(config, "mlp_bias", None) is not False:
        return
    linears = [
        part
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear) and ".mlp." in f".{name}"
    ]
    if any(part.bias is not None for part in linears):
        config.mlp_bias = True
        for part in linears:
            if part.bias is None:
                part.bias = nn.Parameter(torch.zeros_like(part.weight[:, 0]))


def _check_loadable(module: Any, folder: Path) -> None:
    """Check that plain transformers builds a model with just these tensors from the configuration.

    Other tensors would be left out without a message.

    Raises:
        UsageError: it does not.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"), silence_libraries():
        plain = AutoModelForCausalLM.from_config(
            AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        )
    odd = sorted(name for name, _ in _list_shapes(module) ^ _list_shapes(plain))
    if odd:
        raise UsageError(
            f"cannot be merged: {type(module).__name__} has no place for {odd[0]}.",
            where="merge",
            cure="Use the adapter with `selfteach answer --run DIR`.",
        )


def _list_shapes(module: Any) -> set[tuple[str, tuple[int, ...]]]:
    return {(name, tuple(tensor.shape)) for name, tensor in module.state_dict().items()}
