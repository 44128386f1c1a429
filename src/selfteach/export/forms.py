"""The forms of an export, by the names that a user types. It loads no model's library."""

from __future__ import annotations

from selfteach.errors import UsageError
from selfteach.models.write_gguf import QUANTS
from selfteach.registry import did_you_mean

HUB = "hub:"
FORMS = ("hf", "gguf", "lora-gguf", "ollama", "vllm", "hub:OWNER/NAME", "inspect")
GGUF_FORMS = ("gguf", "ollama")
"""Forms with merged weights as GGUF, of a chosen number format."""


def get_family(form: str) -> str:
    """Return the form without the name of a repository."""
    return HUB if form.startswith(HUB) else form


def check_form(form: str) -> None:
    """Refuse a form that is none.

    Raises:
        UsageError: there is no such form.
    """
    if get_family(form) not in map(get_family, FORMS):
        raise UsageError(
            f'there is no form "{form}".', where="--to", cure=did_you_mean(form, FORMS)
        )


def check_quant(form: str, quant: str) -> None:
    """Refuse a number format that is none, or that a form does not have.

    Raises:
        UsageError: there is no such format, or it is of GGUF files alone.
    """
    if quant not in QUANTS:
        raise UsageError(
            f'there is no format "{quant}".', where="--quant", cure=did_you_mean(quant, QUANTS)
        )
    if quant != QUANTS[0] and form not in GGUF_FORMS:
        raise UsageError(
            f"--to {form} knows no {quant}.",
            where="--quant",
            cure="Give it with --to gguf or --to ollama.",
        )
