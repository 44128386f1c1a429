"""The packages that `pip install selfteach` leaves out, and the extra that brings each of them."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from selfteach.errors import UsageError

MODULES = {
    "cpu": (
        "torch",
        "transformers",
        "peft",
        "accelerate",
        "safetensors",
        "huggingface_hub",
        "gguf",
        "scipy",
        "sklearn",
        "sacrebleu",
        "matplotlib",
        "openai",
        "pip",
        "stamina",
    ),
    "documents": ("pypdf", "docx", "selectolax", "charset_normalizer"),
    "bench": ("lm_eval",),
    "export": ("xllamacpp",),
    "mcp": ("mcp",),
    "track": ("trackio",),
    "ray": ("ray",),
    "deepspeed": ("deepspeed",),
    "4bit": ("bitsandbytes",),
}
"""The modules that each extra brings. Without openvino another engine samples."""
NOT_REQUIRED = ("pip",)
"""Modules that an extra brings and few runs need: only the default model is fetched with pip."""


def find_extra(module: str) -> str:
    """Return the extra that brings a module; "" if none does."""
    package = module.partition(".")[0]
    return next((extra for extra, names in MODULES.items() if package in names), "")


def require_extra(extra: str) -> None:
    """Check that the packages of an extra are installed, without loading them; see NOT_REQUIRED.

    Raises:
        UsageError: one is missing; the message holds the command that installs it.
    """
    for module in MODULES[extra]:
        if module not in NOT_REQUIRED:
            require_module(module)


def require_module(module: str, where: str = "") -> None:
    """Check that a module is installed, without loading it.

    Args:
        where: what needs it.

    Raises:
        UsageError: it is missing; the message holds the command that installs it.
    """
    if find_spec(module) is None:
        raise make_missing_error(module, where)


def make_missing_error(module: str, where: str = "") -> UsageError:
    """Return the error for a module that is not installed."""
    package = module.partition(".")[0]
    extra = find_extra(module)
    wanted = f'"selfteach[{extra}]"' if extra else package
    return UsageError(
        f"this needs {package}, which is not installed.",
        where=where,
        cure=f"Run: pip install {wanted}",
    )


def refuse_telemetry() -> None:
    """Let openvino report nothing: with its telemetry package it tells a server of each import.

    It has to be called before openvino is imported.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
