"""What folders say of bases in 4 bits (four_bit.py). Needs no torch."""

from __future__ import annotations

from pathlib import Path

from selfteach.errors import UsageError
from selfteach.models.check_safety import (
    ABOUT_FILE,
    LOAD_IN_4BIT,
    check_model_folder,
    read_json,
)
from selfteach.models.resolve_model_path import is_model_here, resolve_model_folder
from selfteach.records import JsonMapping

CURE_16_BITS = f"Use the base in 16 bits: leave {LOAD_IN_4BIT} out, and give such a folder."


def is_4bit_folder(config: JsonMapping) -> bool:
    """Return whether the weights of a folder, by its config.json, are in bitsandbytes' 4 bits."""
    found = config.get("quantization_config")
    if not isinstance(found, dict) or found.get("quant_method") != "bitsandbytes":
        return False
    return bool(found.get("load_in_4bit") or found.get("_load_in_4bit"))


def read_adapter_setting(adapter: Path | None) -> bool:
    """Return whether an adapter was trained on a base that was loaded in 4 bits."""
    if adapter is None or not (adapter / ABOUT_FILE).is_file():
        return False
    return read_json(adapter / ABOUT_FILE).get(LOAD_IN_4BIT) is True


def refuse_4bit_base(name: str, done: str, adapter: Path | None = None) -> None:
    """Refuse to do with a base in 4 bits what needs its weights in 16, by the files on this disk.

    Args:
        done: what would be done with it, as the error names it.
        adapter: one that was trained on the base; None for a base alone.

    Raises:
        UsageError: the folder of the base holds such weights, or the adapter was trained on a base
            that was loaded so.
    """
    where: object = adapter
    found = read_adapter_setting(adapter)
    if not found and is_model_here(name):
        where = resolve_model_folder(name)
        found = is_4bit_folder(check_model_folder(where))
    if found:
        raise UsageError(f"a base in 4 bits cannot be {done}.", where=where, cure=CURE_16_BITS)
