"""A base with an adapter's change in its weights, as an ordinary transformers folder that anybody
loads; or that change as a LoRA alone.

Only a change of weights can be merged: `lora`, `closed_form`, `full`, `layers`, and `reft` at all
positions of `down_proj`. The rest does something at some places of a sequence, or between layers,
which no weights can do.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from selfteach.disk import convert_disk_errors
from selfteach.errors import UsageError
from selfteach.files import write_text
from selfteach.models.hf import DTYPES, HfModel
from selfteach.models.load_adapter import KIND_KEY
from selfteach.models.reft import PromptSpans
from selfteach.models.resolve_model import resolve_base, resolve_model_folder
from selfteach.models.safety import check_adapter, read_json
from selfteach.models.silence import silence_libraries

NOT_MERGEABLE = {
    "prompt_tuning": "a soft prompt stands before every prompt and changes no weight",
    "bottleneck": "bottleneck layers stand between the base's own and change none of its weights",
}


def why_not_merged(adapter: Path) -> str:
    """Why an adapter is no change of weights, or an empty text."""
    kind, settings = read_adapter_kind(adapter), read_json(adapter / "adapter_config.json")
    if kind == "reft" and not (
        PromptSpans.of(str(settings["positions"])).everywhere and settings["site"] != "stream"
    ):
        return (
            f"reft edits {settings['site']} at {settings['positions']}, which no change of "
            "weights does"
        )
    return NOT_MERGEABLE.get(kind, "")


def export_lora(
    base: str, adapter: Path, out: Path, progress: Callable[[str], None] | None = None
) -> Path:
    """Writes an adapter that is the same as other weights, exactly, as an ordinary LoRA folder,
    whole or not at all (adapters/exact_conversion.py).

    Raises:
        UsageError: it is one already, no low-rank weights do the same, or `out` holds something
        already.
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
    _check_unused(out)
    base = resolve_base(base, adapter)
    hf = HfModel.load(base, dtype="float32", device="cpu", progress=progress)
    check_adapter(adapter, hf.fingerprint)
    with _open_atomic_folder(out) as fresh:
        shutil.copytree(
            adapter, fresh
        )  # what lies beside the adapter, such as a tokenizer, stays beside it
        convert_reft_to_lora(hf.module, adapter, fresh)
    return out


def read_adapter_kind(adapter: Path) -> str:
    """What kind of adapter a folder holds: our own name of it, or PEFT's."""
    settings = read_json(adapter / "adapter_config.json")
    return str(settings.get(KIND_KEY) or settings.get("peft_type", "")).lower()


def _check_unused(out: Path) -> None:
    """Refuses a place where something is."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            "is there already.", where=out, cure="Give a new or an empty folder to --out."
        )


@contextmanager
def _open_atomic_folder(out: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `out` once all of it is there."""
    fresh = out.with_name(f".{out.name}.{os.getpid()}.new")
    with convert_disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield fresh
            if out.exists():
                out.rmdir()
            fresh.rename(out)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def merge_adapter(
    base: str, adapter: Path, out: Path, progress: Callable[[str], None] | None = None
) -> Path:
    """Writes the folder, whole or not at all: weights in the base's own dtype, tokenizer with its
    chat template, configuration.

    Raises:
        UsageError: the adapter cannot be merged, the family has no place for its biases, or `out`
        holds something already.
        IntegrityError: the adapter is of another base.
    """
    if reason := why_not_merged(adapter):
        raise UsageError(
            f"cannot be merged: {reason}.",
            where=adapter,
            cure=(
                "Use it with `selfteach answer --run DIR`, or train weights: --set "
                "train.adapter=lora (from a reft: train.distill_from=reft)."
            ),
        )
    _check_unused(out)
    base = resolve_base(base, adapter)
    folder = resolve_model_folder(base, progress)
    config = read_json(folder / "config.json")
    dtype = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    hf = HfModel.load(
        base,
        adapter=adapter,
        dtype=dtype if dtype in DTYPES else "float32",
        device="cpu",
        progress=progress,
    )
    _fill_biases(hf.module)
    with _open_atomic_folder(out) as fresh:
        with silence_libraries():
            hf.module.save_pretrained(fresh)  # type: ignore[operator]
            hf.tokenizer.save_pretrained(fresh)
        _check_loadable(hf.module, fresh)
        about = (
            read_json(adapter / "selfteach.json") if (adapter / "selfteach.json").exists() else {}
        )
        write_text(
            fresh / "selfteach.json",
            json.dumps({**about, "merged": True}, indent=2, sort_keys=True) + "\n",
        )
    return out


def _fill_biases(module: Any) -> None:
    """Where the update gave biases to some linear layers of the MLPs, and the family can have them
    on all, the others get zeros.
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
    """Looks whether plain transformers makes a model with just these tensors from the
    configuration: others would be left out in silence.

    Raises:
        UsageError: it does not.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"), silence_libraries():
        plain = AutoModelForCausalLM.from_config(
            AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        )
    mine, theirs = (
        {name: tuple(tensor.shape) for name, tensor in m.state_dict().items()}
        for m in (module, plain)
    )
    if odd := sorted(
        name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)
    ):
        raise UsageError(
            f"cannot be merged: {type(module).__name__} has no place for {odd[0]}.",
            where="merge",
            cure="Use the adapter with `selfteach answer --run DIR`.",
        )
