"""The forms of an export, by the names that a user types. It loads no library."""

from __future__ import annotations

from selfteach.errors import UsageError
from selfteach.registry import did_you_mean

HUB = "hub:"
FORMS = ("hf", "gguf", "lora-gguf", "ollama", "vllm", "hub:OWNER/NAME", "inspect")


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
